import type { ClusterJson, CompiledHost, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { drafted, onHost, withFe } from './draft.ts';
import { EMPTY_FE, newBackend, newFrontend } from './fresh-world.ts';
import type { Operation, Statement } from './operation.ts';
import { leftBehind, servicesOf } from './place.ts';
import { remembered } from './remembered.ts';
import { settle } from './settle.ts';
import { unreachableCase } from './unreachable.ts';
import type { Container, FeState, HostWorld, World } from './world.ts';
import { isAt, known } from './world.ts';

/** What an operation does to the world, defined once: for the plan that people read, and for whoever checks it. */
export interface Effects {
  /** It was done, whether or not the answer arrived. */
  readonly done: World;
  /** Worlds in which it was cut off: the first is the one before it. */
  readonly cutOff: readonly World[];
}

export function effects(operation: Operation, desired: ClusterJson, world: World): Effects {
  const done = settle(desired, apply(operation, desired, world));
  switch (operation.kind) {
    case 'activate': {
      // Where a disk is left behind, it stands still first. Then files have moved, and the container is still the old one,
      // or gone while Compose recreates it.
      const still = leavesDisk(operation, desired, world)
        ? [settle(desired, apply({ ...operation, kind: 'stop', expects: '' }, desired, world))]
        : [];
      const moved = onHost(still[0] ?? world, operation.host, machine =>
        withFiles(machine, desired, operation.host, operation.service),
      );
      const gone = onHost(moved, operation.host, machine => ({
        ...machine,
        containers: machine.containers.filter(container => container.service !== operation.service),
      }));
      return { done, cutOff: [world, ...still, moved, settle(desired, gone)] };
    }
    case 'refresh':
    case 'stage':
    case 'pull':
    case 'writeState':
    case 'asideMetadata':
    case 'copyMetadata':
    case 'writeSwitches':
    case 'writeDrain':
    case 'stop':
    case 'removeContainer':
    case 'retire':
      return { done, cutOff: [world] };
    case 'sql':
      return { done, cutOff: [world, ...reachedSome(operation.statement, world)] };
    case 'adopt': {
      const moved = onHost(world, operation.host, machine =>
        withFiles(machine, desired, operation.host, operation.service),
      );
      return { done, cutOff: [world, moved] };
    }
    case 'restart': {
      const still = apply({ ...operation, kind: 'stop' }, desired, world);
      return { done, cutOff: [world, settle(desired, still)] };
    }
    default:
      return unreachableCase(operation);
  }
}

function leavesDisk(
  { host, service: name }: Extract<Operation, { kind: 'activate' }>,
  desired: ClusterJson,
  world: World,
) {
  const machine = world.hosts[host];
  const service = servicesOf(hostOf(desired, host)).find(one => one.name === name);
  const there = machine?.known === true ? machine.value.containers.find(one => one.service === name) : undefined;
  return service !== undefined && there !== undefined && leftBehind(service, there).length > 0;
}

/** Its own effect alone; what the cluster then does by itself is `settle`. */
export function apply(operation: Operation, desired: ClusterJson, world: World): World {
  switch (operation.kind) {
    case 'stage':
      return onHost(world, operation.host, machine => ({
        ...machine,
        staged: [...machine.staged, operation.digest],
      }));
    case 'pull':
      return onHost(world, operation.host, machine => ({
        ...machine,
        images: { ...machine.images, [operation.image]: 'pulled' },
      }));
    case 'activate':
      return onHost(forgetful(world, operation), operation.host, machine =>
        activated(withFiles(machine, desired, operation.host, operation.service), desired, operation),
      );
    case 'refresh':
      return onHost(world, operation.host, machine => ({
        ...machine,
        files: Object.fromEntries(hostOf(desired, operation.host).files.map(file => [file.path, file.sha256])),
      }));
    case 'writeState':
      return onHost(world, operation.host, machine =>
        withFe(machine, fe => ({
          ...fe,
          state: { ...fe.state, peers: [...operation.peers] },
        })),
      );
    case 'writeSwitches':
      return onHost(world, operation.host, machine =>
        withFe(machine, fe => ({ ...fe, state: noted(fe.state, operation) })),
      );
    case 'writeDrain':
      return onHost(world, operation.host, machine => withDrain(machine, operation));
    case 'copyMetadata':
      return apply({ ...operation, kind: 'stop', service: 'starrocks-fe' }, desired, world);
    case 'asideMetadata':
      return onHost(world, operation.host, machine =>
        withFe(machine, fe => ({
          ...EMPTY_FE,
          state: { ...fe.state, joining: false, founding: false, refused: false },
        })),
      );
    case 'stop':
      return onHost(world, operation.host, machine => ({
        ...machine,
        containers: machine.containers.map(container =>
          container.service === operation.service ? { ...container, state: 'exited' as const } : container,
        ),
      }));
    case 'restart':
      return onHost(forgetful(world, operation), operation.host, machine => ({
        ...machine,
        containers: machine.containers.map(container =>
          container.service === operation.service
            ? { ...container, state: 'running' as const, health: 'starting' as const, started_at: 'now' }
            : container,
        ),
      }));
    case 'removeContainer':
      return onHost(world, operation.host, machine => ({
        ...machine,
        containers: machine.containers.filter(container => container.service !== operation.service),
      }));
    case 'retire':
      return onHost(world, operation.host, machine => forgotten(machine, operation.service));
    case 'adopt':
      return onHost(world, operation.host, machine =>
        adopted(withFiles(machine, desired, operation.host, operation.service), operation),
      );
    case 'sql':
      return executed(operation.statement, world);
    default:
      return unreachableCase(operation);
  }
}

/** Each FE is told by itself (seen: while one is down, the others change, and the statement fails). */
function reachedSome(statement: Statement, world: World): World[] {
  if (statement.kind !== 'setSwitches') return [];
  const addresses = Object.keys(world.switches);
  return addresses.slice(1).map((_, at) => {
    const told = addresses.slice(0, at + 1).map(address => [address, statement.switches] as const);
    return { ...world, switches: { ...world.switches, ...Object.fromEntries(told) } };
  });
}

/** One after the other, and what the cluster then does by itself; before each, `meets` is told the world that it meets. */
export function carriedOut(
  operations: readonly Operation[],
  desired: ClusterJson,
  world: World,
  meets: (operation: Operation, at: World) => void,
): World {
  return drafted(world, draft => {
    let at = draft;
    for (const operation of operations) {
      meets(operation, at);
      at = apply(operation, desired, at);
    }
    return settle(desired, at);
  });
}

/** An FE that starts begins with the switches of its fe.conf. */
function forgetful(world: World, { host, service }: { readonly host: string; readonly service: string }): World {
  if (service !== 'starrocks-fe' || world.switches[host] === undefined) return world;
  const { [host]: _, ...switches } = world.switches;
  return { ...world, switches };
}

const hostsByAddress = remembered((desired: ClusterJson) => new Map(desired.hosts.map(host => [host.address, host])));

const hostOf = (desired: ClusterJson, address: string): CompiledHost => {
  const host = hostsByAddress(desired).get(address);
  if (host === undefined) throw new Error(`${address} is not in cluster.json`);
  return host;
};

function noted(
  { unhealthy: _, ...state }: FeState,
  { switches, unhealthy }: Extract<Operation, { kind: 'writeSwitches' }>,
): FeState {
  return { ...state, switches, ...(unhealthy === null ? {} : { unhealthy }) };
}

function withDrain(machine: HostWorld, { service, tablets }: Extract<Operation, { kind: 'writeDrain' }>): HostWorld {
  const { drain: _, ...data } = machine.be[service] ?? { storage: 'empty', cluster_id: null, member: null };
  return {
    ...machine,
    be: { ...machine.be, [service]: tablets === null ? data : { ...data, drain: { tablets, seconds: 0 } } },
  };
}

function withFiles(machine: HostWorld, desired: ClusterJson, address: string, service: string): HostWorld {
  const moved = hostOf(desired, address).files.filter(file => file.service === null || file.service === service);
  return {
    ...machine,
    files: {
      ...machine.files,
      ...Object.fromEntries(moved.map(file => [file.path, file.sha256])),
    },
  };
}

function activated(
  machine: HostWorld,
  desired: ClusterJson,
  operation: Extract<Operation, { kind: 'activate' }>,
): HostWorld {
  const host = hostOf(desired, operation.host);
  const service = servicesOf(host).find(one => one.name === operation.service);
  if (service === undefined) return machine;
  const container: Container = {
    service: service.name,
    digest: operation.digest,
    image: service.image,
    image_id: machine.images[service.image] ?? 'unknown',
    state: 'running',
    health: 'starting',
    started_at: 'now',
    restarts: 0,
    mounts: Object.fromEntries(service.folders.map(folder => [folder.container, folder.host])),
  };
  return {
    ...machine,
    containers: [...machine.containers.filter(one => one.service !== service.name), container],
  };
}

/** That it was a member is forgotten: a new node may begin there with an empty folder. */
function forgotten(machine: HostWorld, service: ServiceName): HostWorld {
  if (service === 'starrocks-fe') {
    return withFe(machine, fe => ({ ...fe, state: { ...fe.state, member: null } }));
  }
  const data = machine.be[service];
  return data === undefined ? machine : { ...machine, be: { ...machine.be, [service]: { ...data, member: null } } };
}

function adopted(machine: HostWorld, operation: Extract<Operation, { kind: 'adopt' }>): HostWorld {
  const hand = machine.by_hand.find(one => one.id === operation.container);
  if (hand === undefined) return machine;
  const container: Container = {
    service: operation.service,
    digest: operation.digest,
    image: hand.image,
    image_id: machine.images[hand.image] ?? 'unknown',
    state: hand.state,
    health: 'none',
    started_at: hand.started_at,
    restarts: 0,
    mounts: hand.mounts,
  };
  return {
    ...machine,
    by_hand: machine.by_hand.filter(one => one !== hand),
    // It was told among them by its name.
    strangers: machine.strangers.filter(one => !one.startsWith(`the container ${hand.service} `)),
    containers: [...machine.containers, container],
  };
}

function executed(statement: Statement, world: World): World {
  if (!world.cluster.known) return world;
  const rows = world.cluster.value;
  switch (statement.kind) {
    case 'setRootPassword':
      return { ...world, cluster: known({ ...rows, root_open: false }) };
    case 'setSwitches': {
      const running = Object.keys(world.switches).map(address => [address, statement.switches]);
      return { ...world, switches: Object.fromEntries(running) };
    }
    case 'createImage':
      return rows.frontends
        .filter(row => row.alive)
        .reduce(
          (at, row) => onHost(at, row.host, machine => withFe(machine, fe => ({ ...fe, image: (fe.image ?? 0) + 1 }))),
          world,
        );
    case 'addFollower':
    case 'addObserver': {
      if (rows.frontends.some(row => row.host === statement.host)) return world;
      const role = statement.kind === 'addFollower' ? 'FOLLOWER' : 'OBSERVER';
      const row = newFrontend(statement.host, statement.port, role, rows.frontends[0]?.cluster_id ?? '');
      return {
        ...world,
        cluster: known({ ...rows, frontends: [...rows.frontends, row] }),
      };
    }
    case 'addBackend': {
      if (rows.backends.some(row => isAt(row, statement))) return world;
      return {
        ...world,
        cluster: known({
          ...rows,
          backends: [...rows.backends, newBackend(statement.host, statement.port)],
        }),
      };
    }
    case 'dropFollower':
    case 'dropObserver':
      return {
        ...world,
        cluster: known({ ...rows, frontends: rows.frontends.filter(row => row.host !== statement.host) }),
      };
    case 'dropBackend':
      return {
        ...world,
        cluster: known({ ...rows, backends: rows.backends.filter(row => !isAt(row, statement)) }),
      };
    case 'decommissionBackend':
    case 'cancelDecommission': {
      const system_decommissioned = statement.kind === 'decommissionBackend';
      const backends = rows.backends.map(row => (isAt(row, statement) ? { ...row, system_decommissioned } : row));
      return { ...world, cluster: known({ ...rows, backends }) };
    }
    case 'setLocation': {
      const { location } = statement;
      const backends = rows.backends.map(row => (isAt(row, statement) ? { ...row, location } : row));
      return { ...world, cluster: known({ ...rows, backends }) };
    }
    default:
      return unreachableCase(statement);
  }
}
