import type {
  BeService,
  ClusterJson,
  CompiledHost,
  FeService,
  ServiceName,
} from '../../../../../compiler/contract/cluster-json.ts';
import { isUnheard, newestHeartbeat } from './heartbeat.ts';
import { byHost, type Place, placesOf } from './place.ts';
import { remembered } from './remembered.ts';
import type { BackendRow, ClusterRows, Container, FrontendRow, HostWorld, Machines, World } from './world.ts';
import { machinesOf, nodeKey } from './world.ts';

/**
 * What is wanted beyond the compiled files. `converge`: nothing, every other intent does one thing only. `restart`: every
 * chosen node once, though nothing differs. `register`: ADD what runs and has no row. `drop`: the rows that cluster.yaml
 * no longer names. `stop`: chosen nodes stand still. `start`: those that stand still run again, nothing is upgraded.
 * `adopt`: containers that a person started are taken over. `rebalance`: tablets are balanced as before a change of the
 * version that was broken off.
 */
export type Intent = 'converge' | 'restart' | 'register' | 'drop' | 'stop' | 'start' | 'adopt' | 'rebalance';

/** What the person asked for. */
export interface Request {
  /** Addresses this run may change, or null for all. */
  readonly hosts: ReadonlySet<string> | null;
  /** The one service that it may change there, or null for all. */
  readonly service: ServiceName | null;
  readonly intent: Intent;
}

/** What a deploy asks for. */
export const convergeAll: Request = { hosts: null, service: null, intent: 'converge' };

/** What a run remembers of its own steps, because the cluster's rows look the same during a whole restart. */
export interface Memory {
  /** Rows' times right before this run started the node, by node key. */
  readonly started: Readonly<Record<string, { readonly start_time: string | null }>>;
  /** UnhealthyTabletNum before this run's first step. */
  readonly unhealthy_before: number | null;
  /** `imagesOf` the world in which this run asked for a new image; absent: it has not. */
  readonly images_before?: Readonly<Record<string, number | null>>;
}

/** A memory while its run goes on. */
export interface GrowingMemory extends Memory {
  readonly started: Record<string, { readonly start_time: string | null }>;
  images_before?: NonNullable<Memory['images_before']>;
}

/** What a run that begins here remembers. */
export const firstMemory = (world: World): GrowingMemory => ({
  started: {},
  unhealthy_before: world.cluster.known ? world.cluster.value.unhealthy_tablets : null,
});

/** The newest image of the metadata of each FE that answers, by address: the leader sends a new one to those only. */
export const imagesOf = (world: World): Readonly<Record<string, number | null>> =>
  Object.fromEntries(
    Object.entries(world.hosts).flatMap(([address, machine]) => {
      const answer = world.answers[nodeKey(address, 'starrocks-fe')];
      const hears = answer?.known === true && answer.value;
      return hears && machine.known ? [[address, machine.value.fe.image]] : [];
    }),
  );

export interface Situation {
  readonly desired: ClusterJson;
  readonly world: World;
  readonly request: Request;
  readonly memory: Memory;
}

/** One declared FE or BE, with all that is known of it. */
export interface Node {
  readonly key: string;
  readonly host: CompiledHost;
  readonly service: FeService | BeService;
  /** null: the machine did not answer or is in maintenance. */
  readonly machine: HostWorld | null;
  readonly container: Container | null;
  readonly row: FrontendRow | BackendRow | null;
  /** true/false: it answers by itself or does not; null: nobody knows. */
  readonly answers: boolean | null;
  /** The leader has not heard of it for a while, though it has heard of others. */
  readonly unheard: boolean;
  readonly selected: boolean;
}

export interface FeNode extends Node {
  readonly service: FeService;
  readonly row: FrontendRow | null;
}

export interface BeNode extends Node {
  readonly service: BeService;
  readonly row: BackendRow | null;
}

/** The situation with nodes looked up once: every rule reads this. */
export interface View extends Situation {
  readonly machines: Machines;
  readonly rows: ClusterRows | null;
  readonly frontends: readonly FeNode[];
  readonly backends: readonly BeNode[];
  /** Those that cluster.yaml no longer names: until their rows and containers are gone. */
  readonly leavingFrontends: readonly FeNode[];
  readonly leavingBackends: readonly BeNode[];
}

/** Declared and leaving: whoever may vote. */
export const members = (v: View): readonly FeNode[] => [...v.frontends, ...v.leavingFrontends];

/** Declared and leaving: whoever may hold replicas. */
export const holders = (v: View): readonly BeNode[] => [...v.backends, ...v.leavingBackends];

const NO_ROWS = { frontends: [], backends: [] };
const frontendRows = remembered((rows: ClusterRows['frontends']) => byHost(rows, row => row.host));
const backendRows = remembered((rows: ClusterRows['backends']) => byHost(rows, row => row.host));

