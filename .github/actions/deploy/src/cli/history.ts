import { readHistory } from '../engine/history.ts';
import { prepare } from '../engine/start.ts';
import { historyText } from '../report/history-text.ts';
import { problemText } from '../report/problem-text.ts';
import { type TerminalOptions, wishOf } from './run.ts';

/** The last runs that changed something, newest first. */
export async function history(options: TerminalOptions): Promise<number> {
  // No SQL is asked, so nobody needs the password.
  const wish = { ...(await wishOf('status', options)), password: '' };
  const run = await prepare(wish, process.env, () => undefined, new AbortController().signal);
  const { runs, unreached } = await readHistory(run);
  for (const { problem } of unreached.values()) process.stderr.write(`${problemText(problem)}\n`);
  if (options.json === true) process.stdout.write(`${JSON.stringify(runs, null, 2)}\n`);
  else process.stdout.write(`${runs.map(historyText).join('\n\n') || nothing(unreached.size)}\n`);
  return unreached.size > 0 ? 1 : 0;
}

const nothing = (unreached: number): string =>
  unreached === 0 ? 'No run has changed anything yet.' : 'The machines that were reached know of no run.';
