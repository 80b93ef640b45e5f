import { apply, effects } from '../../.github/actions/deploy/src/plan/effects.ts';
import { leavingBetween } from '../../.github/actions/deploy/src/plan/leaving.ts';
import { next } from '../../.github/actions/deploy/src/plan/next.ts';
import { unfold } from '../../.github/actions/deploy/src/plan/plan.ts';
import { pass, settle } from '../../.github/actions/deploy/src/plan/settle.ts';
import { convergeAll, firstMemory, imagesOf } from '../../.github/actions/deploy/src/plan/situation.ts';
import { known, unknown, type World } from '../../.github/actions/deploy/src/plan/world.ts';
import type { Truth } from '../../.github/actions/deploy/src/prove/fault.ts';
import type { ClusterJson } from '../../compiler/contract/cluster-json.ts';
import { emptyMachine, emptyWorld } from '../unit/plan/worlds.ts';
import { damaged } from './damaged.ts';
import { declared } from './declared.ts';
import type { Recipe } from './recipe.ts';

/** What a run meets. */
export interface Triple {
  /** What cluster.yaml said before. */
  readonly was: ClusterJson;
  readonly desired: ClusterJson;
  readonly truth: Truth;
  /** An earlier run was killed in it. */
  readonly halfDone: boolean;
}

/** Tablets of every BE: one that holds none is no loss to anybody. */
const TABLETS = 12;

export function triple(recipe: Recipe): Triple {
  const { was, now } = declared(recipe);
  if (recipe.fresh) {
    const world = inMaintenance(now, emptyWorld(now));
    return { was: now, desired: now, truth: { world, away: {} }, halfDone: false };
  }
  let truth: Truth = { world: filled(unfold(was, emptyWorld(was), convergeAll).end), away: {} };
  for (const damage of recipe.before) truth = damaged(was, truth, damage);
  truth = { ...truth, world: towards(now, was, truth.world) };
  const { killed } = recipe;
  if (killed !== null) truth = { ...truth, world: halfWay(now, truth.world, killed) };
  const [desired, earlier] = killed?.reverted === true ? [was, now] : [now, was];
  if (killed?.reverted === true) truth = { ...truth, world: towards(desired, earlier, truth.world) };
  for (const damage of recipe.after) truth = damaged(desired, truth, damage);
  return {
    was: earlier,
    desired,
    truth: { ...truth, world: inMaintenance(desired, truth.world) },
    halfDone: killed !== null,
  };
}

function filled(world: World): World {
  if (!world.cluster.known) return world;
  const rows = world.cluster.value;
  const backends = rows.backends.map(row => ({ ...row, tablet_num: TABLETS }));
  return { ...world, cluster: known({ ...rows, backends }) };
}

/** New machines are fresh, and what is not declared any more leaves, as long as somebody knows it. */
function towards(desired: ClusterJson, was: ClusterJson, world: World): World {
  const added = desired.hosts
    .filter(host => world.hosts[host.address] === undefined)
    .map(host => [host.address, known(emptyMachine())] as const);
  return { ...world, hosts: { ...world.hosts, ...Object.fromEntries(added) }, leaving: leavingBetween(was, desired) };
}

/** A run that stops in the middle of its n-th operation, or at its end if it is shorter. */
function halfWay(desired: ClusterJson, start: World, killed: NonNullable<Recipe['killed']>): World {
  const memory = firstMemory(start);
  let world = inMaintenance(desired, start);
  let left = killed.operations;
  for (let turn = 0; turn < 300; turn += 1) {
    const decision = next({ desired, world, request: convergeAll, memory });
    if (decision.kind === 'blocked' || decision.kind === 'done') return world;
    if (decision.kind === 'wait') {
      const settled = pass(desired, world);
      if (JSON.stringify(settled) === JSON.stringify(world)) return world;
      world = settled;
      continue;
    }
    for (const operation of decision.steps.flatMap(step => step.operations)) {
      if (left === 0) {
        const { done, cutOff } = effects(operation, desired, world);
        // The next run comes later: what stands still by then answers nobody.
        return settle(desired, [done, ...cutOff][killed.torn % (cutOff.length + 1)] ?? done);
      }
      left -= 1;
      if (operation.kind === 'sql' && operation.statement.kind === 'createImage')
        memory.images_before = imagesOf(world);
      world = apply(operation, desired, world);
    }
    world = settle(desired, world);
  }
  return world;
}

/** Nobody looks at those machines, nor asks their nodes. */
function inMaintenance(desired: ClusterJson, world: World): World {
  const addresses = desired.hosts.filter(host => host.maintenance).map(host => host.address);
  if (addresses.length === 0) return world;
  const hosts = Object.fromEntries(addresses.map(address => [address, unknown('it is in maintenance')]));
  const answers = Object.entries(world.answers).filter(([key]) => !addresses.includes(key.split('/')[0] ?? ''));
  return { ...world, hosts: { ...world.hosts, ...hosts }, answers: Object.fromEntries(answers) };
}
