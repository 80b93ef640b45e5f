import type { ClusterJson, CompiledHost, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import observeScript from '../host/observe.sh';
import { servicesOf } from '../plan/place.ts';
import {
  type BeData,
  type Container,
  type Disk,
  type FeData,
  type HandMade,
  type HostWorld,
  known,
  type Listener,
  type LockOwner,
  type Marker,
  SWITCHES,
  type Switches,
  unknown,
} from '../plan/world.ts';
import { quote } from '../transport/quote.ts';

const of = (folders: readonly { readonly use: string; readonly host: string }[], use: string): string[] =>
  folders.filter(folder => folder.use === use).map(folder => folder.host);

/** state/ folder of a service: `state/fe`, `state/be`, `state/be-1` … */
export const stateFolder = (host: CompiledHost, name: ServiceName): string =>
  `${host.deploy_dir}/state/${name.replace('starrocks-', '')}`;

/** What a look leaves out: docker's releases and the images that were there, as the same run has seen them before. */
export type SeenBefore = Pick<HostWorld, 'docker' | 'images'>;

export const NOTHING_SEEN: SeenBefore = { docker: unknown('it was not asked yet'), images: {} };

/** Arguments of observe.sh for one host. */
export function observeArguments(host: CompiledHost, before: SeenBefore): string[] {
  const services = servicesOf(host);
  const one = (folders: string[]): string => folders[0] ?? '';
  const disks = new Set([
    host.deploy_dir,
    ...services.flatMap(({ folders }) => [...of(folders, 'meta'), ...of(folders, 'storage')]),
  ]);
  return [
    host.deploy_dir,
    ...(before.docker.known ? ['again'] : []),
    'fe',
    // Where there is none, too: what a machine keeps of an FE that it once carried forbids founding.
    host.fe === null ? `${host.deploy_dir}/data/fe/meta` : one(of(host.fe.folders, 'meta')),
    stateFolder(host, 'starrocks-fe'),
    host.fe === null ? `${host.deploy_dir}/data/fe/state` : one(of(host.fe.folders, 'state-copy')),
    ...host.be.flatMap(({ name, folders }) => {
      const storage = of(folders, 'storage');
      return ['be', name, stateFolder(host, name), one(of(folders, 'state-copy')), String(storage.length), ...storage];
    }),
    ...services.flatMap(({ ports }) => Object.values(ports).flatMap(port => ['port', String(port)])),
    ...[...new Set(services.map(({ image }) => image))].flatMap(image =>
      before.images[image] ? [] : ['image', image],
    ),
    ...['disk', ...disks],
  ];
}

/** The one command that looks at a machine. */
export const observeCommand = (host: CompiledHost): string =>
  [
    ...(host.ssh.sudo ? ['sudo', '-n'] : []),
    'sh',
    '-c',
    quote(observeScript),
    'sh',
    ...observeArguments(host, NOTHING_SEEN).map(quote),
  ].join(' ');

interface Answer {
  /** Bytes: of a session. */
  readonly stdout: string | Buffer;
  readonly stderr: string;
  readonly code: number | null;
}

/**
 * Reads the answer of observe.sh.
 * @param asked when, in milliseconds since the epoch by the runner's clock; the answer has come just now
 * @param before what was given to observeArguments
 * @throws DeployError E_SUDO, E_OBSERVE, E_TOOLS, E_PERMISSION
 */
export function parseObservation(
  host: CompiledHost,
  cluster: ClusterJson,
  answer: Answer,
  asked: number,
  before: SeenBefore = NOTHING_SEEN,
): HostWorld {
  const facts = factsOf(answer.stdout);
  if (facts.at(-1)?.name !== 'end') throw cut(host, answer);
  const one = (name: string): string | null => facts.find(fact => fact.name === name)?.text ?? null;
  const all = (name: string): string[] => facts.filter(fact => fact.name === name).map(fact => fact.text);
  const lacking = all('lacking');
  if (lacking.length > 0) throw withoutTools(host, lacking);
  const unseen = all('unseen');
  if (unseen.length > 0) throw unseenData(host, [...new Set(unseen)]);
  const inspected = inspectedContainers(one('inspected'), adoptedOf(one('adopted') ?? '', cluster.cluster));
  const containers = inspected.filter(({ cluster: name }) => name === cluster.cluster);
  const confs = new Map(all('conf').map(confOf));
  // A hand-made container stands where ours would: its ports are told with it, not as somebody else's.
  const pids = new Map(
    inspected.flatMap(({ pid, id, cluster: name, container, hand }) => {
      const service = name === cluster.cluster ? container.service : name === '' ? hand?.service : undefined;
      return service === undefined ? [] : [[String(pid), service] as const, [id, service] as const];
    }),
  );
  const [memory, clock] = (one('machine') ?? '').split('\n');
  return {
    clock_skew_ms: skew(Number(clock), asked, Date.now()),
    docker: dockerOf(one('docker'), one('docker-error'), before.docker),
    marker: markerOf(one('marker')),
    files: filesOf(one('files') ?? ''),
    staged: (one('staged') ?? '').split('\n').filter(name => /^[0-9a-f]{64}$/.test(name)),
    containers: containers.map(({ container }) => container),
    by_hand: inspected.flatMap(({ cluster: name, hand }) =>
      name === '' && hand !== null ? [{ ...hand, conf: confs.get(hand.service) ?? null }] : [],
    ),
    strangers: [
      ...strangeContainers(one('containers') ?? '', cluster.cluster, new Set(containers.map(({ id }) => id))),
      ...strangeProcesses(one('starrocks') ?? '', pids),
    ],
    vacant: (one('vacant') ?? '').split('\n').filter(path => path !== ''),
    fe: feOf(one('fe') ?? ''),
    be: Object.fromEntries(all('be').map(beOf)),
    listeners: listenersOf(host, one('listening') ?? '', one('holders') ?? '', pids),
    disks: disksOf(one('disks') ?? '', one('df') ?? ''),
    memory: Number(memory) * 1024,
    images: { ...before.images, ...imagesOf(one('images') ?? '') },
    lock: one('lock') === null ? null : lockOf(one('lock') ?? ''),
  };
}

/** What the time that the answer took does not explain: a machine that is slow has no wrong clock. */
const skew = (clock: number, asked: number, received: number): number =>
  Math.max(0, clock - received) + Math.min(0, clock - asked);

const NEWLINE = 10;

const SEEN = '\nseen\n';

/** What a login shell prints before the answer may look like one. */
function encoded(stdout: string): Buffer {
  const [, base64 = ''] = [...stdout.matchAll(/^seen ([A-Za-z0-9+/]+={0,2})$/gm)].at(-1) ?? [];
  return Buffer.from(base64, 'base64');
}

/** Up to the first that is not whole. */
function factsOf(stdout: string | Buffer): { name: string; text: string }[] {
  const bytes = typeof stdout === 'string' ? encoded(stdout) : stdout.subarray(stdout.indexOf(SEEN) + SEEN.length);
  const facts: { name: string; text: string }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const head = bytes.indexOf(NEWLINE, at);
    const [, name, length] = /^([a-z-]+) (\d+)$/.exec(bytes.toString('latin1', at, head)) ?? [];
    const end = head + 1 + Number(length);
    if (head < 0 || name === undefined || bytes[end] !== NEWLINE) break;
    facts.push({ name, text: bytes.toString('utf8', head + 1, end) });
    at = end + 1;
  }
  return facts;
}

