import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { apply } from '../plan/effects.ts';
import { majority, replicasAway } from '../plan/gates.ts';
import { isUnheard, newestHeartbeat } from '../plan/heartbeat.ts';
import { type Operation, stoppedBy } from '../plan/operation.ts';
import { byHost, placesOf } from '../plan/place.ts';
import { settle } from '../plan/settle.ts';
import type { Step } from '../plan/step.ts';
import { stepTitle } from '../plan/step.ts';
import { type BackendRow, type FeData, type FrontendRow, isAt, namedOtherwise, nodeKey } from '../plan/world.ts';
import type { Truth } from './fault.ts';
import { releaseOrderBroken } from './release-order.ts';

/** What no wave may do, whatever has happened before: a sentence for each way in which this one would. */
export function violations(desired: ClusterJson, truth: Truth, steps: readonly Step[]): string[] {
  const taken = desired.allow_outage ? steps.filter(step => step.outage === null) : steps;
  return [
    ...quorumLost(truth, taken),
    ...replicasLost(desired, truth, taken),
    ...steps.flatMap(step => alongTheStep(desired, truth, step)),
    ...releaseOrderBroken(desired, truth, steps),
  ];
}

const operationsOf = (steps: readonly Step[]): Operation[] => steps.flatMap(step => [...step.operations]);

/** Nodes that run now and that these operations stop, if only for a moment. */
function stopped({ world }: Truth, operations: readonly Operation[]): Set<string> {
  return new Set(
    operations.flatMap(operation => {
      const node = stoppedBy(operation);
      if (node === null) return [];
      const { host, service } = node;
      const answer = world.hosts[host];
      const runs =
        answer?.known === true &&
        answer.value.containers.some(one => one.service === service && one.state === 'running');
      return runs ? [nodeKey(host, service)] : [];
    }),
  );
}

/** Neither its silence nor the leader says that it is gone, nor does the leader hear of others only. */
function works({ world }: Truth, key: string, row: FrontendRow | BackendRow, newest: string | null): boolean {
  const answer = world.answers[key];
  return row.alive && !isUnheard(row, newest) && !(answer?.known === true && !answer.value);
}

const votes = (row: FrontendRow): boolean => row.role !== 'OBSERVER' && row.last_heartbeat !== null;

function quorumLost(truth: Truth, steps: readonly Step[]): string[] {
  const { cluster } = truth.world;
  if (!cluster.known) return [];
  const voters = cluster.value.frontends.filter(votes);
  const newest = newestHeartbeat(cluster.value.frontends);
  const up = voters.filter(row => row.join && works(truth, nodeKey(row.host, 'starrocks-fe'), row, newest));
  const operations = operationsOf(steps);
  const stops = stopped(truth, operations);
  const left = up.filter(row => !stops.has(nodeKey(row.host, 'starrocks-fe'))).length;
  const needed = majority(voters.length);
  if (left === up.length || up.length < needed || left >= needed) return [];
  return [`the majority of followers is lost: ${left} of ${voters.length} would be up, and ${needed} are needed`];
}

function replicasLost(desired: ClusterJson, truth: Truth, steps: readonly Step[]): string[] {
  const { cluster } = truth.world;
  if (!cluster.known) return [];
  const stops = stopped(truth, operationsOf(steps));
  const holding = byHost(
    cluster.value.backends.filter(row => !row.system_decommissioned || row.tablet_num !== 0),
    row => row.host,
  );
  const places = [desired.hosts, truth.world.leaving].flatMap(hosts => placesOf(hosts).backends);
  const declared = places.flatMap(({ key, host, service }) => {
    const port = service.ports.heartbeat_service_port;
    const row = holding.get(host.address)?.find(one => one.heartbeat_port === port);
    return row === undefined ? [] : [{ key, location: host.location, row }];
  });
  const newest = newestHeartbeat(cluster.value.backends);
  const hit = declared.filter(({ key, row }) => stops.has(key) && works(truth, key, row, newest));
  if (hit.length === 0) return [];
  const down = declared.filter(({ key, row }) => !works(truth, key, row, newest)).length;
  const allowed = replicasAway(desired.default_replication_num);
  const locations = new Set(hit.map(({ location }) => location));
  const torn = cluster.value.unhealthy_tablets ?? 0;
  const before = truth.unhealthy_before ?? torn;
  return [
    ...(torn > before ? [`replicas are lost: ${torn} tablets are not whole, ${before} were before`] : []),
    ...(down + hit.length > allowed
      ? [`replicas are lost: ${down + hit.length} BEs would be away, and replication allows ${allowed}`]
      : []),
    ...(locations.size > 1 ? [`replicas are lost: BEs of ${locations.size} locations would be away together`] : []),
  ];
}

/** Rules about single operations, each in the world that those before it in its step have left. */
function alongTheStep(desired: ClusterJson, truth: Truth, step: Step): string[] {
  let world = truth.world;
  return step.operations.flatMap(operation => {
    const wrong = [
      ...wrongOperation(desired, { ...truth, world }, operation),
      ...joinCutOff(desired, truth, operation),
    ];
    world = apply(operation, desired, world);
    return wrong.map(what => `${stepTitle(step)}: ${what}`);
  });
}

