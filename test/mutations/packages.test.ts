import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Copy } from './copy.ts';

/** What a user sees of each package, as the test of it: without the package that test is red. */
const packages: readonly (readonly [name: string, file: string, test: string])[] = [
  ['@actions/core', 'test/unit/action.test.ts', 'says as an annotation which input it lacks'],
  ['@actions/exec', 'test/unit/engine/provenance.test.ts', 'that runs a later commit is not taken back in time'],
  ['ajv', 'test/unit/compiler/front/schema-errors.test.ts', 'a memory limit as a number'],
  ['mysql2', 'test/unit/starrocks/client.test.ts', 'a wrong password is told as what it is, and not repeated'],
  ['ssh2', 'test/unit/transport/connect.test.ts', 'an unknown and a changed host key end it before the login'],
  ['vitest', 'test/unit/report/verdict.test.ts', 'a run in one sentence'],
  ['yaml', 'test/unit/compiler/front/read.test.ts', 'is a cluster with every default'],
  ['zx', 'test/unit/cli.test.ts', 'doctor looks at the checkout, and asks no machine without a key'],
];

let copy: Copy;

beforeAll(() => {
  copy = new Copy();
});

afterAll(() => copy.remove());

describe('a package that is taken out is missed', () => {
  it.each(packages)('%s', (name, file, test) => {
    copy.install(name);
    const { outcomes, said } = copy.test(file, test);
    expect(outcomes.filter(one => one === 'passed')).toEqual([]);
    // And for that reason: the test is there, and nothing else was in its way.
    expect(said).toContain(name);
  });
});
