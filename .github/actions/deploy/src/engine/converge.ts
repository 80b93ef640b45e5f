import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterJson, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError, type Problem } from '../error.ts';
import { type Approval, beyond } from '../plan/approval.ts';
import { holds } from '../plan/gates.ts';
import { next } from '../plan/next.ts';
import type { Operation } from '../plan/operation.ts';
import {
  convergeAll,
  firstMemory,
  type GrowingMemory,
  imagesOf,
  type Memory,
  type Request,
  startTime,
  view,
} from '../plan/situation.ts';
import { type Next, type Step, stepTitle } from '../plan/step.ts';
import { nodeKey, type World } from '../plan/world.ts';
import { GRACE_MS, Grace } from './grace.ts';
import { notApproved } from './not-approved.ts';

/** What to look at again; the cluster's rows always are. */
export interface Look {
  readonly machines: 'all' | readonly string[];
  /** Hosts whose nodes are asked whether they answer. */
  readonly answers: 'all' | readonly string[];
}

/** The machines and the cluster, as the loop needs them. */
export interface Fleet {
  look(before: World, what: Look): Promise<World>;
  /**
   * Carries out one operation, look-act-look. After the last one that a step does to the machine that is looked at in the
   * same breath, so that the look that follows costs no exchange of its own. @throws DeployError
   */
  run(operation: Operation, then: 'more' | 'look'): Promise<void>;
  /** The last log lines of a container, secrets redacted; '' when there are none. */
  logs(host: string, service: ServiceName): Promise<string>;
  /** Hosts this run holds the lock of. */
  readonly locked: ReadonlySet<string>;
}

/** `running`: the run was cancelled meanwhile, and the machine goes on with it. */
export type StepOutcome = 'done' | 'failed' | 'not-begun' | 'running';

export interface StepRecord {
  readonly title: string;
  readonly step: Step;
  readonly outcome: StepOutcome;
  /** Milliseconds since the epoch; null for a step that was not begun, or of which nobody knows when it ends. */
  readonly started: number | null;
  readonly ended: number | null;
}

/** What the loop tells while it runs. */
export type Doing = (event: {
  readonly host: string | null;
  readonly service: ServiceName | null;
  readonly doing: string | null;
}) => void;

/** What a run may do, and who hears of it. */
export interface Leave {
  /** null: whatever is found necessary. */
  readonly approved: Approval | null;
  readonly doing: Doing;
  /** Aborted: nothing new begins, and what is in flight is waited for as long as a runner allows. */
  readonly signal: AbortSignal;
}

export interface Convergence {
  readonly world: World;
  readonly records: readonly StepRecord[];
  readonly problems: readonly Problem[];
}

/** How often the cluster is asked while something is waited for, and how often a machine. */
const POLL_MS = 200;
const DAYS_POLL_MS = 1000;
const MACHINE_POLL_MS = 2000;

/**
 * Asks the planner what comes next on a fresh world, does that, and asks again, until it says done. Nothing is decided
 * from memory but one thing: what the rows said before this run restarted a node.
 */
export async function converge(
  desired: ClusterJson,
  fleet: Fleet,
  start: World,
  request: Request,
  leave: Leave,
): Promise<Convergence> {
  const { doing, signal } = leave;
  const grace = Grace.of(signal);
  const look = async (what: Look): Promise<World | null> => grace.within(GRACE_MS.look, fleet.look(world, what));
  const records: StepRecord[] = [];
  const memory = firstMemory(start);
  const waits = new Waits();
  const begun = new Map<string, number>();
  let world = start;
  let fresh = true;
  for (;;) {
    const decision = next({ desired, world, request, memory });
    if (decision.kind === 'wait') {
      const over = signal.aborted ? cancelled(decision) : waits.over(decision);
      if (over !== null && decision.days && !signal.aborted) return { world, records, problems: [] };
      if (over !== null) {
        const told = withLogs(fleet, decision, over, world, memory, desired);
        return { world, records, problems: [(await grace.within(GRACE_MS.look, told)) ?? over] };
      }
      const waiting = { service: decision.service, doing: `waiting until ${decision.reason}` };
      // Some waits are for no machine of its own.
      for (const host of decision.hosts.length > 0 ? decision.hosts : [null]) doing({ host, ...waiting });
      await sleep(decision.days ? DAYS_POLL_MS : POLL_MS);
      world = (await look({ machines: waits.machinesDue(world, decision), answers: decision.hosts })) ?? world;
      fresh = false;
      continue;
    }
    waits.end();
    if (!fresh) {
      doing({ host: null, service: null, doing: null });
      // Never act on what was seen before the wait: everything is read again, and decided again.
      world = (await look({ machines: world.cluster.known ? [] : 'all', answers: 'all' })) ?? world;
      fresh = true;
      continue;
    }
    if (decision.kind === 'done') return { world, records, problems: [] };
    if (decision.kind === 'blocked') return { world, records, problems: decision.problems };
    if (signal.aborted)
      return { world, records: [...records, ...notBegun(decision.steps)], problems: [cancelled(decision)] };
    const again = (begun.get(JSON.stringify(decision.steps)) ?? 0) + 1;
    begun.set(JSON.stringify(decision.steps), again);
    if (again > MOST_TIMES) return { world, records, problems: [withoutEffect(decision.title)] };
    const problems = await runWave(desired, fleet, world, request, memory, decision.steps, records, leave);
    const touched = decision.steps.flatMap(step => (step.host === null ? [] : [step.host]));
    // A machine that is still busy would answer only when it is not.
    const busy = records.some(record => record.outcome === 'running');
    world = (await look(busy ? { machines: [], answers: [] } : { machines: touched, answers: 'all' })) ?? world;
    if (problems.length > 0) return { world, records, problems };
  }
}

