import { chmod, chown, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Machine } from './host.ts';

export interface DiskContents {
  /** Lines of /etc/hosts. */
  readonly hosts: readonly string[];
  /** OpenSSH public key that may log in. */
  readonly authorizedKey: string;
  /** File that holds the host's private key. */
  readonly hostKeyFile: string;
}

/** Users besides root, both with the lab's key: one may do all by `sudo -n`, one may neither that nor Docker. */
export const users = { sudo: 'deployer', plain: 'visitor' } as const;

const ids = { [users.sudo]: 21_001, [users.plain]: 21_002 };

const sshdConfig = `HostKey /etc/ssh/lab_host_key
AuthorizedKeysFile /etc/ssh/lab_authorized_keys
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PidFile none
MaxStartups 200
Subsystem sftp internal-sftp
`;

/** Writes what distinguishes a host from this machine into the upper folder of its overlay. */
export async function makeDisk(machine: Machine, contents: DiskContents): Promise<void> {
  const upper = join(machine.state, 'upper');
  for (const folder of ['upper/var/lib/docker', 'work', 'root', 'docker']) {
    await mkdir(join(machine.state, folder), { recursive: true });
  }
  for (const [name, { text, mode }] of Object.entries(await filesOf(machine, contents))) {
    const path = join(upper, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    // chmod, because the mode that writeFile takes is cut by the umask.
    await chmod(path, mode);
  }
  await copyFile(contents.hostKeyFile, join(upper, 'etc/ssh/lab_host_key'));
  for (const [user, id] of Object.entries(ids)) {
    const home = join(upper, 'home', user);
    await mkdir(home, { recursive: true });
    await chown(home, id, id);
  }
}

interface File {
  readonly text: string;
  readonly mode: number;
}

async function filesOf(machine: Machine, contents: DiskContents): Promise<Readonly<Record<string, File>>> {
  const passwd = Object.entries(ids).map(([user, id]) => `${user}:x:${id}:${id}::/home/${user}:/bin/bash\n`);
  const group = Object.entries(ids).map(([user, id]) => `${user}:x:${id}:\n`);
  // `*`, not `!`: sshd refuses a locked account even with a key.
  const shadow = ['root', ...Object.values(users)].map(user => `${user}:*:19700:0:99999:7:::\n`);
  const daemon = {
    bridge: 'none',
    iptables: false,
    'storage-driver': 'overlay2',
    'cgroup-parent': `/${machine.namespace}`,
    'exec-opts': ['native.cgroupdriver=cgroupfs'],
    'log-level': 'warn',
  };
  const text = (text: string, mode = 0o644): File => ({ text, mode });
  return {
    'etc/hostname': text(`${machine.name}\n`),
    'etc/hosts': text(['127.0.0.1 localhost', ...contents.hosts, ''].join('\n')),
    // Refuses at once; a name server that does not answer holds Java up for minutes.
    'etc/resolv.conf': text('nameserver 127.0.0.1\n'),
    'etc/passwd': text((await readFile('/etc/passwd', 'utf8')) + passwd.join('')),
    'etc/group': text((await readFile('/etc/group', 'utf8')) + group.join('')),
    'etc/shadow': text(shadow.join(''), 0o640),
    'etc/sudoers.d/lab': text(`${users.sudo} ALL=(ALL) NOPASSWD: ALL\n`, 0o440),
    'etc/ssh/sshd_config': text(sshdConfig),
    'etc/ssh/lab_authorized_keys': text(`${contents.authorizedKey}\n`),
    'etc/docker/daemon.json': text(JSON.stringify(daemon)),
    'usr/local/sbin/lab-dockerd': text(await readFile(join(import.meta.dirname, 'lab-dockerd.sh'), 'utf8'), 0o755),
  };
}
