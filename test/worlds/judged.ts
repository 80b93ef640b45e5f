import { isDeepStrictEqual } from 'node:util';
import { unfold } from '../../.github/actions/deploy/src/plan/plan.ts';
import { settle } from '../../.github/actions/deploy/src/plan/settle.ts';
import { convergeAll } from '../../.github/actions/deploy/src/plan/situation.ts';
import { stepTitle } from '../../.github/actions/deploy/src/plan/step.ts';
import { nodeKey, type World } from '../../.github/actions/deploy/src/plan/world.ts';
import { violations } from '../../.github/actions/deploy/src/prove/invariants.ts';
import { changed } from '../../.github/actions/deploy/src/verify/changed.ts';
import type { Recipe } from './recipe.ts';
import { safePath } from './safe-path.ts';
import { type Met, SITUATIONS } from './situations.ts';
import { type Triple, triple } from './triple.ts';
import { undone } from './undone.ts';

/** Refusals that are meant, though the invariants may know a way: each because of what no model of the cluster holds. */
const DELIBERATE: ReadonlySet<string> = new Set([
  // Releases that the documentation does not let become each other, and changes that would meet two releases.
  ...['E_VERSION_PATH', 'E_VERSION_MIXED', 'E_VERSION_AWAY', 'E_VERSION_AND_MORE'],
  // Only a person can say that data may be out of reach, is lost for good, or lies elsewhere on purpose.
  ...['E_OUTAGE', 'E_STORAGE_LOST', 'E_MAJORITY_LOST', 'E_DATA_MOVED'],
  // Identity: an old port in a row is another node.
  ...['E_FE_PORT_MOVED', 'E_BE_PORT_MOVED'],
  // An FE that runs on a machine that nobody can reach.
  'E_UNREACHABLE',
  // Who voted before no leader answered is lost to the model, so its elections prove nothing.
  'E_NO_LEADER',
  // Nodes that no model of the cluster holds.
  'E_COMPUTE_NODES',
]);

export interface Verdict {
  /** What is wrong with the plan; null: nothing. */
  readonly complaint: string | null;
  readonly situations: readonly string[];
  readonly waves: number;
  /** Somebody looked for another way than the planner's. */
  readonly searched: boolean;
}

/** How many places the search for another way looks at, and how many nodes a cluster has at most for it. */
const PLACES = 150;
const MOST_NODES = 8;

export function judged(recipe: Recipe): Verdict {
  const met = triple(recipe);
  const { desired, truth } = met;
  const { waves, problems, open, draining, end } = unfold(desired, truth.world, convergeAll);
  const codes = new Set(problems.map(problem => problem.code));
  const story: Met = { triple: met, waves, codes, draining };
  const situations = Object.entries(SITUATIONS).flatMap(([name, is]) => (is(story) ? [name] : []));
  const refused = open && !draining ? new Set(['it waits']) : codes;
  const meant = [...refused].every(code => DELIBERATE.has(code));
  const nodes = desired.hosts.reduce((sum, host) => sum + host.be.length + Number(host.fe !== null), 0);
  const search = refused.size > 0 && !meant && nodes <= MOST_NODES;
  const complaint =
    unsafe(met, waves) ??
    contract(met, waves, end) ??
    (refused.size === 0 ? atItsEnd(met, end) : null) ??
    (search ? needlessly(met, [...refused, ...problems.map(one => one.message)], end) : null);
  return { complaint, situations, waves: waves.length, searched: search };
}

type Waves = Met['waves'];

function unsafe({ desired, truth }: Triple, waves: Waves): string | null {
  for (const wave of waves) {
    const [wrong] = violations(desired, { ...truth, world: wave.meets }, wave.steps);
    if (wrong !== undefined) return `${wave.title} (${wave.steps.map(stepTitle).join(', ')}): ${wrong}`;
  }
  return null;
}

/** Whom no step names is as before, row and container. */
function contract({ desired, truth }: Triple, waves: Waves, last: World): string | null {
  // Not what the machines and the cluster come to by themselves.
  const [world, end] = [settle(desired, truth.world), settle(desired, last)];
  const steps = waves.flatMap(wave => wave.steps);
  const named = new Set(
    steps.flatMap(({ host, service }) => (host === null || service === null ? [] : [nodeKey(host, service)])),
  );
  for (const [host, answer] of Object.entries(world.hosts)) {
    const now = end.hosts[host];
    if (!answer.known || now?.known !== true) continue;
    for (const one of answer.value.containers) {
      if (named.has(nodeKey(host, one.service))) continue;
      const other = now.value.containers.find(container => container.service === one.service);
      if (!isDeepStrictEqual({ ...other, health: one.health }, one))
        return `${one.service} on ${host} was not named and is another`;
    }
  }
  if (!world.cluster.known || !end.cluster.known) return null;
  const [first] = changed([...desired.hosts, ...world.leaving], world.cluster.value, end.cluster.value, named);
  return first === undefined ? null : `${first.node} was not named: expected ${first.expected}, found ${first.found}`;
}

/** It ends where it was to end, and the next run finds nothing to do. */
function atItsEnd({ desired, was, truth }: Triple, end: World): string | null {
  const [first] = undone(desired, was, end);
  if (first !== undefined) return `it says that it is done, and ${first}`;
  const away = Object.values(truth.world.hosts).some(host => !host.known);
  const held = Object.values(end.switches).some(one => one.tablet_sched_disable_balance === 'true');
  if (held && !away) return 'it says that it is done, and tablets are not balanced as before';
  const again = unfold(desired, end, convergeAll);
  const [wave] = again.waves;
  if (wave !== undefined) return `the next run would do something: ${wave.title}`;
  return again.problems.length > 0 ? `the next run would refuse: ${again.problems[0]?.message}` : null;
}

function needlessly({ desired, was, truth }: Triple, why: readonly string[], end: World): string | null {
  const path = safePath(desired, was, { ...truth, world: end }, PLACES) ?? safePath(desired, was, truth, PLACES);
  if (path === null || path.length === 0) return null;
  return `it refuses (${why.join(' ')}), and there is a way: ${path.join(', ')}`;
}
