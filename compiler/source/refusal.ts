import type { YAMLError } from 'yaml';
import type { Finding } from '../diagnostics/finding.ts';
import type { Span } from './span.ts';

/** What the YAML of cluster.yaml may not be, said to a person. */

export const emptyFile: Finding = {
  code: 'E_FILE_EMPTY',
  at: { start: 0, end: 0 },
  message: 'The file holds nothing.',
  hint: 'Begin with `cluster`, `starrocks`, `master_host` and `hosts`.',
};

export const secondDocument = (start: number): Finding => ({
  code: 'E_YAML_DOCUMENTS',
  at: { start, end: start + 1 },
  message: 'A second YAML document begins here, and one file describes one cluster.',
  hint: 'Delete the `---` above, or move the rest into a file of its own.',
});

export const directive = (start: number): Finding => ({
  code: 'E_YAML_DIRECTIVE',
  at: { start, end: start + 1 },
  message: 'A line that begins with `%` is a YAML directive, and cluster.yaml is always YAML 1.2.',
  hint: 'Delete the line.',
});

export const tag = (name: string, at: Span): Finding => ({
  code: 'E_YAML_TAG',
  at,
  message: `The value has the YAML tag \`${name.replace('tag:yaml.org,2002:', '!!')}\`, and no value of cluster.yaml needs one.`,
  hint: 'Delete the tag; quote the value if it shall be text.',
});

export const keyNotText = (at: Span): Finding => ({
  code: 'E_YAML_KEY',
  at,
  message: 'A key is a name, and this one is something else.',
  hint: 'Write `name: value`.',
});

export const duplicateKey = (name: string, first: Span, second: Span): Finding => ({
  code: 'E_DUPLICATE_KEY',
  at: second,
  message: `\`${name}\` is written twice.`,
  hint: 'Keep one of the two.',
  related: [{ at: first, message: 'first written here' }],
});

export const unknownAlias = (name: string, at: Span): Finding => ({
  code: 'E_YAML_ALIAS',
  at,
  message: `\`*${name}\` refers to an anchor \`&${name}\` that is not complete before it.`,
  hint: 'Write the value itself; what all hosts share belongs into `defaults`.',
});

export const aliasBomb = (at: Span): Finding => ({
  code: 'E_YAML_ALIAS',
  at,
  message: 'The aliases of the file unfold to more than a million values.',
  hint: 'Write the values themselves; what all hosts share belongs into `defaults`.',
});

const sentences: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  BAD_INDENT: ['The indentation does not fit the lines above.', 'Begin keys of one mapping in the same column.'],
  MISSING_CHAR: ['A quote, bracket or colon is missing here.', 'Close what was opened, and write `key: value`.'],
  BAD_SCALAR_START: ['A value cannot begin with this character.', 'Put the value in quotes.'],
  BLOCK_AS_IMPLICIT_KEY: [
    'There are two colons on one line, as if a mapping began within a value.',
    'Put the value in quotes, or begin a new line.',
  ],
  MULTILINE_IMPLICIT_KEY: ['A key runs over two lines.', 'Write `key: value`, with a blank after the colon.'],
  UNEXPECTED_TOKEN: ['Nothing was expected here.', 'See whether a quote, a comma or a blank after a colon is missing.'],
  TAG_RESOLVE_FAILED: [
    'The value has a YAML tag, and no value of cluster.yaml needs one.',
    'Delete the tag; quote the value if it shall be text.',
  ],
};

/** The parser's own error in a sentence, with its text where we have none that is better. */
export function syntaxError(error: YAMLError, text: string): Finding {
  const [start, end] = error.pos;
  if (error.code === 'TAB_AS_INDENT' || text.charAt(start) === '\t') return tabAsIndent({ start, end: start + 1 });
  const quote = /^Missing closing (["'])/.exec(error.message)?.[1];
  if (quote !== undefined) return unclosedQuote(text.lastIndexOf(quote, start - 1));
  const known = error.message.startsWith('Flow ') ? unclosedBracket : sentences[error.code];
  const [message, hint] = known ?? [`This is no YAML: ${error.message}.`, 'Mend the syntax here or just above.'];
  return { code: 'E_YAML_SYNTAX', at: { start, end: Math.max(end, start + 1) }, message, hint };
}

const unclosedBracket = [
  'A bracket above is not closed before this line.',
  'Close it, or indent the lines that belong to it.',
] as const;

const unclosedQuote = (start: number): Finding => ({
  code: 'E_YAML_SYNTAX',
  at: { start, end: start + 1 },
  message: 'The quote that opens here is never closed.',
  hint: 'Close it at the end of the value.',
});

const tabAsIndent = (at: Span): Finding => ({
  code: 'E_YAML_TAB',
  at,
  message: 'The line is indented with a tab, which YAML does not allow.',
  hint: 'Indent with blanks.',
});