/** Steps of a wave run together; when one fails, those in flight finish their operation and nothing new starts. */
async function runWave(
  desired: ClusterJson,
  fleet: Fleet,
  world: World,
  request: Request,
  memory: GrowingMemory,
  steps: readonly Step[],
  records: StepRecord[],
  { approved, doing, signal }: Leave,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const grace = Grace.of(signal);
  const v = view({ desired, world, request, memory });
  const more = approved === null ? [] : beyond(approved, desired, steps);
  if (approved !== null && more.length > 0) return [notApproved(more, approved)];
  for (const step of steps) {
    const refusal = refused(step, v, desired, fleet);
    if (refusal !== null) return [refusal];
  }
  await Promise.all(
    steps.map(async step => {
      const title = stepTitle(step);
      const started = Date.now();
      doing({ host: step.host, service: step.service, doing: title });
      const outcome = await runStep(step);
      doing({ host: step.host, service: step.service, doing: null });
      records.push({ title, step, outcome, started, ended: outcome === 'running' ? null : Date.now() });
    }),
  );
  return problems;

  async function runStep(step: Step): Promise<StepOutcome> {
    let begun = false;
    const last = step.operations.findLast(({ kind }) => kind !== 'sql');
    for (const operation of step.operations) {
      if (problems.length > 0 || signal.aborted) {
        if (problems.length === 0) problems.push(cancelledBefore(stepTitle(step)));
        return begun ? 'failed' : 'not-begun';
      }
      begun = true;
      remember(operation);
      try {
        const done = fleet.run(operation, operation === last ? 'look' : 'more').then(() => true);
        if ((await grace.within(GRACE_MS.operation, done)) === null) {
          problems.push(leftRunning(step, operation));
          return 'running';
        }
      } catch (error) {
        if (!(error instanceof DeployError)) throw error;
        const { problem } = error;
        problems.push({ ...problem, host: problem.host ?? step.host, step: stepTitle(step) });
        return 'failed';
      }
    }
    return 'done';
  }

  function remember(operation: Operation): void {
    if (operation.kind === 'sql' && operation.statement.kind === 'createImage') memory.images_before = imagesOf(world);
    if (operation.kind !== 'activate' && operation.kind !== 'restart') return;
    const key = nodeKey(operation.host, operation.service);
    const node = [...v.frontends, ...v.backends].find(one => one.key === key);
    memory.started[key] = { start_time: node?.row?.alive === true ? startTime(node.row) : null };
  }
}

/** Judged on the world that was read right before the wave. */
function refused(step: Step, v: ReturnType<typeof view>, desired: ClusterJson, fleet: Fleet): Problem | null {
  const title = stepTitle(step);
  for (const gate of step.gates) {
    const reason = holds(gate, v);
    if (reason !== null) {
      return {
        code: 'E_GATE',
        host: step.host,
        step: title,
        message: `${title} was not begun: ${reason}.`,
        hint: 'The cluster changed while this run went on: deploy again.',
      };
    }
  }
  if (step.outage !== null && !desired.allow_outage) {
    return {
      code: 'E_OUTAGE',
      host: step.host,
      step: title,
      message: `${title} takes an outage of ${step.outage}.`,
      hint: 'Write `allow_outage: true` into cluster.yaml if that is acceptable now.',
    };
  }
  // A node whose machine is gone is dropped by SQL alone.
  const touches = step.operations.some(operation => operation.kind !== 'sql');
  if (touches && step.host !== null && !fleet.locked.has(step.host)) {
    return {
      code: 'E_PLAN_CHANGED',
      host: step.host,
      step: title,
      message: `${title} became necessary while this run went on, and it does not hold that machine's lock.`,
      hint: 'Deploy again: the next run plans from what it finds.',
    };
  }
  return null;
}

