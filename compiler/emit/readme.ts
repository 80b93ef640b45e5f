import type { Cluster, Host } from '../model/cluster.ts';
import { beName } from './service-folders.ts';

/** Hosts beyond this many are one box of the drawing: a hundred boxes show nothing. */
const DRAWN = 12;

/** generated/README.md: the cluster explained to a person. Every value in it has passed the rules' character sets. */
export function readme(cluster: Cluster): string {
  return `# The cluster ${cluster.name}

Compiled from \`cluster.yaml\`; never edited by hand. StarRocks ${cluster.version}, ${count(cluster)}.
${drawing(cluster)}
## Machines

${table(
  ['machine', 'FE', 'BE', 'location', 'BE ports (be, http, heartbeat, brpc, starlet)'],
  cluster.hosts.map(host => [
    host.address + (host.maintenance ? ' (maintenance)' : ''),
    host.fe === null ? '' : `${host.fe.role}${host.address === cluster.master_host ? ', founds' : ''}`,
    host.be.map(be => beName(be.index)).join(', '),
    host.location ?? '',
    host.be.map(be => Object.values(be.ports).join(' ')).join('; '),
  ]),
)}

\`${cluster.master_host}\` founds the cluster, once. It need not lead later: ask \`SHOW FRONTENDS\`.

## Connect

${connections(cluster)}

## Ports to open

${ports(cluster)}

## By hand

Each folder under \`hosts/\` is self-contained. Copy it to \`${cluster.hosts[0]?.deploy_dir ?? ''}\` on its machine and run
\`docker compose up -d\` there, on the machines in any order. Never start a reinstalled \`${cluster.master_host}\` by hand
whose data and \`state/\` are gone: it would found a second, empty cluster. Deploy instead, and it joins.
`;
}

const plural = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;

function count({ hosts }: Cluster): string {
  const followers = hosts.filter(host => host.fe?.role === 'follower').length;
  const observers = hosts.filter(host => host.fe?.role === 'observer').length;
  const backends = hosts.reduce((sum, host) => sum + host.be.length, 0);
  const fes = `${plural(followers, 'FE follower')}${observers > 0 ? ` and ${plural(observers, 'FE observer')}` : ''}`;
  return `${plural(hosts.length, 'machine')} with ${fes} and ${plural(backends, 'BE')}`;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n');

function drawing(cluster: Cluster): string {
  const drawn = cluster.hosts.slice(0, DRAWN);
  const rest = cluster.hosts.length - drawn.length;
  const boxes = drawn.map((host, index) => box(cluster, host, index));
  const more = rest > 0 ? [`  more["and ${plural(rest, 'machine')} more"]`] : [];
  return `
\`\`\`mermaid
flowchart TB
  clients(["clients"]) -- "MySQL protocol ${cluster.fe_ports.query_port}" --> fe["any FE"]
${[...boxes, ...more].join('\n')}
\`\`\`
`;
}

function box(cluster: Cluster, host: Host, index: number): string {
  const fe =
    host.fe === null
      ? []
      : [`    f${index}["FE ${host.fe.role}${host.address === cluster.master_host ? ', founds' : ''}"]`];
  const be = host.be.map(one => `    b${index}x${one.index}[("${beName(one.index).replace('starrocks-be', 'BE')}")]`);
  return [`  subgraph h${index}["${host.address}"]`, ...fe, ...be, '  end'].join('\n');
}

function connections(cluster: Cluster): string {
  const frontends = cluster.hosts.filter(host => host.fe !== null).map(host => host.address);
  const { query_port, http_port } = cluster.fe_ports;
  const first = frontends[0] ?? cluster.master_host;
  return `Any FE answers; list several, so that one may be away.

    mysql -h ${first} -P ${query_port} -u root${cluster.password_env === null ? '' : ' -p'}
    jdbc:mysql:loadbalance://${frontends
      .slice(0, 3)
      .map(host => `${host}:${query_port}`)
      .join(',')}/
    curl --location-trusted -u root: -T FILE http://${first}:${http_port}/api/DATABASE/TABLE/_stream_load`;
}

/** StarRocks' documentation, deployment/deployment_prerequisites: who opens what to whom. */
function ports(cluster: Cluster): string {
  const { http_port, rpc_port, query_port, edit_log_port } = cluster.fe_ports;
  const of = (name: 'be_port' | 'be_http_port' | 'heartbeat_service_port' | 'brpc_port'): string => {
    const all = cluster.hosts.flatMap(host => host.be.map(be => be.ports[name]));
    return [...new Set(all)].sort((a, b) => a - b).join(', ');
  };
  return table(
    ['from', 'to', 'ports'],
    [
      ['clients', 'FE machines', `${query_port} (MySQL), ${http_port} (HTTP, stream load)`],
      ['clients', 'BE machines', `${of('be_http_port')} (stream load is redirected there)`],
      ['FE machines', 'FE machines', `${edit_log_port}, ${http_port}, ${rpc_port}, ${query_port}`],
      [
        'FE machines',
        'BE machines',
        `${of('heartbeat_service_port')}, ${of('be_port')}, ${of('brpc_port')}, ${of('be_http_port')}`,
      ],
      ['BE machines', 'FE machines', `${rpc_port}, ${http_port}, ${query_port}`],
      ['BE machines', 'BE machines', `${of('brpc_port')}, ${of('be_http_port')}`],
      ['the runner', 'every machine', 'SSH; nothing else, SQL runs through that connection'],
    ],
  );
}
