import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import type { Problem } from '../error.ts';
import { planDigest } from './approval.ts';
import { carriedOut } from './effects.ts';
import { next } from './next.ts';
import { pass } from './settle.ts';
import { firstMemory, imagesOf, type Request } from './situation.ts';
import type { Step } from './step.ts';
import { nodeKey, type World } from './world.ts';

export interface Wave {
  readonly title: string;
  readonly steps: readonly Step[];
  /** What it finds, if those before it succeed. */
  readonly meets: World;
  /** It comes after something that may take days: a run ends there, and another one does this. */
  readonly later?: boolean;
}

/** What a run would do, if every step succeeded: `next` unfolded over the success of each operation. */
export interface Plan {
  readonly waves: readonly Wave[];
  /** Why it cannot be carried out, or cannot to its end; empty when it can. */
  readonly problems: readonly Problem[];
  /** What was approved: hosts' contents and, per service, new digest and action. Not who leads or how healthy it is. */
  readonly digest: string;
  /** Something that may take days is waited for. */
  readonly draining: boolean;
  /** A node or a leader is waited for that may come by itself: a run that has nothing else to do sees it come up. */
  readonly waits: boolean;
  /** What it leads to. */
  readonly end: World;
  /** Hosts that some step touches, in the order of cluster.json. */
  readonly hosts: readonly string[];
}

/** No plan is longer than this many waves a node: more means that the planner goes round in circles. */
const WAVES_PER_NODE = 8;

/** Pure. */
export function makePlan(desired: ClusterJson, world: World, request: Request): Plan {
  const { waves, problems, open, draining, waits, end } = unfold(desired, world, request);
  const touched = new Set(waves.flatMap(wave => wave.steps.map(step => step.host)));
  // What comes after a wait that only the live cluster can end may touch anybody.
  const may = (address: string) => touched.has(address) || (open && world.hosts[address]?.known === true);
  const leaving = world.leaving.map(host => host.address);
  const hosts = [...new Set([...desired.hosts.map(host => host.address), ...leaving])].filter(may);
  return { waves, problems, digest: planDigest(desired, waves), draining, waits, end, hosts };
}

/** The waves, why they end early if they do (a refusal, or `open`: a wait), and the world that they lead to. */
export function unfold(
  desired: ClusterJson,
  world: World,
  request: Request,
): {
  readonly waves: readonly Wave[];
  readonly problems: readonly Problem[];
  readonly open: boolean;
  readonly draining: boolean;
  readonly waits: boolean;
  readonly end: World;
} {
  const waves: Wave[] = [];
  const memory = firstMemory(world);
  let problems: readonly Problem[] = [];
  let open = false;
  let draining = false;
  let waits = false;
  let at = world;
  const limit = WAVES_PER_NODE * (desired.hosts.length + 1);
  for (;;) {
    const decision = next({ desired, world: at, request, memory });
    if (decision.kind === 'done') break;
    if (decision.kind === 'blocked') {
      problems = decision.problems;
      break;
    }
    if (decision.kind === 'wait') {
      if (decision.days === true) draining = true;
      else waits = true;
      const settled = pass(desired, at);
      // What does not come by itself in the model is a wait for the live run, not a step of the plan.
      open = JSON.stringify(settled) === JSON.stringify(at);
      if (open) break;
      at = settled;
      continue;
    }
    waves.push({ title: decision.title, steps: decision.steps, meets: at, ...(draining ? { later: true } : {}) });
    draining ||= decision.steps.some(step => step.action === 'drain');
    if (waves.length > limit) throw new Error(`the plan does not end: ${decision.title}`);
    const operations = decision.steps.flatMap(step => step.operations);
    at = carriedOut(operations, desired, at, (operation, meets) => {
      // As the live loop remembers it; the model's rows have no time that could be older.
      if (operation.kind === 'restart')
        memory.started[nodeKey(operation.host, operation.service)] = { start_time: null };
      if (operation.kind === 'sql' && operation.statement.kind === 'createImage')
        memory.images_before = imagesOf(meets);
    });
  }
  return { waves, problems, open, draining, waits, end: at };
}
