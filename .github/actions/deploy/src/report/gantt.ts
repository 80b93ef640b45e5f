import { stepTitle } from '../plan/step.ts';
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

/**
 * A second of a plan as a time of day: Mermaid takes a bare number for milliseconds (seen: all bars began at once), and
 * shows an hour of the reader's own zone.
 */
const moment = (second: number): string => new Date(DAY + second * 1000).toISOString().slice(0, 19).replace('T', ' ');

const DAY = Date.UTC(2000, 0, 1);

const drawable = (bars: readonly Bar[]): boolean => bars.length > 0 && bars.length <= DRAWN;

/** Who is expected to be busy when, as a Mermaid drawing; null when there is nothing to draw or too much. */
export function gantt(bars: readonly Bar[]): string[] | null {
  if (!drawable(bars)) return null;
  const end = Math.max(...bars.map(bar => bar.to));
  // Mermaid counts the bars of all sections of one name as one: a machine that comes twice would get another's bars.
  const sections = new Map<string, string[]>();
  for (const bar of bars) {
    const title =
      bar.host === null ? stepTitle({ ...bar, service: null }) : `${bar.action} ${bar.service ?? ''}`.trim();
    const of = name(bar.host ?? 'cluster');
    const row = `  ${name(title)} :${moment(bar.from)}, ${bar.to - bar.from}s`;
    sections.set(of, [...(sections.get(of) ?? []), row]);
  }
  return [
    // Without it the longest addresses run into the first bar.
    '%%{init: {"gantt": {"leftPadding": 130}}}%%',
    'gantt',
    '  dateFormat YYYY-MM-DD HH:mm:ss',
    `  axisFormat ${end < 3600 ? '%M:%S' : '%H:%M'}`,
    ...[...sections].flatMap(([section, rows]) => [`  section ${section}`, ...rows]),
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
