import type { Problem } from '../error.ts';
import type { Colour } from './colour.ts';
import { styled } from './colour.ts';
import { visible } from './visible.ts';

/** A problem as a terminal or a log shows it: where, code, what happened, the lines that show it, what to do next. */
export function problemText(
  { code, host, step, message, hint, detail = [] }: Problem,
  colour: Colour = 'never',
): string {
  const where = [host, step].filter(part => part !== null).map(part => `${visible(part)}: `);
  const lines = detail.map(line => `    | ${visible(line)}`);
  return [`${where.join('')}${styled(colour, 'red', code)} ${visible(message)}`, ...lines, `    ${visible(hint)}`].join(
    '\n',
  );
}
