import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { apply, settle } from './effects.ts';
import { holds, majority, replicasAway } from './gates.ts';
import type { Plan, Wave } from './plan.ts';
import { convergeAll, down, holders, members, type Node, up, type View, view } from './situation.ts';
import type { World } from './world.ts';
import { nodeKey } from './world.ts';

/** What cannot be used while a wave runs, and what is left. */
export interface Impact {
  /** `address/service` of the nodes that are away. */
  readonly down: readonly string[];
  /** Followers that remain up, and how many a majority needs; null before a cluster exists. */
  readonly quorum: { readonly up: number; readonly needed: number; readonly all: number } | null;
  /** BEs away together, and how many replication allows. */
  readonly replicas: { readonly away: number; readonly allowed: number } | null;
  /** What is lost already, or would be by one more failure in that moment, one sentence; null for nothing. */
  readonly next_failure: string | null;
}

/** One for each wave of the plan, from the world that the waves before it lead to. */
export function impacts(desired: ClusterJson, world: World, plan: Pick<Plan, 'waves'>): Impact[] {
  let at = world;
  return plan.waves.map(wave => {
    const impact = during(view({ desired, world: at, request: convergeAll, memory: NOTHING }), wave);
    for (const operation of wave.steps.flatMap(step => step.operations)) at = apply(operation, desired, at);
    at = settle(desired, at);
    return impact;
  });
}

const NOTHING = { started: {}, unhealthy_before: null };

function during(v: View, wave: Wave): Impact {
  const stops = new Set(
    wave.steps.flatMap(step =>
      step.operations.flatMap(operation =>
        operation.kind === 'activate' || operation.kind === 'restart' || operation.kind === 'stop'
          ? [nodeKey(operation.host, operation.service)]
          : [],
      ),
    ),
  );
  // One that holds nothing is missed by nobody.
  const empty = (node: Node): boolean => holds({ kind: 'drained', node: node.key }, v) === null;
  const away = [...members(v), ...holders(v)].filter(
    node => node.row !== null && !empty(node) && (stops.has(node.key) || down(node) || !node.row.alive),
  );
  const gone = new Set(away.map(node => node.key));
  if (v.rows === null) return { down: [...gone], quorum: null, replicas: null, next_failure: null };
  const voters = members(v).filter(
    node => node.row !== null && node.row.role !== 'OBSERVER' && node.row.last_heartbeat !== null,
  );
  const left = voters.filter(node => !gone.has(node.key) && up(node, v.memory)).length;
  const quorum = { up: left, needed: majority(voters.length), all: voters.length };
  const absent = holders(v).filter(node => gone.has(node.key)).length;
  const replicas = { away: absent, allowed: replicasAway(v.desired.default_replication_num) };
  const next_failure = gone.size === 0 ? null : nextFailure(v, quorum, replicas);
  return { down: [...gone], quorum, replicas, next_failure };
}

function nextFailure(
  v: View,
  quorum: NonNullable<Impact['quorum']>,
  { away, allowed }: NonNullable<Impact['replicas']>,
): string | null {
  const leaderless = quorum.up < quorum.needed;
  const fe = !leaderless && quorum.up - 1 < quorum.needed && quorum.up < quorum.all;
  const copies = v.desired.default_replication_num;
  const unread = away >= copies;
  const lost = away > 0 && away + 1 >= copies;
  const writes = away > 0 && away + 1 > allowed;
  const says = [
    ...(leaderless ? ['nobody leads until a majority is back'] : []),
    ...(unread ? ['tablets with all their replicas there cannot be read'] : []),
    ...(fe ? ['one more FE down would leave no leader until one is back'] : []),
    ...(unread
      ? []
      : lost
        ? [`one more BE down could leave tablets with no replica to read`]
        : writes
          ? [`one more BE down could stop writes to tablets with two replicas away`]
          : []),
  ];
  if (says.length === 0) return null;
  const text = says.join(', and ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
