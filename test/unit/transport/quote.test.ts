import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quote } from '../../../.github/actions/deploy/src/transport/quote.ts';
import { hostileTexts } from '../review/hostile.ts';

const hostile = [
  ...hostileTexts.filter(text => !text.includes('\0')),
  '',
  "it's",
  '"',
  '$(touch /tmp/x)',
  '`id`',
  '-n',
  '--',
  'two\nlines\n',
  '\\',
  "\\'",
  '*',
  '~',
  '!!',
  'é 漢 🦊',
  '\t',
  "'''",
  '#',
  '\r',
];

/** What a real shell makes of the words. */
function read(shell: string, words: readonly string[]): string[] {
  const out = execFileSync(shell, ['-c', `printf '%s\\0' x ${words.map(quote).join(' ')}`], { encoding: 'utf8' });
  return out.split('\0').slice(1, -1);
}

describe.each(['dash', 'bash'])('a quoted word, read by %s', shell => {
  it.each(hostile)('is the text again: %j', text => {
    expect(read(shell, [text])).toEqual([text]);
  });

  it('is one word whatever the text', () => {
    const text = fc.string({ unit: 'binary' }).filter(one => !one.includes('\0'));
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 30 }), words => {
        expect(read(shell, words)).toEqual(words);
      }),
      { numRuns: 60 },
    );
  });
});

it('refuses NUL, which no command line can carry', () => {
  expect(() => quote('a\0b')).toThrow('NUL');
});
