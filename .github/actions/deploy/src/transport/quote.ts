/**
 * One word of a POSIX shell command line, whatever the text. The only shell text that is ever made from values.
 * @throws when the text holds NUL, which no argument can carry
 */
export function quote(text: string): string {
  if (text.includes('\0')) throw new Error('NUL cannot be part of a command line');
  return `'${text.replaceAll("'", "'\\''")}'`;
}
