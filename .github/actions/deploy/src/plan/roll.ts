import type { Gate } from './gates.ts';
import { holds, majority, replicasAway } from './gates.ts';
import { awaitDrains, drainBackends, removeBackends, roleDiffers, untilEmpty } from './leave.ts';
import { asItIs, blocked, notYet, type Roll, restartStep, wave } from './rule.ts';
import type { BeNode, FeNode, Node, View } from './situation.ts';
import { down, drainedEmpty, members, reachable, stale, up } from './situation.ts';
import type { Next } from './step.ts';
import { isTrial, towardsRelease, versionChange } from './upgrade.ts';

/**
 * The others may need the vote of one that leaves to restart one after the other: while a voter is away, and where so few
 * stay that none of them could be spared.
 */
export function restartWhileEnoughVote(v: View): Next | null {
  const away = members(v).some(node => node.row !== null && !reachable(node) && !up(node, v.memory));
  const staying = v.frontends.filter(node => node.service.role === 'follower').length;
  const fewer = v.leavingFrontends.some(node => node.row !== null) || v.frontends.some(roleDiffers);
  if (!fewer || !(away || staying - 1 < majority(staying))) return null;
  const due = v.frontends.filter(node => stale(node) && !roleDiffers(node));
  const decision = rollFrontends(v, due, towardsRelease(v));
  return decision?.kind === 'blocked' ? null : decision;
}

/** What forbids to restart a BE may be one that leaves and does not answer: that one is drained before, not after. */
export function drainWhatIsInTheWay(v: View): Next | null {
  if (v.leavingBackends.every(node => up(node, v.memory))) return null;
  const roll = rollBackends(v, v.backends.filter(stale), towardsRelease(v));
  // An outage is no smaller without it.
  if (roll?.kind !== 'blocked' || roll.problems[0]?.code !== 'E_GATE') return null;
  const decision = removeBackends(v) ?? drainBackends(v) ?? awaitDrains(v);
  return decision?.kind === 'blocked' ? null : decision;
}

/** BEs before FEs; only a downgrade goes the other way round. */
export function rollOut(v: View): Next | null {
  const roll = towardsRelease(v);
  const backends = () => rollBackends(v, v.backends.filter(stale), roll);
  const frontends = () => rollFrontends(v, v.frontends.filter(stale), roll);
  return versionChange(v)?.direction === 'downgrade' ? (frontends() ?? backends()) : (backends() ?? frontends());
}

/** Every chosen node once. What this run has restarted is remembered, because nothing else tells it from the rest. */
export function restartAgain(v: View): Next | null {
  const due = (node: Node) =>
    reachable(node) && node.container !== null && v.memory.started[node.key] === undefined && node.row !== null;
  return rollBackends(v, v.backends.filter(due), asItIs) ?? rollFrontends(v, v.frontends.filter(due), asItIs);
}

/** Whoever is down anyway, then whoever cannot be counted on: their turn must not wait for themselves. */
const sick = (v: View, node: Node): number => (down(node) ? 2 : up(node, v.memory) ? 0 : 1);

/** As many at once as replicas allow, all of one location; what is not missed or not well anyway goes first. */
function rollBackends(v: View, differ: readonly BeNode[], roll: Roll): Next | null {
  const rank = (node: BeNode): number => (drainedEmpty(node) ? 3 : sick(v, node));
  const [first] = differ.toSorted((a, b) => rank(b) - rank(a));
  if (first === undefined) return null;
  const width = isTrial(v) ? 1 : Math.max(1, replicasAway(v.desired.default_replication_num));
  const alike = differ.filter(node => node !== first && node.host.location === first.host.location);
  const gateOf = (nodes: readonly BeNode[]): Gate => ({ kind: 'replicas-without', nodes: nodes.map(node => node.key) });
  // Fewer together where others are away already.
  const widths = [first, ...alike].slice(0, width).map((_, less) => [first, ...alike].slice(0, width - less));
  const together = widths.find(nodes => holds(gateOf(nodes), v) === null) ?? [first];
  const gate = gateOf(together);
  if (replicasAway(v.desired.default_replication_num) === 0 && !drainedEmpty(first)) {
    return takeOutage(
      v,
      first,
      roll,
      `data whose replicas lie on ${first.key}, with ${v.desired.default_replication_num} of each tablet`,
    );
  }
  const reason = holds(gate, v);
  if (reason === null)
    return wave(
      'restart BEs',
      together.map(node => restartStep(node, roll, [gate], null)),
    );
  return untilEmpty(v, drainsUnseen(v)) ?? notYet(v, first, reason, v.desired.timeouts.be_ready);
}

/**
 * On machines that nobody can look at, so that the drain is not cancelled: once empty, they are missed by nobody. Where
 * the others cannot take what they hold, they never will be.
 */
function drainsUnseen(v: View): BeNode[] {
  const draining = v.backends.filter(
    node => !reachable(node) && node.row?.system_decommissioned === true && node.row.tablet_num > 0,
  );
  return holds({ kind: 'backends-without', nodes: draining.map(node => node.key) }, v) === null ? draining : [];
}

/** Observers, then followers one by one, the leader last: found again before each, because it may have moved. */
function rollFrontends(v: View, differ: readonly FeNode[], roll: Roll): Next | null {
  const leader = v.rows?.leader;
  const rank = (node: FeNode) => {
    if (node.host.address === leader && !down(node)) return 2;
    const ill = sick(v, node);
    return ill > 0 ? -ill : node.row?.role === 'OBSERVER' ? 0 : 1;
  };
  const [first] = differ.toSorted((a, b) => rank(a) - rank(b));
  if (first === undefined) return null;
  const last = first.host.address === leader;
  const quorum: Gate = { kind: 'quorum-without', node: first.key };
  const gates: Gate[] = last ? [quorum] : [quorum, { kind: 'leader-elsewhere', address: first.host.address }];
  const followers = v.rows?.frontends.filter(row => row.role !== 'OBSERVER').length ?? 0;
  if (first.service.role === 'follower' && followers - 1 < majority(followers)) {
    return takeOutage(v, first, roll, 'the whole cluster: without this FE no majority of followers remains');
  }
  const reason = holds(quorum, v);
  if (reason === null)
    return wave(last ? 'restart the leader' : 'restart an FE', [restartStep(first, roll, gates, null)]);
  return notYet(v, first, reason, v.desired.timeouts.fe_ready);
}

/** A step that cannot be done without one, whatever the order. */
function takeOutage(v: View, node: Node, roll: Roll, what: string): Next | null {
  const gate: Gate = down(node)
    ? { kind: 'already-down', node: node.key }
    : { kind: 'others-healthy', nodes: [node.key] };
  if (!v.desired.allow_outage && !down(node)) {
    return blocked(
      node,
      'E_OUTAGE',
      `Restarting ${node.service.name} on ${node.host.address} takes an outage of ${what}.`,
      'Write `allow_outage: true` into cluster.yaml if that is acceptable now, or add machines first.',
    );
  }
  const reason = holds(gate, v);
  if (reason !== null) return notYet(v, node, reason, v.desired.timeouts.fe_ready);
  return wave('restart with an outage', [restartStep(node, roll, [gate], down(node) ? null : what)]);
}
