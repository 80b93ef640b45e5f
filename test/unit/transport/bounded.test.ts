import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { DeployError } from '../../../.github/actions/deploy/src/error.ts';
import { bounded } from '../../../.github/actions/deploy/src/transport/bounded.ts';

const failure = (code: `E_${string}`) => () => new DeployError({ code, message: code, hint: '' });
const never = new Promise<never>(() => undefined);

it('hands on what the work brings, and leaves no listener on the signal of the run', async () => {
  const { signal } = new AbortController();
  const bounds = { ms: 60_000, late: failure('E_LATE'), stops: [[signal, failure('E_STOP')]] as const };
  expect(await bounded(Promise.resolve(7), bounds)).toBe(7);
  await expect(bounded(Promise.reject(new Error('its own')), bounds)).rejects.toThrow('its own');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

it('ends work that hangs at its limit', async () => {
  await expect(bounded(never, { ms: 1, late: failure('E_LATE'), stops: [] })).rejects.toThrow('E_LATE');
});

it('ends work that hangs with the signal, also one that was given before', async () => {
  const stop = new AbortController();
  const bounds = { ms: 60_000, late: failure('E_LATE'), stops: [[stop.signal, failure('E_STOP')]] as const };
  const work = bounded(never, bounds);
  stop.abort();
  await expect(work).rejects.toThrow('E_STOP');
  await expect(bounded(never, bounds)).rejects.toThrow('E_STOP');
  expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
});