export function view(situation: Situation): View {
  const { desired, world, request } = situation;
  const rows = world.cluster.known ? world.cluster.value : null;
  const { frontends, backends } = rows ?? NO_ROWS;
  const machines = machinesOf(world.hosts);
  const [feRows, beRows] = [frontendRows(frontends), backendRows(backends)];
  const [feNewest, beNewest] = [newestHeartbeat(frontends), newestHeartbeat(backends)];
  const node = <S extends Node['service'], R extends FrontendRow | BackendRow>(
    { host, service, key }: Place<S>,
    row: R | null,
    newest: string | null,
  ) => {
    const { name } = service;
    const machine = machines.get(host.address) ?? null;
    const answers = world.answers[key];
    return {
      key,
      host,
      service,
      machine,
      row,
      unheard: row !== null && isUnheard(row, newest),
      container: machine?.containers.find(container => container.service === name) ?? null,
      answers: answers?.known === true ? answers.value : null,
      selected:
        !host.maintenance &&
        (request.hosts === null || request.hosts.has(host.address)) &&
        (request.service === null || request.service === name),
    };
  };
  const frontend = (place: Place<FeService>): FeNode => {
    const port = place.service.ports.edit_log_port;
    const row = feRows.get(place.host.address)?.find(one => one.edit_log_port === port) ?? null;
    return node(place, row, feNewest);
  };
  const backend = (place: Place<BeService>): BeNode => {
    const port = place.service.ports.heartbeat_service_port;
    const row = beRows.get(place.host.address)?.find(one => one.heartbeat_port === port) ?? null;
    return node(place, row, beNewest);
  };
  const declared = placesOf(desired.hosts);
  const leaving = placesOf(world.leaving);
  return {
    ...situation,
    machines,
    rows,
    frontends: declared.frontends.map(frontend),
    backends: declared.backends.map(backend),
    leavingFrontends: leaving.frontends.map(frontend),
    leavingBackends: leaving.backends.map(backend),
  };
}

/**
 * UnhealthyTabletNum before anything was touched. While the release changes that is what the first of its runs wrote
 * down: one that follows a killed run would take tablets for whole enough that its predecessor has left.
 */
export const unhealthyBefore = (v: View): number =>
  v.frontends.find(node => node.machine?.fe.state.unhealthy !== undefined)?.machine?.fe.state.unhealthy ??
  v.memory.unhealthy_before ??
  0;

/** Rows of BEs that neither cluster.yaml nor its history in git names. */
export const strangeBackends = remembered((v: View): readonly BackendRow[] => {
  const named = new Set<object | null>(holders(v).map(node => node.row));
  return v.rows?.backends.filter(row => !named.has(row)) ?? [];
});

/** Declared BEs that nobody can count on now. The memory of a view must not grow any more once this was asked. */
export const ailingBackends = remembered((v: View): readonly BeNode[] =>
  v.backends.filter(node => !up(node, v.memory)),
);

/** May this run do something to the node now? */
export const reachable = (node: Node): boolean => node.selected && node.machine !== null;

/** Its container runs the desired definition. */
export const current = (node: Node): boolean => node.container?.digest === node.service.digest;

/** This run may restart it, and it has to. */
export const stale = (node: Node): boolean => reachable(node) && node.container !== null && !current(node);

export const running = (node: Node): boolean => node.container?.state === 'running';

/** It runs, or Docker starts it again each time that it ends: starting it once more would add nothing. */
export const keptRunning = (node: Node): boolean => running(node) || node.container?.state === 'restarting';

/** Its metadata is that of a founding or a join that nobody has seen end, and it does not answer. */
export const unfinished = ({ machine, service, answers }: Node): boolean => {
  const fe = service.kind === 'fe' ? machine?.fe : null;
  return answers !== true && (fe?.meta === 'partial' || (fe?.meta === 'whole' && fe.state.joining));
};

/** It may be founding or joining right now: its script says when it finds that such a start was cut off. */
export const arriving = (node: Node): boolean =>
  unfinished(node) && keptRunning(node) && node.machine?.fe.state.refused !== true;

/**
 * Nothing of it is working, by its own silence: touching it makes nothing worse. One whose container is healthy is
 * asked at the wrong port, and works.
 */
export const down = (node: Node): boolean =>
  node.machine !== null && node.answers !== true && (!running(node) || (node.answers === false && !healthy(node)));

export const healthy = (node: Node): boolean => running(node) && node.container?.health === 'healthy';

/**
 * The leader counts on it and has just heard of it, it answers by itself, and what is seen is younger than this run's own
 * start of it.
 */
export function up(node: Node, memory: Memory): boolean {
  const { row } = node;
  if (row === null || !row.alive || node.answers !== true) return false;
  if (node.unheard) return false;
  if ('join' in row && !row.join) return false;
  const before = memory.started[node.key];
  // It was not alive before: that it is now says enough.
  if (before === undefined || before.start_time === null) return true;
  // Alive and Join stay true through a whole restart (seen on a real FE): only a newer start time with a heartbeat
  // after it says that the node is back.
  const start = startTime(row);
  if (start === null || row.last_heartbeat === null) return false;
  return start > before.start_time && row.last_heartbeat >= start;
}

/** Its machine was part of a cluster, and the folder is empty: a disk that is not mounted, or lost data. */
export function storageIsLost({ selected, machine, service, answers }: BeNode): boolean {
  const data = machine?.be[service.name];
  return selected && answers !== true && data?.storage === 'empty' && data.member !== null;
}

/** Nothing of it is missed while it is away. */
export const drainedEmpty = ({ row }: BeNode): boolean => row?.system_decommissioned === true && row.tablet_num === 0;

export const startTime = (row: FrontendRow | BackendRow): string | null =>
  'start_time' in row ? row.start_time : row.last_start_time;

/** Found once for each look at a machine: several rules ask, wave after wave. */
const staleOf = new WeakMap<HostWorld, { readonly host: CompiledHost; readonly paths: readonly string[] }>();

/** Paths of the host whose bytes differ from the compiled ones. */
export function staleFiles(host: CompiledHost, machine: HostWorld): readonly string[] {
  const found = staleOf.get(machine);
  if (found?.host === host) return found.paths;
  const paths = host.files.filter(file => machine.files[file.path] !== file.sha256).map(file => file.path);
  staleOf.set(machine, { host, paths });
  return paths;
}

/** FEs that a machine should know besides itself: members the leader has met. */
export function peersFor(v: View, address: string): string[] {
  const met = v.rows?.frontends.filter(row => row.role !== 'OBSERVER' && row.last_heartbeat !== null) ?? [];
  return met
    .map(row => row.host)
    .filter(host => host !== address)
    .sort();
}
