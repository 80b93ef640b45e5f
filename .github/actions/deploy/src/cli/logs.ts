import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DeployError } from '../error.ts';
import { json } from '../report/json.ts';
import { problemText } from '../report/problem-text.ts';
import { verdict } from '../report/verdict.ts';
import { visible } from '../report/visible.ts';
import { exitCode, reportInTerminal, type TerminalOptions } from './run.ts';

export interface LogsOptions extends TerminalOptions {
  readonly out?: string;
}

/** The last lines of the logs of chosen hosts, secrets redacted. */
export async function logs(options: LogsOptions): Promise<number> {
  const report = await reportInTerminal('logs', options);
  if (options.json === true) process.stdout.write(json(report));
  for (const { name, text } of report.logs) {
    if (options.out !== undefined) await write(options.out, name, text);
    const shown =
      options.out === undefined
        ? `==> ${name} <==\n${text.split('\n').map(visible).join('\n')}`
        : join(options.out, name);
    if (options.json !== true) process.stdout.write(`${shown}\n`);
  }
  // Apart from the logs, which somebody may read with a program.
  for (const problem of report.problems) process.stderr.write(`${problemText(problem)}\n`);
  process.stderr.write(`${visible(verdict(report))}\n`);
  return exitCode(report);
}

async function write(folder: string, name: string, text: string): Promise<void> {
  const file = join(folder, name);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  } catch (error) {
    throw new DeployError({
      code: 'E_OUT',
      message: `${file} cannot be written: ${(error as NodeJS.ErrnoException).code ?? error}.`,
      hint: 'Give another folder with --out.',
    });
  }
}
