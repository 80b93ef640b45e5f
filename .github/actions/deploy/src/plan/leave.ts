import type { Gate } from './gates.ts';
import { holds } from './gates.ts';
import type { Operation } from './operation.ts';
import { blocked, notYet, removeContainer, step, stop, wave } from './rule.ts';
import type { BeNode, FeNode, Node, View } from './situation.ts';
import { down, drainedEmpty, reachable, running, stale, storageIsLost } from './situation.ts';
import type { Next, Step } from './step.ts';

/*
 * What cluster.yaml no longer names leaves the cluster. Its row goes last of all: as long as there is something left to
 * do, the cluster itself says so, and a run that was killed is finished by the next one.
 */

/** How many BEs StarRocks' documentation lets drain at once. */
const DRAINS_AT_ONCE = 2;

const registered = (node: Node): boolean => node.selected && node.row !== null;

/** One FE at a time, the leader last: stopped, seen that the quorum holds, then dropped. */
export function removeFrontends(v: View): Next | null {
  const leader = v.rows?.leader;
  const rank = (node: FeNode) => (node.row?.role === 'OBSERVER' ? 0 : node.host.address === leader ? 2 : 1);
  const [first] = v.leavingFrontends
    .filter(registered)
    .toSorted((a, b) => Number(stands(b)) - Number(stands(a)) || rank(a) - rank(b));
  if (first === undefined) return null;
  const decision = stands(first) ? dropFrontend(v, first) : stopFrontend(v, first);
  const [unreached] = v.leavingFrontends.filter(node => registered(node) && node.machine === null && !stands(node));
  // What a person has to mend comes before what that will mend.
  return decision?.kind === 'blocked' && unreached !== undefined ? stopFrontend(v, unreached) : decision;
}

/** One that stands still counts for a majority that others need: it goes before any of them is stopped. */
export function removeDeadFrontends(v: View): Next | null {
  const [first] = v.leavingFrontends.filter(node => registered(node) && stands(node));
  return first === undefined ? null : ifItMay(dropFrontend(v, first));
}

/** What cannot be done yet is said in its own turn. */
const ifItMay = (decision: Next | null): Next | null => (decision?.kind === 'wave' ? decision : null);

/** Nothing of it runs, or its machine is gone and the leader has not heard of it. */
const stands = (node: FeNode): boolean => (node.machine === null ? node.row?.alive === false : down(node));

function stopFrontend(v: View, node: FeNode): Next | null {
  if (node.machine === null) {
    return blocked(
      node,
      'E_UNREACHABLE',
      `${node.key} is to leave the cluster; it runs, and its machine cannot be reached to stop it.`,
      'Make the machine reachable, or stop that FE by hand: one that is dropped while it runs answers from old metadata.',
    );
  }
  const gate: Gate = { kind: 'quorum-without', node: node.key };
  const reason = holds(gate, v);
  if (reason !== null) return notYet(v, node, reason, v.desired.timeouts.fe_ready, 'removed');
  return wave('stop an FE that leaves', [step(node, 'stop', UNNAMED, [stop(node)], [gate])]);
}

const UNNAMED = 'cluster.yaml does not name it any more';

function dropFrontend(v: View, node: FeNode): Next | null {
  const gate: Gate = { kind: 'frontend-gone', node: node.key };
  const reason = holds(gate, v);
  if (reason !== null) return notYet(v, node, reason, v.desired.timeouts.fe_ready, 'removed');
  const operations = [...clearFrontend(node, 'removed'), dropStatement(node)];
  return wave('remove an FE', [step(node, 'remove', UNNAMED, operations, [gate])]);
}

function clearFrontend(node: FeNode, reason: string): Operation[] {
  if (node.machine === null) return [];
  // Aside, so that nobody ever starts it again by accident.
  return [stop(node), { kind: 'asideMetadata', host: node.host.address, reason }, removeContainer(node)];
}

