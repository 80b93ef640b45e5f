import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * Each patch takes one safety rule out of the program. The tests that its first lines name must then turn red: a rule
 * that nobody would miss is no rule.
 */
const patches = readdirSync(import.meta.dirname).filter(file => file.endsWith('.patch'));
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'starrocks-ha-mutations-'));
  for (const part of ['compiler', '.github', 'test', 'package.json', 'tsconfig.json']) {
    cpSync(part, join(copy, part), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
});

afterAll(() => rmSync(copy, { recursive: true }));

/** Applies it to the copy, or takes it back. */
function patch(file: string, ...flags: string[]): void {
  const { status, stderr } = spawnSync('git', ['apply', ...flags, resolve(import.meta.dirname, file)], {
    cwd: copy,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${file} no longer fits the sources: ${stderr}`);
}

/** Outcomes of the tests with that name, as vitest's JSON reporter tells them. */
function outcomes(file: string, name: string): string[] {
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'test/vitest.config.ts',
    '--project',
    'unit',
    '--reporter=json',
    file,
    '-t',
    name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  ];
  const { stdout } = spawnSync(process.execPath, args, {
    cwd: copy,
    encoding: 'utf8',
    timeout: 45_000,
    killSignal: 'SIGKILL',
    env: { ...process.env, VITEST: undefined } as NodeJS.ProcessEnv,
  });
  const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as {
    testResults: { assertionResults: { title: string; status: string }[] }[];
  };
  return report.testResults.flatMap(one =>
    one.assertionResults.filter(({ title }) => title === name).map(({ status }) => status),
  );
}

describe('a safety rule that is taken out is missed', () => {
  it.each(patches)('%s', file => {
    const tests = [...readFileSync(join(import.meta.dirname, file), 'utf8').matchAll(/^Test: (\S+) > (.+)$/gm)];
    patch(file);
    try {
      expect(tests.length).toBeGreaterThan(0);
      for (const [line, test = '', name = ''] of tests)
        expect([line, ...new Set(outcomes(test, name))]).toEqual([line, 'failed']);
    } finally {
      patch(file, '--reverse');
    }
  });
});
