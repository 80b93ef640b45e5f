import type { ClusterJson, CompiledHost, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import type { Question } from '../observe/probe.ts';
import { servicesOf } from '../plan/place.ts';
import { convergeAll, type Node, up, type View, view } from '../plan/situation.ts';
import type { World } from '../plan/world.ts';

const NOTHING = { started: {}, unhealthy_before: null };

export const lookAt = (desired: ClusterJson, world: World): View =>
  view({ desired, world, request: convergeAll, memory: NOTHING });

/** Nodes that are not as they should be, on machines that may be touched. */
export const unhealthy = (v: View): Node[] =>
  [...v.frontends, ...v.backends].filter(node => !node.host.maintenance && !up(node, NOTHING));

/** StarRocks' own logs; with --logconsole all goes to the container's, and these hold what came before it. */
const FILES: Readonly<Record<'fe' | 'be', readonly string[]>> = {
  fe: ['fe.log', 'fe.warn.log', 'fe.out'],
  be: ['be.INFO', 'be.WARNING', 'be.out'],
};

const logFolder = (node: Pick<Node, 'service'>): string | undefined =>
  node.service.folders.find(folder => folder.use === 'log')?.host;

function logsOf(node: Pick<Node, 'service'>, lines: number): Question[] {
  const { name, kind } = node.service;
  const folder = logFolder(node);
  const files = folder === undefined ? [] : FILES[kind];
  return [
    { kind: 'log', service: name, lines },
    ...files.map((file): Question => ({ kind: 'file', name: `${name}/${file}`, path: `${folder}/${file}`, lines })),
  ];
}

const LINES = 300;
const WANTED_LINES = 2000;

/** For the verb `logs`: the last lines of one machine's services. */
export const logQuestions = (host: CompiledHost, service: ServiceName | null): Question[] =>
  servicesOf(host)
    .filter(one => service === null || one.name === service)
    .flatMap(one => logsOf({ service: one }, WANTED_LINES));

/** What to ask which machine, so that the causes can be told apart; reachability from the one that needs it. */
export function questions(desired: ClusterJson, world: World): Map<string, Question[]> {
  const v = lookAt(desired, world);
  const asked = new Map<string, Question[]>();
  const ask = (address: string, ...more: Question[]) => {
    const there = asked.get(address) ?? [];
    const fresh = more.filter(one => !there.some(other => JSON.stringify(other) === JSON.stringify(one)));
    asked.set(address, [...there, ...fresh]);
  };
  for (const node of unhealthy(v)) {
    const { address, deploy_dir } = node.host;
    ask(address, { kind: 'machine', address, folder: deploy_dir });
    ask(address, { kind: 'container', service: node.service.name }, ...logsOf(node, LINES));
    for (const { from, to, port } of routes(v, node)) ask(from, { kind: 'tcp', address: to, port });
  }
  return asked;
}

export interface Route {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly what: string;
}

/** Which connections between machines this node lives on. */
export function routes(v: View, node: Node): Route[] {
  const here = node.host.address;
  const others = v.frontends.filter(other => other.host.address !== here && other.machine !== null);
  // The leader first: it is the one that counts.
  const [peer] = others.toSorted(
    (a, b) => Number(b.host.address === v.rows?.leader) - Number(a.host.address === v.rows?.leader),
  );
  if (peer === undefined) return [];
  const there = peer.host.address;
  const fe = v.desired.fe_ports;
  if (node.service.kind === 'fe') {
    return [
      { from: here, to: there, port: fe.edit_log_port, what: 'edit_log_port' },
      { from: here, to: there, port: fe.http_port, what: 'http_port' },
      { from: here, to: there, port: fe.rpc_port, what: 'rpc_port' },
      { from: here, to: there, port: fe.query_port, what: 'query_port' },
      { from: there, to: here, port: fe.edit_log_port, what: 'edit_log_port' },
      { from: there, to: here, port: fe.http_port, what: 'http_port' },
    ];
  }
  const { ports } = node.service;
  return [
    { from: here, to: there, port: fe.query_port, what: 'query_port' },
    { from: here, to: there, port: fe.rpc_port, what: 'rpc_port' },
    { from: there, to: here, port: ports.heartbeat_service_port, what: 'heartbeat_service_port' },
    { from: there, to: here, port: ports.be_port, what: 'be_port' },
  ];
}
