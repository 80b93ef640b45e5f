import type { Finding } from '../diagnostics/finding.ts';
import type { Node } from '../source/node.ts';
import type { Span } from '../source/span.ts';
import type { Draft } from './draft.ts';

const dangerous = /[\p{Cc}$`"'\\]/u;

const names: Readonly<Record<string, string>> = {
  '\n': 'a line break',
  '\r': 'a line break',
  '\t': 'a tab',
  '\0': 'a NUL',
};

/**
 * Values end up in env files, Compose, conf files, SQL and shell arguments. No key needs a character that one of these
 * readers takes as syntax, so it is refused for all of them at once, wherever it stands.
 */
export function checkCharacters({ root }: Draft): Finding[] {
  const findings: Finding[] = [];
  visit(root, (value, at) => {
    const match = dangerous.exec(value);
    if (match !== null) findings.push(refuse(match[0], at));
  });
  return findings;
}

function refuse(character: string, at: Span): Finding {
  const name =
    names[character] ?? (character < ' ' || character > '~' ? 'a control character' : `the character ${character}`);
  return {
    code: 'E_CHARACTER',
    at,
    message: `The text holds ${name}, which a shell, Compose, SQL or StarRocks would take as syntax.`,
    hint: 'Write it without.',
  };
}

function visit(node: Node, see: (value: string, at: Span) => void): void {
  if (node.kind === 'scalar' && typeof node.value === 'string') see(node.value, node.at);
  if (node.kind === 'list') for (const item of node.items) visit(item, see);
  if (node.kind === 'map') {
    for (const [key, entry] of node.entries) {
      see(key, entry.key);
      visit(entry.value, see);
    }
  }
}
