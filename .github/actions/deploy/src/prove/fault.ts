import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { onHost, withFe } from '../plan/draft.ts';
import { isUnheard, newestHeartbeat } from '../plan/heartbeat.ts';
import { settle } from '../plan/settle.ts';
import { unreachableCase } from '../plan/unreachable.ts';
import {
  type BackendRow,
  type FrontendRow,
  type HostWorld,
  known,
  nodeKey,
  unknown,
  type World,
} from '../plan/world.ts';

/** What may go wrong between two steps, without anybody's doing. */
export type Fault =
  /** Its process ends and does not come back by itself. */
  | { readonly kind: 'crash'; readonly host: string; readonly service: string }
  | { readonly kind: 'host-down'; readonly host: string }
  /** Another follower that is up is elected. */
  | { readonly kind: 'leader-moves'; readonly host: string }
  /** The metadata folder of an FE is empty, and its process ends. */
  | { readonly kind: 'metadata-lost'; readonly host: string }
  /** The disk of its metadata is full: its FE ends, and starts no more before somebody has made room. */
  | { readonly kind: 'disk-full'; readonly host: string }
  /** It answers everybody but the leader, which has heard of all others since; that passes. */
  | { readonly kind: 'unheard'; readonly host: string; readonly port: number };

/** A world, and what machines that are down look like when they come back. */
export interface Truth {
  readonly world: World;
  readonly away: Readonly<Record<string, HostWorld>>;
  /** Tablets that were not whole before the run's first step; absent: nobody asks. */
  readonly unhealthy_before?: number;
}

export function sentence(fault: Fault): string {
  switch (fault.kind) {
    case 'crash':
      return `${fault.service} on ${fault.host} crashes`;
    case 'host-down':
      return `${fault.host} goes down`;
    case 'leader-moves':
      return `${fault.host} is elected leader`;
    case 'metadata-lost':
      return `${fault.host} loses its metadata`;
    case 'disk-full':
      return `the metadata of ${fault.host} fills its disk`;
    case 'unheard':
      return `the leader does not hear of ${fault.host}:${fault.port} for a while`;
    default:
      return unreachableCase(fault);
  }
}

/** Every fault that can strike here. */
export function possible({ world }: Truth): Fault[] {
  const machines = Object.entries(world.hosts).flatMap(([host, answer]): Fault[] => {
    if (!answer.known) return [];
    const running = answer.value.containers.filter(one => one.state === 'running').map(one => one.service);
    return [
      ...running.map((service): Fault => ({ kind: 'crash', host, service })),
      ...(running.length > 0 ? [{ kind: 'host-down', host } as const] : []),
      ...(answer.value.fe.meta === 'whole' ? [{ kind: 'metadata-lost', host } as const] : []),
      ...(running.includes('starrocks-fe') ? [{ kind: 'disk-full', host } as const] : []),
    ];
  });
  const silent = ({ host }: FrontendRow): boolean => {
    const answer = world.answers[nodeKey(host, 'starrocks-fe')];
    return answer?.known === true && !answer.value;
  };
  if (!world.cluster.known) return machines;
  const { frontends, backends } = world.cluster.value;
  const followers = frontends.filter(row => row.role === 'FOLLOWER' && row.alive && row.join && !silent(row));
  const beats = [
    ...frontends.filter(row => row.role !== 'LEADER').map(row => ({ ...row, port: row.edit_log_port })),
    ...backends.map(row => ({ ...row, port: row.heartbeat_port })),
  ].filter(row => row.alive && row.last_heartbeat !== null);
  return [
    ...machines,
    ...followers.map((row): Fault => ({ kind: 'leader-moves', host: row.host })),
    ...beats.map(({ host, port }): Fault => ({ kind: 'unheard', host, port })),
  ];
}

