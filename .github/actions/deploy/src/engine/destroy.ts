import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import { quote } from '../transport/quote.ts';

/**
 * The commands that end a cluster and delete its data, for a person to read and run: nothing of ours runs them.
 * @param hosts addresses, or [] for all
 * @throws DeployError E_UNKNOWN_HOST
 */
export function destroyCommands(cluster: ClusterJson, hosts: readonly string[]): string {
  return [
    `# These commands delete the data of ${cluster.cluster} for good. Nothing runs them but you.`,
    '# Before: is there a backup, and was it restored once? Take the hosts out of cluster.yaml only afterwards.',
    ...chosen(cluster, hosts).flatMap(commandsOf),
    '',
  ].join('\n');
}

function chosen({ hosts: all }: ClusterJson, wanted: readonly string[]): readonly CompiledHost[] {
  if (wanted.length === 0) return all;
  const strangers = wanted.filter(address => !all.some(host => host.address === address));
  if (strangers.length === 0) return all.filter(({ address }) => wanted.includes(address));
  throw new DeployError({
    code: 'E_UNKNOWN_HOST',
    message: `Not in cluster.yaml: ${strangers.join(', ')}.`,
    hint: `Choose among ${all.map(host => host.address).join(', ')}.`,
  });
}

/** What a cluster leaves on a machine, and what would keep a new one from beginning there. */
const USES: ReadonlySet<string> = new Set(['meta', 'storage', 'state-copy']);

function commandsOf(host: CompiledHost): string[] {
  const services = [...host.be, ...(host.fe === null ? [] : [host.fe])];
  const folders = services.flatMap(service => service.folders.filter(({ use }) => USES.has(use)).map(one => one.host));
  const outside = new Set(folders.filter(folder => !folder.startsWith(`${host.deploy_dir}/`)));
  const { ssh } = host;
  const port = ssh.port === 22 ? '' : ` -p ${ssh.port}`;
  const jump =
    ssh.bastion === null ? '' : ` -J ${quote(`${ssh.bastion.user}@${ssh.bastion.host}:${ssh.bastion.port}`)}`;
  const sudo = ssh.sudo ? 'sudo -n ' : '';
  return [
    '',
    `# ${host.address}: ${services.map(({ name }) => name).join(', ')}`,
    // As its input: commands on lines of their own would run here, where they are pasted, when ssh fails.
    `ssh${port}${jump} ${quote(`${ssh.user}@${ssh.host}`)} sh -e <<'END'`,
    `${sudo}docker compose --project-directory ${quote(host.deploy_dir)} down`,
    `${sudo}rm -rf --one-file-system ${[host.deploy_dir, ...outside].map(quote).join(' ')}`,
    'END',
  ];
}
