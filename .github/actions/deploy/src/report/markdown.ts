import { shortened, visible } from './visible.ts';

/** Longer texts belong into the JSON report. */
const longest = 2000;

/**
 * Foreign text inside markdown: no mark-up, HTML, link, mention or issue number comes of it, and it stays on its line
 * and in its table cell.
 */
export function escaped(text: string): string {
  return (
    visible(shortened(text, longest))
      .replace(/[&<>`|*_~[\]#\\]|:(?=\/\/)|(?<=www)\./gi, character => `&#${character.charCodeAt(0)};`)
      // An entity would be turned back into an @ before mentions are looked for; a comment in between is not.
      .replaceAll('@', '@<!-- -->')
  );
}

/** The page of a workflow run, and nothing else that looks like one. */
const RUN = /^https?:\/\/[a-z0-9.-]+(:\d{1,5})?\/[\w.-]+\/[\w.-]+\/actions\/runs\/(\d+)$/i;

/** A run as provenance names it: a link where it has a page, escaped text where it is somebody's terminal. */
export function runLink(run: string): string {
  const [, , id] = RUN.exec(run) ?? [];
  return id === undefined ? escaped(run) : `[${id}](${run})`;
}

/** Lines of a log as they are, in a fence that none of them can close; nothing for no lines. */
export function fenced(lines: readonly string[], language = ''): string[] {
  if (lines.length === 0) return [];
  const shown = lines.map(line => visible(shortened(line, longest)));
  const ticks = Math.max(2, ...shown.flatMap(line => [...line.matchAll(/`+/g)].map(([run]) => run.length)));
  const fence = '`'.repeat(ticks + 1);
  return ['', `${fence}${language}`, ...shown, fence];
}

/** One row of a table; the cells are already markdown. */
export const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** Head of a table; the names are already markdown. */
export const head = (names: readonly string[]): string[] => [row(names), row(names.map(() => '---'))];

/** A part of a page that can be cut between its lines. */
export interface Section {
  /** The lower, the longer it stays. */
  readonly rank: number;
  /** What its lines are, `rows of SHOW BACKENDS`: for the sentence that says what was cut. */
  readonly lines: string;
  readonly before: readonly string[];
  readonly body: readonly string[];
  readonly after: readonly string[];
}

/** Joined, each line costs its newline, and no line costs nothing. */
const bytes = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);

/**
 * The sections in their order within `limit` bytes. Room goes by rank; a section that does not fit keeps its first
 * lines, so that no table or fold is left open, and the last line says what is missing of all of them.
 * @param whole where all of it is: `the job summary has all`
 */
export function page(sections: readonly Section[], limit: number, whole: string): string {
  const all = sections.map((section): Cut => ({ section, kept: section.body.length }));
  if (bytes(text(all, whole)) <= limit) return joined(text(all, whole));
  // The farewell can only become shorter than one that names every section.
  let room =
    limit -
    bytes(
      farewell(
        all.map(({ section }) => ({ section, kept: NOTHING })),
        whole,
      ),
    );
  const kept = new Map<Section, number>();
  for (const section of [...sections].sort((a, b) => a.rank - b.rank)) {
    const fits = most(section.body.length, count => bytes(linesOf(section, count)) <= room);
    kept.set(section, fits);
    room -= bytes(linesOf(section, fits));
  }
  return joined(
    text(
      sections.map(section => ({ section, kept: kept.get(section) ?? NOTHING })),
      whole,
    ),
  );
}

interface Cut {
  readonly section: Section;
  /** Lines of its body, or NOTHING. */
  readonly kept: number;
}

const NOTHING = -1;

const joined = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

/** The largest number up to `high` that fits, or NOTHING. */
function most(high: number, fits: (count: number) => boolean): number {
  if (fits(high)) return high;
  let low = NOTHING;
  for (let above = high; above - low > 1; ) {
    const middle = Math.floor((low + above) / 2);
    if (fits(middle)) low = middle;
    else above = middle;
  }
  return low;
}

/** A section of which no line is left is left out, with its head. */
function linesOf(section: Section, kept: number): readonly string[] {
  if (kept === NOTHING || (kept === 0 && section.body.length > 0)) return [];
  return [...section.before, ...section.body.slice(0, kept), ...section.after];
}

const text = (cuts: readonly Cut[], whole: string): string[] => [
  ...cuts.flatMap(({ section, kept }) => linesOf(section, kept)),
  ...farewell(cuts, whole),
];

/** One line for all that was cut. */
function farewell(cuts: readonly Cut[], whole: string): string[] {
  const missing = new Map<string, number>();
  for (const { section, kept } of cuts) {
    const count = section.body.length - Math.max(0, kept);
    if (count > 0) missing.set(section.lines, (missing.get(section.lines) ?? 0) + count);
  }
  if (missing.size === 0) return [];
  const said = [...missing].map(([lines, count]) => `${count} more ${lines}`).join(', ');
  return ['', `_Cut for length: ${said}; ${whole}._`];
}
