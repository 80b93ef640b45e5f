import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { logText } from '../../../.github/actions/deploy/src/report/log-text.ts';
import { plainProgress } from '../../../.github/actions/deploy/src/report/progress.ts';
import { terminal } from '../../../.github/actions/deploy/src/report/terminal.ts';
import { hostileTexts } from '../review/hostile.ts';
import { hostile } from './sample.ts';

const commands = [
  'x ##[stop-commands]t',
  '##[error]forged',
  '####[add-mask]x',
  '  ::error::forged',
  '::::set-output name=changed::true',
  'first\n::stop-commands::t',
  '\t##[set-output name=changed]true',
];

/** How the runner finds a command: ActionCommand.TryParse and TryParseV2 of actions/runner. */
const isCommand = (line: string): boolean => line.includes('##[') || line.trimStart().startsWith('::');

describe('the log of a step', () => {
  it.each([...commands, ...hostileTexts].map(text => [JSON.stringify(text.slice(0, 40)), text]))(
    'holds no command of others: %s',
    (_name, text) => {
      let said = '';
      const progress = plainProgress({ write: line => (said += logText(line)) });
      progress.show({ host: text, service: null, doing: text, since: 0 });
      progress.show({ host: 'a', service: text, doing: text, since: 0 });
      progress.print(text);
      said += logText(terminal(hostile(text), 'never')) + logText(text);
      expect(said.split(/\r?\n/).filter(isCommand)).toEqual([]);
    },
  );

  it('leaves all other text as it is', () => {
    const text = 'a::b ## [x] #[1] # heading\n| IP | ::1 |\n';
    expect(logText(text)).toBe(text);
  });

  it('is written by the Action in no other way', () => {
    const main = readFileSync('.github/actions/deploy/src/main.ts', 'utf8');
    const written = main.split('\n').filter(line => /std(out|err)|console\.|core\.info/.test(line));
    expect(written.map(line => line.includes('.write(logText('))).toEqual([true, true]);
  });
});