function cut(host: CompiledHost, { stderr, code }: Answer): DeployError {
  const said = stderr.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
  if (/^sudo:|\bsudo: (command )?not found/m.test(stderr)) {
    return new DeployError({
      code: 'E_SUDO',
      host: host.address,
      step: 'observe',
      message: `sudo on ${host.address} does not let ${host.ssh.user} run commands without a password: ${said}.`,
      hint: `Add a file to /etc/sudoers.d with \`${host.ssh.user} ALL=(ALL) NOPASSWD: ALL\`, or take \`sudo: true\` out of cluster.yaml.`,
    });
  }
  return new DeployError({
    code: 'E_OBSERVE',
    host: host.address,
    step: 'observe',
    message: `${host.address} did not answer as expected (exit ${code ?? 'none'}${said === '' ? '' : `: ${said}`}).`,
    hint: 'Log in there with the same user and see whether the shell starts, and whether sh, coreutils, awk and util-linux are installed.',
  });
}

const withoutTools = ({ address }: CompiledHost, lacking: readonly string[]): DeployError =>
  new DeployError({
    code: 'E_TOOLS',
    host: address,
    step: 'observe',
    message: `${address} has no ${lacking.join(', no ')}, without which nobody can see what is there.`,
    hint: 'Install coreutils, findutils, grep, sed, an awk, tar and util-linux on that machine.',
  });

