import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { diskProblem } from '../../../.github/actions/deploy/src/report/disk-problem.ts';

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

describe('what the own disk refuses', () => {
  it('is told by the path and the reason', () => {
    expect(diskProblem(thrown(() => readFileSync('/nowhere/cluster.yaml')))?.message).toBe(
      '/nowhere/cluster.yaml cannot be read or written here: there is no such file or folder.',
    );
    expect(diskProblem(thrown(() => writeFileSync('/', 'x')))?.message).toBe(
      '/ cannot be read or written here: it is a folder.',
    );
    const loop = Object.assign(new Error('x'), { code: 'ELOOP', path: '/a', syscall: 'open' });
    expect(diskProblem(loop)?.message).toBe('/a cannot be read or written here: open says ELOOP.');
  });

  it('is not made of a defect of ours', () => {
    expect(diskProblem(new TypeError('x is not a function'))).toBe(null);
    expect(diskProblem('text')).toBe(null);
  });
});
