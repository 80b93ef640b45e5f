import type { BeService, ClusterJson, FeService, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { withFe, withMachines } from './draft.ts';
import { newBackend, newFrontend } from './fresh-world.ts';
import { majority } from './gates.ts';
import { type Place, type Places, placesOf } from './place.ts';
import { releaseOfImage } from './version-path.ts';
import type {
  BackendRow,
  BeData,
  Container,
  FeData,
  FrontendRow,
  HostWorld,
  Machines,
  Switches,
  World,
} from './world.ts';
import { isAt, known, machinesOf, namedOtherwise, nodeKey, unknown } from './world.ts';

/** StarRocks' own defaults. */
const DEFAULT_SWITCHES: Switches = {
  tablet_sched_max_scheduling_tablets: '10000',
  tablet_sched_max_balancing_tablets: '500',
  tablet_sched_disable_balance: 'false',
  tablet_sched_disable_colocate_balance: 'false',
};

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
  const changed: [string, HostWorld][] = [];
  for (const [address, answer] of Object.entries(hosts)) {
    if (!answer.known) continue;
    const healthy = withHealth(answer.value, address, answers);
    const row = joined.get(address);
    const member = row === undefined ? healthy : withMembership(healthy, row);
    const heard = fresh.get(address);
    const machine = heard === undefined ? member : withStorage(member, heard, rows[0]?.cluster_id ?? '');
    if (machine !== answer.value) changed.push([address, machine]);
  }
  return withMachines(hosts, changed);
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
  if (fe.meta === 'whole' && fe.cluster_id === id && fe.state.member === id) {
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
