import { readHistory } from '../engine/history.ts';
import { prepare } from '../engine/start.ts';
import { problemText } from '../report/problem-text.ts';
import { visible } from '../report/visible.ts';
import { type TerminalOptions, wishOf } from './run.ts';

const quiet = (): void => undefined;

/** The last runs that changed something, newest first. */
export async function history(options: TerminalOptions): Promise<number> {
  const signal = new AbortController().signal;
  const { runs, unreached } = await readHistory(
    await prepare(await wishOf('status', options), process.env, quiet, signal),
  );
  for (const { problem } of unreached.values()) process.stderr.write(`${problemText(problem)}\n`);
  if (options.json === true) process.stdout.write(`${JSON.stringify(runs, null, 2)}\n`);
  else if (runs.length === 0) process.stdout.write('No run has changed anything yet.\n');
  else for (const run of runs) process.stdout.write(`${text(run)}\n`);
  return unreached.size > 0 ? 1 : 0;
}

function text(run: Awaited<ReturnType<typeof readHistory>>['runs'][number]): string {
  const { started, mode, outcome, actor, run: where, commit, why, steps, hosts, problems } = run;
  const head = `${started.slice(0, 19).replace('T', ' ')}  ${mode}, ${outcome}, by ${actor ?? 'somebody'}`;
  const facts = [where, commit === null ? null : `commit ${commit.slice(0, 12)}`, why].filter(fact => fact !== null);
  const lines = [
    ...facts.map(fact => `  ${fact}`),
    ...steps.filter(step => step.started !== null).map(step => `  ${step.outcome}: ${step.title}`),
    ...problems.map(problem => `  ${problem}`),
    `  kept on ${hosts.join(', ')}`,
  ];
  return [head, ...lines].map(visible).join('\n');
}
