import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import type { Problem } from '../error.ts';
import type { Plan } from '../plan/plan.ts';
import type { Intent, Request } from '../plan/situation.ts';
import type { World } from '../plan/world.ts';
import { explore } from './explore.ts';
import { violations } from './invariants.ts';

/** Verbs that promise to keep the cluster up; whoever stops it by hand wants that. */
const PROVED: ReadonlySet<Intent> = new Set(['converge', 'restart', 'register', 'drop']);

/** Above it, faults have too many places to strike for a deploy to wait for all of them. */
const MOST_NODES = 24;
const MOST_STATES = 3000;

export interface Proof {
  /** Moments of the plan that were looked at, with one fault at each where the cluster is small enough for that. */
  readonly states: number;
  readonly exhaustive: boolean;
  readonly problem: Problem | null;
}

/** Judges a plan before anybody runs it, by rules that the planner does not know. */
export function prove(desired: ClusterJson, world: World, request: Request, { waves }: Pick<Plan, 'waves'>): Proof {
  if (!PROVED.has(request.intent)) return { states: 0, exhaustive: false, problem: null };
  const nodes = desired.hosts.reduce((sum, host) => sum + host.be.length + Number(host.fe !== null), 0);
  const { states, exhaustive, story } =
    nodes > MOST_NODES
      ? alongThePlan(desired, waves)
      : explore(desired, world, request, { faults: 1, limit: MOST_STATES, safetyOnly: true });
  return { states, exhaustive, problem: story === null ? null : unsafePlan(story) };
}

/** The plan itself, without faults. */
function alongThePlan(desired: ClusterJson, waves: Plan['waves']) {
  for (const { title, steps, meets } of waves) {
    const [wrong] = violations(desired, { world: meets, away: {} }, steps);
    if (wrong !== undefined) return { states: waves.length, exhaustive: false, story: [title, wrong] };
  }
  return { states: waves.length, exhaustive: false, story: null };
}

const unsafePlan = (story: readonly string[]): Problem => ({
  code: 'E_PLAN_UNSAFE',
  host: null,
  step: 'prove',
  message: `The plan was left alone, because it could go wrong: ${story.at(-1)}.`,
  hint: 'This is a defect of this tool: report it with these lines. Nothing was touched.',
  detail: story.map((line, at) => `${at + 1}. ${line}`),
});
