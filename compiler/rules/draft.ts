import schema from '../cluster.schema.json' with { type: 'json' };
import type { FeRole, Timeouts } from '../contract/cluster-json.ts';
import type { Storage } from '../model/cluster.ts';
import { type BePortName, bePortNames, type FePortName, fePortNames } from '../ports/names.ts';
import type { ClusterYaml, Defaults, HostSsh, Host as HostYaml } from '../schema/cluster-yaml.d.ts';
import { child, integer, items, type MapNode, type Node, text, truth } from '../source/node.ts';
import type { Placed, Span } from '../source/span.ts';
import { parseSize } from './size.ts';

/**
 * cluster.yaml as the rules read it: defaults merged into hosts, every value with its place. It is read leniently, so
 * that the rules can speak of a file in which the schema has found errors too; what has the wrong type is undefined.
 */
export interface Draft {
  readonly root: Node;
  readonly cluster: Placed<string> | undefined;
  readonly version: Placed<string> | undefined;
  readonly password: Node | undefined;
  readonly master_host: Placed<string> | undefined;
  readonly images: { readonly fe: Placed<string> | undefined; readonly be: Placed<string> | undefined };
  /** Points at `hosts` where it is not written. */
  readonly default_replication_num: Placed<number>;
  readonly kafka_host: string;
  readonly allow_outage: boolean;
  readonly timeouts: Timeouts;
  readonly fe_ports: Partial<Record<FePortName, Placed<number>>>;
  /** The key `hosts`. */
  readonly hostsKey: Span;
  readonly hosts: readonly DraftHost[];
}

export interface DraftHost {
  /** The address, or the entry where it has none. */
  readonly at: Span;
  readonly address: Placed<string> | undefined;
  readonly maintenance: boolean;
  readonly fe: FeRole | null;
  readonly location: string | null;
  /** Bytes. */
  readonly memory: Placed<number> | undefined;
  readonly fe_heap: Placed<number> | undefined;
  readonly ulimits: { readonly nofile: number; readonly nproc: number };
  readonly deploy_dir: Placed<string>;
  readonly ssh: DraftSsh;
  readonly fe_conf: DraftConf;
  readonly be_conf: DraftConf;
  /** `be.instances` where it is longer than `be.count`. */
  readonly surplus: Span | undefined;
  /** By index. */
  readonly be: readonly DraftBe[];
}

export interface DraftBe {
  readonly at: Span;
  readonly ports: Partial<Record<BePortName, Placed<number>>>;
  readonly mem_limit: Placed<string> | undefined;
  /** Empty: the default folder. */
  readonly storage: readonly DraftFolder[];
}

export interface DraftFolder extends Omit<Storage, 'path' | 'capacity'> {
  readonly path: Placed<string>;
  readonly capacity: Placed<number> | undefined;
}

export interface DraftSsh {
  readonly user: string;
  readonly port: number;
  readonly sudo: boolean;
  readonly ssh_host: Placed<string> | undefined;
  readonly host_key: string | null;
  readonly bastion: (Omit<DraftSsh, 'sudo' | 'bastion' | 'ssh_host'> & { readonly host: string }) | null;
}

export type DraftConf = readonly { readonly name: string; readonly key: Span; readonly value: Node }[];

const { properties, definitions } = schema;

type HostKey = keyof Exclude<HostYaml, string>;

/** @param root the file with today's keys */
export function draftOf(root: Node): Draft {
  // Keys are checked against the schema's types: a key renamed there does not compile here.
  const top = (key: keyof ClusterYaml): Node | undefined => child(root, key);
  const starrocks = top('starrocks');
  const images = top('images');
  const defaults = top('defaults');
  const hostsKey = keyOf(root, 'hosts') ?? { start: 0, end: 0 };
  const replication = integer(top('default_replication_num'));
  return {
    root,
    cluster: text(top('cluster')),
    version: text(child(starrocks, 'version')),
    password: child(starrocks, 'password'),
    master_host: text(top('master_host')),
    images: { fe: text(child(images, 'fe')), be: text(child(images, 'be')) },
    default_replication_num: replication ?? { value: properties.default_replication_num.default, at: hostsKey },
    kafka_host: text(top('kafka_host'))?.value ?? properties.kafka_host.default,
    allow_outage: truth(top('allow_outage'))?.value ?? properties.allow_outage.default,
    timeouts: timeoutsOf(top('timeouts')),
    fe_ports: portsOf([child(defaults, 'ports')], fePortNames),
    hostsKey,
    hosts: items(top('hosts')).map(entry => hostOf(entry, defaults)),
  };
}

function keyOf(node: Node | undefined, key: string): Span | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.key : undefined;
}

function timeoutsOf(node: Node | undefined): Timeouts {
  const known = properties.timeouts.properties;
  const limit = (name: keyof Timeouts): number => integer(child(node, name))?.value ?? known[name].default;
  return {
    ssh: limit('ssh'),
    query: limit('query'),
    pull: limit('pull'),
    fe_ready: limit('fe_ready'),
    be_ready: limit('be_ready'),
    drain: limit('drain'),
    lock: limit('lock'),
  };
}

