import type { Doing } from '../engine/converge.ts';
import { start, type Wish } from '../engine/start.ts';
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
  readonly service?: string;
  readonly reason?: string;
  readonly timeouts?: string;
}

const FRAMES_MS = 200;

/** @returns the exit code: 0 converged, 1 failed, 2 differs */
export async function runInTerminal(mode: Mode, options: TerminalOptions): Promise<number> {
  const report = await reportInTerminal(mode, options);
  process.stdout.write(options.json === true ? json(report) : terminal(report, colourOfTerminal()));
  return exitCode(report);
}

export const colourOfTerminal = (): Colour => (process.stdout.isTTY && !process.env['NO_COLOR'] ? 'always' : 'never');

/** Runs with progress on standard error; Ctrl-C ends it cleanly. */
export async function reportInTerminal(mode: Mode, options: TerminalOptions): Promise<RunReport> {
  const view = progressView(colourOfTerminal());
  const ticking = setInterval(() => view.tick(), FRAMES_MS);
  const cancel = new AbortController();
  const stop = () => {
    view.print('cancelled: nothing new begins, and what is in flight has some seconds to finish');
    cancel.abort();
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await start(await wishOf(mode, options), process.env, telling(view), cancel.signal);
  } finally {
    view.done();
    clearInterval(ticking);
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
  }
}

export const hostsOf = (options: { readonly hosts?: string }): string[] =>
  options.hosts?.split(/[\s,]+/).filter(host => host !== '') ?? [];

export async function wishOf(mode: Mode, options: TerminalOptions): Promise<Wish> {
  return {
    mode,
    generated: options.generated,
    clusterFile: options.cluster,
    knownHosts: options.knownHosts,
    privateKey: await privateKey(options.identity),
    passphrase: process.env['SSH_PASSPHRASE'] ?? null,
    password: null,
    token: null,
    hosts: hostsOf(options),
    service: options.service ?? '',
    reason: options.reason ?? '',
    approved: '',
    dryRun: options.dryRun === true,
    parallelism: 32,
    timeouts: options.timeouts ?? '',
  };
}

export const exitCode = ({ outcome }: RunReport): number =>
  outcome === 'failed' || outcome === 'refused' ? 1 : outcome === 'differs' ? 2 : 0;

function progressView(colour: Colour): ProgressView {
  const { stderr } = process;
  const write = (text: string) => void stderr.write(text);
  if (!stderr.isTTY) return plainProgress({ write });
  // A terminal that does not know its size says 0.
  const size = () => ({ columns: stderr.columns || 80, rows: stderr.rows || 24 });
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
