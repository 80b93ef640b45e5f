import type { Cluster, Host } from '../model/cluster.ts';
import { mermaid } from './escape.ts';
import { beName } from './service-folders.ts';

/** Machines beyond this many are one box: a hundred boxes show nothing. */
const DRAWN = 12;

/** The machines and their services as a mermaid drawing. */
export function drawing({ hosts, fe_ports, master_host }: Cluster): string {
  const drawn = hosts.slice(0, DRAWN);
  const rest = hosts.length - drawn.length;
  const lines = [
    'flowchart LR',
    `  clients(["clients"])`,
    ...drawn.flatMap((host, index) => box(host, index, master_host)),
    ...(rest > 0 ? [`  more["and ${rest} more"]`] : []),
    ...drawn.flatMap(({ fe }, index) =>
      fe === null ? [] : [`  clients -- "MySQL ${fe_ports.query_port}" --> f${index}`],
    ),
  ];
  return ['```mermaid', ...lines, '```'].join('\n');
}

function box(host: Host, index: number, masterHost: string): string[] {
  const role = `${host.fe?.role}${host.address === masterHost ? ', founds' : ''}`;
  return [
    `  subgraph h${index}["${mermaid(host.address)}"]`,
    ...(host.fe === null ? [] : [`    f${index}["FE ${role}"]`]),
    ...host.be.map(({ index: be }) => `    b${index}x${be}[("${beName(be).replace('starrocks-be', 'BE')}")]`),
    '  end',
  ];
}
