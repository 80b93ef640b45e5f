import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const program = 'shellcheck';
const installed = spawnSync(program, ['--version']).status === 0;
const host = '.github/actions/deploy/src/host';
const container = 'compiler/scripts';

describe.skipIf(!installed && process.env['LAB'] !== 'required')(
  'the scripts of hosts and containers (by shellcheck)',
  () => {
    it.each([
      ['dash', `${host}/observe.sh`],
      ['dash', `${host}/session.sh`],
      ['bash', `${container}/fe-entrypoint.sh`],
      ['bash', `${container}/be-entrypoint.sh`],
      ['bash', `${container}/be-health-check.sh`],
    ])('are sound %s: %s', (shell, file) => {
      const { stdout, status } = spawnSync(program, [`--shell=${shell}`, file], { encoding: 'utf8' });
      expect(stdout).toBe('');
      expect(status).toBe(0);
    });
  },
);
