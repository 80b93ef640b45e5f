import type { CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { type BackendRow, type ClusterRows, type FrontendRow, nodeKey } from '../plan/world.ts';
import type { Finding } from './finding.ts';

/** What a node has and what shows that somebody touched it; a name and its value. */
type Trait = readonly [name: string, value: string | null];

interface Seen {
  readonly key: string;
  readonly alive: boolean;
  readonly traits: readonly Trait[];
}

/**
 * Nodes that no step named and whose rows are not as before: restarted, registered again, moved, relabelled, gone. A
 * leader that has become follower, or the other way round, is as before: that is what an election does.
 */
export function changed(
  declared: readonly CompiledHost[],
  before: ClusterRows,
  after: ClusterRows,
  named: ReadonlySet<string>,
): Finding[] {
  const now = new Map(nodes(declared, after).map(node => [node.key, node]));
  return nodes(declared, before)
    .filter(node => !named.has(node.key))
    .flatMap(node => {
      const differing = differences(node, now.get(node.key));
      if (differing.length === 0) return [];
      const text = (at: 1 | 2) => differing.map(([name, ...values]) => `${name} ${values[at - 1]}`).join(', ');
      return [
        {
          kind: 'changed-although-not-named',
          severity: 'error',
          node: node.key,
          expected: text(1),
          found: text(2),
          hint: 'No step was about this node: see who else works on the cluster, and look at its log.',
        } satisfies Finding,
      ];
    });
}

function differences(was: Seen, is: Seen | undefined): (readonly [string, string, string])[] {
  if (is === undefined) return [['row', 'present', 'gone']];
  // One that was down may come back by itself, and then everything about it is new.
  if (!was.alive) return [];
  return was.traits.flatMap(([name, value], at) => {
    const found = is.traits[at]?.[1] ?? null;
    return found === value ? [] : [[name, value ?? 'NULL', found ?? 'NULL'] as const];
  });
}

/** By the key of the declared node, or `address:port` for one that nobody ever declared. */
function nodes(declared: readonly CompiledHost[], rows: ClusterRows): Seen[] {
  const keys = new Map(
    declared.flatMap(({ address, fe, be }) => [
      ...(fe === null ? [] : [[`${address}:${fe.ports.edit_log_port}`, nodeKey(address, fe.name)] as const]),
      ...be.map(one => [`${address}:${one.ports.heartbeat_service_port}`, nodeKey(address, one.name)] as const),
    ]),
  );
  const key = (host: string, port: number): string => keys.get(`${host}:${port}`) ?? `${host}:${port}`;
  return [
    ...rows.frontends.map(row => seen(key(row.host, row.edit_log_port), row.alive, frontendTraits(row))),
    ...rows.backends.map(row => seen(key(row.host, row.heartbeat_port), row.alive, backendTraits(row))),
  ];
}

const seen = (key: string, alive: boolean, traits: readonly Trait[]): Seen => ({ key, alive, traits });

const frontendTraits = (row: FrontendRow): Trait[] => [
  ['Alive', String(row.alive)],
  ['Name', row.name],
  ['EditLogPort', String(row.edit_log_port)],
  ['QueryPort', String(row.query_port)],
  ['Role', row.role === 'LEADER' ? 'FOLLOWER' : row.role],
  ['StartTime', row.start_time],
  ['Version', row.version],
];

const backendTraits = (row: BackendRow): Trait[] => [
  ['Alive', String(row.alive)],
  ['BackendId', row.id],
  ['BePort', String(row.be_port)],
  ['HttpPort', String(row.http_port)],
  ['BrpcPort', String(row.brpc_port)],
  ['SystemDecommissioned', String(row.system_decommissioned)],
  ['LastStartTime', row.last_start_time],
  ['Location', row.location],
  ['Version', row.version],
];
