import { setTimeout as sleep } from 'node:timers/promises';
import { vi } from 'vitest';
import type { RunOptions } from '../../.github/actions/deploy/src/engine/course.ts';
import { leavingHosts } from '../../.github/actions/deploy/src/engine/leaving.ts';
import { Machines } from '../../.github/actions/deploy/src/engine/machines.ts';
import { run } from '../../.github/actions/deploy/src/engine/run.ts';
import { effects } from '../../.github/actions/deploy/src/plan/effects.ts';
import type { Operation } from '../../.github/actions/deploy/src/plan/operation.ts';
import type { World } from '../../.github/actions/deploy/src/plan/world.ts';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import type { ClusterJson } from '../../compiler/contract/cluster-json.ts';
import { modelView } from './model-view.ts';

/** One operation of a run, and where the world after it was not one that the model allows: `path: MODEL, and it is SEEN`. */
export interface Traced {
  readonly operation: Operation;
  readonly answered: boolean;
  readonly deviations: readonly string[];
}

/** How `differences` says that what the model knows was not seen. */
const GONE = 'it is undefined';

/** For a node to start, be heard and elect. */
const REST_MS = 30_000;
const POLL_MS = 200;

/**
 * Runs it, one operation at a time, with a look at the rows, the nodes and the operation's machine after each, when
 * the world has come to rest. An operation that was answered must have been done; one that was not may also have been
 * cut off. In the end all machines are looked at: those that no operation was about must be as before.
 */
export async function traced(
  options: RunOptions,
  meanwhile: (operation: Operation) => Promise<void> = async () => undefined,
): Promise<{ report: RunReport; trace: readonly Traced[] }> {
  const trace: Traced[] = [];
  const { cluster } = options.desired;
  let world = await lookAtAll(options);
  const real = Machines.prototype.run;
  let turn: Promise<unknown> = Promise.resolve();
  const spy = vi.spyOn(Machines.prototype, 'run').mockImplementation(function (this: Machines, operation) {
    const mine = turn.then(async () => {
      const [failure] = await Promise.all([
        real.call(this, operation, 'more').then(
          () => null,
          (error: unknown) => ({ error }),
        ),
        meanwhile(operation),
      ]);
      const { done, cutOff } = effects(operation, cluster, world);
      const look = failure === null ? this.look.bind(this) : () => lookAtAll(options);
      const allowed = failure === null ? [done] : [done, ...cutOff];
      const { after, deviations } = await rest(cluster, look, touched(this, operation), world, allowed);
      trace.push({ operation, answered: failure === null, deviations });
      world = after;
      if (failure !== null) throw failure.error;
    });
    turn = mine.catch(() => undefined);
    return mine;
  });
  try {
    const report = await run(options);
    const end = modelView(cluster, await lookAtAll(options), world);
    // Nobody looks at what has left any more.
    const deviations = differences(modelView(cluster, world, world), end).filter(one => !one.endsWith(GONE));
    if (deviations.length > 0) throw new Error(`after the run: ${deviations.join('\n')}`);
    return { report, trace };
  } finally {
    spy.mockRestore();
  }
}

/** With connections of its own: also at machines that the run does not hold. A busy one is asked again. */
async function lookAtAll(options: RunOptions, again = 3): Promise<World> {
  const machines = new Machines(options);
  try {
    const seen = await machines.observe();
    if (again > 0 && Object.values(seen.hosts).some(answer => !answer.known)) return lookAtAll(options, again - 1);
    return await machines.follow(seen, await leavingHosts(options.generated, options.desired.cluster, seen));
  } finally {
    await machines.close();
  }
}

function touched(machines: Machines, operation: Operation): string[] {
  const about = operation.kind === 'sql' ? operation.statement : operation;
  return 'host' in about && machines.locked.has(about.host) ? [about.host] : [];
}

/** Waits until the world is one of the allowed ones. */
async function rest(
  desired: ClusterJson,
  look: Machines['look'],
  machines: readonly string[],
  before: World,
  allowed: readonly World[],
): Promise<{ after: World; deviations: readonly string[] }> {
  const models = allowed.map(world => modelView(desired, world, before));
  const end = performance.now() + REST_MS;
  for (;;) {
    const after = await look(before, { machines, answers: 'all' });
    const deviations = models.map(model => differences(model, modelView(desired, after, before)));
    const [fewest = []] = deviations.toSorted((a, b) => a.length - b.length);
    if (fewest.length === 0 || performance.now() > end) return { after, deviations: fewest };
    await sleep(POLL_MS);
  }
}

function differences(model: unknown, seen: unknown, path = ''): string[] {
  if (!isRecord(model) || !isRecord(seen)) {
    const [told, is] = [JSON.stringify(model), JSON.stringify(seen)];
    return told === is ? [] : [`${path}: ${told}, and it is ${is}`];
  }
  const keys = new Set([...Object.keys(model), ...Object.keys(seen)]);
  return [...keys].flatMap(key => differences(model[key], seen[key], path === '' ? key : `${path} ${key}`));
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
