import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import type { ClusterJson } from '../../compiler/contract/cluster-json.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Kill } from './cutter.ts';
import { differences } from './differences.ts';
import { Observer } from './observer.ts';
import { type Cut, type Position, positionText } from './position.ts';
import { type Node, takeSample } from './sample.ts';
import type { Change } from './scenarios.ts';
import type { Stage } from './stage.ts';

/** What came of one change that was killed on its way, once or more often. */
export interface Trial {
  readonly kills: readonly Kill[];
  /** Operations of the runs, in order: of the first one all, when nobody killed it. */
  readonly met: readonly Position[];
  readonly failures: readonly string[];
  /** Looks of the observer. */
  readonly samples: number;
  readonly seconds: number;
}

/** Asked of every operation of every run; `kills` are those of the runs before it. null: let it pass. */
export type Decide = (position: Position, kills: readonly Kill[]) => Cut | null;

/** Of a change that never comes to its end. */
const MOST_RUNS = 100;

/**
 * Carries a change out, killing its runs where `decide` says so, until a run ends by itself; then asks whether all is as
 * declared, what the observer saw meanwhile, and whether that last report told of it.
 */
export async function tryChange(stage: Stage, change: Change, decide: Decide): Promise<Trial> {
  const began = performance.now();
  await change.prepare(stage.sandbox);
  const declared = stage.declare(change);
  const observer = new Observer(() => takeSample(stage.sandbox), allowed(stage, change, declared));
  const kills: Kill[] = [];
  const met: Position[] = [];
  const failures: string[] = [];
  for (let runs = 1; ; runs += 1) {
    stage.cutter.arm(position => decide(position, kills));
    const before = await takeSample(stage.sandbox);
    const report = await stage.project.run('deploy');
    met.push(...stage.cutter.met);
    const { killed } = stage.cutter;
    stage.mend();
    if (killed !== null) kills.push(killed);
    // What it had begun on other machines ends by itself: else that would be taken for what the next run did.
    if (killed !== null && killed.cut !== 'during') await atRest(stage.sandbox);
    if (killed !== null && runs < MOST_RUNS) continue;
    if (killed === null)
      failures.push(...told(report, stage.cutter.met, kills, before.nodes, (await takeSample(stage.sandbox)).nodes));
    if (report.outcome === 'draining' && runs < MOST_RUNS) continue;
    break;
  }
  const left = await differences(stage.sandbox, declared);
  failures.push(...left.map(what => `not converged: ${what}`));
  failures.push(...(await observer.end()));
  return { kills, met, failures, samples: observer.samples, seconds: (performance.now() - began) / 1000 };
}

/** Until no command of a run that is gone holds a machine. */
async function atRest({ hosts }: Sandbox): Promise<void> {
  const locks = hosts.map(host => join(host.deployDir, '.lock')).filter(existsSync);
  await Promise.all(locks.map(lock => promisify(execFile)('flock', ['-w', '120', lock, 'true'])));
}

function allowed(stage: Stage, change: Change, declared: ClusterJson) {
  const addresses = stage.sandbox.hosts.map(host => host.address);
  return {
    replication: declared.default_replication_num,
    location: (address: string) => declared.hosts.find(host => host.address === address)?.location ?? null,
    touches: (node: string) => {
      const [address = '', service = ''] = node.split(' ');
      return change.touches(addresses.indexOf(address), service);
    },
  };
}

/** What a run does for its own sake: it changes nothing that a report would have to tell of. */
const ITS_OWN: ReadonlySet<string> = new Set(['lock', 'record']);

/** The report of a run that nobody killed says what it found and did: neither less nor more than what was to do. */
function told(
  report: RunReport,
  done: readonly Position[],
  kills: readonly Kill[],
  before: readonly Node[],
  after: readonly Node[],
): string[] {
  const wrong = [
    ...report.problems.map(problem => `the last report has a problem: ${problem.code} ${problem.message}`),
    ...report.findings
      .filter(finding => finding.severity === 'error')
      .map(finding => `the last report finds: ${JSON.stringify(finding)}`),
  ];
  if (wrong.length > 0) return wrong;
  const did = done.filter(({ kind }) => !ITS_OWN.has(kind)).map(positionText);
  if (did.length > 0 && (report.steps.length === 0 || report.outcome === 'unchanged'))
    return [`the last report is ${report.outcome} and tells nothing, and it did: ${did.join('; ')}`];
  // What the killed run had begun may end while the next one already looks.
  if (kills.at(-1)?.cut === 'during') return [];
  const started = after.filter(node => !before.some(one => one.start === node.start));
  const named = (node: Node) => report.steps.some(step => step.host === node.address && step.service === node.service);
  return [
    ...started
      .filter(node => !named(node))
      .map(node => `the last report does not tell that it started ${node.service} on ${node.address}`),
    ...report.steps
      .filter(step => step.reason === '')
      .map(step => `the last report gives no reason for: ${step.title}`),
  ];
}
