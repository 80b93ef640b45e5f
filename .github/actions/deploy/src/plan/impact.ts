import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { holds, majority, replicasAway } from './gates.ts';
import { stoppedBy } from './operation.ts';
import type { Plan, Wave } from './plan.ts';
import { type BeNode, convergeAll, down, holders, members, type Node, up, type View, view } from './situation.ts';
import { nodeKey } from './world.ts';

/** What cannot be used while a wave runs, and what is left. */
export interface Impact {
  /** `address/service` of the nodes that are away. */
  readonly down: readonly string[];
  /** Followers that remain up, and how many a majority needs; null before a cluster exists. */
  readonly quorum: { readonly up: number; readonly needed: number; readonly all: number } | null;
  /** BEs away together, how many replication allows, and of a tablet's replicas those left in the worst case. */
  readonly replicas: {
    readonly away: number;
    readonly allowed: number;
    readonly left: number;
    readonly all: number;
  } | null;
  /** What is lost already, or would be by one more failure in that moment, one sentence; null for nothing. */
  readonly next_failure: string | null;
}

/** One for each wave of the plan, in the world that it meets. */
export const impacts = (desired: ClusterJson, { waves }: Pick<Plan, 'waves'>): Impact[] =>
  waves.map(wave => during(view({ desired, world: wave.meets, request: convergeAll, memory: NOTHING }), wave));

const NOTHING = { started: {}, unhealthy_before: null };

function during(v: View, wave: Wave): Impact {
  const stops = new Set(
    wave.steps.flatMap(step =>
      step.operations.flatMap(operation => {
        const stopped = stoppedBy(operation);
        return stopped === null ? [] : [nodeKey(stopped.host, stopped.service)];
      }),
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
  const holding = holders(v).filter(node => node.row !== null && !empty(node));
  const all = v.desired.default_replication_num;
  const absent = holders(v).filter(node => gone.has(node.key));
  const replicas = {
    ...{ away: absent.length, allowed: replicasAway(all), all },
    left: replicasLeft(all, holding, absent),
  };
  const then = worstLeft(all, holding, absent);
  const next_failure = gone.size === 0 ? null : nextFailure(quorum, replicas, then);
  return { down: [...gone], quorum, replicas, next_failure };
}

/**
 * Replicas of a tablet lie on different machines where there are enough, and in different locations where all BEs carry
 * a label and there are enough: never more of them are away than that allows.
 */
function replicasLeft(all: number, holding: readonly BeNode[], away: readonly BeNode[]): number {
  const labelled = holding.every(node => node.host.location !== null);
  const places = (nodes: readonly BeNode[]): string[] => nodes.map(node => node.host.location ?? '');
  const locations = labelled ? new Set(places(holding)).size : 1;
  const each = Math.ceil(all / Math.max(1, locations));
  const machines = new Set(holding.map(node => node.host.address)).size;
  const lost = [...new Set(labelled ? places(away) : [''])].map(place => {
    const there = labelled ? away.filter(node => node.host.location === place) : away;
    const separate = machines >= all ? new Set(there.map(node => node.host.address)).size : there.length;
    return Math.min(each, separate);
  });
  return Math.max(0, all - lost.reduce((sum, one) => sum + one, 0));
}

/** After one more machine with BEs has gone, whichever would be the worst: of one location, the one with the most BEs. */
function worstLeft(all: number, holding: readonly BeNode[], away: readonly BeNode[]): number {
  const gone = new Set(away);
  const machines = new Map<string, BeNode[]>();
  for (const node of holding) {
    const { address } = node.host;
    if (!gone.has(node)) machines.set(address, [...(machines.get(address) ?? []), node]);
  }
  const worst = new Map<string | null, readonly BeNode[]>();
  for (const nodes of machines.values()) {
    const location = nodes[0]?.host.location ?? null;
    if (nodes.length > (worst.get(location)?.length ?? 0)) worst.set(location, nodes);
  }
  return Math.min(all, ...[...worst.values()].map(nodes => replicasLeft(all, holding, [...away, ...nodes])));
}

/** @param then replicas left in the worst case after one more machine */
function nextFailure(
  quorum: NonNullable<Impact['quorum']>,
  { away, allowed, left, all }: NonNullable<Impact['replicas']>,
  then: number,
): string | null {
  const leaderless = quorum.up < quorum.needed;
  const fe = !leaderless && quorum.up - 1 < quorum.needed && quorum.up < quorum.all;
  const unread = away > 0 && left === 0;
  const writes = away > 0 && all - then > allowed;
  const says = [
    ...(leaderless ? ['nobody leads until a majority is back'] : []),
    ...(unread ? ['tablets with all their replicas there cannot be read'] : []),
    ...(fe ? ['one more FE down would leave no leader until one is back'] : []),
    ...(unread
      ? []
      : away > 0 && then === 0
        ? ['one more BE down could leave tablets with no replica to read']
        : writes
          ? [`one more BE down could stop writes to tablets with ${then} of ${all} replicas left`]
          : []),
  ];
  if (says.length === 0) return null;
  const text = says.join(', and ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
