import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { json } from '../report/json.ts';
import type { RunReport } from '../report/run-report.ts';
import { summary } from '../report/summary.ts';

/** Where a run leaves what an artifact is made of. */
export class ReportFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async open(mode: string): Promise<ReportFolder> {
    const path = join(process.env['RUNNER_TEMP'] ?? tmpdir(), `starrocks-ha-${mode}`);
    await mkdir(path, { recursive: true });
    return new ReportFolder(path);
  }

  /** @param name below the folder @returns its path */
  async write(name: string, text: string): Promise<string> {
    const file = join(this.path, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    return file;
  }
}

/** The whole report as JSON, its summary, the record of what it changed, and the logs that were asked for. @returns the folder */
export async function keepReport(report: RunReport): Promise<string> {
  const folder = await ReportFolder.open(report.mode);
  const { logs, record, ...rest } = report;
  await folder.write('report.json', json({ ...rest, logs: [] }));
  if (record !== undefined) await folder.write('record.json', json(record));
  // The runner's limit of a summary is not the artifact's.
  await folder.write('summary.md', summary(report, Number.POSITIVE_INFINITY));
  for (const { name, text } of logs) await folder.write(join('logs', safeName(name)), text);
  return folder.path;
}

/** A name that came from a machine must not lead out of the folder. */
const safeName = (name: string): string =>
  name
    .split('/')
    .map(part => part.replace(/[^\w.-]/g, '_').replace(/^\.+/, '_'))
    .join('/');
