import { apply } from '../../.github/actions/deploy/src/plan/effects.ts';
import type { Operation } from '../../.github/actions/deploy/src/plan/operation.ts';
import { settle } from '../../.github/actions/deploy/src/plan/settle.ts';
import { type BackendRow, isAt, known, nodeKey, type World } from '../../.github/actions/deploy/src/plan/world.ts';
import type { Truth } from '../../.github/actions/deploy/src/prove/fault.ts';
import { violations } from '../../.github/actions/deploy/src/prove/invariants.ts';
import { stateKey } from '../../.github/actions/deploy/src/prove/state-key.ts';
import type { BeService, ClusterJson, CompiledHost, FeService } from '../../compiler/contract/cluster-json.ts';
import { undone } from './undone.ts';

/** One thing done to one node, by whoever knows no order. */
interface Move {
  readonly title: string;
  readonly host: string | null;
  readonly operations: readonly Operation[];
}

interface Place {
  readonly world: World;
  readonly left: number;
  readonly path: readonly string[];
}

/**
 * Looks for any order of single steps that leads to what is declared and that the invariants allow: it knows nothing of
 * the planner. Nearest first, and gives up (`null`) after so many places or when there is nothing left to try.
 */
export function safePath(
  desired: ClusterJson,
  was: ClusterJson,
  truth: Truth,
  places: number,
): readonly string[] | null {
  const start = settle(desired, keepingTablets(desired, pessimistic(truth.world)));
  // What the rows said is lost to the model when they are elected anew.
  if (truth.world.cluster.known && !start.cluster.known) return null;
  const open: Place[] = [{ world: start, left: undone(desired, was, start).length, path: [] }];
  const seen = new Set([stateKey(desired, { ...truth, world: start })]);
  for (let looked = 0; looked < places; looked += 1) {
    const here = nearest(open);
    if (here === undefined) return null;
    if (here.left === 0) return here.path;
    for (const move of moves(desired, here.world)) {
      if (!here.world.cluster.known && stopsSomething(move, here.world)) continue;
      if (violations(desired, { ...truth, world: here.world }, [asStep(move)]).length > 0) continue;
      let world = here.world;
      for (const operation of move.operations) world = apply(operation, desired, world);
      world = settle(desired, world);
      const key = stateKey(desired, { ...truth, world });
      if (seen.has(key)) continue;
      seen.add(key);
      open.push({ world, left: undone(desired, was, world).length, path: [...here.path, move.title] });
    }
  }
  return null;
}

/** A machine that nobody can look at is counted on by nobody: an unknown never permits to stop anything. */
function pessimistic(world: World): World {
  if (!world.cluster.known) return world;
  const rows = world.cluster.value;
  const seen = (row: { readonly host: string }) => world.hosts[row.host]?.known === true;
  return {
    ...world,
    cluster: known({
      ...rows,
      frontends: rows.frontends.map(row => (seen(row) ? row : { ...row, alive: false })),
      backends: rows.backends.map(row => (seen(row) ? row : { ...row, alive: false })),
    }),
  };
}

/** Nobody lets a BE that cluster.yaml names be drained to its end, only to restart it then. */
function keepingTablets(desired: ClusterJson, world: World): World {
  if (!world.cluster.known) return world;
  const draining = world.cluster.value.backends.filter(row => row.system_decommissioned && row.tablet_num > 0);
  const named = ({ host, heartbeat_port }: BackendRow) =>
    desired.hosts.some(
      ({ address, be }) =>
        address === host &&
        world.hosts[address]?.known === true &&
        be.some(({ ports }) => ports.heartbeat_service_port === heartbeat_port),
    );
  return draining
    .filter(named)
    .map(row => statement('cancelDecommission', row.host, row.heartbeat_port))
    .reduce((at, operation) => apply(operation, desired, at), world);
}

/** While no leader answers, nobody knows what a node that runs is needed for. */
function stopsSomething({ operations }: Move, world: World): boolean {
  return operations.some(operation => {
    if (operation.kind !== 'activate' && operation.kind !== 'stop') return false;
    const answer = world.hosts[operation.host];
    const containers = answer?.known === true ? answer.value.containers : [];
    return containers.some(one => one.service === operation.service && one.state === 'running');
  });
}

function nearest(open: Place[]): Place | undefined {
  let best = 0;
  for (const [at, place] of open.entries()) {
    const other = open[best];
    if (other !== undefined && place.left * 3 + place.path.length < other.left * 3 + other.path.length) best = at;
  }
  return open.splice(best, 1)[0];
}

const asStep = ({ host, operations }: Move) => ({
  ...{ action: 'restart' as const, host, service: null, reason: '' },
  ...{ operations, gates: [], outage: null },
});

function moves(desired: ClusterJson, world: World): Move[] {
  return [
    ...desired.hosts
      .filter(host => !host.maintenance)
      .flatMap(host => [
        ...(host.fe === null ? [] : ofFrontend(host, host.fe, world)),
        ...host.be.flatMap(be => ofBackend(host, be, world)),
      ]),
    ...world.leaving.flatMap(host => [
      ...(host.fe === null ? [] : ofLeavingFrontend(host, host.fe, world)),
      ...host.be.flatMap(be => ofLeavingBackend(host, be, world)),
    ]),
  ];
}

function seen({ address }: CompiledHost, service: string, world: World) {
  const answer = world.hosts[address];
  const machine = answer?.known === true ? answer.value : null;
  const container = machine?.containers.find(one => one.service === service) ?? null;
  const rows = world.cluster.known ? world.cluster.value : null;
  return { machine, container, rows };
}

