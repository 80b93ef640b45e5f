import { expect, it } from 'vitest';
import { drainPace } from '../../../.github/actions/deploy/src/verify/drain-pace.ts';

it.each([
  ['has just begun', 120, { tablets: 120, seconds: 0 }, ''],
  ['has not moved a tablet', 120, { tablets: 120, seconds: 300 }, ', none moved away in 5 min'],
  ['took new tablets before it began', 130, { tablets: 120, seconds: 60 }, ', none moved away in 60 s'],
  ['is under way', 30, { tablets: 120, seconds: 90 }, ', 90 moved away in 90 s: about 30 s to go'],
  ['takes days', 90_000, { tablets: 100_000, seconds: 86_400 }, ', 10000 moved away in 24 h: about 9 days to go'],
  ['is over', 0, { tablets: 120, seconds: 90 }, ''],
])('a drain that %s', (_what, left, drain, said) => {
  expect(drainPace(left, drain)).toBe(said);
});
