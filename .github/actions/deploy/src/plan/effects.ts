import type {
  BeService,
  ClusterJson,
  CompiledHost,
  FeService,
  ServiceName,
} from '../../../../../compiler/contract/cluster-json.ts';
import { majority } from './gates.ts';
import type { Operation, Statement } from './operation.ts';
import { leftBehind, type Place, type Places, placesOf, servicesOf } from './place.ts';
import { remembered } from './remembered.ts';
import { unreachableCase } from './unreachable.ts';
import { releaseOfImage } from './version-path.ts';
import type {
  BackendRow,
  BeData,
  Container,
  FeData,
  FeState,
  FrontendRow,
  HostWorld,
  Known,
  Machines,
  Switches,
  World,
} from './world.ts';
import { known, machinesOf, namedOtherwise, nodeKey, unknown } from './world.ts';

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
          ...emptyFe,
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

/** Records that only `carriedOut` knows: one of hundreds of hosts is dear to copy, and need not be for each change. */
const drafts = new WeakSet<World['hosts']>();

/** One after the other, and what the cluster then does by itself; before each, `meets` is told the world that it meets. */
export function carriedOut(
  operations: readonly Operation[],
  desired: ClusterJson,
  world: World,
  meets: (operation: Operation, at: World) => void,
): World {
  const hosts = { ...world.hosts };
  drafts.add(hosts);
  let at: World = { ...world, hosts };
  for (const operation of operations) {
    meets(operation, at);
    at = apply(operation, desired, at);
  }
  at = settle(desired, at);
  drafts.delete(hosts);
  return at;
}

/** An FE that starts begins with the switches of its fe.conf. */
function forgetful(world: World, { host, service }: { readonly host: string; readonly service: string }): World {
  if (service !== 'starrocks-fe' || world.switches[host] === undefined) return world;
  const { [host]: _, ...switches } = world.switches;
  return { ...world, switches };
}

/** StarRocks' own defaults. */
const DEFAULT_SWITCHES: Switches = {
  tablet_sched_max_scheduling_tablets: '10000',
  tablet_sched_max_balancing_tablets: '500',
  tablet_sched_disable_balance: 'false',
  tablet_sched_disable_colocate_balance: 'false',
};

const hostsByAddress = remembered((desired: ClusterJson) => new Map(desired.hosts.map(host => [host.address, host])));

const hostOf = (desired: ClusterJson, address: string): CompiledHost => {
  const host = hostsByAddress(desired).get(address);
  if (host === undefined) throw new Error(`${address} is not in cluster.json`);
  return host;
};

function onHost(world: World, address: string, change: (machine: HostWorld) => HostWorld): World {
  const answer = world.hosts[address];
  if (answer?.known !== true) return world;
  const machine = known(change(answer.value));
  if (!drafts.has(world.hosts)) return { ...world, hosts: { ...world.hosts, [address]: machine } };
  (world.hosts as Record<string, Known<HostWorld>>)[address] = machine;
  return world;
}

const emptyFe: FeData = {
  meta: 'empty',
  image: null,
  cluster_id: null,
  state: { member: null, joining: false, founding: false, refused: false, peers: [], switches: null },
};

const withFe = (machine: HostWorld, change: (fe: FeData) => FeData): HostWorld => ({
  ...machine,
  fe: change(machine.fe ?? emptyFe),
});

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
      const exists = rows.backends.some(row => row.host === statement.host && row.heartbeat_port === statement.port);
      if (exists) return world;
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
      const backends = rows.backends.map(row =>
        row.host === statement.host && row.heartbeat_port === statement.port
          ? { ...row, location: statement.location }
          : row,
      );
      return { ...world, cluster: known({ ...rows, backends }) };
    }
    default:
      return unreachableCase(statement);
  }
}

const isAt = (row: BackendRow, { host, port }: { readonly host: string; readonly port: number }): boolean =>
  row.host === host && row.heartbeat_port === port;

