import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { servicesOf } from '../plan/place.ts';
import type { HostWorld } from '../plan/world.ts';
import { quote } from '../transport/quote.ts';

export type Level = 'ok' | 'warn' | 'fail' | 'unknown';

/** One thing that a machine should have. */
export interface Checked {
  readonly host: string;
  readonly check: string;
  readonly level: Level;
  readonly seen: string;
  /** The command that mends it, on that machine; '' when there is nothing to mend. */
  readonly mend: string;
}

/** What is known of one machine. */
export interface Examined {
  readonly host: CompiledHost;
  readonly desired: ClusterJson;
  readonly machine: HostWorld;
  /** From probe.sh; '?' or missing what the machine would not say. */
  readonly facts: Readonly<Record<string, string>>;
}

interface Check {
  readonly name: string;
  /** null: it does not matter on this machine. */
  readonly look: (examined: Examined) => { readonly level: Level; readonly seen: string } | null;
  readonly mend: (examined: Examined) => string;
}

const fact = ({ facts }: Examined, name: string): string => facts[name] ?? '?';
const whole = (text: string): number | null => (/^-?\d+$/.test(text) ? Number(text) : null);
const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

const ok = (seen: string) => ({ level: 'ok' as const, seen });
const judged = (good: boolean, bad: Level, seen: string) => ({ level: good ? ('ok' as const) : bad, seen });

/** A number of the kernel that should be at least, or exactly, so much. */
const number =
  (name: string, good: (value: number) => boolean, bad: Level) =>
  (examined: Examined): { level: Level; seen: string } => {
    const text = fact(examined, name);
    const value = whole(text);
    return value === null ? { level: 'unknown', seen: text } : judged(good(value), bad, text);
  };

const sysctl = (name: string, value: string) => (): string =>
  `echo '${name} = ${value}' | sudo tee -a /etc/sysctl.d/90-starrocks.conf && sudo sysctl --system`;

/** Lets the other machines of the cluster at the ports of this one. */
function openPorts(examined: Examined): string {
  const { host, desired } = examined;
  const services = servicesOf(host);
  const ports = [...new Set(services.flatMap(service => Object.values(service.ports)))].sort((a, b) => a - b);
  const others = desired.hosts.map(({ address }) => address).filter(address => address !== host.address);
  const forEach = (command: string): string => `for from in ${others.join(' ')}; do ${command}; done`;
  if (fact(examined, 'firewall').includes('ufw'))
    return forEach(`sudo ufw allow proto tcp from $from to any port ${ports.join(',')}`);
  const rule = 'rule family=ipv4 source address=$from port port=$port protocol=tcp accept';
  const add = `for port in ${ports.join(' ')}; do sudo firewall-cmd --permanent --add-rich-rule="${rule}"; done`;
  return `${forEach(add)}; sudo firewall-cmd --reload`;
}

const META_FLOOR = 5e9;
/** What a compiled container asks for, and the capability to give it in spite of one's own limit. */
const NOFILE = 655_350;
const CAP_SYS_RESOURCE = 24n;
const DISK_FLOOR = 20e9;
const SKEW_MS = 5000;
const EXAMPLE_PACKAGES = 'sudo apt-get install -y';

const hasFe = ({ host }: Examined): boolean => host.fe !== null;
const hasBe = ({ host }: Examined): boolean => host.be.length > 0;

const meta = ({ host }: Examined): string | undefined => host.fe?.folders.find(folder => folder.use === 'meta')?.host;

function mendDocker(docker: HostWorld['docker']): string {
  const reason = docker.known ? '' : docker.reason;
  if (reason.includes('not installed')) return `${EXAMPLE_PACKAGES} docker.io`;
  if (reason.includes('Compose plugin')) return `${EXAMPLE_PACKAGES} docker-compose-plugin`;
  return 'sudo systemctl enable --now docker';
}

