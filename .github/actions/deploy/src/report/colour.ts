import { styleText } from 'node:util';

/** `always` and `never`, decided once by the one who knows the terminal. */
export type Colour = 'always' | 'never';

export type Style = 'green' | 'red' | 'yellow' | 'cyan' | 'dim' | 'bold';

export const styled = (colour: Colour, style: Style, text: string): string =>
  // Without it, newer Node would ask the process's own stdout, whatever the text is for.
  colour === 'always' && text !== '' ? styleText(style, text, { validateStream: false }) : text;
