import type { Bar } from '../plan/timeline.ts';
import { padded, width } from './table.ts';
import { visible } from './visible.ts';

/** Above this a drawing says nothing any more. */
const DRAWN = 60;
const COLUMNS = 40;

/** `1:05` of 65. */
const clock = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, '0')}`;

/** Mermaid ends a name at a colon and a line at its end: only letters, digits, dots and dashes get in. */
const name = (text: string): string => text.replace(/[^A-Za-z0-9 .-]/g, '').slice(0, 60);

const drawable = (bars: readonly Bar[]): boolean => bars.length > 0 && bars.length <= DRAWN;

/** Who is expected to be busy when, as a Mermaid drawing; null when there is nothing to draw or too much. */
export function gantt(bars: readonly Bar[]): string[] | null {
  if (!drawable(bars)) return null;
  const rows = bars.map(
    bar => `  ${name(`${bar.action} ${bar.service ?? ''}`.trim())} :${bar.from}, ${bar.to - bar.from}s`,
  );
  let section: string | null = null;
  return [
    'gantt',
    '  dateFormat X',
    '  axisFormat %M:%S',
    ...bars.flatMap((bar, at) => {
      const begins = `  section ${name(bar.host ?? 'cluster')}`;
      const lines = begins === section ? [rows[at] ?? ''] : [begins, rows[at] ?? ''];
      section = begins;
      return lines;
    }),
  ];
}

/** The same for a terminal, one line a step. */
export function bars(all: readonly Bar[]): string[] {
  if (!drawable(all)) return [];
  const end = Math.max(...all.map(bar => bar.to));
  const at = (seconds: number): number => Math.round((seconds / end) * COLUMNS);
  const names = all.map(bar => visible(`${bar.host ?? 'the cluster'} ${bar.service ?? ''}`.trimEnd()));
  const longest = Math.max(...names.map(width));
  return [
    'Expected, from the first step on (uploads and pulls come before):',
    ...all.map((bar, index) => {
      const length = Math.max(1, at(bar.to) - at(bar.from));
      const line = `${' '.repeat(Math.min(at(bar.from), COLUMNS - 1))}${'█'.repeat(length)}`;
      return `${padded(names[index] ?? '', longest)}  ${padded(line, COLUMNS)}  ${clock(bar.from)}–${clock(bar.to)} ${bar.action}`;
    }),
  ];
}
