import { impactText } from './impact-text.ts';
import { escaped, head, row, type Section } from './markdown.ts';
import type { WaveReport } from './run-report.ts';

const STEPS = 6;

/** The order of a plan, with what each wave takes away. Uploads and notes take nothing away and are left out. */
export function waveTable(all: readonly WaveReport[]): Section {
  const shown = all.filter(wave => !QUIET.has(wave.title));
  const empty = { rank: 4, lines: 'waves', before: [], body: [], after: [] };
  if (shown.length === 0) return empty;
  return {
    ...empty,
    before: ['### In this order', '', ...head(['#', 'What', 'Why', 'Away meanwhile, and what is left'])],
    body: shown.map((wave, at) => {
      const reasons = [...new Set(wave.steps.map(step => step.reason))];
      return row([
        String(at + 1),
        some(wave.steps.map(step => step.title)),
        some(reasons),
        impactText(wave.impact).map(escaped).join('<br>'),
      ]);
    }),
    after: [
      '',
      'Before all that, files are uploaded and images pulled everywhere: if that fails, nothing is touched.',
      '',
    ],
  };
}

const QUIET = new Set(['upload the files and pull the images', 'write down which FEs exist']);

const some = (texts: readonly string[]): string =>
  [...texts.slice(0, STEPS).map(escaped), ...(texts.length > STEPS ? [`and ${texts.length - STEPS} more`] : [])].join(
    '<br>',
  );
