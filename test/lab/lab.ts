import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { labRoot } from './available.ts';
import { makeDisk } from './disk.ts';
import { hostOf, type LabHost, type Machine, type Variables } from './host.ts';
import { type KeyPair, makeKeys } from './keys.ts';
import { ip, shell } from './shell.ts';
import { addressOf, bastionAddress, bridges, innerCable, outerCable, type Site, siteOf } from './site.ts';

export { labClusterYaml } from './cluster-yaml.ts';
export { users } from './disk.ts';
export type { CommandResult, LabHost } from './host.ts';

export interface LabOptions {
  /** 1 to 100. */
  readonly hosts: number;
  /** With a Docker Engine on every host, or with an SSH server only. */
  readonly docker: boolean;
  /** `one`: this machine reaches the hosts through a further machine only. */
  readonly bastion?: 'none' | 'one';
}

export interface Lab {
  /** Lives on this machine's bridge and in the lab's namespaces only. */
  readonly subnet: string;
  readonly hosts: readonly LabHost[];
  readonly bastion: LabHost | null;
  /** OpenSSH private key that root and the users of the lab log in with. */
  readonly privateKey: string;
  readonly privateKeyFile: string;
  /** Lines of a known_hosts file for all hosts. */
  readonly knownHosts: string;
  /** Imports the tar file of a root file system into every engine; what runs in it finds `env` in its environment. */
  importImage(tarFile: string, ref: string, env?: Variables): Promise<void>;
  /** Ends and removes all of it. May be repeated. */
  stop(): Promise<void>;
}

/**
 * Starts machines on this one and waits until each answers. Removes first what killed runs have left. Throws, and leaves
 * nothing behind, when one does not boot.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  await mkdir(labRoot, { recursive: true });
  const claim = join(import.meta.dirname, 'claim.sh');
  const claimed = await shell`flock ${labRoot} bash ${claim} ${labRoot} ${process.pid}`;
  const site = siteOf(Number(claimed.stdout), options.bastion === 'one');
  try {
    return await build(site, options);
  } catch (error) {
    await remove(site);
    throw error;
  }
}

async function build(site: Site, options: LabOptions): Promise<Lab> {
  await ip(...bridges(site));
  const names = Array.from({ length: options.hosts }, (_, index) => `host-${index + 1}`);
  if (site.hidden) names.push('bastion');
  const [client, ...keys] = await makeKeys(site.folder, ['client', ...names]);
  if (client === undefined) throw new Error('no key was made');
  const entries = names.map((name, index) => `${addressOf(site, index)} ${name}`);
  const all = await Promise.all(
    keys.map(async (key, index) => {
      const machine = machineOf(site, options, index, key);
      await makeDisk(machine, { hosts: entries, authorizedKey: client.publicKey, hostKeyFile: key.file });
      return hostOf(machine);
    }),
  );
  await Promise.all(all.map(host => host.boot()));
  const hosts = all.slice(0, options.hosts);
  return {
    subnet: `${site.network}.0/24`,
    hosts,
    bastion: all[options.hosts] ?? null,
    privateKey: await readFile(client.file, 'utf8'),
    privateKeyFile: client.file,
    knownHosts: all.map(host => `${host.address} ${host.hostKey}\n`).join(''),
    importImage: async (tarFile, ref, env = {}) => {
      await Promise.all(hosts.map(host => host.importImage(tarFile, ref, env)));
    },
    stop: async () => {
      await Promise.all(all.map(host => host.kill()));
      await remove(site);
    },
  };
}

/** The host with this index; the bastion comes after the last one. */
function machineOf(site: Site, options: LabOptions, index: number, key: KeyPair): Machine {
  const isBastion = index === options.hosts;
  const name = isBastion ? 'bastion' : `host-${index + 1}`;
  return {
    name,
    address: isBastion ? bastionAddress(site) : addressOf(site, index),
    hostKey: key.publicKey,
    state: join(site.folder, name),
    namespace: `${site.name}-${index + 1}`,
    cables: [innerCable(site, index), ...(isBastion ? [outerCable(site)] : [])],
    docker: options.docker && !isBastion,
  };
}

async function remove(site: Site): Promise<void> {
  await shell`bash ${join(import.meta.dirname, 'remove.sh')} ${site.folder}`;
}
