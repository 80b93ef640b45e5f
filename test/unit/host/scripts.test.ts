import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { usual } from './usual-commands.ts';

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
      ['dash', `${host}/history.sh`],
      ['dash', `${host}/unlock.sh`],
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

it.each(Object.keys(usual))('README.md says that a machine needs %s', name => {
  const readme = readFileSync('README.md', 'utf8').replace(/\s+/g, ' ');
  expect(/What else a deploy uses there .*?\./.exec(readme)?.[0]).toContain(name);
});
