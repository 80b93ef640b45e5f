import type { View } from './situation.ts';
import { down, up } from './situation.ts';
import { unreachableCase } from './unreachable.ts';

/** What must be true of the live cluster right before a step. */
export type Gate =
  /** No FE of the cluster exists anywhere: every machine has answered, and none has ever carried one. */
  | { readonly kind: 'nothing-founded'; readonly founder: string }
  /** The followers that remain are a majority, and each of them answers. */
  | { readonly kind: 'quorum-without'; readonly node: string }
  /** Replicas and location labels allow these BEs to be away together. */
  | { readonly kind: 'replicas-without'; readonly nodes: readonly string[] }
  /** The node does not answer, so that stopping it takes nothing away. */
  | { readonly kind: 'already-down'; readonly node: string }
  | { readonly kind: 'leader-elsewhere'; readonly address: string }
  /** Everybody else is healthy: the one condition of a step that cluster.yaml lets take an outage. */
  | { readonly kind: 'others-healthy'; readonly nodes: readonly string[] };

/** Why the gate does not hold, one clause, or null when it does. */
export function holds(gate: Gate, v: View): string | null {
  switch (gate.kind) {
    case 'nothing-founded':
      return foundedBy(v, gate.founder);
    case 'quorum-without':
      return quorumWithout(v, gate.node);
    case 'replicas-without':
      return replicasWithout(v, gate.nodes);
    case 'already-down':
      return [...v.frontends, ...v.backends].some(node => node.key === gate.node && down(node))
        ? null
        : `${gate.node} answers, or nobody knows whether it does`;
    case 'leader-elsewhere':
      return v.rows?.leader === gate.address ? `${gate.address} leads now` : null;
    case 'others-healthy':
      return othersHealthy(v, gate.nodes);
    default:
      return unreachableCase(gate);
  }
}

/**
 * A second cluster looks healthy and eats the first one's machines (seen on a real FE), so the smallest trace of an
 * earlier one anywhere, and every machine that does not answer, forbids founding.
 */
function foundedBy(v: View, founder: string): string | null {
  for (const host of v.desired.hosts) {
    const answer = v.world.hosts[host.address];
    if (answer === undefined || !answer.known) {
      return `${host.address} does not answer (${answer?.reason ?? 'not asked'}), so it may carry the cluster's metadata`;
    }
    const { fe, be, containers } = answer.value;
    const founding = host.address === founder && fe?.state.founding === true && fe.state.member === null;
    if (fe !== null && !founding) {
      if (fe.meta !== 'empty') return `${host.address} has FE metadata`;
      if (fe.state.member !== null)
        return `${host.address} was a member of a cluster (${fe.state.member || 'id unknown'})`;
      if (fe.state.joining) return `${host.address} was joining a cluster`;
      if (fe.state.peers.length > 0) return `${host.address} has met the FEs ${fe.state.peers.join(', ')}`;
    }
    for (const [service, data] of Object.entries(be)) {
      if (data !== undefined && (data.storage !== 'empty' || data.member !== null)) {
        return `the storage of ${service} on ${host.address} belongs to a cluster (${data.cluster_id ?? data.member})`;
      }
    }
    const runs = containers.some(container => container.service === 'starrocks-fe' && container.state === 'running');
    if (runs && host.address !== founder) return `an FE runs on ${host.address}`;
  }
  return null;
}

/** Followers that have taken part at least once: one that never started does not count for the majority (seen). */
const electing = (v: View) =>
  (v.rows?.frontends ?? []).filter(row => row.role !== 'OBSERVER' && row.last_heartbeat !== null);

export const majority = (followers: number): number => Math.floor(followers / 2) + 1;

function quorumWithout(v: View, key: string): string | null {
  const node = v.frontends.find(candidate => candidate.key === key);
  if (node === undefined) return `${key} is not an FE of this cluster`;
  if (v.rows === null) return 'no leader answers, so nobody knows whether the others are a majority';
  if (node.row?.role === 'OBSERVER' || node.row?.last_heartbeat === null || down(node)) return null;
  const followers = electing(v);
  const others = followers.filter(row => row.host !== node.host.address);
  const missing = others.filter(row => {
    const other = v.frontends.find(candidate => candidate.row === row);
    return other === undefined || !up(other, v.memory);
  });
  const left = others.length - missing.length;
  const needed = majority(followers.length);
  if (left >= needed) return null;
  const why = missing.length === 0 ? '' : `: ${missing.map(row => row.host).join(', ')} cannot be counted on`;
  return `without ${node.host.address} ${left} of ${followers.length} followers remain and ${needed} are needed${why}`;
}

/** How many BEs may be away at once so that every tablet keeps a majority of its replicas. */
export const replicasAway = (replication: number): number => Math.floor((replication - 1) / 2);

function replicasWithout(v: View, keys: readonly string[]): string | null {
  if (v.rows === null) return 'no leader answers, so nobody knows which BEs are alive';
  const registered = v.backends.filter(node => node.row !== null);
  const declared = new Set<object | null>(registered.map(node => node.row));
  const strangers = v.rows.backends.filter(row => !declared.has(row));
  const away = new Set([
    ...registered.filter(node => !up(node, v.memory)).map(node => node.key),
    ...strangers.filter(row => !row.alive).map(row => row.host),
    ...keys,
  ]);
  const wave = registered.filter(node => keys.includes(node.key));
  if (wave.every(down)) return null;
  const locations = new Set(wave.map(node => node.host.location));
  if (locations.size > 1) return `${[...locations].join(' and ')} would be away together`;
  const allowed = replicasAway(v.desired.default_replication_num);
  if (away.size > allowed) {
    return `${away.size} BEs would be away (${[...away].join(', ')}) and ${v.desired.default_replication_num} replicas allow ${allowed}`;
  }
  const { unhealthy_tablets: unhealthy } = v.rows;
  const before = v.memory.unhealthy_before ?? 0;
  if (unhealthy !== null && unhealthy > before)
    return `${unhealthy} tablets are not whole yet, ${before} before this run`;
  return null;
}

function othersHealthy(v: View, keys: readonly string[]): string | null {
  const sick = [...v.frontends, ...v.backends].find(
    node => node.row !== null && !keys.includes(node.key) && !up(node, v.memory),
  );
  return sick === undefined ? null : `${sick.key} is not healthy`;
}
