import type { Container, HostWorld, World } from '../../.github/actions/deploy/src/plan/world.ts';
import type { ClusterJson } from '../../compiler/contract/cluster-json.ts';

/**
 * The part of a world that plan/effects.ts says something about, in a form in which what it calls `now`, `new` or
 * `pulled` and what machines really say can be compared.
 */
export function modelView(desired: ClusterJson, world: World, before: World): Readonly<Record<string, unknown>> {
  const id = world.cluster.known ? (world.cluster.value.frontends[0]?.cluster_id ?? null) : null;
  return {
    rows: rowsOf(world),
    answers: sorted(Object.entries(world.answers).map(([key, answer]) => [key, answer.known ? answer.value : null])),
    // Asked only then.
    switches: releaseChanges(desired, world) ? world.switches : {},
    hosts: sorted(
      Object.entries(world.hosts).map(([address, answer]) => {
        const then = before.hosts[address];
        return [address, answer.known ? machineOf(answer.value, then?.known === true ? then.value : null, id) : null];
      }),
    ),
  };
}

function releaseChanges({ hosts }: ClusterJson, world: World): boolean {
  return hosts.some(({ address, fe, be }) => {
    const answer = world.hosts[address];
    if (answer?.known !== true) return false;
    const images = new Map<string, string>([fe, ...be].flatMap(one => (one === null ? [] : [[one.name, one.image]])));
    const { containers, fe: data } = answer.value;
    return data?.state.switches != null || containers.some(one => images.get(one.service) !== one.image);
  });
}

/** As `3.3.18-0fee310` the commit is part of it. */
const release = (version: string | null): string | null => version?.split('-')[0] ?? null;

const sorted = <T>(entries: readonly (readonly [string, T])[]): Record<string, T> =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));

function rowsOf({ cluster }: World): unknown {
  if (!cluster.known) return null;
  const { frontends, backends, root_open } = cluster.value;
  return {
    root_open,
    // Whom followers elect is theirs to say.
    led: frontends.filter(row => row.role === 'LEADER' && row.alive).length,
    frontends: sorted(
      frontends.map(row => [
        `${row.host}:${row.edit_log_port}`,
        {
          role: row.role === 'OBSERVER' ? 'observer' : 'voter',
          join: row.join,
          alive: row.alive,
          heard: row.last_heartbeat !== null,
          version: release(row.version),
        },
      ]),
    ),
    backends: sorted(
      backends.map(row => [
        `${row.host}:${row.heartbeat_port}`,
        {
          alive: row.alive,
          decommissioned: row.system_decommissioned,
          heard: row.last_heartbeat !== null,
          location: row.location,
          version: release(row.version),
        },
      ]),
    ),
  };
}

function machineOf(machine: HostWorld, before: HostWorld | null, id: string | null): unknown {
  const ours = (cluster: string | null): string | null => (cluster !== null && cluster === id ? 'ours' : cluster);
  const { fe } = machine;
  return {
    files: machine.files,
    staged: [...new Set(machine.staged)].sort(),
    images: sorted(Object.entries(machine.images).map(([image, there]) => [image, there !== null])),
    containers: sorted(machine.containers.map(one => [one.service, containerOf(one, before)])),
    by_hand: machine.by_hand.map(one => one.service).sort(),
    fe:
      fe === null
        ? null
        : {
            meta: fe.meta,
            cluster: ours(fe.cluster_id),
            member: ours(fe.state.member),
            joining: fe.state.joining,
            founding: fe.state.founding,
            refused: fe.state.refused,
            switches: fe.state.switches,
          },
    be: sorted(
      Object.entries(machine.be).flatMap(([name, data]) =>
        data === undefined
          ? []
          : [[name, { storage: data.storage, cluster: ours(data.cluster_id), member: ours(data.member) }] as const],
      ),
    ),
  };
}

function containerOf(container: Container, before: HostWorld | null): unknown {
  const { service, digest, image, state } = container;
  // What the planner cares about; the env file, scripts and logs are mounted besides.
  const mounts = sorted(
    Object.entries(container.mounts).filter(([path]) => /\/(meta|storage(-\d+)?|state-copy)$/.test(path)),
  );
  const then = before?.containers.find(one => one.service === service);
  return { digest, image, state, mounts, started: container.started_at !== then?.started_at };
}