const newFrontend = (host: string, port: number, role: FrontendRow['role'], clusterId: string): FrontendRow => ({
  name: `${host}_${port}`,
  host,
  edit_log_port: port,
  query_port: 0,
  role,
  cluster_id: clusterId,
  join: false,
  alive: false,
  replayed_journal_id: 0,
  last_heartbeat: null,
  err_msg: '',
  start_time: null,
  version: null,
  raw: {},
});

const newBackend = (host: string, port: number): BackendRow => ({
  id: `${host}:${port}`,
  host,
  heartbeat_port: port,
  be_port: -1,
  http_port: -1,
  brpc_port: -1,
  last_start_time: null,
  last_heartbeat: null,
  alive: false,
  system_decommissioned: false,
  cluster_decommissioned: false,
  tablet_num: 0,
  err_msg: '',
  version: null,
  location: '',
  raw: {},
});

/** What the cluster does by itself once its processes run: founding, election, joining, heartbeats. */
export function settle(desired: ClusterJson, world: World): World {
  const machines = machinesOf(world.hosts);
  const cluster = registered(desired, elect(desired, world, machines), machines);
  const [declared, leaving] = [placesOf(desired.hosts), placesOf(world.leaving)];
  /** Only what nobody knew before. */
  const said = new Map<string, boolean>();
  const say = (key: string, value: boolean): void => {
    const before = world.answers[key];
    if (before?.known === true && before.value === value) said.delete(key);
    else said.set(key, value);
  };
  for (const { host, service, key } of [...leaving.all, ...declared.all]) {
    const machine = machines.get(host.address);
    // What stands still says nothing, whether or not a row knows it.
    if (machine !== undefined && !isRunning(machine, service.name)) say(key, false);
  }
  if (!cluster.known) return { ...world, cluster, answers: withAnswers(world.answers, said) };
  const { value: rows } = cluster;
  const switches: Record<string, Switches> = {};
  const heard = mapped(rows.frontends, row => {
    const here = declared.frontendsOf.get(row.host)?.[0];
    const node = here ?? leaving.frontendsOf.get(row.host)?.[0];
    const machine = machines.get(row.host);
    if (node === undefined || machine === undefined) return row;
    const alive = isRunning(machine, node.service.name) && !namedOtherwise(machine.fe, row);
    say(node.key, alive);
    if (!alive) return row.alive ? { ...row, alive } : row;
    switches[row.host] = world.switches[row.host] ?? DEFAULT_SWITCHES;
    const version = versionOf(machine, row, node.service, here === undefined ? null : desired.version);
    const as = row.alive && row.join && row.last_heartbeat === 'now' && row.start_time === 'now';
    if (as && row.version === version) return row;
    return { ...row, alive, join: true, last_heartbeat: 'now', start_time: 'now', version };
  });
  const fresh = new Map<string, readonly ServiceName[]>();
  const backends = mapped(rows.backends, row => {
    const here = backendAt(declared, row);
    const node = here ?? backendAt(leaving, row);
    const machine = machines.get(row.host);
    if (node === undefined || machine === undefined) return row;
    const { name } = node.service;
    const alive = isRunning(machine, name);
    say(node.key, alive);
    if (!alive) return row.alive ? { ...row, alive } : row;
    if (machine.be[name]?.storage !== 'whole') fresh.set(row.host, [...(fresh.get(row.host) ?? []), name]);
    const version = versionOf(machine, row, node.service, here === undefined ? null : desired.version);
    const as = row.alive && row.last_heartbeat === 'now' && row.last_start_time === 'now' && row.version === version;
    return as ? row : { ...row, alive, last_heartbeat: 'now', last_start_time: 'now', version };
  });
  const answers = withAnswers(world.answers, said);
  const frontends = led(heard);
  if (frontends === null) {
    return { ...world, answers, cluster: unknown('no majority of followers is up') };
  }
  const leader = frontends.find(row => row.role === 'LEADER')?.host ?? rows.leader;
  return {
    ...world,
    hosts: learnt(world.hosts, frontends, fresh, answers),
    cluster: known({ ...rows, leader, frontends, backends: moved(desired, backends) }),
    answers,
    switches,
  };
}

