import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Copy } from './copy.ts';

/**
 * Each patch takes one safety rule out of the program. The tests that its first lines name must then turn red: a rule
 * that nobody would miss is no rule.
 */
const patches = readdirSync(import.meta.dirname).filter(file => file.endsWith('.patch'));
let copy: Copy;

beforeAll(() => {
  copy = new Copy();
  copy.install();
});

afterAll(() => copy.remove());

/** Applies it to the copy, or takes it back. */
function patch(file: string, ...flags: string[]): void {
  const { status, stderr } = spawnSync('git', ['apply', ...flags, resolve(import.meta.dirname, file)], {
    cwd: copy.folder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${file} no longer fits the sources: ${stderr}`);
}

describe('a safety rule that is taken out is missed', () => {
  it.each(patches)('%s', file => {
    const tests = [...readFileSync(join(import.meta.dirname, file), 'utf8').matchAll(/^Test: (\S+) > (.+)$/gm)];
    patch(file);
    try {
      expect(tests.length).toBeGreaterThan(0);
      for (const [line, test = '', name = ''] of tests)
        expect([line, ...new Set(copy.test(test, name).outcomes)]).toEqual([line, 'failed']);
    } finally {
      patch(file, '--reverse');
    }
  });
});
