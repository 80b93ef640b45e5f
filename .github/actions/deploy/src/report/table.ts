import { visible } from './visible.ts';

/** Columns that one character takes on a terminal: two for East Asian wide forms and most pictures. */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

const combining = /\p{Mn}|\p{Me}/u;

/** Columns that a text takes on a terminal. */
export function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += combining.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return columns;
}

export const padded = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - width(text)));

/** Rows as the mysql client draws them, columns in the order of the first row that has them; '' for no rows. */
export function mysqlTable(rows: readonly Readonly<Record<string, string>>[]): string {
  if (rows.length === 0) return '';
  const names = [...new Set(rows.flatMap(row => Object.keys(row)))];
  const lines = [names, ...rows.map(row => names.map(name => row[name] ?? ''))].map(line => line.map(visible));
  const widths = names.map((_, at) => Math.max(...lines.map(line => width(line[at] ?? ''))));
  const rule = `+${widths.map(columns => '-'.repeat(columns + 2)).join('+')}+`;
  const [head = '', ...body] = lines.map(
    line => `|${line.map((cell, at) => ` ${padded(cell, widths[at] ?? 0)} `).join('|')}|`,
  );
  return [rule, head, rule, ...body, rule].join('\n');
}
