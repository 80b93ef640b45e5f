import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('generated/ is what cluster.yaml compiles to: mend it with `npm run compile`', () => {
  const command = ['run', '--silent', 'compile', '--', '--check'];
  const { stdout, stderr, status } = spawnSync('npm', command, { encoding: 'utf8' });
  expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
});
