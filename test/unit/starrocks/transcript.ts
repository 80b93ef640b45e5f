import { readFileSync } from 'node:fs';
import type { SqlRow } from '../../../.github/actions/deploy/src/starrocks/rows.ts';

const text = (path: string): string => readFileSync(new URL(`transcripts/${path}`, import.meta.url), 'utf8');

/** Rows that a real FE gave, as the mysql client printed them in batch mode. */
export function transcript(path: string): SqlRow[] {
  const [head = '', ...lines] = text(path).replace(/\n$/, '').split('\n');
  const names = head.split('\t');
  return lines.map(line => {
    const values = line.split('\t');
    return Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']));
  });
}

/** What a real FE answered to a statement of statements.txt, or null when it succeeded. */
export function refusal(statement: string): string | null {
  const lines = text('3.3/statements.txt').split('\n');
  const at = lines.indexOf(statement);
  if (at < 0) throw new Error(`no transcript of ${statement}`);
  return /^ERROR \d+ \(\w+\): (.*)$/.exec(lines[at + 1] ?? '')?.[1] ?? null;
}