/**
 * What the cluster comes to while somebody waits: tablets that are not whole are copied, where the scheduler may do that
 * and enough BEs can take them.
 */
export function pass(desired: ClusterJson, world: World): World {
  const settled = settle(desired, world);
  const rows = settled.cluster.known ? settled.cluster.value : null;
  if (rows === null || (rows.unhealthy_tablets ?? 0) === 0) return settled;
  const stopped = settled.switches[rows.leader ?? '']?.tablet_sched_max_scheduling_tablets === '0';
  if (stopped || takersOf(rows.backends) < desired.default_replication_num) return settled;
  return { ...settled, cluster: known({ ...rows, unhealthy_tablets: 0 }) };
}

/** The same array when each of its parts stays what it was: what is remembered of it stays true. */
function mapped<T>(all: readonly T[], change: (one: T) => T): readonly T[] {
  const after = all.map(change);
  return after.every((one, at) => one === all[at]) ? all : after;
}

const backendAt = ({ backendsOf }: Places, row: BackendRow): Place<BeService> | undefined =>
  backendsOf.get(row.host)?.find(place => place.service.ports.heartbeat_service_port === row.heartbeat_port);

/** The same object when nobody says anything new, as in most waves of a long plan. */
function withAnswers(before: World['answers'], said: ReadonlyMap<string, boolean>): World['answers'] {
  if (said.size === 0) return before;
  return { ...before, ...Object.fromEntries([...said].map(([key, value]) => [key, known(value)])) };
}

/**
 * Scripts of nodes that begin with nothing register them at an FE that they know, as long as root needs no password
 * there; where it needs one, they wait for the deploy to do that.
 */
function registered(desired: ClusterJson, cluster: World['cluster'], machines: Machines): World['cluster'] {
  if (!cluster.known) return cluster;
  const { value: rows } = cluster;
  if (desired.password_env !== null && !rows.root_open) return cluster;
  const feHere = (address: string): boolean => rows.frontends.some(row => row.host === address);
  const beHere = (host: string, port: number): boolean => rows.backends.some(row => isAt(row, { host, port }));
  const heard = (address: string, { fe }: HostWorld): boolean =>
    [desired.master_host, ...fe.state.peers].some(
      one => one !== address && feHere(one) && isRunning(machines.get(one), 'starrocks-fe'),
    );
  const frontends: FrontendRow[] = [];
  const backends: BackendRow[] = [];
  for (const { address, fe, be } of desired.hosts) {
    const machine = machines.get(address);
    if (machine === undefined) continue;
    const fresh = fe !== null && machine.fe.meta === 'empty' && !feHere(address) && isRunning(machine, fe.name);
    if (fresh && heard(address, machine)) {
      const role = fe.role === 'observer' ? 'OBSERVER' : 'FOLLOWER';
      frontends.push(newFrontend(address, fe.ports.edit_log_port, role, rows.frontends[0]?.cluster_id ?? ''));
    }
    for (const { name, ports } of be) {
      const port = ports.heartbeat_service_port;
      const storage = machine.be[name];
      if (storage?.storage !== 'empty' || storage.member !== null || beHere(address, port)) continue;
      const asks = isRunning(machine, 'starrocks-fe') || heard(address, machine);
      if (isRunning(machine, name) && asks) backends.push(newBackend(address, port));
    }
  }
  if (frontends.length + backends.length === 0) return cluster;
  const all = { frontends: [...rows.frontends, ...frontends], backends: [...rows.backends, ...backends] };
  return known({ ...rows, ...all });
}

/**
 * The release that a node tells with its heartbeat.
 * @param wanted what its image is declared to be; null: it leaves, and is no part of what becomes another release
 */
function versionOf(
  machine: HostWorld | undefined,
  row: FrontendRow | BackendRow,
  service: FeService | BeService,
  wanted: string | null,
): string | null {
  const image = machine?.containers.find(one => one.service === service.name)?.image;
  if (image === undefined) return row.version;
  return wanted !== null && image === service.image ? wanted : (releaseOfImage(image) ?? row.version);
}

