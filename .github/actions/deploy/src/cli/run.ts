import type { Doing } from '../engine/converge.ts';
import { start } from '../engine/start.ts';
import type { Colour } from '../report/colour.ts';
import { json } from '../report/json.ts';
import { liveProgress, type ProgressView, plainProgress } from '../report/progress.ts';
import type { Mode, RunReport } from '../report/run-report.ts';
import { terminal } from '../report/terminal.ts';
import { privateKey } from './private-key.ts';

/** As commander parses them. */
export interface TerminalOptions {
  readonly generated: string;
  readonly cluster: string;
  readonly knownHosts: string;
  readonly identity?: string;
  readonly hosts?: string;
  readonly json?: boolean;
  readonly dryRun?: boolean;
  readonly lockTimeout?: number;
}

const FRAMES_MS = 200;

/** @returns the exit code: 0 converged, 1 failed, 2 differs */
export async function runInTerminal(mode: Mode, options: TerminalOptions): Promise<number> {
  const colour: Colour = process.stdout.isTTY && !process.env['NO_COLOR'] ? 'always' : 'never';
  const view = progressView(colour);
  const ticking = setInterval(() => view.tick(), FRAMES_MS);
  const cancel = new AbortController();
  const stop = () => {
    view.print('cancelled: what is in flight is finished, nothing new begins');
    cancel.abort();
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const wish = {
      mode,
      generated: options.generated,
      clusterFile: options.cluster,
      knownHosts: options.knownHosts,
      privateKey: await privateKey(options.identity),
      passphrase: process.env['SSH_PASSPHRASE'] ?? null,
      password: null,
      hosts: options.hosts?.split(/[\s,]+/).filter(host => host !== '') ?? [],
      dryRun: options.dryRun === true,
      parallelism: 32,
      lockLimit: options.lockTimeout ?? null,
    };
    const report = await start(wish, process.env, telling(view), cancel.signal);
    view.done();
    process.stdout.write(options.json === true ? json(report) : terminal(report, colour));
    return exitCode(report);
  } finally {
    view.done();
    clearInterval(ticking);
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
  }
}

export const exitCode = ({ outcome }: RunReport): number =>
  outcome === 'failed' || outcome === 'refused' ? 1 : outcome === 'differs' ? 2 : 0;

function progressView(colour: Colour): ProgressView {
  const { stderr } = process;
  const write = (text: string) => void stderr.write(text);
  if (!stderr.isTTY) return plainProgress({ write });
  const size = () => ({ columns: stderr.columns ?? 80, rows: stderr.rows ?? 24 });
  return liveProgress({ write, size, now: () => performance.now(), colour });
}

/** Turns the engine's events into the view's: the same wait keeps the time at which it began. */
export function telling(view: ProgressView): Doing {
  const since = new Map<string, { doing: string; at: number }>();
  return ({ host, service, doing }) => {
    const name = host ?? 'cluster';
    const before = since.get(name);
    const at = before?.doing === doing ? before.at : performance.now();
    if (doing !== null) since.set(name, { doing, at });
    else since.delete(name);
    view.show({ host: name, service, doing: doing ?? '', since: at });
  };
}
