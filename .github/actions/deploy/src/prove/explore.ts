import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { effects } from '../plan/effects.ts';
import { next } from '../plan/next.ts';
import { pass, settle } from '../plan/settle.ts';
import { firstMemory, imagesOf, type Memory, type Request, view } from '../plan/situation.ts';
import { type Next, type Step, stepTitle } from '../plan/step.ts';
import { nodeKey, type World } from '../plan/world.ts';
import { back, isUnheardSomewhere, possible, sentence, strike, type Truth } from './fault.ts';
import { violations } from './invariants.ts';
import { stateKey } from './state-key.ts';

export interface Exploration {
  readonly states: number;
  /** Every state that can be reached was; false: the limit came first. */
  readonly exhaustive: boolean;
  /** The shortest way to something that must never happen, as sentences; null: there is none. */
  readonly story: readonly string[] | null;
}

export interface Bounds {
  /** How many faults strike in one story. */
  readonly faults: number;
  /** How many states are looked at. */
  readonly limit: number;
  /** Only what must never be done, not whether it comes to its end: a real world may wait for what no model knows. */
  readonly safetyOnly?: boolean;
}

interface State extends Truth {
  readonly memory: Memory;
  readonly faults: number;
  /** What a person has to mend: then a refusal is the right answer. */
  readonly wounded: boolean;
  readonly came: { readonly from: State; readonly by: string } | null;
}

/** A state that is looked at, with the text that tells it from all others. */
interface Place extends State {
  readonly key: string;
}

/**
 * Lets the planner run in every world that faults can lead to, and looks for one in which it does what must never be
 * done, goes round in circles, or gives up though nothing is broken. A runner that is killed, a command that is cut off
 * and an answer that is lost count as one fault each, as crashes do. Breadth first, so that a story is the shortest.
 */
export function explore(desired: ClusterJson, world: World, request: Request, bounds: Bounds): Exploration {
  const start: State = {
    world,
    away: {},
    memory: firstMemory(world),
    faults: bounds.faults,
    wounded: next({ desired, world, request, memory: firstMemory(world) }).kind === 'blocked',
    came: null,
  };
  const first = { ...start, key: keyOf(desired, start) };
  const seen = new Set([first.key]);
  const queue: Place[] = [first];
  const path = new Map<string, string>();
  let exhaustive = true;
  for (let at = 0; at < queue.length; at += 1) {
    const state = queue[at] as Place;
    const decision = next({ desired, world: state.world, request, memory: state.memory });
    const wrong =
      decision.kind === 'wave' || bounds.safetyOnly !== true ? judged(desired, state, decision, request) : null;
    if (wrong !== null) return { states: queue.length, exhaustive: false, story: told(state, decision, wrong) };
    const after = successors(desired, state, decision);
    for (const following of [...after, ...struck(desired, state)]) {
      const key = keyOf(desired, following);
      if (following === after[0] && key !== state.key) path.set(state.key, key);
      if (seen.has(key)) continue;
      if (queue.length >= bounds.limit) {
        exhaustive = false;
        break;
      }
      seen.add(key);
      queue.push({ ...following, key });
    }
  }
  if (bounds.safetyOnly === true) return { states: queue.length, exhaustive, story: null };
  const circle = inCircles(path);
  const caught = queue.find(({ key }) => circle.has(key));
  const story = caught === undefined ? null : [...way(caught), 'from there it goes round in circles'];
  return { states: queue.length, exhaustive, story };
}

/** States from which a run that nothing hinders comes back to where it was. */
function inCircles(path: ReadonlyMap<string, string>): Set<string> {
  const ends = new Set<string>();
  const circle = new Set<string>();
  for (const begin of path.keys()) {
    const walked = new Set<string>();
    let at: string | undefined = begin;
    while (at !== undefined && !ends.has(at) && !circle.has(at) && !walked.has(at)) {
      walked.add(at);
      at = path.get(at);
    }
    const loops = at !== undefined && (walked.has(at) || circle.has(at));
    for (const key of walked) (loops ? circle : ends).add(key);
  }
  return circle;
}

const keyOf = (desired: ClusterJson, state: State): string =>
  `${stateKey(desired, state)}|${Object.keys(state.memory.started).sort()}|${JSON.stringify(state.memory.images_before)}|${state.faults}|${state.wounded}`;

function judged(desired: ClusterJson, state: State, decision: Next, request: Request): string | null {
  switch (decision.kind) {
    case 'wave':
      return violations(desired, state, decision.steps)[0] ?? null;
    case 'blocked':
      return state.wounded || Object.keys(state.away).length > 0
        ? null
        : `it gives up though nothing is broken: ${decision.problems.map(one => one.message).join(' ')}`;
    case 'wait':
      return stands(desired, state) && decision.days !== true && !state.wounded && Object.keys(state.away).length === 0
        ? `it waits for ever: ${decision.reason}`
        : null;
    case 'done':
      return unfinished(desired, state, request);
  }
}