function wrongOperation(desired: ClusterJson, truth: Truth, operation: Operation): string[] {
  switch (operation.kind) {
    case 'activate':
    case 'restart':
      return operation.service === 'starrocks-fe' ? wrongStart(desired, truth, operation.host) : [];
    case 'asideMetadata':
      return metadataLost(truth, operation.host);
    case 'sql':
      return wrongStatement(desired, truth, operation);
    default:
      return [];
  }
}

function wrongStart(desired: ClusterJson, { world, away }: Truth, host: string): string[] {
  const answer = world.hosts[host];
  const fe = answer?.known === true ? answer.value.fe : undefined;
  const cluster = world.cluster.known ? world.cluster.value : null;
  if (fe?.meta === 'whole') {
    const dropped = cluster?.frontends.every(row => row.host !== host || namedOtherwise(fe, row));
    return dropped ? ['an FE starts with metadata of a name that the cluster has dropped'] : [];
  }
  // Its own memory, too: what was a member once lost its metadata, and is not new.
  const all = [
    ...Object.values(world.hosts).flatMap(one => (one.known ? [one.value.fe] : [])),
    ...Object.values(away).map(machine => machine.fe),
  ];
  const founded = cluster !== null || all.some(one => one.meta === 'whole' || one.state.member !== null);
  const alone = (fe?.state.peers ?? []).length === 0 && host === desired.master_host;
  return founded && alone ? ['an FE with empty metadata and nobody to join founds a second cluster'] : [];
}

/** What stands still at the end of the step, but came up by itself before it. */
function joinCutOff(desired: ClusterJson, { world }: Truth, operation: Operation): string[] {
  if (operation.kind !== 'asideMetadata') return [];
  if (desired.hosts.every(host => host.address !== operation.host || host.fe === null)) return [];
  const answer = world.hosts[operation.host];
  const answers = world.answers[nodeKey(operation.host, 'starrocks-fe')];
  if (answer?.known !== true || (answers?.known === true && answers.value)) return [];
  const { containers, fe } = answer.value;
  const runs = containers.some(one => one.service === 'starrocks-fe' && one.state === 'running');
  const arrives = fe.meta === 'partial' || fe.state.joining || fe.state.founding;
  return runs && arrives && !fe.state.refused ? ['an FE that joins just now would be cut off'] : [];
}

/** Those that keep what was committed must stay a majority of those that vote. */
function metadataLost({ world, away }: Truth, host: string): string[] {
  const own = world.hosts[host];
  if (!world.cluster.known) {
    const whole = own?.known === true && own.value.fe.meta === 'whole';
    return whole ? ['metadata is moved aside while no leader says whose it is'] : [];
  }
  const voters = world.cluster.value.frontends.filter(votes);
  if (!voters.some(row => row.host === host)) return [];
  const lost = (row: FrontendRow, fe: FeData | undefined): boolean => fe?.meta !== 'whole' || namedOtherwise(fe, row);
  // It is lost already.
  if (own?.known === true && voters.every(row => row.host !== host || lost(row, own.value.fe))) return [];
  const intact = voters.filter(row => {
    if (row.host === host) return false;
    const answer = world.hosts[row.host];
    const machine = answer?.known === true ? answer.value : away[row.host];
    return !lost(row, machine?.fe);
  });
  return intact.length >= majority(voters.length)
    ? []
    : [`${intact.length} of ${voters.length} followers would keep their metadata`];
}

function wrongStatement(desired: ClusterJson, truth: Truth, operation: Extract<Operation, { kind: 'sql' }>): string[] {
  const { statement } = operation;
  const { cluster } = truth.world;
  if (!cluster.known || !('host' in statement)) return [];
  const { frontends, backends } = cluster.value;
  switch (statement.kind) {
    case 'dropFollower':
    case 'dropObserver': {
      const now = settle(desired, truth.world);
      const rows = now.cluster.known ? now.cluster.value.frontends : frontends;
      const row = rows.find(one => one.host === statement.host);
      const others = rows.filter(one => one !== row && votes(one));
      const up = others.filter(one => one.alive && one.join).length;
      return [
        ...(row?.alive === true && truth.away[statement.host] === undefined
          ? ['an FE that runs is dropped, and answers from old metadata']
          : []),
        ...(up < majority(others.length) ? ['an FE is dropped, and the others are no majority'] : []),
      ];
    }
    case 'dropBackend': {
      const row = backends.find(one => isAt(one, statement));
      // One that is dead is given no tablet any more, drained or not.
      return (row?.tablet_num ?? 0) > 0 || (row?.system_decommissioned === false && row.alive)
        ? ['a BE is dropped before it is drained']
        : [];
    }
    case 'decommissionBackend': {
      const left = backends.filter(one => one.alive && !one.system_decommissioned && !isAt(one, statement));
      return left.length < desired.default_replication_num ? ['too few BEs are left for every replica'] : [];
    }
    default:
      return [];
  }
}
