import type { RowContract } from '../plan/row-contract.ts';
import { escaped, head, row, type Section } from './markdown.ts';
import { plural } from './verdict.ts';

/** What becomes of the rows of SHOW FRONTENDS and SHOW BACKENDS. */
export function rowTable(rows: RowContract | null): Section {
  const section = { rank: 5, lines: 'rows', before: [], body: [], after: [] };
  if (rows === null || rows.changes.length === 0) return section;
  return {
    ...section,
    before: ['### Rows of the cluster', '', ...head(['Row', 'Before', 'After'])],
    body: rows.changes.map(({ row: name, before, after }) =>
      row([escaped(name), escaped(before ?? '—'), escaped(after ?? '—')]),
    ),
    after: ['', restOfRows(rows), ''],
  };
}

export function restOfRows({ changes, unchanged }: RowContract): string {
  if (changes.length === 0)
    return `All ${plural(unchanged, 'row')} stay as they are: a restart is nothing that they show.`;
  if (unchanged === 0) return 'No other row is there.';
  return `${plural(unchanged, 'row')} ${unchanged === 1 ? 'stays' : 'stay'} as before.`;
}
