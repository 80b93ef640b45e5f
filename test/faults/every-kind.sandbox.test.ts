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

const LIFE: readonly Change[] = [changeNamed('first bootstrap'), changeNamed('grow by a machine')];

/** What these changes always do; who registers an FE first, the run or the FE's own script, is a matter of luck. */
const KINDS = ['activate', 'lock', 'pull', 'stage', 'writeState'];

describe('a cluster whose runs are killed', () => {
  it.each(LIFE.map(change => [change.name, change] as const))(
    'at every kind of operation is as declared after the next one: %s',
    { timeout: 600_000 },
    async (_title, change) => {
      const { failures, samples, kills } = await killAtEveryKind(stage, change, covered);
      expect(failures).toEqual([]);
      expect(kills.length).toBeGreaterThan(0);
      expect(samples).toBeGreaterThan(kills.length);
    },
  );

  it.each(KINDS)('was cut before, during and after it: %s', kind => {
    const cuts = ['before', 'during', 'after'].filter(cut => covered.has(`${kind}: ${cut}`));
    expect(cuts).toEqual(['before', 'during', 'after']);
  });

  it('was cut in the middle of an upload', () => {
    expect(covered).toContain('stage: half');
  });
});