/**
 * What machines come to look like by themselves: containers that answer are healthy, members know that they are.
 * @param fresh BEs that are heard of for the first time, by host
 */
function learnt(
  hosts: World['hosts'],
  rows: readonly FrontendRow[],
  fresh: ReadonlyMap<string, readonly ServiceName[]>,
  answers: World['answers'],
): World['hosts'] {
  const joined = new Map(rows.filter(row => row.join && row.alive).map(row => [row.host, row]));
  let changed: Record<string, World['hosts'][string]> | null = null;
  for (const [address, answer] of Object.entries(hosts)) {
    if (!answer.known) continue;
    const healthy = withHealth(answer.value, address, answers);
    const row = joined.get(address);
    const member = row === undefined ? healthy : withMembership(healthy, row);
    const heard = fresh.get(address);
    const machine = heard === undefined ? member : withStorage(member, heard, rows[0]?.cluster_id ?? '');
    if (machine === answer.value) continue;
    changed ??= drafts.has(hosts) ? hosts : { ...hosts };
    changed[address] = known(machine);
  }
  return changed ?? hosts;
}

function withHealth(machine: HostWorld, address: string, answers: World['answers']): HostWorld {
  if (machine.containers.every(one => isWell(one) || !doesAnswer(answers, address, one.service))) return machine;
  const containers = machine.containers.map(
    (one): Container =>
      doesAnswer(answers, address, one.service)
        ? { ...one, ...(one.state === 'restarting' && { state: 'running' }), health: 'healthy' }
        : one,
  );
  return { ...machine, containers };
}

const isWell = ({ state, health }: Container): boolean => state !== 'restarting' && health === 'healthy';

function doesAnswer(answers: World['answers'], address: string, service: string): boolean {
  const answer = answers[nodeKey(address, service)];
  return answer?.known === true && answer.value;
}

function withMembership(machine: HostWorld, { cluster_id: id, name, role }: FrontendRow): HostWorld {
  const { fe } = machine;
  if (fe?.meta === 'whole' && fe.cluster_id === id && fe.state.member === id) {
    if (!fe.state.joining && !fe.state.founding) return machine;
  }
  return withFe(machine, there => ({
    ...there,
    meta: 'whole',
    cluster_id: id,
    name,
    role: role === 'OBSERVER' ? 'OBSERVER' : 'FOLLOWER',
    state: { ...there.state, member: id, joining: false, founding: false, refused: false },
  }));
}

/** The first heartbeat writes the cluster's id into a BE's storage. */
function withStorage(machine: HostWorld, names: readonly ServiceName[], id: string): HostWorld {
  const whole = names.map(name => [name, { storage: 'whole', cluster_id: id, member: id }] as const);
  return { ...machine, be: { ...machine.be, ...Object.fromEntries(whole) } };
}

/** Another follower leads when the leader is gone; null: without a majority nobody does (seen). */
function led(rows: readonly FrontendRow[]): readonly FrontendRow[] | null {
  const leader = rows.find(row => row.role === 'LEADER');
  const voters = rows.filter(row => row.role !== 'OBSERVER' && row.last_heartbeat !== null);
  const alive = voters.filter(row => row.alive && row.join);
  const [next] = alive;
  if (alive.length < majority(voters.length)) return null;
  if (leader === undefined || leader.alive || next === undefined) return rows;
  const roles = new Map<FrontendRow, FrontendRow['role']>([
    [leader, 'FOLLOWER'],
    [next, 'LEADER'],
  ]);
  return rows.map(row => ({ ...row, role: roles.get(row) ?? row.role }));
}

const takersOf = (rows: readonly BackendRow[]): number =>
  rows.filter(row => row.alive && !row.system_decommissioned).length;