/** The same steps again: what they did was undone, or never came about though every machine said that it did. */
const MOST_TIMES = 5;

const withoutEffect = (title: string): Problem => ({
  code: 'E_NO_EFFECT',
  host: null,
  step: title,
  message: `What this run did ${MOST_TIMES} times has not lasted: ${title}.`,
  hint: 'Look why it ends again (`npm run repair -- logs`), and whether somebody else changes this cluster at the same time; then deploy again.',
});

const notBegun = (steps: readonly Step[]): StepRecord[] =>
  steps.map(step => ({ title: stepTitle(step), step, outcome: 'not-begun', started: null, ended: null }));

const cancelled = (decision: Extract<Next, { kind: 'wait' | 'wave' }>): Problem =>
  cancelledBefore(decision.kind === 'wave' ? decision.title : `it was seen that ${decision.reason}`);

const cancelledBefore = (what: string): Problem => ({
  code: 'E_CANCELLED',
  host: null,
  step: null,
  message: `The run was cancelled before ${what}.`,
  hint: 'Nothing was left half-done that the next deploy does not finish: run it again.',
});

const leftRunning = (step: Step, operation: Operation): Problem => ({
  code: 'E_CANCELLED',
  host: step.host,
  step: stepTitle(step),
  message:
    operation.kind === 'sql'
      ? `The run was cancelled while it waited for the answer to ${operation.statement.kind}, which may take effect.`
      : `The run was cancelled in the middle of ${operation.kind}, which the machine goes on with under its lock.`,
  hint: 'Deploy again: the next run waits for that lock, and goes on from what it finds.',
});

/** How long the same thing has been waited for. */
class Waits {
  #reason = '';
  #since = 0;
  #machinesSeen = 0;

  over({ reason, limit_seconds, hosts }: Extract<Next, { kind: 'wait' }>): Problem | null {
    const now = performance.now();
    if (reason !== this.#reason) {
      this.#reason = reason;
      this.#since = now;
    }
    if (now - this.#since < limit_seconds * 1000) return null;
    return {
      code: 'E_NOT_READY',
      host: hosts[0] ?? null,
      step: 'wait',
      message: `It did not come about within ${limit_seconds} s that ${reason}.`,
      hint: 'Read the log lines below, mend what they say, and deploy again.',
    };
  }

  end(): void {
    this.#reason = '';
  }

  /** A machine costs a command, the cluster's own rows cost little: the former are asked less often. */
  machinesDue(world: World, { hosts }: Extract<Next, { kind: 'wait' }>): 'all' | readonly string[] {
    const now = performance.now();
    if (now - this.#machinesSeen < MACHINE_POLL_MS) return [];
    this.#machinesSeen = now;
    return world.cluster.known ? hosts : 'all';
  }
}

const LOG_LINES = 30;

async function withLogs(
  fleet: Fleet,
  wait: Extract<Next, { kind: 'wait' }>,
  problem: Problem,
  world: World,
  memory: Memory,
  desired: ClusterJson,
): Promise<Problem> {
  const v = view({ desired, world, request: convergeAll, memory });
  const waited = [...v.frontends, ...v.backends].filter(
    node =>
      wait.hosts.includes(node.host.address) && (wait.service === null || node.service.kind === kindOf(wait.service)),
  );
  const detail: string[] = [];
  for (const node of waited.slice(0, 3)) {
    const row = node.row === null ? 'no row' : `Alive=${node.row.alive} ${node.row.err_msg}`.trimEnd();
    const state = node.container === null ? 'no container' : `${node.container.state}, ${node.container.health}`;
    const log = await fleet.logs(node.host.address, node.service.name).catch(() => '');
    detail.push(`${node.key}: ${row}; container ${state}; the last lines of its log:`);
    detail.push(...log.trimEnd().split('\n').slice(-LOG_LINES));
  }
  const why = world.cluster.known ? '' : ` ${world.cluster.reason}.`;
  return { ...problem, message: `${problem.message}${why}`, detail };
}

const kindOf = (service: ServiceName): 'fe' | 'be' => (service === 'starrocks-fe' ? 'fe' : 'be');
