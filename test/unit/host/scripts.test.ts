import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const program = 'shellcheck';
const installed = spawnSync(program, ['--version']).status === 0;
const file = (name: string): string =>
  fileURLToPath(new URL(`../../../.github/actions/deploy/src/host/${name}`, import.meta.url));

describe.skipIf(!installed && process.env['LAB'] !== 'required')('the scripts of the host (by shellcheck)', () => {
  it.each(['observe.sh', 'session.sh'])('%s is sound POSIX sh', name => {
    const { stdout, status } = spawnSync(program, ['--shell=dash', file(name)], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
});