const dropStatement = (node: FeNode): Operation => ({
  kind: 'sql',
  statement: {
    kind: node.row?.role === 'OBSERVER' ? 'dropObserver' : 'dropFollower',
    host: node.host.address,
    port: node.service.ports.edit_log_port,
  },
});

/** One that stands still is in the way of every restart until its replicas are elsewhere: it goes first. */
export function leaveDeadBackends(v: View): Next | null {
  const dead = v.leavingBackends.filter(node => (node.machine === null ? node.row?.alive === false : down(node)));
  return removeDrained(v, dead) ?? ifItMay(drain(v, dead));
}

/** Their tablets move to the others, for as long as that takes. */
export const drainBackends = (v: View): Next | null => drain(v, v.leavingBackends);

function drain(v: View, nodes: readonly BeNode[]): Next | null {
  const leaving = nodes.filter(registered);
  const draining = v.leavingBackends.filter(node => node.row?.system_decommissioned === true);
  const together = leaving.filter(node => !draining.includes(node)).slice(0, DRAINS_AT_ONCE - draining.length);
  const [first] = together;
  if (first === undefined) return null;
  const gate: Gate = { kind: 'backends-without', nodes: together.map(node => node.key) };
  const reason = holds(gate, v);
  if (reason !== null) return notYet(v, first, reason, v.desired.timeouts.be_ready, 'removed');
  return wave(
    'drain BEs that leave',
    together.map(node =>
      step(
        node,
        'drain',
        UNNAMED,
        [...noteDrain(node, node.row?.tablet_num ?? null), decommission(node, 'decommissionBackend')],
        [gate],
      ),
    ),
  );
}

const noteDrain = (node: BeNode, tablets: number | null): Operation[] =>
  node.machine === null ? [] : [{ kind: 'writeDrain', host: node.host.address, service: node.service.name, tablets }];

const decommission = (node: BeNode, kind: 'decommissionBackend' | 'cancelDecommission'): Operation => ({
  kind: 'sql',
  statement: { kind, host: node.host.address, port: node.service.ports.heartbeat_service_port },
});

/**
 * cluster.yaml names it (again): its tablets stay. While nobody can look at its machine they are safer elsewhere, and one
 * that is empty is restarted before it takes any.
 */
export function cancelDrains(v: View): Next | null {
  const back = v.backends.filter(
    node => reachable(node) && node.row?.system_decommissioned === true && !(drainedEmpty(node) && stale(node)),
  );
  return wave(
    'cancel drains',
    back.map(node =>
      step(node, 'undrain', 'cluster.yaml names it', [
        ...noteDrain(node, null),
        decommission(node, 'cancelDecommission'),
      ]),
    ),
  );
}

/** None of its tablets is left: the container goes, its folders stay and say since when, and the row goes last. */
export const removeBackends = (v: View): Next | null => removeDrained(v, v.leavingBackends);

function removeDrained(v: View, nodes: readonly BeNode[]): Next | null {
  const empty = nodes.filter(node => registered(node) && holds({ kind: 'drained', node: node.key }, v) === null);
  return wave(
    'remove BEs that hold no tablet any more',
    empty.map(node => {
      const gate: Gate = { kind: 'drained', node: node.key };
      return step(node, 'remove', 'no tablet is left on it', [...clearBackend(node), dropBackend(node)], [gate]);
    }),
  );
}

function clearBackend(node: BeNode): Operation[] {
  if (node.machine === null) return [];
  const { address: host } = node.host;
  const service = node.service.name;
  const folders = node.service.folders.filter(folder => folder.use === 'storage').map(folder => folder.host);
  return [stop(node), removeContainer(node), { kind: 'retire', host, service, folders }];
}

/**
 * Its storage is gone and the others have every replica: it begins anew as any other BE. The machine forgets first, so
 * that a run that is cut off leaves what the next one starts under its old row.
 */