const unseenData = (host: CompiledHost, paths: readonly string[]): DeployError =>
  new DeployError({
    code: 'E_PERMISSION',
    host: host.address,
    step: 'observe',
    message: `The user ${host.ssh.user} may not look into ${paths.join(', ')} on ${host.address}, so nobody knows what is there.`,
    hint: 'Set `ssh: { sudo: true }` in cluster.yaml, or let that user read it.',
  });

/** Whatever another version, or a person, has left there. */
function markerOf(text: string | null): Marker | null {
  const found = json<Record<string, unknown>>(text);
  if (found === null || typeof found !== 'object') return null;
  const value = (key: keyof Marker): string => (typeof found[key] === 'string' ? found[key] : '');
  return {
    cluster: value('cluster'),
    repository: value('repository'),
    commit: value('commit'),
    run: value('run'),
    time: value('time'),
  };
}

function json<T>(text: string | null): T | null {
  if (text === null) return null;
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}

/** docker's own words carry sockets and URLs; these three say what is the matter. */
function dockerComplaint(said: string): string {
  if (/permission denied/i.test(said)) return 'the SSH user may not use it (permission denied on its socket)';
  if (/cannot connect to the docker daemon|is the docker daemon running/i.test(said)) return 'its daemon does not run';
  return said.trim().replace(/\s+/g, ' ').replace(/\.$/, '') || 'its daemon does not answer';
}

function dockerOf(there: string | null, error: string | null, before: HostWorld['docker']): HostWorld['docker'] {
  if (there === null) return unknown(dockerComplaint(error ?? ''));
  if (before.known) return before;
  const [engine = '', compose = ''] = there.split('\n');
  return known({ engine, compose });
}

const filesOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.split('\n').flatMap(line => {
      const match = /^\\?([0-9a-f]{64}) [ *]\.\/(.+)$/.exec(line);
      return match?.[1] === undefined || match[2] === undefined ? [] : [[match[2], match[1]]];
    }),
  );

/** The parts of `docker inspect` that are read. */
interface Inspected {
  readonly Id: string;
  readonly Image: string;
  readonly RestartCount: number;
  readonly Name?: string;
  readonly Config: {
    readonly Image: string;
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly Env?: readonly string[] | null;
  };
  readonly HostConfig?: { readonly NetworkMode?: string; readonly RestartPolicy?: { readonly Name?: string } };
  readonly State: {
    readonly Status: Container['state'];
    readonly Pid: number;
    readonly StartedAt: string;
    readonly Health?: { readonly Status: Container['health'] };
  };
  readonly Mounts: readonly { readonly Source: string; readonly Destination: string }[];
}

/** `<service> <container id> <digest>`: containers of a person that this tool has taken over as they are. */
interface Adopted {
  readonly service: string;
  readonly digest: string;
  readonly cluster: string;
}

const adoptedOf = (text: string, cluster: string): Map<string, Adopted> =>
  new Map(
    text.split('\n').flatMap(line => {
      const match = /^(starrocks-[a-z0-9-]+) ([0-9a-f]{64}) ([0-9a-f]{64})$/.exec(line);
      if (match === null) return [];
      const [, service = '', id = '', digest = ''] = match;
      return [[id, { service, digest, cluster }] as const];
    }),
  );

const confOf = (text: string): [string, string | null] => {
  const [name = '', ...lines] = text.split('\n');
  const conf = lines.join('\n');
  return [name, conf.trim() === '' ? null : conf];
};

interface Seen {
  readonly id: string;
  readonly pid: number;
  /** '' when nobody of this tool made it or took it over. */
  readonly cluster: string;
  readonly container: Container;
  readonly hand: HandMade | null;
}