const stands = (desired: ClusterJson, { world }: State): boolean =>
  stateKey(desired, { world, away: {} }) === stateKey(desired, { world: pass(desired, world), away: {} });

/** Of what was asked for, what a run that says `done` has left undone. */
function unfinished(desired: ClusterJson, { world, memory, away }: State, request: Request): string | null {
  if (request.intent !== 'converge' || request.hosts !== null || Object.keys(away).length > 0) return null;
  const v = view({ desired, world, request, memory });
  const missing = [...v.frontends, ...v.backends].find(
    node => node.row?.alive !== true || node.container?.digest !== node.service.digest,
  );
  if (missing !== undefined) return `it says that it is done, and ${missing.key} is not as declared`;
  const switched = v.frontends.find(node => node.machine?.fe.state.switches != null);
  if (switched !== undefined || Object.values(world.switches).some(one => one.tablet_sched_disable_balance === 'true'))
    return 'it says that it is done, and tablets are not balanced as before';
  const left = [...v.leavingFrontends, ...v.leavingBackends].find(node => node.row !== null);
  return left === undefined ? null : `it says that it is done, and ${left.key} is still a member`;
}

/** What follows without a fault, and from every place where the run can be cut off. */
function successors(desired: ClusterJson, state: State, decision: Next): State[] {
  if (decision.kind === 'wait') {
    const world = pass(desired, state.world);
    const came = { from: state, by: `some time passes until ${decision.reason}` };
    return [{ ...state, world, came }, ...returned(desired, state)];
  }
  if (decision.kind !== 'wave') return returned(desired, state);
  return wave(desired, state, decision.steps);
}

/** Whoever was away comes back, and whoever was not heard of is, once nothing else goes on; a new run finds it. */
function returned(desired: ClusterJson, state: State): State[] {
  const names = Object.keys(state.away);
  if (names.length === 0 && !isUnheardSomewhere(state)) return [];
  const truth = back(desired, state);
  const what = names.length === 0 ? 'the leader hears of all again' : `${names.join(', ')} is back`;
  const came = { from: state, by: `${what}, and a new run begins` };
  return [{ ...state, ...truth, memory: firstMemory(truth.world), came }];
}

function wave(desired: ClusterJson, state: State, steps: readonly Step[]): State[] {
  const found: State[] = [];
  const started = { ...state.memory.started };
  let { images_before } = state.memory;
  let world = state.world;
  let said = '';
  for (const step of steps) {
    for (const operation of step.operations) {
      const { done, cutOff } = effects(operation, desired, world);
      if (state.faults > 0) {
        for (const torn of cutOff) found.push(killed(state, torn, `${said}the runner is killed in ${stepTitle(step)}`));
        found.push(killed(state, done, `${said}the runner is killed after ${operation.kind} of ${stepTitle(step)}`));
      }
      if (operation.kind === 'sql' && operation.statement.kind === 'createImage') images_before = imagesOf(world);
      if (operation.kind === 'restart') started[nodeKey(operation.host, operation.service)] = { start_time: null };
      world = done;
    }
    said = `${said}${stepTitle(step)}, `;
  }
  const came = { from: state, by: steps.map(step => stepTitle(step)).join(', ') };
  const memory = { ...state.memory, started, ...(images_before === undefined ? {} : { images_before }) };
  return [{ ...state, world: settle(desired, world), memory, came }, ...found];
}

const killed = (state: State, world: World, by: string): State => ({
  ...state,
  world,
  memory: firstMemory(world),
  faults: state.faults - 1,
  came: { from: state, by: `${by}, and a new run begins` },
});

function struck(desired: ClusterJson, state: State): State[] {
  if (state.faults === 0) return [];
  return possible(state).map(fault => ({
    ...state,
    ...strike(fault, desired, state),
    faults: state.faults - 1,
    wounded: state.wounded || fault.kind === 'metadata-lost' || fault.kind === 'disk-full',
    came: { from: state, by: sentence(fault) },
  }));
}

function way(state: State): string[] {
  const steps: string[] = [];
  for (let at: State | null = state; at?.came != null; at = at.came.from) steps.unshift(at.came.by);
  return steps;
}

function told(state: State, decision: Next, wrong: string): string[] {
  const last = decision.kind === 'wave' ? [`the run would ${decision.steps.map(stepTitle).join(', ')}`] : [];
  return [...way(state), ...last, wrong];
}
