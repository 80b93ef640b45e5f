import type { Finding } from '../diagnostics/finding.ts';

const largest = 1024 * 1024;

// Bidirectional overrides make a reviewer read another file than the compiler; other control characters end up in env
// and conf files. Tab and line feed are YAML's own, a carriage return only before a line feed.
const forbidden = /(?![\t\n\r])\p{Cc}|\r(?!\n)|[\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;

/** The text of cluster.yaml without its byte order mark, and why it cannot be read, if so. */
export function decode(input: string | Uint8Array): { text: string; findings: Finding[] } {
  if (input.length > largest) return { text: '', findings: [tooLarge(input.length)] };
  const text = (typeof input === 'string' ? input : new TextDecoder('utf-8').decode(input)).replace(/^\ufeff/, '');
  const findings = typeof input === 'string' || isUtf8(input) ? [] : [notUtf8(text)];
  return { text, findings: findings.length > 0 ? findings : forbiddenCharacter(text) };
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function tooLarge(size: number): Finding {
  return {
    code: 'E_FILE_SIZE',
    at: { start: 0, end: 0 },
    message: `The file has ${size} bytes, and more than 1 MiB is no cluster.yaml.`,
    hint: 'Ten thousand addresses need a fifth of that: see what else got into the file.',
  };
}

function notUtf8(text: string): Finding {
  const start = Math.max(text.indexOf('\ufffd'), 0);
  return {
    code: 'E_FILE_ENCODING',
    at: { start, end: start + 1 },
    message: 'The file is not UTF-8: here is a byte that cannot stand in it.',
    hint: 'Save the file as UTF-8.',
  };
}

function forbiddenCharacter(text: string): Finding[] {
  const match = forbidden.exec(text);
  if (match === null) return [];
  const name = `U+${(match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  const invisible = { code: 'E_FILE_CHARACTER', at: { start: match.index, end: match.index + 1 } } as const;
  return [
    {
      ...invisible,
      message: `The file holds the invisible character ${name}, which no value of cluster.yaml needs.`,
      hint: 'Delete it, or type the line again.',
    },
  ];
}