function ofFrontend(host: CompiledHost, fe: FeService, world: World): Move[] {
  const { address } = host;
  const { machine, container, rows } = seen(host, fe.name, world);
  if (machine === null) return [];
  const row = rows?.frontends.find(one => one.host === address) ?? null;
  const key = nodeKey(address, fe.name);
  const activate: Operation = { kind: 'activate', host: address, service: fe.name, ...digests(container, fe) };
  const others = rows?.frontends.filter(one => one.host !== address && one.role !== 'OBSERVER') ?? [];
  const peers: Operation = { kind: 'writeState', host: address, peers: others.map(one => one.host) };
  const add = statement(fe.role === 'observer' ? 'addObserver' : 'addFollower', address, fe.ports.edit_log_port);
  const stop: Operation = { kind: 'stop', host: address, service: fe.name, expects: '' };
  const meta = machine.fe.meta;
  const usable = meta === 'whole' && !machine.fe.state.joining;
  const other = row !== null && (row.role === 'OBSERVER') !== (fe.role === 'observer');
  const drop = statement(row?.role === 'OBSERVER' ? 'dropObserver' : 'dropFollower', address, fe.ports.edit_log_port);
  const copy: Operation = { kind: 'copyMetadata', host: address, release: '', expects: '' };
  return [
    ...(usable && !(container?.state === 'running' && container.digest === fe.digest)
      ? [{ title: `activate ${key}`, host: address, operations: container === null ? [activate] : [copy, activate] }]
      : []),
    ...(meta === 'empty' && rows !== null
      ? [{ title: `join ${key}`, host: address, operations: [peers, activate, ...(row === null ? [add] : [])] }]
      : []),
    ...(meta !== 'empty' && (!usable || row === null || other)
      ? [
          {
            title: `aside ${key}`,
            host: address,
            operations: [stop, { kind: 'asideMetadata', host: address, reason: '' } as const],
          },
        ]
      : []),
    ...(other ? [{ title: `drop ${key}`, host: address, operations: [drop] }] : []),
    ...(other && container?.state === 'running' ? [{ title: `stop ${key}`, host: address, operations: [stop] }] : []),
  ];
}

function ofBackend(host: CompiledHost, be: BeService, world: World): Move[] {
  const { address } = host;
  const { machine, container, rows } = seen(host, be.name, world);
  if (machine === null) return [];
  const port = be.ports.heartbeat_service_port;
  const row = rows?.backends.find(one => isAt(one, { host: address, port })) ?? null;
  const key = nodeKey(address, be.name);
  const ready = container?.state === 'running' && container.digest === be.digest;
  const activate: Operation = { kind: 'activate', host: address, service: be.name, ...digests(container, be) };
  const label: Operation = {
    kind: 'sql',
    statement: { kind: 'setLocation', host: address, port, location: host.location ?? '' },
  };
  return [
    ...(ready ? [] : [{ title: `activate ${key}`, host: address, operations: [activate] }]),
    ...(row === null && rows !== null
      ? [{ title: `add ${key}`, host: address, operations: [statement('addBackend', address, port)] }]
      : []),
    ...(row?.system_decommissioned === true
      ? [{ title: `undrain ${key}`, host: address, operations: [statement('cancelDecommission', address, port)] }]
      : []),
    ...(row !== null && host.location !== null && row.location !== host.location
      ? [{ title: `label ${key}`, host: address, operations: [label] }]
      : []),
  ];
}

function ofLeavingFrontend(host: CompiledHost, fe: FeService, world: World): Move[] {
  const { address } = host;
  const { container, rows } = seen(host, fe.name, world);
  const row = rows?.frontends.find(one => one.host === address);
  const key = nodeKey(address, fe.name);
  const kind = row?.role === 'OBSERVER' ? 'dropObserver' : 'dropFollower';
  return [
    ...(container?.state === 'running'
      ? [
          {
            title: `stop ${key}`,
            host: address,
            operations: [{ kind: 'stop', host: address, service: fe.name, expects: '' } as const],
          },
        ]
      : []),
    ...(row === undefined
      ? []
      : [{ title: `drop ${key}`, host: address, operations: [statement(kind, address, fe.ports.edit_log_port)] }]),
  ];
}

function ofLeavingBackend(host: CompiledHost, be: BeService, world: World): Move[] {
  const { address } = host;
  const { rows } = seen(host, be.name, world);
  const port = be.ports.heartbeat_service_port;
  const row = rows?.backends.find(one => isAt(one, { host: address, port }));
  if (row === undefined) return [];
  const key = nodeKey(address, be.name);
  return [
    row.system_decommissioned
      ? { title: `drop ${key}`, host: address, operations: [statement('dropBackend', address, port)] }
      : { title: `drain ${key}`, host: address, operations: [statement('decommissionBackend', address, port)] },
  ];
}

const digests = (container: { readonly digest: string } | null, service: { readonly digest: string }) => ({
  expects: container?.digest ?? null,
  digest: service.digest,
});

type Addressed =
  | 'addFollower'
  | 'addObserver'
  | 'addBackend'
  | 'dropFollower'
  | 'dropObserver'
  | 'dropBackend'
  | 'decommissionBackend'
  | 'cancelDecommission';

const statement = (kind: Addressed, host: string, port: number): Operation => ({
  kind: 'sql',
  statement: { kind, host, port },
});
