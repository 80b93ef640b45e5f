/** Text into the README of generated/: as data, whatever it says. */

/** Into running text or a cell of a table. */
export const markdown = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/[\\`*_{}[\]()#+!|>~$]/g, '\\$&')
    .replace(/\s+/g, ' ');

/** As code within running text. */
export function code(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  const fence = '`'.repeat(Math.max(0, ...[...line.matchAll(/`+/g)].map(([ticks]) => ticks.length)) + 1);
  return line.includes('`') ? `${fence} ${line} ${fence}` : `${fence}${line}${fence}`;
}

/** Into a quoted label of a mermaid drawing, in mermaid's own entities. */
export const mermaid = (text: string): string =>
  text.replace(/[^A-Za-z0-9 .,:_-]/gu, character => `#${character.codePointAt(0)};`);