/** Tablets leave what is decommissioned, as long as enough others can take them. */
function moved(desired: ClusterJson, rows: readonly BackendRow[]): readonly BackendRow[] {
  if (!rows.some(row => row.system_decommissioned && row.tablet_num !== 0)) return rows;
  if (takersOf(rows) < desired.default_replication_num) return rows;
  return rows.map(row => (row.system_decommissioned ? { ...row, tablet_num: 0 } : row));
}

const isRunning = (machine: HostWorld | undefined, service: string): boolean =>
  machine !== undefined &&
  !(service === 'starrocks-fe' && machine.fe.state.refused) &&
  (machine.containers.some(one => one.service === service && lives(machine, one)) ||
    machine.by_hand.some(one => one.service === service && lives(machine, one)));

/** What Docker starts again each time that it ends comes up at last, unless its scripts refuse what they find. */
function lives({ be }: HostWorld, { service, state }: Pick<Container, 'service' | 'state'>): boolean {
  if (state !== 'restarting') return state === 'running';
  const data = be[service as ServiceName];
  return data?.storage !== 'empty' || data.member === null;
}

/** A leader appears when the founder runs alone, or when a majority of the FEs with whole metadata runs. */
function elect(desired: ClusterJson, { cluster }: World, machines: Machines): World['cluster'] {
  if (cluster.known) return cluster;
  const fes = desired.hosts.flatMap(host => (host.fe === null ? [] : [{ host, fe: host.fe }]));
  const feData = (address: string): FeData | undefined => machines.get(address)?.fe;
  const met = new Set(fes.flatMap(({ host }) => feData(host.address)?.state.peers ?? []));
  // A machine that nobody can look at votes all the same, if others have met it.
  const members = fes.filter(({ host: { address } }) =>
    machines.has(address) ? feData(address)?.meta === 'whole' : met.has(address),
  );
  const founds = members.length === 0 && isRunning(machines.get(desired.master_host), 'starrocks-fe');
  const electing = founds ? fes.filter(({ host }) => host.address === desired.master_host) : members;
  // Its metadata says what it is, whatever cluster.yaml wants it to become.
  const observes = ({ host, fe }: (typeof fes)[number]): boolean =>
    (feData(host.address)?.role ?? fe.role.toUpperCase()) === 'OBSERVER';
  const voters = electing.filter(one => !observes(one));
  const running = voters.filter(({ host }) => isRunning(machines.get(host.address), 'starrocks-fe'));
  const leader = running[0]?.host.address;
  if (leader === undefined || running.length < majority(voters.length)) return cluster;
  const id = feData(leader)?.cluster_id ?? 'new';
  const frontends = electing.map((one): FrontendRow => {
    const { host, fe } = one;
    const role = observes(one) ? 'OBSERVER' : host.address === leader ? 'LEADER' : 'FOLLOWER';
    const row = newFrontend(host.address, fe.ports.edit_log_port, role, id);
    const version = versionOf(machines.get(host.address), row, fe, desired.version);
    const name = feData(host.address)?.name ?? row.name;
    return { ...row, name, version, last_heartbeat: 'now', join: true };
  });
  const rooted = desired.password_env !== null && founds;
  return known({
    asked: leader,
    leader,
    frontends,
    backends: knownBackends(desired, machines),
    compute_nodes: [],
    unhealthy_tablets: 0,
    root_open: rooted,
  });
}

/** BEs that were registered before everything stopped: the machine knows that it was, or nobody can look at it. */
function knownBackends(desired: ClusterJson, machines: Machines): BackendRow[] {
  return desired.hosts.flatMap(host => {
    const machine = machines.get(host.address);
    return host.be
      .filter(be => machine === undefined || wasMember(machine.be[be.name]))
      .map((be): BackendRow => {
        const row = newBackend(host.address, be.ports.heartbeat_service_port);
        const version = versionOf(machine, row, be, desired.version);
        return { ...row, version, last_heartbeat: 'now', location: host.location ?? '' };
      });
  });
}

const wasMember = (data: BeData | undefined): boolean => data?.storage === 'whole' || (data?.member ?? null) !== null;
