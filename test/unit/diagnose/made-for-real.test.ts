import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const SOURCE = '.github/actions/deploy/src/diagnose';

/** In these, causes are brought about on machines. */
const TESTS = ['test/e2e/diagnose.lab.test.ts', 'test/e2e/diagnose.sandbox.test.ts'];

/** Why no test does so for the others; causes.test.ts shows each of them its sign all the same. */
const notMade: Readonly<Record<string, string>> = {
  D_JVM: 'the stand-in is no Java program',
  D_ROLE_CONFLICT: 'the stand-in does not compare the role of its metadata with that of its row',
  D_WRONG_MODE: 'the stand-in knows IP mode only, as this tool does',
  D_TOKEN: 'a token differs where the cluster id does, and that is found first',
  D_ADDRESS: 'the stand-in listens on the address that it chose only, so that nobody finds it on the other one',
  D_NODE_TYPE: 'the stand-in has no compute nodes that run',
  D_REVERSE_LOOKUP:
    'on the one FE of the lab that does not run, older signs of its log are told first, and three at most',
};

const named = (files: readonly string[], sign: RegExp): string[] => [
  ...new Set(files.flatMap(file => [...readFileSync(file, 'utf8').matchAll(sign)].map(([, code = '']) => code))),
];

it('every cause is brought about on machines by a test, or it is said why not', () => {
  const all = named(
    readdirSync(SOURCE).map(name => `${SOURCE}/${name}`),
    /\bcode: '(D_\w+)'/g,
  );
  const made = named(TESTS, /\b(D_[A-Z0-9_]+)\b/g);
  expect([...made, ...Object.keys(notMade)].toSorted()).toEqual(all.toSorted());
});