function hostOf(entry: Node, defaults: Node | undefined): DraftHost {
  const address = text(entry) ?? text(child(entry, 'address' satisfies HostKey));
  const at = address?.at ?? entry.at;
  /** The host's own, then the default: a key of a mapping is looked up in both. */
  const own = (key: HostKey): Node | undefined => child(entry, key);
  const both = (key: HostKey & keyof Defaults): [Node | undefined, Node | undefined] => [
    own(key),
    child(defaults, key),
  ];
  const inner = (key: HostKey & keyof Defaults, name: string): Node | undefined =>
    first(both(key).map(node => child(node, name)));
  return {
    at,
    address,
    maintenance: truth(own('maintenance'))?.value ?? false,
    fe: roleOf(text(first(both('fe')))?.value),
    location: text(inner('labels', 'location'))?.value ?? null,
    memory: sizeOf(inner('resources', 'memory')),
    fe_heap: sizeOf(inner('resources', 'fe_heap')),
    ulimits: {
      nofile: integer(inner('ulimits', 'nofile'))?.value ?? definitions.ulimits.properties.nofile.default,
      nproc: integer(inner('ulimits', 'nproc'))?.value ?? definitions.ulimits.properties.nproc.default,
    },
    deploy_dir: text(first(both('deploy_dir'))) ?? { value: definitions.deployDir.default, at },
    ssh: sshOf(...both('ssh')),
    fe_conf: confOf(both('fe_conf')),
    be_conf: confOf(both('be_conf')),
    ...instancesOf(both('be'), both('ports'), at),
  };
}

const first = (nodes: readonly (Node | undefined)[]): Node | undefined => nodes.find(node => node !== undefined);

function roleOf(value: string | undefined): FeRole | null {
  if (value === 'none') return null;
  return value === 'observer' ? 'observer' : 'follower';
}

function sizeOf(node: Node | undefined): Placed<number> | undefined {
  const written = text(node);
  const value = parseSize(written?.value ?? '');
  return written === undefined || value === undefined ? undefined : { value, at: written.at };
}

function portsOf<Name extends string>(
  nodes: readonly (Node | undefined)[],
  names: readonly Name[],
): Partial<Record<Name, Placed<number>>> {
  const ports: Partial<Record<Name, Placed<number>>> = {};
  for (const name of names) {
    const port = integer(first(nodes.map(node => child(node, name))));
    if (port !== undefined) ports[name] = port;
  }
  return ports;
}

function confOf(nodes: readonly (Node | undefined)[]): DraftConf {
  const lines = new Map<string, DraftConf[number]>();
  for (const node of nodes.toReversed()) {
    if (node?.kind !== 'map') continue;
    for (const [name, { key, value }] of node.entries) lines.set(name, { name, key, value });
  }
  return [...lines.values()];
}

const mostInstances = definitions.be.properties.count.maximum;

function instancesOf(
  be: (Node | undefined)[],
  ports: (Node | undefined)[],
  at: Span,
): Pick<DraftHost, 'be' | 'surplus'> {
  // `none` at the host hides the default; a mapping at the host is laid over it.
  if (text(first(be))?.value === 'none') return { be: [], surplus: undefined };
  const maps = be.filter((node): node is MapNode => node?.kind === 'map');
  const inner = (key: string): Node | undefined => first(maps.map(map => child(map, key)));
  const own = items(inner('instances'));
  const written = integer(inner('count'))?.value;
  const count = Math.min(Math.max(written ?? Math.max(own.length, 1), 1), mostInstances);
  const surplus = own.length > count ? own[count]?.at : undefined;
  const instances = Array.from({ length: count }, (_, index): DraftBe => {
    const instance = own[index];
    return {
      at: instance?.at ?? inner('count')?.at ?? at,
      ports: portsOf([child(instance, 'ports'), ...(index === 0 ? ports : [])], bePortNames),
      mem_limit: text(child(instance, 'mem_limit') ?? inner('mem_limit')),
      storage: items(child(instance, 'storage') ?? inner('storage')).flatMap(folderOf),
    };
  });
  return { be: instances, surplus };
}

function folderOf(node: Node): DraftFolder[] {
  const path = text(child(node, 'path'));
  if (path === undefined) return [];
  const medium = text(child(node, 'medium'))?.value;
  const capacity = sizeOf(child(node, 'capacity'));
  return [{ path, medium: medium === 'HDD' || medium === 'SSD' ? medium : null, capacity }];
}

function sshOf(host: Node | undefined, defaults: Node | undefined): DraftSsh {
  const both = (key: keyof HostSsh): Node | undefined => child(host, key) ?? child(defaults, key);
  const bastion = both('bastion');
  const jump = text(child(bastion, 'host'))?.value;
  return {
    user: text(both('user'))?.value ?? definitions.sshUser.default,
    port: integer(both('port'))?.value ?? definitions.sshPort.default,
    sudo: truth(both('sudo'))?.value ?? definitions.sshSudo.default,
    ssh_host: text(child(host, 'ssh_host')),
    host_key: text(child(host, 'host_key'))?.value ?? null,
    bastion:
      jump === undefined
        ? null
        : {
            host: jump,
            user: text(child(bastion, 'user'))?.value ?? definitions.sshUser.default,
            port: integer(child(bastion, 'port'))?.value ?? definitions.sshPort.default,
            host_key: text(child(bastion, 'host_key'))?.value ?? null,
          },
  };
}