function inspectedContainers(text: string | null, adopted: ReadonlyMap<string, Adopted>): Seen[] {
  return (json<Inspected[]>(text) ?? []).map(one => {
    const labels = one.Config.Labels ?? {};
    const taken = labels['starrocks-ha.cluster'] === undefined ? adopted.get(one.Id) : undefined;
    const mounts = Object.fromEntries(one.Mounts.map(mount => [mount.Destination, mount.Source]));
    return {
      id: one.Id,
      pid: one.State.Pid,
      cluster: labels['starrocks-ha.cluster'] ?? taken?.cluster ?? '',
      container: {
        service: labels['starrocks-ha.service'] ?? taken?.service ?? '',
        digest: labels['starrocks-ha.digest'] ?? taken?.digest ?? '',
        image: one.Config.Image,
        image_id: one.Image,
        state: one.State.Status,
        health: one.State.Health?.Status ?? 'none',
        started_at: one.State.StartedAt,
        restarts: one.RestartCount,
        mounts,
      },
      hand: handMade(one, mounts),
    };
  });
}

function handMade(one: Inspected, mounts: Readonly<Record<string, string>>): HandMade | null {
  const service = one.Name?.replace(/^\//, '') ?? '';
  if (!/^starrocks-(fe|be(-\d+)?)$/.test(service)) return null;
  const env = (one.Config.Env ?? []).map(entry => {
    const [name = '', ...value] = entry.split('=');
    return [name, value.join('=')] as const;
  });
  return {
    service,
    id: one.Id,
    image: one.Config.Image,
    state: one.State.Status,
    started_at: one.State.StartedAt,
    mounts,
    network: one.HostConfig?.NetworkMode ?? '?',
    restart_policy: one.HostConfig?.RestartPolicy?.Name || 'no',
    env: Object.fromEntries(env),
    conf: null,
    conf_differs: [],
  };
}

/** One line of `docker ps --format json`. */
interface Listed {
  readonly ID: string;
  readonly Names: string;
  readonly Image: string;
  readonly Command: string;
  readonly Labels: string;
}

function strangeContainers(text: string, cluster: string, own: ReadonlySet<string>): string[] {
  return text.split('\n').flatMap(line => {
    const one = json<Listed>(line === '' ? null : line);
    if (one === null || own.has(one.ID)) return [];
    if (one.Labels.split(',').includes(`starrocks-ha.cluster=${cluster}`)) return [];
    const starrocks =
      /(^|\/)(starrocks|fe-ubuntu|be-ubuntu|cn-ubuntu|allin1-ubuntu)\b/.test(one.Image) ||
      /start_[fbc]en?\.sh|[fbc]en?_entrypoint\.sh/.test(one.Command);
    const other = one.Labels.includes('starrocks-ha.cluster=');
    return starrocks || other ? [`the container ${one.Names} (${one.Image})`] : [];
  });
}

/** `chain` of observe.sh: ancestors, cgroup, name. */
function ours(ancestors: string, cgroup: string, pids: ReadonlyMap<string, string>): string | null {
  for (const pid of ancestors.split(' ')) {
    const service = pids.get(pid);
    if (service !== undefined) return service;
  }
  for (const id of cgroup.match(/[0-9a-f]{64}/g) ?? []) {
    const service = pids.get(id);
    if (service !== undefined) return service;
  }
  return null;
}

const strangeProcesses = (chains: string, pids: ReadonlyMap<string, string>): string[] =>
  chunks(chains, 3).flatMap(([ancestors = '', cgroup = '', name = '']) => {
    // A process of a container is told with its container, whoever's it is.
    if (ours(ancestors, cgroup, pids) !== null || /docker|containerd|libpod/.test(cgroup) || name === '') return [];
    return [`the process ${name} (${ancestors.split(' ')[0]})`];
  });

function feOf(text: string): FeData {
  const value = (key: string): string | null => new RegExp(`^${key} ?(.*)$`, 'm').exec(text)?.[1] ?? null;
  const meta = value('meta');
  return {
    meta: meta === 'whole' || meta === 'partial' ? meta : 'empty',
    image: value('image') === null ? null : Number(value('image')),
    cluster_id: /^version clusterId=([0-9-]*)/m.exec(text)?.[1] ?? null,
    ...roleOf(text),
    state: {
      member: value('member'),
      joining: value('joining') !== null,
      founding: value('founding') !== null,
      refused: value('refused') !== null,
      peers: [...new Set([...text.matchAll(/^peer ([0-9.]{7,15})$/gm)].flatMap(match => match[1] ?? []))].sort(),
      switches: switchesOf(text),
      ...unhealthyOf(text),
    },
  };
}

function roleOf(text: string): Pick<FeData, 'name' | 'role'> {
  const value = (key: string): string | undefined => new RegExp(`^role ${key}=([A-Za-z0-9_.-]+)`, 'm').exec(text)?.[1];
  const [name, role] = [value('name'), value('role')];
  return {
    ...(name !== undefined && { name }),
    ...((role === 'FOLLOWER' || role === 'OBSERVER') && { role }),
  };
}

/** null as well where one is missing: then nobody wrote them down whole. */
function switchesOf(text: string): Switches | null {
  const written = new Map([...text.matchAll(/^switch ([a-z_]+) ([a-z0-9]+)$/gm)].map(([, key, value]) => [key, value]));
  const found = SWITCHES.map(key => [key, written.get(key)] as const);
  return found.every(([, value]) => value !== undefined) ? (Object.fromEntries(found) as Switches) : null;
}

function unhealthyOf(text: string): { unhealthy?: number } {
  const [, count] = /^switch unhealthy (\d+)$/m.exec(text) ?? [];
  return count === undefined ? {} : { unhealthy: Number(count) };
}

function beOf(text: string): [ServiceName, BeData] {
  const name = (/^name (.+)$/m.exec(text)?.[1] ?? 'starrocks-be') as ServiceName;
  const ids = [...text.matchAll(/^folder (.+)$/gm)].flatMap(match => match[1] ?? []);
  const carried = ids.filter(id => id !== '-');
  const storage = carried.length === 0 ? 'empty' : carried.length === ids.length ? 'whole' : 'partial';
  const [, tablets, since, now] = /^drain (\d+) (\d+) (\d+)$/m.exec(text) ?? [];
  const drain = { tablets: Number(tablets), seconds: Math.max(0, Number(now) - Number(since)) };
  return [
    name,
    {
      ...{ storage, cluster_id: carried[0] ?? null, member: /^member ?(.*)$/m.exec(text)?.[1] ?? null },
      ...(tablets === undefined ? {} : { drain }),
    },
  ];
}

const accessOf = (said: string | undefined): Disk['access'] =>
  said === 'writable' || said === 'read-only' ? said : 'forbidden';

/** @param table of `df -Pk`, a line for each folder below its head */
function disksOf(folders: string, table: string): Disk[] {
  const rows = table.split('\n').slice(1);
  return chunks(folders, 2).map(([path = '', access], index) => {
    // Counted from the right: the name of a network share may hold blanks.
    const [, total = '0', free = '0'] = /\s(\d+)\s+\d+\s+(\d+)\s+\d+%/.exec(rows[index] ?? '') ?? [];
    return { path, free: Number(free) * 1024, total: Number(total) * 1024, access: accessOf(access) };
  });
}

/** The lines of a text, so many at a time. */
function chunks(text: string, size: number): string[][] {
  const lines = text.split('\n').slice(0, -1);
  return Array.from({ length: Math.ceil(lines.length / size) }, (_, index) =>
    lines.slice(size * index, size * (index + 1)),
  );
}

const imagesOf = (text: string): Record<string, string | null> =>
  Object.fromEntries(
    chunks(text, 1).map(([line = '']) => {
      const [reference = '', id = ''] = line.split(' ');
      return [reference, id === '' ? null : id];
    }),
  );

const lockOf = (text: string): LockOwner => ({ run: '', actor: '', commit: '', since: '', ...json<LockOwner>(text) });

function listenersOf(host: CompiledHost, text: string, holders: string, pids: ReadonlyMap<string, string>): Listener[] {
  const holderOf = new Map(
    chunks(holders, 4).map(([inode = '', ancestors = '', cgroup = '', name = '']) => {
      return [inode, { owner: `${name || '?'} (${ancestors.split(' ')[0]})`, service: ours(ancestors, cgroup, pids) }];
    }),
  );
  return text.split('\n').flatMap(line => {
    const [address = '', port, inode = ''] = line.split(' ');
    if (port === undefined || !inTheWay(address, host.address)) return [];
    return [{ port: Number(port), ...(holderOf.get(inode) ?? { owner: '?', service: null }) }];
  });
}

/** On a loopback host (a sandbox) its neighbours on 127.0.0.x listen on the same ports: only its own address counts. */
export function inTheWay(hexadecimal: string, address: string): boolean {
  if (!address.startsWith('127.') || /^0+$/.test(hexadecimal)) return true;
  const own = address.split('.').map(part => Number(part).toString(16).padStart(2, '0').toUpperCase());
  return hexadecimal.endsWith(own.reverse().join(''));
}
