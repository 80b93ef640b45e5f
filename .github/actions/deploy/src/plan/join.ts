import type { Gate } from './gates.ts';
import { holds } from './gates.ts';
import { roleDiffers } from './leave.ts';
import { peersDiffer } from './live.ts';
import type { Operation } from './operation.ts';
import { activate, addBackend, asBefore, blocked, step, stop, wave } from './rule.ts';
import type { BeNode, FeNode, View } from './situation.ts';
import {
  arriving,
  current,
  down,
  keptRunning,
  peersFor,
  reachable,
  running,
  storageIsLost,
  unfinished,
} from './situation.ts';
import { awaitsRelease, needsJoin, tooEarly } from './start.ts';
import type { Next, Step } from './step.ts';
import { versionDiffers } from './upgrade.ts';
import { namedOtherwise } from './world.ts';

export function asideStep(node: FeNode, reason: string, gates: readonly Gate[]): Step {
  const aside: Operation = { kind: 'asideMetadata', host: node.host.address, reason };
  const operations = node.container === null ? [aside] : [stop(node), aside];
  return step(node, 'aside', reason, operations, gates);
}

/** Metadata of a join that was cut off is seen to crash for ever: it goes aside, and the FE joins again, if it may. */
export function setUnusableMetadataAside(v: View): Next | null {
  const [first] = v.frontends.filter(
    node => reachable(node) && unfinished(node) && !arriving(node) && v.memory.started[node.key] === undefined,
  );
  if (first === undefined) return null;
  const joins: Gate = { kind: 'intact-majority', node: first.key };
  const why = holds(joins, v);
  if (why !== null) return lostMajority(first, why);
  const gates: Gate[] = [{ kind: 'already-down', node: first.key }, joins];
  return wave('clear away a join that was cut off', [asideStep(first, 'join was cut off', gates)]);
}

/** Somebody dropped it by hand: with the metadata of its old name it never becomes ready again (seen). */
export function setMetadataOfDroppedAside(v: View): Next | null {
  const [first] = v.frontends.filter(node => {
    const fe = node.machine?.fe;
    if (!reachable(node) || fe?.meta !== 'whole' || fe.state.joining) return false;
    return node.row === null || namedOtherwise(fe, node.row);
  });
  if (first === undefined) return null;
  const gates: Gate[] = [{ kind: 'not-a-member', node: first.key }];
  return wave('clear away what a dropped FE knew', [asideStep(first, 'dropped', gates)]);
}

/** Runs but nobody registered it: an earlier run died in between, or the machine does not know the password. */
export function registerFrontends(v: View): Next | null {
  const lost = v.frontends.filter(node => reachable(node) && node.row === null && running(node) && current(node));
  const [first] = lost;
  if (first === undefined) return null;
  return wave('register an FE', [step(first, 'register', 'it runs and is not registered', [addFrontend(first)])]);
}

const addFrontend = (node: FeNode): Operation => ({
  kind: 'sql',
  statement: {
    kind: node.service.role === 'observer' ? 'addObserver' : 'addFollower',
    host: node.host.address,
    port: node.service.ports.edit_log_port,
  },
});

/** One at a time: each new follower changes what a majority is. */
export function joinFrontend(v: View): Next | null {
  const waiting = v.frontends.filter(
    node => reachable(node) && !roleDiffers(node) && needsJoin(node) && (node.container === null || down(node)),
  );
  const order = [
    ...waiting.filter(node => node.service.role === 'follower'),
    ...waiting.filter(node => node.service.role === 'observer'),
  ];
  const [first] = order;
  if (first === undefined) return null;
  const host = first.host.address;
  const early = tooEarly(v, first);
  if (early && first.container === null) return awaitsRelease(v, first);
  const operations: Operation[] = [
    { kind: 'writeState', host, peers: peersFor(v, host) },
    early ? asBefore(first) : activate(first),
    addFrontend(first),
  ];
  if (first.row === null) return wave('join an FE', [step(first, 'join', 'it is new', operations)]);
  const gate: Gate = { kind: 'intact-majority', node: first.key };
  const why = holds(gate, v);
  if (why !== null) return lostMajority(first, why);
  const reason = 'its metadata is empty: it joins again under its name';
  return wave('join an FE', [step(first, 'join', reason, operations, [gate])]);
}

const lostMajority = (node: FeNode, why: string): Next =>
  blocked(
    node,
    'E_MAJORITY_LOST',
    `${node.key} has ${needsJoin(node) ? 'lost its metadata' : 'metadata of a join that was cut off'} and does not join again: ${why}.`,
    'Bring up the followers that still have theirs, then deploy again; with none left, follow StarRocks’ metadata recovery by hand.',
  );

export function addBackends(v: View): Next | null {
  const missing = v.backends.filter(
    node => reachable(node) && !storageIsLost(node) && (node.row === null || node.container === null),
  );
  const early = missing.filter(node => tooEarly(v, node));
  const [lost] = early.filter(node => node.container === null);
  if (lost !== undefined) return awaitsRelease(v, lost);
  return wave(
    'add BEs',
    missing.map(node => {
      const start = startOf(v, node);
      const action = start.length === 0 ? 'register' : 'add';
      const reason = node.row === null ? 'it is not registered' : 'its container is missing';
      return step(node, action, reason, [...start, ...(node.row === null ? [addBackend(node)] : [])]);
    }),
  );
}

/** A machine without an FE knows only the founding one, which may be down when its first BE looks for the cluster. */
function introduce(v: View, node: BeNode): Operation[] {
  const { host } = node;
  if (host.fe !== null) return [];
  const peers = peersFor(v, host.address);
  const { missing, gone } = peersDiffer(v, node, peers);
  return missing.length + gone.length === 0 ? [] : [{ kind: 'writeState', host: host.address, peers }];
}

/** One that exists keeps its release until it is rolled: then tablets are not balanced, and its turn has come. */
function startOf(v: View, node: BeNode): Operation[] {
  if (versionDiffers(v, node) && node.container !== null) return keptRunning(node) ? [] : [asBefore(node)];
  return keptRunning(node) && current(node) ? [] : [...introduce(v, node), activate(node)];
}
