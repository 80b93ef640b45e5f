import type { CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import type { Problem } from '../error.ts';
import { holds } from './gates.ts';
import { isStorage, servicesOf } from './place.ts';
import type { BeNode, Node, View } from './situation.ts';
import {
  current,
  down,
  healthy,
  members,
  reachable,
  running,
  staleFiles,
  storageIsLost,
  strangeBackends,
} from './situation.ts';
import { versionProblems } from './upgrade.ts';
import type { Disk, HostWorld, World } from './world.ts';

/** @param chosen `machines` of the view */
type Refusal = (v: View, chosen: readonly Machine[]) => readonly Problem[];

/** What one machine's own answer forbids. */
type MachineRefusal = (one: Machine, v: View) => readonly Problem[];

/** What this planner does not know how to do safely, or must not do at all: named before anything is touched. */
export function refusals(v: View): Problem[] {
  const chosen = machines(v);
  return ALL.flatMap(refusal => refusal(v, chosen));
}

/** What forbids even a verb of repair to touch the chosen machines. */
export function unsafe(v: View): Problem[] {
  const chosen = machines(v);
  const ofEach = chosen.flatMap(one => [...docker(one, v), ...otherOwner(one, v)]);
  return [...ofEach, ...otherClusterId(v, chosen), ...lostStorage(v.backends)];
}

const problem = (code: Problem['code'], host: string | null, message: string, hint: string): Problem => ({
  code,
  host,
  step: 'plan',
  message,
  hint,
});

/** Machines that answered and that this run may change. */
function machines(v: View): Machine[] {
  const found: Machine[] = [];
  for (const host of v.desired.hosts) {
    const machine = v.machines.get(host.address);
    const selected = v.request.hosts === null || v.request.hosts.has(host.address);
    if (machine !== undefined && selected && !host.maintenance) found.push({ host, machine });
  }
  return found;
}

interface Machine {
  readonly host: CompiledHost;
  readonly machine: HostWorld;
}

interface Judged {
  readonly host: CompiledHost;
  readonly leaving: World['leaving'];
  readonly request: View['request'];
  readonly problems: readonly Problem[];
}

/** Found once for each look at a machine: a plan asks wave after wave, and most machines are as they were. */
const judged = new WeakMap<HostWorld, Judged>();

const ofMachines: Refusal = (v, chosen) =>
  chosen.filter(one => ofMachine(one, v).length > 0).flatMap(one => ofMachine(one, v));

function ofMachine(one: Machine, v: View): readonly Problem[] {
  const { host, machine } = one;
  const { request } = v;
  const { leaving } = v.world;
  const found = judged.get(machine);
  if (found?.host === host && found.leaving === leaving && found.request === request) return found.problems;
  const problems = OF_MACHINE.flatMap(refusal => refusal(one, v));
  judged.set(machine, { host, leaving, request, problems });
  return problems;
}

const docker: MachineRefusal = ({ host, machine }) =>
  machine.docker.known
    ? []
    : [
        problem(
          'E_DOCKER',
          host.address,
          `Docker cannot be used on ${host.address}: ${machine.docker.reason}.`,
          'Install Docker Engine and the Compose plugin (v2) and start them; log in as root, or set `ssh: { sudo: true }`: the group docker is not enough.',
        ),
      ];

const otherOwner: MachineRefusal = ({ host, machine }, v) =>
  machine.marker === null || machine.marker.cluster === v.desired.cluster
    ? []
    : [
        problem(
          'E_OTHER_CLUSTER',
          host.address,
          `${host.address} belongs to the cluster ${machine.marker.cluster} (${machine.marker.repository || 'no repository'}), not to ${v.desired.cluster}.`,
          'Take the machine out of the other cluster first, or correct the address in cluster.yaml.',
        ),
      ];

const strangers: MachineRefusal = ({ host, machine }) =>
  machine.strangers.map(stranger =>
    problem(
      'E_FOREIGN_STARROCKS',
      host.address,
      `StarRocks that this tool did not start is on ${host.address}: ${stranger}.`,
      'Take it over (`npm run repair -- adopt`), stop it and move its data away, or leave this machine out of cluster.yaml.',
    ),
  );

const takenPorts: MachineRefusal = ({ host, machine }) => {
  const services = servicesOf(host);
  return services.flatMap(service =>
    Object.entries(service.ports).flatMap(([name, port]) => {
      const listener = machine.listeners.find(one => one.port === port && one.service === null);
      if (listener === undefined) return [];
      return [
        problem(
          'E_PORT_TAKEN',
          host.address,
          `${name} ${port} of ${service.name} on ${host.address} is held by ${listener.owner}.`,
          listener.owner === '?'
            ? 'The SSH user may not see which program that is, be it this cluster’s own: log in as root, or set `ssh: { sudo: true }`.'
            : 'Stop that program, or run `npm run ports`, which finds a free port and writes it into cluster.yaml.',
        ),
      ];
    }),
  );
};

const memory: MachineRefusal = ({ host, machine }) => {
  const heap = (host.fe?.heap_mib ?? 0) * 2 ** 20;
  const storage = host.be.reduce((sum, be) => sum + memLimit(be.mem_limit, machine.memory), 0);
  if (heap + storage <= machine.memory) return [];
  return [
    problem(
      'E_MEMORY',
      host.address,
      `FE heap and BE mem_limit of ${host.address} need ${gib(heap + storage)} and the machine has ${gib(machine.memory)}.`,
      'Set `resources: { memory: … }` for this host to what the machine has, or lower `fe_heap` and `mem_limit`.',
    ),
  ];
};

/** Bytes of `80%` or `50G` on a machine with that much memory. */
function memLimit(limit: string, machine: number): number {
  const match = /^(\d+)([%KMGT])?$/.exec(limit);
  if (match === null) return 0;
  const amount = Number(match[1]);
  const unit = match[2] ?? '';
  return unit === '%' ? (amount / 100) * machine : amount * 1024 ** ' KMGT'.indexOf(unit === '' ? ' ' : unit);
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** StarRocks' own floor: an FE exits with less than 5 GB free for its metadata (MetaHelper.checkMetaDir). */
const META_FLOOR = 5e9;

const unwritable = ({ path, access }: Disk, address: string): Problem =>
  access === 'read-only'
    ? problem(
        'E_READ_ONLY',
        address,
        `${path} on ${address} is on a file system that is mounted read-only.`,
        'See `dmesg` there for disk errors, and mount it read-write.',
      )
    : problem(
        'E_READ_ONLY',
        address,
        `${path} on ${address} cannot be written by the SSH user.`,
        'Log in as root, or set `ssh: { sudo: true }`.',
      );

const disks: MachineRefusal = ({ host, machine }) =>
  machine.disks.flatMap(disk => {
    const changes = staleFiles(host, machine).length > 0;
    const told = machine.disks.some(one => one.access !== 'writable' && disk.path.startsWith(`${one.path}/`));
    if (changes && disk.access !== 'writable' && !told) return [unwritable(disk, host.address)];
    const meta = host.fe?.folders.find(folder => folder.use === 'meta')?.host;
    const fe = machine.containers.find(container => container.service === host.fe?.name);
    const starts = host.fe !== null && (fe?.state !== 'running' || fe.digest !== host.fe.digest);
    if (starts && meta === disk.path && disk.free < META_FLOOR) {
      return [
        problem(
          'E_DISK_FULL',
          host.address,
          `${disk.path} on ${host.address} has ${(disk.free / 1e9).toFixed(1)} GB free, and an FE does not start with less than 5 GB for its metadata.`,
          'Free some space, or put `deploy_dir` on a larger disk.',
        ),
      ];
    }
    return [];
  });

/** BDB JE refuses a peer whose clock is off by more (max_bdbje_clock_delta_ms). */
const CLOCK_DELTA_MS = 5000;

const clocks: Refusal = (_, chosen) => {
  const skews = chosen.filter(({ host }) => host.fe !== null);
  if (skews.length < 2) return [];
  const sorted = skews.toSorted((a, b) => a.machine.clock_skew_ms - b.machine.clock_skew_ms);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined) return [];
  const delta = last.machine.clock_skew_ms - first.machine.clock_skew_ms;
  if (delta <= CLOCK_DELTA_MS) return [];
  return [
    problem(
      'E_CLOCK',
      last.host.address,
      `The clocks of ${first.host.address} and ${last.host.address} differ by ${(delta / 1000).toFixed(1)} s, and FEs refuse each other above 5 s.`,
      'Start chrony or another NTP client on both machines.',
    ),
  ];
};

/** Rows that neither cluster.yaml nor its history in git names: of no host that this tool could bring away in order. */
const unknownMembers: Refusal = v => {
  const { rows } = v;
  if (rows === null) return [];
  const named = new Set<object | null>(members(v).map(node => node.row));
  const hint = (verb: string) =>
    `Name it in cluster.yaml, or ${verb}; \`npm run repair -- drop --hosts HOST --reason …\` drops it once it holds nothing.`;
  return [
    ...rows.frontends
      .filter(row => !named.has(row))
      .map(row =>
        v.frontends.some(node => node.host.address === row.host)
          ? problem(
              'E_FE_PORT_MOVED',
              row.host,
              `The FE of ${row.host} is registered with edit_log_port ${row.edit_log_port}, and cluster.yaml says ${v.desired.fe_ports.edit_log_port}.`,
              "An FE's edit_log_port is part of its identity, and all FEs share it: put the old port back. Another port takes another cluster: found it on other machines (or in another deploy_dir), and move the data with BACKUP and RESTORE.",
            )
          : problem(
              'E_UNKNOWN_MEMBER',
              row.host,
              `The FE ${row.host}:${row.edit_log_port} is registered, and neither cluster.yaml nor its history in git names it.`,
              hint('stop its process'),
            ),
      ),
    ...strangeBackends(v).map(row =>
      v.backends.some(node => node.host.address === row.host && node.row === null)
        ? problem(
            'E_BE_PORT_MOVED',
            row.host,
            `The BE of ${row.host} is registered with heartbeat port ${row.heartbeat_port}, and cluster.yaml says another one.`,
            "A BE's address and heartbeat_service_port are its identity: put the old port back, or take the BE out (`be: none`), deploy until it is gone, and add it with the new port.",
          )
        : problem(
            'E_UNKNOWN_MEMBER',
            row.host,
            `The BE ${row.host}:${row.heartbeat_port} is registered, and neither cluster.yaml nor its history in git names it.`,
            hint(`drain it with ALTER SYSTEM DECOMMISSION BACKEND "${row.host}:${row.heartbeat_port}"`),
          ),
    ),
  ];
};

/** Nobody would restart or upgrade them, and a deploy that says “verified” would not have looked at them. */
const computeNodes: Refusal = ({ rows }) =>
  rows === null || rows.compute_nodes.length === 0
    ? []
    : [
        problem(
          'E_COMPUTE_NODES',
          null,
          `The cluster has compute nodes, which are not supported: ${rows.compute_nodes.join(', ')}.`,
          'Only FEs and BEs are deployed. Drop each with ALTER SYSTEM DROP COMPUTE NODE "HOST:PORT", or do not deploy this cluster with this tool.',
        ),
      ];

/** The FEs of one cluster share these, and its leader asks all of them at its own http_port. */
const movedFrontendPorts: Refusal = v => {
  // One that is silent alone has just ended, and Docker has not noticed yet.
  const silent = v.frontends.filter(running).every(node => node.answers === false);
  return v.frontends.flatMap(node => {
    const { http_port, query_port } = node.service.ports;
    const hint =
      'All FEs share their ports, and the leader asks each at its own: they cannot move one by one. Put the old ones back.';
    // Healthy by its own ports, and silent on the wanted one.
    if (silent && node.selected && healthy(node) && !current(node)) {
      const message = `The FE of ${node.host.address} is healthy and does not answer on query_port ${query_port}.`;
      return [problem('E_FE_PORT_MOVED', node.host.address, message, hint)];
    }
    const asked = Number(node.row?.raw['HttpPort'] ?? 0);
    if (asked <= 0 || asked === http_port) return [];
    const message = `The FE of ${node.host.address} is registered with http_port ${asked}, and cluster.yaml says ${http_port}.`;
    return [problem('E_FE_PORT_MOVED', node.host.address, message, hint)];
  });
};

const undeclaredContainers: MachineRefusal = ({ host, machine }, v) => {
  const here = [host, ...v.world.leaving.filter(one => one.address === host.address)];
  const named = new Set<string | undefined>(here.flatMap(({ fe, be }) => [fe?.name, ...be.map(one => one.name)]));
  return machine.containers
    .filter(container => !named.has(container.service))
    .map(container =>
      problem(
        'E_UNDECLARED',
        host.address,
        `${container.service} is on ${host.address}, and neither cluster.yaml nor its history in git names it there.`,
        'Name it in cluster.yaml, or remove that container by hand when the cluster does not need it.',
      ),
    );
};

const isDataMount = (path: string): boolean => path.endsWith('/fe/meta') || isStorage(path);

const movedData: MachineRefusal = ({ host, machine }, { request }) =>
  servicesOf(host).flatMap(service =>
    Object.entries(machine.containers.find(one => one.service === service.name)?.mounts ?? {})
      .filter(([path]) => isDataMount(path) && (request.service === null || request.service === service.name))
      .flatMap(([path, mounted]) => {
        const wanted = service.folders.find(folder => folder.container === path)?.host;
        const left = wanted === undefined && service.kind === 'be';
        if (wanted === mounted || (left && machine.vacant.includes(mounted))) return [];
        return [
          problem(
            'E_DATA_MOVED',
            host.address,
            `${service.name} on ${host.address} keeps data in ${mounted}, and cluster.yaml says ${wanted ?? 'nothing of that folder'}.`,
            left
              ? 'Tablets lie in it, or nobody can tell: put the folder back. Only a folder without tablets may go. To take its disk away all the same, take the BE out (`be: none`), deploy until it is drained and gone, and add it again without that folder.'
              : 'A deploy never moves data: put the old folder back. Folders are told apart by their place in the list, so only the last ones may go.',
          ),
        ];
      }),
  );

const otherClusterId: Refusal = v => {
  const id = v.rows?.frontends[0]?.cluster_id;
  if (id === undefined) return [];
  const foreign = (node: Node): boolean => ![null, '', id].includes(clusterIdOf(node));
  return [...v.frontends, ...v.backends]
    .filter(foreign)
    .map(node =>
      problem(
        'E_FOREIGN_CLUSTER_ID',
        node.host.address,
        `${node.service.name} on ${node.host.address} has data of the cluster with id ${clusterIdOf(node)}, and this cluster's id is ${id}.`,
        'Nothing was touched: move that data to a safe place by hand if this machine shall join this cluster.',
      ),
    );
};

function clusterIdOf({ machine, service }: Node): string | null {
  if (service.kind === 'fe') return machine?.fe.cluster_id ?? machine?.fe.state.member ?? null;
  const data = machine?.be[service.name];
  return data?.cluster_id ?? data?.member ?? null;
}

/** Empty storage where there was some: a disk that is not mounted, or lost data; starting it would hide which. */
const lostStorage = (nodes: readonly BeNode[]): Problem[] =>
  nodes.filter(storageIsLost).map(({ host, service, machine }) => {
    const id = machine?.be[service.name]?.member;
    return problem(
      'E_STORAGE_LOST',
      host.address,
      `The storage of ${service.name} on ${host.address} was part of cluster ${id || '(id unknown)'} and is empty now.`,
      'Is a disk not mounted? Mount it and deploy again. If it is lost: the BE begins anew once other BEs have all that it had; where there are too few of them, take it out of cluster.yaml, deploy until it is gone, and put it in again.',
    );
  });

/**
 * Where the others have everything, the BE begins anew instead (`replaceLostBackends`); while one of them has to be
 * started first, nobody can tell.
 */
const missedStorage: Refusal = v => {
  const lost = v.backends.filter(storageIsLost);
  if (lost.length === 0) return [];
  const others = [...v.frontends, ...v.backends.filter(node => !lost.includes(node))];
  if (others.some(node => reachable(node) && (down(node) || node.unheard))) return [];
  return lostStorage(lost.filter(node => holds({ kind: 'replaced-elsewhere', node: node.key }, v) !== null));
};

const OF_MACHINE: readonly MachineRefusal[] = [
  docker,
  otherOwner,
  strangers,
  undeclaredContainers,
  takenPorts,
  memory,
  disks,
  movedData,
];

const ALL: readonly Refusal[] = [
  ofMachines,
  clocks,
  unknownMembers,
  computeNodes,
  movedFrontendPorts,
  versionProblems,
  otherClusterId,
  missedStorage,
];