/** Sources: StarRocks' environment_configurations.md and plan_cluster.md, and what was seen on real FEs. */
const CHECKS: readonly Check[] = [
  {
    name: 'Docker Engine',
    look: ({ machine }) =>
      machine.docker.known ? ok(machine.docker.value.engine) : { level: 'fail', seen: machine.docker.reason },
    mend: ({ host, machine }) =>
      `${mendDocker(machine.docker)}${host.ssh.user === 'root' || host.ssh.sudo ? '' : '   # and ssh: { sudo: true }'}`,
  },
  {
    name: 'Compose v2',
    look: ({ machine }) =>
      machine.docker.known
        ? judged(/^v?[2-9]\d*\./.test(machine.docker.value.compose), 'fail', machine.docker.value.compose)
        : { level: 'unknown', seen: 'Docker does not answer' },
    mend: () => `${EXAMPLE_PACKAGES} docker-compose-plugin`,
  },
  {
    name: 'Docker starts at boot',
    look: examined => {
      const seen = fact(examined, 'docker_restarts_at_boot');
      return seen === '?' || seen === '' ? { level: 'unknown', seen } : judged(seen === 'enabled', 'warn', seen);
    },
    mend: () => 'sudo systemctl enable docker',
  },
  {
    name: 'programs that a deploy uses',
    look: examined => {
      const missing = fact(examined, 'missing_tools');
      return missing === '?'
        ? { level: 'unknown', seen: '?' }
        : judged(missing === '', 'fail', missing === '' ? 'all there' : `without ${missing}`);
    },
    mend: () => `${EXAMPLE_PACKAGES} coreutils findutils grep sed gawk tar util-linux`,
  },
  {
    name: 'root, or sudo without a password',
    look: examined => {
      const user = fact(examined, 'user');
      if (!examined.host.ssh.sudo && user.endsWith(' 0')) return null;
      // What containers write belongs to root, and so do their processes: in the group docker, a deploy sees neither.
      if (!examined.host.ssh.sudo && user !== '?')
        return { level: 'warn', seen: `${user.split(' ')[0]} without ssh: { sudo: true }` };
      const seen = fact(examined, 'sudo');
      if (seen === '?') return { level: 'unknown', seen };
      return judged(seen === 'yes' || !examined.host.ssh.sudo, 'fail', seen);
    },
    mend: ({ host }) =>
      `echo ${quote(`${host.ssh.user} ALL=(ALL) NOPASSWD: ALL`)} | sudo tee /etc/sudoers.d/starrocks-ha`,
  },
  {
    name: 'limits that Docker may give',
    look: examined => {
      const given = whole(fact(examined, 'docker_nofile'));
      const capabilities = fact(examined, 'docker_caps');
      if (given === null || !/^[0-9a-f]+$/.test(capabilities)) return { level: 'unknown', seen: '?' };
      const raises = ((BigInt(`0x${capabilities}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
      return judged(raises || given >= NOFILE, 'warn', `${given} open files${raises ? ', and it may raise them' : ''}`);
    },
    mend: () => 'sudo systemctl edit docker   # [Service] LimitNOFILE=1048576; or lower `ulimits` in cluster.yaml',
  },
  {
    name: 'images',
    look: ({ host, machine }) => {
      const wanted = [...new Set(servicesOf(host).map(one => one.image))];
      const absent = wanted.filter(image => (machine.images[image] ?? null) === null);
      return judged(
        absent.length === 0,
        'warn',
        absent.length === 0 ? 'all there' : `to be pulled: ${absent.join(', ')}`,
      );
    },
    mend: ({ host }) => [...new Set(servicesOf(host).map(one => `docker pull ${quote(one.image)}`))].join(' && '),
  },
  {
    name: 'nobody else deploys',
    look: ({ machine }) =>
      judged(machine.lock === null, 'warn', machine.lock === null ? 'no lock is held' : `held by ${machine.lock.run}`),
    mend: () => 'npm run repair -- unlock   # here: frees a lock whose holder is gone',
  },
  {
    name: 'deploy_dir can be written',
    look: ({ host, machine }) => {
      const disk = machine.disks.find(one => one.path === host.deploy_dir);
      return disk === undefined
        ? { level: 'unknown', seen: '?' }
        : judged(disk.access === 'writable', 'fail', disk.path);
    },
    mend: ({ host }) => `sudo install -d -o ${quote(host.ssh.user)} ${quote(host.deploy_dir)}`,
  },
  {
    name: 'deploy_dir allows programs',
    look: examined => judged(fact(examined, 'noexec') !== 'yes', 'warn', `noexec: ${fact(examined, 'noexec')}`),
    mend: ({ host }) => `sudo mount -o remount,exec "$(df -P ${quote(host.deploy_dir)} | awk 'NR == 2 { print $6 }')"`,
  },
  {
    name: 'disk of the FE metadata',
    look: examined => {
      if (!hasFe(examined)) return null;
      const disk = examined.machine.disks.find(one => one.path === meta(examined));
      return disk === undefined
        ? { level: 'unknown', seen: '?' }
        : judged(disk.free >= META_FLOOR, 'fail', `${gb(disk.free)} free`);
    },
    mend: examined =>
      `sudo du -xh --max-depth=2 "$(dirname ${quote(meta(examined) ?? '')})" | sort -h | tail   # at least 5 GB`,
  },
  {
    name: 'disks of the BE storage',
    look: examined => {
      const { host, machine } = examined;
      const paths = host.be.flatMap(be => be.folders.filter(one => one.use === 'storage').map(one => one.host));
      if (paths.length === 0) return null;
      const free = machine.disks.filter(disk => paths.includes(disk.path)).map(disk => disk.free);
      const least = Math.min(...free);
      return Number.isFinite(least)
        ? judged(least >= DISK_FLOOR, 'warn', `${gb(least)} free`)
        : { level: 'unknown', seen: '?' };
    },
    mend: () => 'df -h   # put be.storage on a larger disk',
  },
  {
    name: 'inodes',
    look: number('inodes_free', value => value >= 100_000 || value === 0, 'warn'),
    mend: ({ host }) => `df -i ${quote(host.deploy_dir)}`,
  },
  {
    name: 'file system is mounted read-write',
    look: examined => {
      const seen = fact(examined, 'read_only');
      return seen === '?' ? { level: 'unknown', seen } : judged(seen !== 'yes', 'fail', seen === 'yes' ? 'ro' : 'rw');
    },
    mend: ({ host }) =>
      `dmesg | tail; sudo mount -o remount,rw "$(df -P ${quote(host.deploy_dir)} | awk 'NR == 2 { print $6 }')"`,
  },
  {
    name: 'memory kills',
    look: examined => {
      const kills = whole(fact(examined, 'oom_kills'));
      return kills === null
        ? { level: 'unknown', seen: '?' }
        : judged(kills === 0, 'warn', kills === 0 ? 'none since the last boot' : fact(examined, 'last_oom_kill'));
    },
    mend: () => 'dmesg | grep -i "out of memory"   # lower fe_heap or mem_limit, or give the machine more',
  },
  {
    name: 'space for images',
    look: examined => {
      const free = whole(fact(examined, 'docker_root_free_kib'));
      return free === null
        ? { level: 'unknown', seen: '?' }
        : judged(free * 1024 >= 10e9, 'warn', `${gb(free * 1024)} free`);
    },
    mend: () => 'docker system df && docker image prune',
  },
  {
    name: 'file system',
    look: examined => {
      if (!hasBe(examined)) return null;
      const seen = fact(examined, 'file_system');
      return seen === '?' ? { level: 'unknown', seen } : judged(/^(ext2\/ext3|ext4|xfs)$/.test(seen), 'warn', seen);
    },
    mend: () => 'lsblk -f   # StarRocks is tried on ext4 and xfs',
  },
  {
    name: 'AVX2',
    look: examined =>
      !hasBe(examined) || fact(examined, 'architecture') !== 'x86_64'
        ? null
        : judged(
            fact(examined, 'avx2') === 'yes',
            fact(examined, 'avx2') === '?' ? 'unknown' : 'fail',
            fact(examined, 'avx2'),
          ),
    mend: () => 'grep -c avx2 /proc/cpuinfo   # for a virtual machine: the CPU type "host"',
  },
  {
    name: 'processors',
    look: number('cpus', value => value >= 4, 'warn'),
    mend: () => 'nproc   # StarRocks wants 8 for an FE and 16 for a BE',
  },
  {
    name: 'memory',
    look: ({ machine }) =>
      judged(machine.memory >= 8 * 2 ** 30, 'warn', `${(machine.memory / 2 ** 30).toFixed(1)} GiB`),
    mend: () => 'free -h   # set resources.memory, fe_heap and mem_limit to what is there',
  },
  {
    name: 'swap is off',
    look: number('swap_kib', value => value === 0, 'warn'),
    mend: () => "sudo swapoff -a && sudo sed -i '/\\sswap\\s/s/^/#/' /etc/fstab",
  },
  {
    name: 'vm.swappiness',
    look: number('swappiness', value => value <= 10, 'warn'),
    mend: sysctl('vm.swappiness', '0'),
  },
  {
    name: 'vm.overcommit_memory',
    look: examined => (hasBe(examined) ? number('overcommit', value => value === 1, 'warn')(examined) : null),
    mend: sysctl('vm.overcommit_memory', '1'),
  },
  {
    name: 'vm.max_map_count',
    look: examined => (hasBe(examined) ? number('max_map_count', value => value >= 262_144, 'warn')(examined) : null),
    mend: sysctl('vm.max_map_count', '262144'),
  },
  {
    name: 'transparent huge pages',
    look: examined => {
      const seen = /\[(\w+)\]/.exec(fact(examined, 'huge_pages'))?.[1] ?? '?';
      return seen === '?' ? { level: 'unknown', seen } : judged(seen !== 'always', 'warn', seen);
    },
    mend: () => 'echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled',
  },
  {
    name: 'net.core.somaxconn',
    look: number('somaxconn', value => value >= 1024, 'warn'),
    mend: sysctl('net.core.somaxconn', '1024'),
  },
  {
    name: 'net.ipv4.tcp_abort_on_overflow',
    look: number('tcp_abort_on_overflow', value => value === 1, 'warn'),
    mend: sysctl('net.ipv4.tcp_abort_on_overflow', '1'),
  },
  {
    name: 'kernel.threads-max',
    look: number('threads_max', value => value >= 120_000, 'warn'),
    mend: sysctl('kernel.threads-max', '120000'),
  },
  {
    name: 'kernel.pid_max',
    look: number('pid_max', value => value >= 200_000, 'warn'),
    mend: sysctl('kernel.pid_max', '200000'),
  },
  {
    name: 'open files',
    look: number('file_max', value => value >= 655_350, 'warn'),
    mend: sysctl('fs.nr_open', '1048576'),
  },
  {
    name: 'clock is synchronised',
    look: examined => {
      const seen = fact(examined, 'clock_synchronised');
      return seen === '?' || seen === ''
        ? { level: 'unknown', seen: '?' }
        : judged(seen === 'yes', hasFe(examined) ? 'fail' : 'warn', seen);
    },
    mend: () => `${EXAMPLE_PACKAGES} chrony && sudo systemctl enable --now chrony`,
  },
  {
    name: 'clock agrees with this one',
    look: ({ machine }) =>
      judged(Math.abs(machine.clock_skew_ms) <= SKEW_MS, 'fail', `${(machine.clock_skew_ms / 1000).toFixed(1)} s off`),
    mend: () => 'sudo chronyc makestep',
  },
  {
    name: 'reverse look-up of its own address',
    look: examined =>
      hasFe(examined)
        ? judged(
            fact(examined, 'reverse_lookup') === 'answers',
            fact(examined, 'reverse_lookup') === 'hangs' ? 'fail' : 'unknown',
            fact(examined, 'reverse_lookup'),
          )
        : null,
    mend: ({ host }) =>
      `echo '${host.address} starrocks-${host.address.replaceAll('.', '-')}' | sudo tee -a /etc/hosts`,
  },
  {
    name: 'ports are free',
    look: ({ host, machine }) => {
      const wanted = servicesOf(host).flatMap(one => Object.values(one.ports));
      const taken = machine.listeners.filter(one => one.service === null && wanted.includes(one.port));
      return judged(
        taken.length === 0,
        'fail',
        taken.map(one => `${one.port} ${one.owner}`).join(', ') || `${wanted.length} ports`,
      );
    },
    mend: () => 'npm run ports   # here: finds free ones and writes them into cluster.yaml',
  },
  {
    name: 'no other StarRocks',
    look: ({ machine }) => judged(machine.strangers.length === 0, 'fail', machine.strangers.join(', ') || 'none'),
    mend: () => 'npm run repair -- adopt --dry-run   # here: says what differs from cluster.yaml',
  },
  {
    name: 'SELinux',
    look: examined => {
      const seen = fact(examined, 'selinux');
      return seen === '?' ? { level: 'unknown', seen } : judged(!/enforcing/i.test(seen), 'warn', seen);
    },
    mend: ({ host }) => `sudo chcon -Rt container_file_t ${quote(host.deploy_dir)}`,
  },
  {
    name: 'firewall',
    look: examined => {
      const seen = fact(examined, 'firewall');
      return seen === '?' ? { level: 'unknown', seen } : judged(seen === '', 'warn', seen || 'none found');
    },
    mend: openPorts,
  },
];

export const CHECK_NAMES: readonly string[] = CHECKS.map(check => check.name);

/** Everything that is looked at on one machine, in a fixed order. */
export function examine(examined: Examined): Checked[] {
  return CHECKS.flatMap(({ name, look, mend }) => {
    const found = look(examined);
    if (found === null) return [];
    const { level, seen } = found;
    const command = level === 'ok' || level === 'unknown' ? '' : mend(examined);
    return [{ host: examined.host.address, check: name, level, seen, mend: command }];
  });
}
