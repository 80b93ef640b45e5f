import type { BeNode, View } from './situation.ts';
import {
  ailingBackends,
  down,
  drainedEmpty,
  holders,
  members,
  strangeBackends,
  unhealthyBefore,
  up,
} from './situation.ts';
import { unreachableCase } from './unreachable.ts';
import { type FrontendRow, namedOtherwise } from './world.ts';

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
  | { readonly kind: 'others-healthy'; readonly nodes: readonly string[] }
  /** It stands still, another one leads, and those that stay are a majority of themselves. */
  | { readonly kind: 'frontend-gone'; readonly node: string }
  /** No row of the leader has its name: nothing that it knows is of use to the cluster. */
  | { readonly kind: 'not-a-member'; readonly node: string }
  /** Enough BEs are up beside these for every replica. */
  | { readonly kind: 'backends-without'; readonly nodes: readonly string[] }
  /** It takes no new tablet and holds none any more. */
  | { readonly kind: 'drained'; readonly node: string }
  /** It is dead and holds no tablet any more, none misses a replica, and enough others are up for all of them. */
  | { readonly kind: 'replaced-elsewhere'; readonly node: string }
  /** The members that still have metadata are a majority without this one. */
  | { readonly kind: 'intact-majority'; readonly node: string };

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
      return [...members(v), ...holders(v)].some(node => node.key === gate.node && down(node))
        ? null
        : `${gate.node} answers, or nobody knows whether it does`;
    case 'leader-elsewhere':
      return v.rows?.leader === gate.address ? `${gate.address} leads now` : null;
    case 'others-healthy':
      return othersHealthy(v, gate.nodes);
    case 'frontend-gone':
      return frontendGone(v, gate.node);
    case 'not-a-member':
      return v.rows !== null &&
        members(v).every(
          node => node.key !== gate.node || node.row === null || namedOtherwise(node.machine?.fe, node.row),
        )
        ? null
        : `${gate.node} is registered, or no leader answers`;
    case 'backends-without':
      return backendsWithout(v, gate.nodes);
    case 'drained':
      return drained(v, gate.node);
    case 'replaced-elsewhere':
      return replacedElsewhere(v, gate.node);
    case 'intact-majority':
      return intactMajority(v, gate.node);
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
    const { fe, be, containers, by_hand, strangers } = answer.value;
    const [foreign] = [...strangers, ...by_hand.map(({ service }) => `the container ${service}`)];
    if (foreign !== undefined) return `${host.address} has StarRocks that this tool did not start: ${foreign}`;
    const founding = host.address === founder && fe.state.founding && fe.state.member === null;
    if (!founding) {
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

const isUp = (v: View, row: FrontendRow): boolean => members(v).some(node => node.row === row && up(node, v.memory));

export const majority = (followers: number): number => Math.floor(followers / 2) + 1;

function quorumWithout(v: View, key: string): string | null {
  const node = members(v).find(candidate => candidate.key === key);
  if (node === undefined) return `${key} is not an FE of this cluster`;
  if (v.rows === null) return 'no leader answers, so nobody knows whether the others are a majority';
  if (node.row?.role === 'OBSERVER' || node.row?.last_heartbeat === null || down(node)) return null;
  const followers = electing(v);
  const others = followers.filter(row => row.host !== node.host.address);
  const missing = others.filter(row => !isUp(v, row));
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
  const ailing = [...ailingBackends(v), ...v.leavingBackends.filter(node => !up(node, v.memory))];
  const away = new Set([
    ...ailing.filter(node => node.row !== null && !drainedEmpty(node)).map(node => node.key),
    ...strangeBackends(v)
      .filter(row => !row.alive)
      .map(row => row.host),
    ...keys,
  ]);
  const wave = holders(v).filter(node => node.row !== null && keys.includes(node.key));
  if (wave.every(node => down(node) || drainedEmpty(node))) return null;
  const locations = new Set(wave.map(node => node.host.location));
  if (locations.size > 1) return `${[...locations].join(' and ')} would be away together`;
  const allowed = replicasAway(v.desired.default_replication_num);
  if (away.size > allowed) {
    return `${away.size} BEs would be away (${[...away].join(', ')}) and ${v.desired.default_replication_num} replicas allow ${allowed}`;
  }
  const { unhealthy_tablets: unhealthy } = v.rows;
  const before = unhealthyBefore(v);
  if (unhealthy !== null && unhealthy > before)
    return `${unhealthy} tablets are not whole yet, ${before} before this run`;
  return null;
}

function othersHealthy(v: View, keys: readonly string[]): string | null {
  const sick = [...members(v), ...holders(v)].find(
    node => node.row !== null && !keys.includes(node.key) && !up(node, v.memory),
  );
  return sick === undefined ? null : `${sick.key} is not healthy`;
}

function frontendGone(v: View, key: string): string | null {
  const node = members(v).find(candidate => candidate.key === key);
  if (node?.row == null || v.rows === null) return `${key} has no row, or no leader answers`;
  if (v.rows.leader === node.host.address) return `${node.host.address} leads`;
  const still = node.machine === null ? !node.row.alive : down(node);
  if (!still) return `${key} runs, or nobody knows whether it does`;
  if (node.row.role === 'OBSERVER') return null;
  const voters = electing(v);
  const others = voters.filter(row => row !== node.row);
  const left = others.filter(row => isUp(v, row)).length;
  // It counts until its row is gone: fewer could not write down that it goes.
  const needed = majority(voters.length);
  return left >= needed ? null : `${left} of the other ${others.length} followers are up and ${needed} are needed`;
}

/** BEs that can take tablets, beside these. */
const takers = (v: View, keys: readonly string[]): BeNode[] =>
  v.backends.filter(
    node => !keys.includes(node.key) && up(node, v.memory) && node.row?.system_decommissioned === false,
  );

const tooFew = (left: readonly BeNode[], needed: number): string | null =>
  left.length < needed ? `${left.length} BEs would be left for ${needed} replicas of each tablet` : null;

function backendsWithout(v: View, keys: readonly string[]): string | null {
  const left = takers(v, keys);
  const few = tooFew(left, v.desired.default_replication_num);
  if (few !== null) return few;
  const leaving = holders(v).filter(node => keys.includes(node.key) || node.row?.system_decommissioned === true);
  const data = sum(leaving, 'DataUsedCapacity');
  const room = sum(left, 'AvailCapacity');
  if (data === null || room === null || data <= room) return null;
  return `${gigabytes(data)} of data would have to fit into the ${gigabytes(room)} that are free on the other BEs`;
}

const gigabytes = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GB`;

/** Bytes of that column; null where a row does not say. */
function sum(nodes: readonly BeNode[], column: string): number | null {
  const sizes = nodes.map(({ row }) => bytes(row?.raw[column] ?? ''));
  return sizes.reduce<number | null>((all, size) => (all === null || size === null ? null : all + size), 0);
}

/** `76.209 GB` as StarRocks prints it (DebugUtil.getByteUint). */
function bytes(text: string): number | null {
  const [, number, unit = ''] = /^([\d.]+) ?(B|KB|MB|GB|TB|PB)$/.exec(text) ?? [];
  return number === undefined ? null : Number(number) * 1024 ** ['B', 'KB', 'MB', 'GB', 'TB', 'PB'].indexOf(unit);
}

function drained(v: View, key: string): string | null {
  const row = holders(v).find(node => node.key === key)?.row;
  if (row == null) return `${key} has no row`;
  if (!row.system_decommissioned) return `${key} still takes tablets`;
  return row.tablet_num === 0 ? null : `${key} still holds ${row.tablet_num} tablets`;
}

function replacedElsewhere(v: View, key: string): string | null {
  const row = v.backends.find(node => node.key === key)?.row;
  const torn = v.rows?.unhealthy_tablets ?? null;
  if (row == null) return `${key} has no row`;
  if (row.alive) return `${key} is alive`;
  if (row.tablet_num > 0) return `${row.tablet_num} tablets still count on ${key}`;
  if (torn !== 0) return torn === null ? 'nobody knows whether tablets are whole' : `${torn} tablets are not whole`;
  return tooFew(takers(v, [key]), v.desired.default_replication_num);
}

function intactMajority(v: View, key: string): string | null {
  const node = members(v).find(candidate => candidate.key === key);
  const voters = electing(v);
  if (node?.row == null || !voters.includes(node.row)) return null;
  const intact = voters.filter(row => row !== node.row && isUp(v, row));
  const needed = majority(voters.length);
  return intact.length >= needed
    ? null
    : `${intact.length} of ${voters.length} followers have their metadata and answer, and ${needed} are needed`;
}
