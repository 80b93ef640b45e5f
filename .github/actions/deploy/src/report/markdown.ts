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

const bytes = (lines: readonly string[]): number => Buffer.byteLength(`${lines.join('\n')}\n`);

/**
 * The sections in their order within `limit` bytes. Room goes by rank; a section that does not fit keeps its first
 * lines and says how many are missing, so that no table or fold is left open.
 */
export function page(sections: readonly Section[], limit: number): string {
  const cut = (section: Section, kept: number): string[] => {
    const missing = section.body.length - kept;
    const said = [`_${missing} more ${section.lines} cut for length; the JSON report has all._`, ''];
    return [
      ...(kept === 0 && missing > 0 ? [] : [...section.before, ...section.body.slice(0, kept)]),
      ...(kept === 0 && missing > 0 ? [] : section.after),
      ...(missing === 0 ? [] : said),
    ];
  };
  let room = limit;
  // Every section's farewell is paid for first: what was cut must be said even when nothing else fits.
  for (const section of sections) room -= bytes(cut(section, 0));
  const texts = new Map<Section, string[]>();
  for (const section of [...sections].sort((a, b) => a.rank - b.rank)) {
    room += bytes(cut(section, 0));
    let kept = section.body.length;
    for (let low = 0, high = kept; bytes(cut(section, kept)) > room && kept > 0; ) {
      const middle = Math.floor((low + high) / 2);
      if (bytes(cut(section, middle)) <= room) low = middle;
      else high = middle;
      if (high - low <= 1) kept = low;
    }
    const text = cut(section, kept);
    texts.set(section, text);
    room -= bytes(text);
  }
  return `${sections.flatMap(section => texts.get(section) ?? []).join('\n')}\n`;
}
