import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { shell } from './shell.ts';

export type Availability = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** Folder of all labs of this machine; needs a real disk, on which overlays and Docker's data can lie. */
export const labRoot = process.env['LAB_ROOT'] ?? '/var/tmp/starrocks-lab';

const programs = 'ip nsenter unshare setpriv flock pivot_root ssh ssh-keygen sshd dockerd docker sudo';

/** Can this machine carry a lab? Looks only; installs nothing (`.ci/run` does). */
export async function labAvailable(): Promise<Availability> {
  if (process.platform !== 'linux') return no('it needs Linux');
  if (process.getuid?.() !== 0) return no('it needs root');
  const missing = await shell`for p in ${programs.split(' ')}; do type -p $p >/dev/null || echo $p; done`.lines();
  if (missing.length > 0) return no(`these programs are missing: ${missing.join(' ')}`);
  if ((await shell`docker compose version`.nothrow()).exitCode !== 0) return no('docker has no Compose plugin (v2)');
  const trial = await tryNamespaces();
  return trial === '' ? { ok: true } : no(trial);
}

function no(why: string): Availability {
  return { ok: false, why };
}

/** The kernel's own word: may we make namespaces, a link between them, and an overlay over the root? '' for yes. */
async function tryNamespaces(): Promise<string> {
  const made = await shell`mkdir -p ${labRoot}`.nothrow();
  if (made.exitCode !== 0) return made.stderr.trim();
  const folder = await mkdtemp(join(labRoot, 'trial-'));
  const trial = `set -e
    test -d /sys/fs/cgroup/devices -o -e /sys/fs/cgroup/cgroup.controllers || { echo 'no cgroups are mounted' >&2; exit 1; }
    ip link add name trial type bridge
    ip link add name trial-1 type veth peer name trial-2
    cd ${folder} && mkdir upper work root
    mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root`;
  const namespaces = ['--net', '--mount', '--uts', '--ipc', '--pid', '--fork', '--propagation', 'private'];
  try {
    const { exitCode, stderr } = await shell`unshare ${namespaces} sh -c ${trial}`.nothrow();
    return exitCode === 0 ? '' : `namespaces, links or overlays are not allowed here: ${stderr.trim()}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
