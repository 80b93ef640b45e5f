import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killAtEveryKind } from './every-kind.ts';
import { type Change, changeNamed } from './scenarios.ts';
import { Stage } from './stage.ts';

/**
 * One cluster through its life, killed all the way: each run at the first operation of a kind that was not yet cut in
 * that way. `npm run faults` tries every single position instead.
 */
let stage: Stage;
const covered = new Set<string>();

beforeAll(async () => {
  stage = await Stage.open(4, '127.0.61');
});

afterAll(async () => {
  await stage?.close();
});

/** Kinds of which one run meets a single one come twice: what was done is not met again. */
const LIFE: readonly Change[] = [
  changeNamed('first bootstrap'),
  changeNamed('grow by a machine'),
  changeNamed('follower becomes observer'),
  changeNamed('take a machine out'),
  changeNamed('grow by a machine'),
  changeNamed('follower becomes observer'),
  changeNamed('take a machine out'),
  changeNamed('labels'),
  { ...changeNamed('labels'), name: 'another release', release: '3.4.10', touches: () => true },
];

describe('a cluster whose runs are killed', () => {
  it.each(LIFE.map((change, at) => [`${at + 1}. ${change.name}`, change] as const))(
    'at every kind of operation is as declared after the next one: %s',
    async (_title, change) => {
      const trial = await killAtEveryKind(stage, change, covered);
      expect(trial.failures).toEqual([]);
      expect(trial.samples).toBeGreaterThan(5);
    },
  );

  it('was cut before, during and after each kind', () => {
    const kinds = [...new Set([...covered].map(one => one.split(': ')[0] ?? ''))].sort();
    expect(kinds).toEqual([]);
  });
});
