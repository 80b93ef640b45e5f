import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { visible } from '../report/visible.ts';
import { exitCode, reportInTerminal, type TerminalOptions } from './run.ts';

export interface LogsOptions extends TerminalOptions {
  readonly out?: string;
}

/** The last lines of the logs of chosen hosts, secrets redacted. */
export async function logs(options: LogsOptions): Promise<number> {
  const report = await reportInTerminal('logs', options);
  for (const { name, text } of report.logs) {
    if (options.out === undefined) {
      process.stdout.write(`==> ${name} <==\n${text.split('\n').map(visible).join('\n')}\n`);
      continue;
    }
    const file = join(options.out, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    process.stdout.write(`${file}\n`);
  }
  return exitCode(report);
}
