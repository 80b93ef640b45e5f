import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { RunOutcome } from '../../.github/actions/deploy/src/report/run-report.ts';

/** The Action as a runner starts it, from source. */
function action(inputs: Readonly<Record<string, string>>): { readonly code: number | null; readonly said: string } {
  const env = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]));
  const program = ['--import', 'tsx', '--import', './compiler/sh-as-text.mjs', '.github/actions/deploy/src/main.ts'];
  const { status, stdout, stderr } = spawnSync(process.execPath, program, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
  });
  return { code: status, said: stdout + stderr };
}

describe('the Action', { timeout: 60_000 }, () => {
  it('says as an annotation which input it lacks', () => {
    const { code, said } = action({ mode: 'deploy' });
    expect(code, said).toBe(1);
    expect(said, said).toMatch(/^::error.*::.*The input ssh-key is empty: is the secret set/m);
    expect(said).not.toMatch(/^ {4}at /m);
  });

  it('hides a secret before it does anything else', () => {
    const { said } = action({ mode: 'deploy', 'ssh-key': 'no key at all', generated: '/nowhere' });
    expect(said).toMatch(/^::add-mask::no key at all$/m);
    expect(said).toMatch(/^::error.*E_NO_GENERATED/m);
  });
});

/** Complete, or this does not compile. */
const outcomes: Readonly<Record<RunOutcome, true>> = {
  ...{ superseded: true, locked: true, converged: true, unchanged: true, changed: true, differs: true },
  ...{ draining: true, refused: true, failed: true },
};

it('action.yml names every outcome that the output may have', () => {
  const { outputs } = parse(readFileSync('.github/actions/deploy/action.yml', 'utf8'));
  const named = [...outputs.outcome.description.matchAll(/`([a-z]+)`/g)].map(([, name]) => name);
  expect(named.toSorted()).toEqual(Object.keys(outcomes).toSorted());
});
