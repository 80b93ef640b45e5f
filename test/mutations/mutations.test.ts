import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Copy } from './copy.ts';

/**
 * Each patch takes one safety rule out of the program. The tests that its first lines name must then turn red, and say
 * what the lines `Says:` below tell, if there are any: a rule that nobody would miss is no rule.
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
    const head = readFileSync(join(import.meta.dirname, file), 'utf8');
    const tests = [...head.matchAll(/^Test: (\S+) > (.+)\n((?:Says: .+\n)*)/gm)];
    patch(file);
    try {
      expect(tests.length).toBeGreaterThan(0);
      for (const [line, test = '', name = '', says = ''] of tests) {
        const { outcomes, said } = copy.test(test, name);
        expect([line, ...new Set(outcomes)]).toEqual([line, 'failed']);
        expect(said).toContain(says.replaceAll('Says: ', '').trimEnd());
      }
    } finally {
      patch(file, '--reverse');
    }
  });
});
