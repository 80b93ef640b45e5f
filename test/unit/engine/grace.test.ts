import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Grace } from '../../../.github/actions/deploy/src/engine/grace.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const endless = new Promise<string>(() => undefined);

describe('a run that may be cancelled', () => {
  it('waits for its work without limit as long as it is not', async () => {
    const grace = Grace.of(new AbortController().signal);
    const work = new Promise<string>(done => setTimeout(done, 3_600_000, 'done'));
    const got = grace.within(100, work);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(await got).toBe('done');
  });

  it('gives all its work together one time after the cancellation', async () => {
    const cancel = new AbortController();
    const grace = Grace.of(cancel.signal);
    const first = grace.within(1000, endless);
    cancel.abort();
    await vi.advanceTimersByTimeAsync(1000);
    expect(await first).toBeNull();
    const second = Grace.of(cancel.signal).within(1500, endless);
    await vi.advanceTimersByTimeAsync(500);
    expect(await second).toBeNull();
    await vi.advanceTimersByTimeAsync(1000);
    const late = grace.within(2000, endless);
    await vi.advanceTimersByTimeAsync(0);
    expect(await late).toBeNull();
  });

  it('takes what comes in time, and the failure of what fails', async () => {
    const cancel = new AbortController();
    const grace = Grace.of(cancel.signal);
    cancel.abort();
    expect(await grace.within(1000, Promise.resolve('done'))).toBe('done');
    await expect(grace.within(1000, Promise.reject(new Error('lost')))).rejects.toThrow('lost');
  });
});
