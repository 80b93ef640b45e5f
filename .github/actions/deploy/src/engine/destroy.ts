import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { quote } from '../transport/quote.ts';

/**
 * The commands that end a cluster and delete its data, for a person to read and run: nothing of ours runs them.
 * @param hosts addresses, or [] for all
 */
export function destroyCommands(cluster: ClusterJson, hosts: readonly string[]): string {
  const chosen = cluster.hosts.filter(({ address }) => hosts.length === 0 || hosts.includes(address));
  return [
    `# These commands delete the data of ${cluster.cluster} for good. Nothing runs them but you.`,
    '# Before: is there a backup, and was it restored once? Take the hosts out of cluster.yaml only afterwards.',
    ...chosen.flatMap(commandsOf),
    '',
  ].join('\n');
}

function commandsOf(host: CompiledHost): string[] {
  const services = [...host.be, ...(host.fe === null ? [] : [host.fe])];
  const folders = services.flatMap(service =>
    service.folders.filter(({ use }) => use === 'meta' || use === 'storage').map(folder => folder.host),
  );
  const outside = folders.filter(folder => !folder.startsWith(`${host.deploy_dir}/`));
  const { ssh } = host;
  const port = ssh.port === 22 ? '' : ` -p ${ssh.port}`;
  const jump = ssh.bastion === null ? '' : ` -J ${ssh.bastion.user}@${ssh.bastion.host}:${ssh.bastion.port}`;
  const sudo = ssh.sudo ? 'sudo ' : '';
  return [
    '',
    `# ${host.address}: ${services.map(({ name }) => name).join(', ')}`,
    `ssh${port}${jump} ${quote(`${ssh.user}@${ssh.host}`)}`,
    `  ${sudo}docker compose --project-directory ${quote(host.deploy_dir)} down`,
    `  ${sudo}rm -rf --one-file-system ${[host.deploy_dir, ...outside].map(quote).join(' ')}`,
  ];
}
