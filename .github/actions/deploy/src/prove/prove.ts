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
  /** How far it was looked, for the log; null: the verb promises nothing. */
  readonly extent: string | null;
  readonly problem: Problem | null;
}

/** Judges a plan before anybody runs it, by rules that the planner does not know. */
export function prove(desired: ClusterJson, world: World, request: Request, { waves }: Pick<Plan, 'waves'>): Proof {
  if (!PROVED.has(request.intent)) return { extent: null, problem: null };
  const nodes = desired.hosts.reduce((sum, host) => sum + host.be.length + Number(host.fe !== null), 0);
  if (nodes > MOST_NODES) {
    const extent = `${waves.length} waves, without a fault in between: ${nodes} nodes have too many of them`;
    return { extent, problem: alongThePlan(desired, waves) };
  }
  const { states, exhaustive, story } = explore(desired, world, request, {
    faults: 1,
    limit: MOST_STATES,
    safetyOnly: true,
  });
  const extent = `${exhaustive ? 'all' : 'the first'} ${states} states that it and one fault can lead to`;
  return { extent, problem: story === null ? null : unsafePlan(story) };
}

/** The plan itself, without faults. */
function alongThePlan(desired: ClusterJson, waves: Plan['waves']): Problem | null {
  for (const { title, steps, meets } of waves) {
    const [wrong] = violations(desired, { world: meets, away: {} }, steps);
    if (wrong !== undefined) return unsafePlan([title, wrong]);
  }
  return null;
}

const unsafePlan = (story: readonly string[]): Problem => ({
  code: 'E_PLAN_UNSAFE',
  host: null,
  step: 'prove',
  message: `The plan was left alone, because it could go wrong: ${story.at(-1)}.`,
  hint: 'This is a defect of this tool: report it with these lines. Nothing was touched.',
  detail: story.map((line, at) => `${at + 1}. ${line}`),
});
