/** Control characters, and those that turn the direction of text or have no width: none may act on the reader. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const invisible = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text that shows itself: what would act on a terminal or a page appears as `\x1b` or `\u202e`. One line. */
export const visible = (text: string): string =>
  text.replace(invisible, character => {
    const code = character.charCodeAt(0);
    if (character === '\n') return '\\n';
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });

/** At most `limit` characters, with what was cut said. */
export function shortened(text: string, limit: number): string {
  const characters = text.length > limit ? [...text] : [];
  if (characters.length <= limit) return text;
  return `${characters.slice(0, limit).join('')}… (${characters.length - limit} more characters)`;
}
