import { afterEach, describe, expect, it } from 'vitest';
import { Sandbox } from '../sandbox/sandbox.ts';

const { platform } = process;
const on = (value: string) => Object.defineProperty(process, 'platform', { value });
afterEach(() => on(platform));

describe('the sandbox elsewhere than on Linux', () => {
  it.each(['darwin', 'win32'])('says in one sentence what it needs (%s)', async value => {
    on(value);
    await expect(Sandbox.start({ hosts: 1 })).rejects.toThrow(
      /^The sandbox needs Linux: elsewhere only 127\.0\.0\.1 answers, and every host wants a loopback address of its own\.$/,
    );
  });
});