export function strike(fault: Fault, desired: ClusterJson, truth: Truth): Truth {
  switch (fault.kind) {
    case 'crash':
      return { ...truth, world: settle(desired, exited(truth.world, fault.host, fault.service)) };
    case 'host-down':
      return hostDown(fault.host, desired, truth);
    case 'leader-moves':
      return { ...truth, world: ledBy(truth.world, fault.host) };
    case 'metadata-lost': {
      const world = exited(truth.world, fault.host, 'starrocks-fe');
      const wiped = onHost(world, fault.host, machine =>
        withFe(machine, fe => ({ ...fe, meta: 'empty', cluster_id: null })),
      );
      return { ...truth, world: settle(desired, wiped) };
    }
    case 'disk-full':
      return { ...truth, world: settle(desired, withoutRoom(truth.world, desired, fault.host)) };
    case 'unheard':
      return { ...truth, world: withoutBeats(truth.world, fault) };
    default:
      return unreachableCase(fault);
  }
}

/** Machines that were down are back; their containers start by themselves. */
export function back(desired: ClusterJson, { world, away }: Truth): Truth {
  const hosts = Object.fromEntries(Object.entries(away).map(([host, machine]) => [host, known(machine)]));
  return { world: settle(desired, { ...world, hosts: { ...world.hosts, ...hosts } }), away: {} };
}

const exited = (world: World, host: string, service: string): World =>
  onHost(world, host, machine => ({
    ...machine,
    containers: machine.containers.map(one => (one.service === service ? { ...one, state: 'exited' as const } : one)),
  }));

function hostDown(host: string, desired: ClusterJson, { world, away }: Truth): Truth {
  const answer = world.hosts[host];
  if (answer?.known !== true) return { world, away };
  // Its rows die by its silence: let the model see its processes end, then nobody can ask it any more.
  let gone = world;
  for (const { service } of answer.value.containers) gone = exited(gone, host, service);
  const settled = settle(desired, gone);
  const silent = Object.keys(settled.answers).filter(key => key.startsWith(`${host}/`));
  const answers = Object.fromEntries(silent.map(key => [key, unknown('its machine does not answer')]));
  const hosts = { ...settled.hosts, [host]: unknown('it does not answer') };
  return {
    world: { ...settled, hosts, answers: { ...settled.answers, ...answers } },
    away: { ...away, [host]: answer.value },
  };
}

function withoutRoom(world: World, desired: ClusterJson, host: string): World {
  const fe = desired.hosts.find(one => one.address === host)?.fe;
  const folders = fe?.folders.filter(folder => folder.use === 'meta') ?? [];
  const full = folders.map(folder => ({ path: folder.host, free: 0, total: 1, access: 'writable' as const }));
  return onHost(exited(world, host, 'starrocks-fe'), host, machine => ({ ...machine, disks: full }));
}

/** Of the leader's clock: the first is too long ago for one that is counted on. What settles is heard of again. */
const [LAST_BEAT, OTHERS_BEAT] = ['2026-01-01 00:00:00', '2026-01-01 00:01:00'];

/** Somebody lives whom the leader has not heard of: that passes. */
export function isUnheardSomewhere({ world: { cluster } }: Truth): boolean {
  if (!cluster.known) return false;
  const { frontends, backends } = cluster.value;
  return [frontends, backends].some(rows => {
    const newest = newestHeartbeat(rows);
    return rows.some(row => row.alive && isUnheard(row, newest));
  });
}

function withoutBeats(world: World, { host, port }: Extract<Fault, { kind: 'unheard' }>): World {
  if (!world.cluster.known) return world;
  const rows = world.cluster.value;
  const heard = <Row extends FrontendRow | BackendRow>(row: Row, at: number): Row =>
    row.last_heartbeat === null
      ? row
      : { ...row, last_heartbeat: row.host === host && at === port ? LAST_BEAT : OTHERS_BEAT };
  const frontends = rows.frontends.map(row => heard(row, row.edit_log_port));
  const backends = rows.backends.map(row => heard(row, row.heartbeat_port));
  return { ...world, cluster: known({ ...rows, frontends, backends }) };
}

function ledBy(world: World, host: string): World {
  if (!world.cluster.known) return world;
  const rows = world.cluster.value;
  const role = (row: (typeof rows.frontends)[number]) =>
    row.host === host ? ('LEADER' as const) : row.role === 'LEADER' ? ('FOLLOWER' as const) : row.role;
  return {
    ...world,
    cluster: known({ ...rows, leader: host, frontends: rows.frontends.map(row => ({ ...row, role: role(row) })) }),
  };
}
