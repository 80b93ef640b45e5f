import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { labRoot } from './available.ts';
import { makeDisk } from './disk.ts';
import { type Cable, hostOf, type LabHost } from './host.ts';
import { ip, shell } from './shell.ts';

export { labAvailable } from './available.ts';
export { users } from './disk.ts';
export type { CommandResult, LabHost } from './host.ts';

export interface LabOptions {
  /** 1 to 100. */
  readonly hosts: number;
  /** With a Docker Engine on every host, or with an SSH server only. */
  readonly docker: boolean;
  /** A further machine through which alone the hosts are reached. */
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
  /** Imports the tar file of a root file system into every engine. */
  importImage(tarFile: string, ref: string): Promise<void>;
  /** Ends and removes all of it. May be repeated. */
  stop(): Promise<void>;
}

/**
 * Starts machines on this one and waits until each answers. Removes first what killed runs have left. Throws, and leaves
 * nothing behind, when one does not boot.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  await shell`mkdir -p ${labRoot}`;
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

/** Where a lab lies: everything is named after one claimed number. */
interface Site {
  readonly name: string;
  readonly folder: string;
  /** First three numbers of its addresses. The hosts have the lower half, the way to the bastion the upper. */
  readonly network: string;
  readonly hidden: boolean;
}

function siteOf(number: number, hidden: boolean): Site {
  const name = `srlab${number}`;
  return { name, folder: join(labRoot, name), network: `10.213.${number}`, hidden };
}

async function build(site: Site, options: LabOptions): Promise<Lab> {
  await ip(...bridges(site));
  const names = Array.from({ length: options.hosts }, (_, index) => `host-${index + 1}`);
  if (site.hidden) names.push('bastion');
  const keys = await makeKeys(site, names);
  const machines = names.map((name, index) => ({ name, address: `${site.network}.${index + 11}` }));
  const entries = machines.map(({ name, address }) => `${address} ${name}`);
  const all = await Promise.all(
    machines.map(async ({ name, address }, index) => {
      const namespace = `${site.name}-${index + 1}`;
      const state = join(site.folder, name);
      await makeDisk(state, {
        name,
        hosts: entries,
        authorizedKey: keys.authorized,
        hostKeyFile: keyFile(site, name),
        cgroup: `/${namespace}`,
      });
      const isBastion = name === 'bastion';
      return hostOf({
        name,
        address: isBastion ? `${site.network}.130` : address,
        hostKey: keys.host(name),
        state,
        namespace,
        cables: cables(site, address, isBastion),
        docker: options.docker && !isBastion,
      });
    }),
  );
  await Promise.all(all.map(host => host.boot()));
  return {
    subnet: `${site.network}.0/24`,
    hosts: all.slice(0, options.hosts),
    bastion: all[options.hosts] ?? null,
    privateKey: keys.client,
    privateKeyFile: keyFile(site, 'client'),
    knownHosts: all.map(host => `${host.address} ${host.hostKey}\n`).join(''),
    importImage: async (tarFile, ref) => {
      await Promise.all(all.slice(0, options.hosts).map(host => host.importImage(tarFile, ref)));
    },
    stop: async () => {
      await Promise.all(all.map(host => host.kill()));
      await remove(site);
    },
  };
}

function bridges({ name, network, hidden }: Site): readonly string[] {
  const bridge = (link: string, address: string): readonly string[] => [
    `link add ${link} type bridge`,
    ...(address === '' ? [] : [`address add ${address} dev ${link}`]),
    `link set ${link} up`,
  ];
  if (!hidden) return bridge(name, `${network}.1/25`);
  return [
    ...bridge(name, ''),
    ...bridge(`${name}x`, `${network}.129/25`),
    // Without it, what asks for a hidden host would leave by the machine's default route.
    `route add ${network}.0/25 dev ${name}x`,
  ];
}

function cables(site: Site, address: string, isBastion: boolean): readonly Cable[] {
  const inner = { name: 'eth0', bridge: site.name, address: `${address}/25` };
  const outer = { name: 'eth1', bridge: `${site.name}x`, address: `${site.network}.130/25` };
  return isBastion ? [inner, outer] : [inner];
}

interface Keys {
  readonly client: string;
  readonly authorized: string;
  host(name: string): string;
}

function keyFile(site: Site, name: string): string {
  return join(site.folder, `${name}.key`);
}

async function makeKeys(site: Site, hosts: readonly string[]): Promise<Keys> {
  const files = ['client', ...hosts].map(name => keyFile(site, name));
  await shell`for file in ${files}; do ssh-keygen -q -t ed25519 -N '' -C '' -f "$file"; done`;
  const pairs = hosts.map(async name => [name, (await readFile(`${keyFile(site, name)}.pub`, 'utf8')).trim()] as const);
  const publicKeys = new Map(await Promise.all(pairs));
  return {
    client: await readFile(keyFile(site, 'client'), 'utf8'),
    authorized: (await readFile(`${keyFile(site, 'client')}.pub`, 'utf8')).trim(),
    host: name => publicKeys.get(name) ?? '',
  };
}

async function remove(site: Site): Promise<void> {
  await shell`bash ${join(import.meta.dirname, 'remove.sh')} ${site.folder}`;
}
