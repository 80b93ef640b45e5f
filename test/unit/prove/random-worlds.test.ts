import { describe, expect, it } from 'vitest';
import { checkWorlds } from '../../worlds/check-worlds.ts';

/** Of a million worlds each situation is to be met a thousand times; of a slice, in proportion. */
const RUNS = 5000;
const FEWEST = RUNS / 1000;

describe('the planner, in worlds that nobody thought of', () => {
  it('does nothing unsafe, ends, leaves others alone and refuses nothing that has a safe way', () => {
    const { runs, counts, failure } = checkWorlds(20261125, RUNS);
    expect(failure, failure?.what).toBeNull();
    expect(runs).toBe(RUNS);
    expect(Object.entries(counts).filter(([, count]) => count < FEWEST)).toEqual([]);
  }, 240_000);
});