export function replaceLostBackends(v: View): Next | null {
  const lost = v.backends.filter(
    node => storageIsLost(node) && holds({ kind: 'replaced-elsewhere', node: node.key }, v) === null,
  );
  return wave(
    'drop BEs whose storage is gone',
    lost.map(node => {
      const { address: host } = node.host;
      const service = node.service.name;
      const forget: Operation[] = [{ kind: 'retire', host, service, folders: [] }, dropBackend(node)];
      const operations = node.container === null ? forget : [stop(node), ...forget];
      const gate: Gate = { kind: 'replaced-elsewhere', node: node.key };
      return step(node, 'remove', 'its storage is gone, and no tablet misses it', operations, [gate]);
    }),
  );
}

const dropBackend = ({ host, service }: BeNode): Operation => ({
  kind: 'sql',
  statement: { kind: 'dropBackend', host: host.address, port: service.ports.heartbeat_service_port },
});

/** Containers that no row knows any more, because somebody dropped them by hand. */
export function removeLeftovers(v: View): Next | null {
  const left = [...v.leavingFrontends, ...v.leavingBackends].filter(
    node => reachable(node) && node.row === null && node.container !== null,
  );
  return wave(
    'remove what is left of nodes that are gone',
    left.map((node): Step => {
      const gate: Gate = { kind: 'not-a-member', node: node.key };
      const operations = isFrontend(node) ? clearFrontend(node, 'removed') : clearBackend(node);
      return step(node, 'remove', 'it is not registered any more', operations, [gate]);
    }),
  );
}

const isFrontend = (node: FeNode | BeNode): node is FeNode => node.service.kind === 'fe';

/** The last rule of all: a drain may take days, and nothing else waits for it. */
export const awaitDrains = (v: View): Next | null => untilEmpty(v, v.leavingBackends.filter(registered));

export function untilEmpty(v: View, draining: readonly BeNode[]): Next | null {
  if (draining.length === 0) return null;
  return {
    kind: 'wait',
    reason: `no tablet is left on ${draining.map(node => node.key).join(', ')}`,
    hosts: [],
    service: null,
    limit_seconds: v.desired.timeouts.drain,
    days: true,
  };
}

/** Registered as what cluster.yaml does not say. */
export const roleDiffers = (node: FeNode): boolean =>
  node.row !== null && (node.row.role === 'OBSERVER') !== (node.service.role === 'observer');

/**
 * A role is part of an FE's metadata (seen: it ends itself otherwise), so it leaves the cluster and joins again. First
 * those that shall vote, one by one, the leader last.
 */
export function changeRoles(v: View): Next | null {
  const leader = v.rows?.leader;
  const rank = (node: FeNode) => (node.service.role === 'follower' ? 0 : node.host.address === leader ? 2 : 1);
  const [first] = v.frontends
    .filter(node => reachable(node) && roleDiffers(node))
    .toSorted((a, b) => Number(down(b)) - Number(down(a)) || rank(a) - rank(b));
  if (first === undefined) return null;
  const { address: host } = first.host;
  const reason = `it becomes ${first.service.role === 'observer' ? 'an observer' : 'a follower'}`;
  if (!down(first)) {
    const gate: Gate = { kind: 'quorum-without', node: first.key };
    const why = holds(gate, v);
    if (why !== null) return notYet(v, first, why, v.desired.timeouts.fe_ready, 'stopped to change its role');
    return wave('stop an FE to change its role', [step(first, 'stop', reason, [stop(first)], [gate])]);
  }
  const gate: Gate = { kind: 'frontend-gone', node: first.key };
  const why = holds(gate, v);
  if (why !== null) return notYet(v, first, why, v.desired.timeouts.fe_ready, 'taken out to change its role');
  const out: Operation[] = [{ kind: 'asideMetadata', host, reason: 'role' }, dropStatement(first)];
  const operations = running(first) ? [stop(first), ...out] : out;
  return wave('take an FE out', [step(first, 'convert', reason, operations, [gate])]);
}
