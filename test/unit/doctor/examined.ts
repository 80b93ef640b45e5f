import { type Checked, examine } from '../../../.github/actions/deploy/src/doctor/checks.ts';
import type { HostWorld } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import { cluster, emptyMachine } from '../plan/worlds.ts';

export const desired = cluster([{}]);

/** What probe.sh says of a machine on which nothing is missing. */
export const good: Readonly<Record<string, string>> = {
  user: 'root 0',
  sudo: 'yes',
  missing_tools: '',
  kernel: 'Linux 6.1.0',
  cpus: '16',
  avx2: 'yes',
  architecture: 'x86_64',
  swap_kib: '0',
  swappiness: '0',
  overcommit: '1',
  max_map_count: '262144',
  huge_pages: 'always [madvise] never',
  somaxconn: '4096',
  tcp_abort_on_overflow: '1',
  threads_max: '200000',
  pid_max: '4194304',
  file_max: '1048576',
  clock_synchronised: 'yes',
  reverse_lookup: 'answers',
  selinux: 'absent',
  cgroup: 'cgroup2fs',
  file_system: 'xfs',
  inodes_free: '16318693',
  noexec: 'no',
  read_only: 'no',
  firewall: '',
  docker_restarts_at_boot: 'enabled',
  docker_root_free_kib: '82149512',
  docker_nofile: '1048576',
  docker_caps: '000001ffffffffff',
  oom_kills: '0',
  last_oom_kill: '',
};

const GB = 1e9;
const disk = (path: string) => ({ path, free: 500 * GB, total: 1000 * GB, access: 'writable' as const });

/** A machine with all that it needs. */
export const wellMachine = (): HostWorld => ({
  ...emptyMachine(),
  disks: ['/opt/starrocks-ha', '/opt/starrocks-ha/data/fe/meta', '/opt/starrocks-ha/data/be-0/storage'].map(disk),
  images: { 'starrocks/fe-ubuntu:3.3.18': 'sha256:a', 'starrocks/be-ubuntu:3.3.18': 'sha256:b' },
});

export function checksOf(
  facts: Readonly<Record<string, string>> = {},
  machine: HostWorld = wellMachine(),
  from: ClusterJson = desired,
): Checked[] {
  const [host] = from.hosts;
  if (host === undefined) throw new Error('there is a host');
  return examine({ host, desired: from, machine, facts: { ...good, ...facts } });
}
