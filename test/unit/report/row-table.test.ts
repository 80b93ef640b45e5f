import { expect, it } from 'vitest';
import { restOfRows } from '../../../.github/actions/deploy/src/report/row-table.ts';

const change = { row: 'BE 10.0.0.1:9050', before: null, after: 'backend' };

it.each([
  [0, 4, 'All 4 rows stay as they are: a restart is nothing that they show.'],
  [1, 6, '6 rows stay as before.'],
  [1, 1, '1 row stays as before.'],
  // A first bootstrap.
  [2, 0, 'No other row is there.'],
])('of %i changed rows and %i others', (changed, unchanged, text) => {
  expect(restOfRows({ changes: Array.from({ length: changed }, () => change), unchanged })).toBe(text);
});
