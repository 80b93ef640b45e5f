import type { BePorts } from '../contract/cluster-json.ts';
import type { Cluster, Host } from '../model/cluster.ts';
import { code, markdown } from './escape.ts';
import { drawing } from './readme-drawing.ts';
import { beName } from './service-folders.ts';

/** generated/README.md: the cluster explained to a person. */
export function readme(cluster: Cluster): string {
  return `# The cluster ${markdown(cluster.name)}

Compiled from \`cluster.yaml\`: change that file and run \`npm run compile\`; nothing here is edited by hand.
StarRocks ${markdown(cluster.version)} on ${count(cluster)}.

${drawing(cluster)}

## Machines

${machines(cluster)}

${code(cluster.master_host)} founds the cluster, once. Later the leader may be any follower: ask \`SHOW FRONTENDS\`.

All FEs have the same ports:

${fePorts(cluster)}

## Connect

${connections(cluster)}

## Ports to open

${portsToOpen(cluster)}

## By hand

${byHand(cluster)}
`;
}

const plural = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;

function count({ hosts }: Cluster): string {
  const followers = hosts.filter(({ fe }) => fe?.role === 'follower').length;
  const observers = hosts.filter(({ fe }) => fe?.role === 'observer').length;
  const backends = hosts.reduce((sum, { be }) => sum + be.length, 0);
  const fes = `${plural(followers, 'FE follower')}${observers === 0 ? '' : `, ${plural(observers, 'FE observer')}`}`;
  return `${plural(hosts.length, 'machine')}: ${fes} and ${plural(backends, 'BE')}`;
}

/** Cells come as markdown. */
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n');

/** One row for every service, so that each BE instance has its ports in columns of their own. */
function machines({ hosts, master_host }: Cluster): string {
  const head = ['machine', 'location', 'service', 'role', 'be_port', 'be_http_port', 'heartbeat', 'brpc', 'starlet'];
  return table(
    head,
    hosts.flatMap(host => {
      const place = [nameOf(host), host.location === null ? '' : markdown(host.location)];
      const role = `${host.fe?.role}${host.address === master_host ? ', founds' : ''}`;
      return [
        ...(host.fe === null ? [] : [[...place, 'starrocks-fe', role, '', '', '', '', '']]),
        ...host.be.map(({ index, ports }) => [
          ...place,
          beName(index),
          'BE',
          `${ports.be_port}`,
          `${ports.be_http_port}`,
          `${ports.heartbeat_service_port}`,
          `${ports.brpc_port}`,
          `${ports.starlet_port}`,
        ]),
      ];
    }),
  );
}

const nameOf = ({ address, maintenance }: Host): string =>
  `${markdown(address)}${maintenance ? ' (in maintenance)' : ''}`;

const fePorts = ({ fe_ports }: Cluster): string => table(Object.keys(fe_ports), [Object.values(fe_ports).map(String)]);

function connections({ hosts, master_host, fe_ports, password_env }: Cluster): string {
  const frontends = hosts.filter(({ fe }) => fe !== null).map(({ address }) => address);
  const first = frontends[0] ?? master_host;
  const { query_port, http_port } = fe_ports;
  const several = frontends.slice(0, 3).map(address => `${address}:${query_port}`);
  return `Any FE answers. Name several where the client takes several, so that one of them may be away.

MySQL client:

    mysql -h ${first} -P ${query_port} -u root${password_env === null ? '' : ' -p'}

JDBC:

    jdbc:mysql:loadbalance://${several.join(',')}/

Stream load (the FE redirects to a BE, so the client must reach both):

    curl --location-trusted -u root${password_env === null ? ':' : ''} -H "Expect: 100-continue" -T FILE http://${first}:${http_port}/api/DATABASE/TABLE/_stream_load

${
  password_env === null
    ? 'root has no password: set one (`starrocks.password` in `cluster.yaml`) before anybody else can reach these ports.'
    : `root's password is where the deploy takes it from: the variable ${code(password_env)}.`
}`;
}

/** StarRocks' documentation, deployment/deployment_prerequisites: who opens what to whom. */
function portsToOpen(cluster: Cluster): string {
  const { http_port, rpc_port, query_port, edit_log_port } = cluster.fe_ports;
  const fes = cluster.hosts.filter(({ fe }) => fe !== null);
  const bes = cluster.hosts.filter(({ be }) => be.length > 0);
  const [fe, be] = ['FE machines', 'BE machines'];
  const ssh = [...new Set(cluster.hosts.map(({ ssh: { port } }) => port))].sort((a, b) => a - b);
  const of = (...names: (keyof BePorts)[]): string => names.map(name => portsOf(bes, name)).join(', ');
  const rows = table(
    ['from', 'to', 'TCP ports'],
    [
      ['clients', fe, `${query_port} (MySQL), ${http_port} (HTTP)`],
      ['clients that load', be, `${of('be_http_port')} (stream load is redirected there)`],
      [fe, fe, `${edit_log_port}, ${http_port}, ${rpc_port}, ${query_port}`],
      [fe, be, of('heartbeat_service_port', 'be_port', 'brpc_port', 'be_http_port')],
      [be, fe, `${rpc_port}, ${http_port}, ${query_port}`],
      [be, be, of('brpc_port', 'be_http_port')],
      ['the machine that deploys', 'every machine', `${ssh.join(', ')} (SSH, which carries the SQL too)`],
    ],
  );
  return `FE machines: ${listed(fes)}. BE machines: ${listed(bes)}.\n\n${rows}`;
}

/** Machines beyond this many are counted: the table of machines names them all. */
const NAMED = 5;

function listed(hosts: readonly Host[]): string {
  const named = hosts.slice(0, NAMED).map(({ address }) => markdown(address));
  return [...named, ...(hosts.length > NAMED ? [`and ${hosts.length - NAMED} more`] : [])].join(', ');
}

function portsOf(hosts: readonly Host[], name: keyof BePorts): string {
  const ports = new Set(hosts.flatMap(({ be }) => be.map(({ ports }) => ports[name])));
  return [...ports].sort((a, b) => a - b).join(', ');
}

function byHand({ hosts, master_host, password_env }: Cluster): string {
  const folders = [...new Set(hosts.map(({ deploy_dir }) => deploy_dir))].map(code).join(' or ');
  return `Each folder under \`hosts/\` is self-contained. Copy it, with its dot file, to ${folders} on its machine and run
\`docker compose up -d\` there, on the machines in any order.${
    password_env === null
      ? ''
      : ` The scripts have no password: once root has one, a new
node started by hand waits until a deploy registers it.`
  }

Never do by hand:

- Never start a reinstalled ${code(master_host)}, or one whose data and \`state/\` are gone: it would found a second,
  empty cluster, which looks healthy and takes machines from the first. Deploy instead, and it joins.
- Never delete or empty \`data/\` or \`state/\` to mend a node that does not start: \`docker logs\` says what to do, and a
  deploy moves aside what is in the way.
- Never copy \`data/\` or \`state/\` from one machine to another: they carry the identity of a node.
- Never give \`--helper\` to an FE that has metadata, and never run StarRocks' own start scripts beside these containers.
- Never change a port or an address of a node that lives: the others know it by both.
- Never edit these files on a machine: the next deploy takes them back.`;
}
