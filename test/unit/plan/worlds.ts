import { freshMachine, freshWorld } from '../../../.github/actions/deploy/src/plan/fresh-world.ts';
import { leavingBetween } from '../../../.github/actions/deploy/src/plan/leaving.ts';
import { unfold } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { convergeAll } from '../../../.github/actions/deploy/src/plan/situation.ts';
import { stepTitle } from '../../../.github/actions/deploy/src/plan/step.ts';
import type { BackendRow, ClusterRows, HostWorld, World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { known } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { BeService, ClusterJson, CompiledHost, FeService } from '../../../compiler/contract/cluster-json.ts';

export const everything = convergeAll;

const ports = { http_port: 8030, rpc_port: 9020, query_port: 9030, edit_log_port: 9010 };

export interface HostSketch {
  fe?: 'follower' | 'observer' | null;
  be?: number;
  location?: string;
  maintenance?: boolean;
  /** Part of the digest of every service: another text, another definition. */
  fe_conf?: string;
  be_conf?: string;
  app?: string;
  /** Storage folders of each BE; 1 where nothing is said. */
  disks?: number;
}

const folder = (use: 'meta' | 'storage', container: string, host: string) => ({ use, container, host });

/** Part of every digest, as it is of the compiled ones. */
const released = (version: string): string => (version === FIRST ? '' : `-${version}`);
const FIRST = '3.3.18';

function fe(sketch: HostSketch, version: string): FeService | null {
  if (sketch.fe === null) return null;
  return {
    kind: 'fe',
    name: 'starrocks-fe',
    role: sketch.fe ?? 'follower',
    image: `starrocks/fe-ubuntu:${version}`,
    digest: `fe-${sketch.fe_conf ?? ''}${released(version)}`,
    folders: [folder('meta', '/opt/starrocks/fe/meta', '/opt/starrocks-ha/data/fe/meta')],
    ports,
    heap_mib: 1024,
  };
}

const more = (disks = 1): string => (disks === 1 ? '' : `-${disks} disks`);

const be = (sketch: HostSketch, index: number, version: string): BeService => ({
  kind: 'be',
  name: index === 0 ? 'starrocks-be' : `starrocks-be-${index}`,
  index,
  image: `starrocks/be-ubuntu:${version}`,
  digest: `be-${index}-${sketch.be_conf ?? ''}${more(sketch.disks)}${released(version)}`,
  folders: Array.from({ length: sketch.disks ?? 1 }, (_, disk) => {
    const which = disk === 0 ? '' : `-${disk}`;
    return folder('storage', `/opt/starrocks/be/storage${which}`, `/opt/starrocks-ha/data/be-${index}/storage${which}`);
  }),
  ports: {
    be_port: 9060 + index,
    be_http_port: 8040 + index,
    heartbeat_service_port: 9050 + index,
    brpc_port: 8060 + index,
    starlet_port: 9070 + index,
  },
  mem_limit: '2G',
});

/** Hosts 10.0.0.1, 10.0.0.2, … in the order of the sketches. */
export function cluster(sketches: readonly HostSketch[], policy: Partial<ClusterJson> = {}): ClusterJson {
  const version = policy.version ?? FIRST;
  const hosts = sketches.map((sketch, index): CompiledHost => {
    const frontend = fe(sketch, version);
    const backends = Array.from({ length: sketch.be ?? 1 }, (_, instance) => be(sketch, instance, version));
    const services = [...(frontend === null ? [] : [frontend]), ...backends];
    return {
      address: `10.0.0.${index + 1}`,
      ssh: { host: `10.0.0.${index + 1}`, port: 22, user: 'root', sudo: false, host_key: null, bastion: null },
      maintenance: sketch.maintenance ?? false,
      deploy_dir: '/opt/starrocks-ha',
      location: sketch.location ?? null,
      memory: null,
      digest: `${JSON.stringify(sketch)}${released(version)}`,
      files: [
        { path: 'app.env', sha256: `app-${sketch.app ?? ''}`, mode: '0644', service: null },
        ...services.map(service => ({
          path: `${service.name}.env`,
          sha256: service.digest,
          mode: '0644' as const,
          service: service.name,
        })),
      ],
      fe: frontend,
      be: backends,
    };
  });
  return {
    format: 1,
    cluster: 'analytics',
    version,
    master_host: '10.0.0.1',
    fe_ports: ports,
    default_replication_num: 3,
    password_env: null,
    allow_outage: false,
    timeouts: { ssh: 20, query: 20, pull: 1800, fe_ready: 300, be_ready: 300, drain: 300, lock: 600 },
    hosts,
    ...policy,
  };
}

export const emptyMachine = (): HostWorld => freshMachine(64 * 2 ** 30);

/** Fresh machines that all answer. */
export const emptyWorld = (desired: ClusterJson): World => freshWorld(desired, 64 * 2 ** 30);

/** Where a deploy of `desired` onto fresh machines ends. */
export function deployed(desired: ClusterJson): World {
  const { problems, end } = unfold(desired, emptyWorld(desired), everything);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return end;
}

/** The same for a cluster that was declared as `was`: what `desired` no longer names leaves. */
export const becomes = (desired: ClusterJson, was: ClusterJson, before = deployed(was)): World => {
  const world = meets(desired, before);
  return { ...world, hosts: { ...before.hosts, ...world.hosts }, leaving: leavingBetween(was, desired) };
};

/** The world of `desired` met by the machines of a cluster that ran before, with new machines fresh. */
export function meets(desired: ClusterJson, before: World): World {
  const hosts = desired.hosts.map(host => [host.address, before.hosts[host.address] ?? known(emptyMachine())]);
  return { ...before, hosts: Object.fromEntries(hosts) };
}

export function rowsOf({ cluster }: World): ClusterRows {
  if (!cluster.known) throw new Error(cluster.reason);
  return cluster.value;
}

export const withRows = (world: World, change: (rows: ClusterRows) => ClusterRows): World => ({
  ...world,
  cluster: known(change(rowsOf(world))),
});

/** The BEs of one machine, their rows changed. */
export const withBackends = (world: World, host: string, change: Partial<BackendRow>): World =>
  withRows(world, rows => ({
    ...rows,
    backends: rows.backends.map(row => (row.host === host ? { ...row, ...change } : row)),
  }));

export function withMachine(world: World, address: string, change: (machine: HostWorld) => HostWorld): World {
  const answer = world.hosts[address];
  if (answer?.known !== true) throw new Error(`${address} is not known`);
  return { ...world, hosts: { ...world.hosts, [address]: known(change(answer.value)) } };
}

/** A container that is there and does not run, and its node's silence. */
export function stopped(world: World, address: string, service: string): World {
  const still = withMachine(world, address, machine => ({
    ...machine,
    containers: machine.containers.map(one => (one.service === service ? { ...one, state: 'exited' as const } : one)),
  }));
  const silent = { ...still, answers: { ...still.answers, [`${address}/${service}`]: known(false) } };
  if (!silent.cluster.known) return silent;
  const rows = silent.cluster.value;
  const fe = service === 'starrocks-fe';
  return {
    ...silent,
    cluster: known({
      ...rows,
      leader: fe && rows.leader === address ? null : rows.leader,
      frontends: rows.frontends.map(row => (fe && row.host === address ? { ...row, alive: false } : row)),
      backends: rows.backends.map(row => (!fe && row.host === address ? { ...row, alive: false } : row)),
    }),
  };
}

/** The leader heard of every node at that time of its clock, but of some, by `address/service`, at another. */
export function heardAt(world: World, time: string, late: Readonly<Record<string, string>> = {}): World {
  if (!world.cluster.known) return world;
  const rows = world.cluster.value;
  const heard = <Row extends { host: string; last_heartbeat: string | null }>(row: Row, service: string): Row => ({
    ...row,
    last_heartbeat: late[`${row.host}/${service}`] ?? time,
  });
  const frontends = rows.frontends.map(row => heard(row, 'starrocks-fe'));
  const backends = rows.backends.map(row => heard(row, 'starrocks-be'));
  return { ...world, cluster: known({ ...rows, frontends, backends }) };
}

/** Somebody dropped an FE and added it again: its row has a new name, and its metadata has the old one. */
export const addedAgain = (world: World, host: string): World => {
  const silent = { ...world, answers: { ...world.answers, [`${host}/starrocks-fe`]: known(false) } };
  return withRows(silent, rows => ({
    ...rows,
    frontends: rows.frontends.map(row =>
      row.host === host ? { ...row, name: `${row.name}_2`, alive: false, join: false, last_heartbeat: null } : row,
    ),
  }));
};

/** Every machine has the new files, and none has moved them into place. */
export const uploaded = (desired: ClusterJson, world: World): World =>
  desired.hosts.reduce(
    (at, { address, digest }) => withMachine(at, address, machine => ({ ...machine, staged: [digest] })),
    world,
  );

/** A plan as a person reads it: waves in order, each a list of titles. */
export function story(desired: ClusterJson, world: World): string[][] {
  const { waves, problems } = unfold(desired, world, everything);
  return [
    ...waves.map(wave => wave.steps.map(step => stepTitle(step))),
    ...(problems.length > 0 ? [problems.map(problem => problem.code)] : []),
  ];
}
