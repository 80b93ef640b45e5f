import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { CHECK_NAMES, examine } from '../../../.github/actions/deploy/src/doctor/checks.ts';
import type { HostWorld } from '../../../.github/actions/deploy/src/plan/world.ts';
import { unknown } from '../../../.github/actions/deploy/src/plan/world.ts';
import { cluster } from '../plan/worlds.ts';
import { checksOf, desired, wellMachine } from './examined.ts';

type Change = Partial<HostWorld>;

/** Check, what the machine says, how bad it is, a part of what is seen, and a part of the command that mends it. */
const facts: readonly (readonly [string, Record<string, string>, string, string, string])[] = [
  ['programs that a deploy uses', { missing_tools: 'flock tar' }, 'fail', 'flock tar', 'util-linux'],
  ['Docker starts at boot', { docker_restarts_at_boot: 'disabled' }, 'warn', 'disabled', 'systemctl enable docker'],
  [
    'limits that Docker may give',
    { docker_nofile: '20000', docker_caps: '00000000a80425fb' },
    'warn',
    '20000',
    'LimitNOFILE',
  ],
  ['deploy_dir allows programs', { noexec: 'yes' }, 'warn', 'yes', 'remount,exec'],
  ['file system is mounted read-write', { read_only: 'yes' }, 'fail', 'ro', 'remount,rw'],
  ['inodes', { inodes_free: '12' }, 'warn', '12', 'df -i'],
  ['space for images', { docker_root_free_kib: '1000000' }, 'warn', '1.0 GB', 'docker image prune'],
  ['file system', { file_system: 'btrfs' }, 'warn', 'btrfs', 'lsblk'],
  ['AVX2', { avx2: 'no' }, 'fail', 'no', 'avx2'],
  ['processors', { cpus: '2' }, 'warn', '2', 'nproc'],
  ['swap is off', { swap_kib: '2097152' }, 'warn', '2097152', 'swapoff -a'],
  ['vm.swappiness', { swappiness: '60' }, 'warn', '60', 'vm.swappiness = 0'],
  ['vm.overcommit_memory', { overcommit: '0' }, 'warn', '0', 'vm.overcommit_memory = 1'],
  ['vm.max_map_count', { max_map_count: '65530' }, 'warn', '65530', 'vm.max_map_count = 262144'],
  ['transparent huge pages', { huge_pages: '[always] madvise never' }, 'warn', 'always', 'transparent_hugepage'],
  ['net.core.somaxconn', { somaxconn: '128' }, 'warn', '128', 'net.core.somaxconn = 1024'],
  ['net.ipv4.tcp_abort_on_overflow', { tcp_abort_on_overflow: '0' }, 'warn', '0', 'tcp_abort_on_overflow = 1'],
  ['kernel.threads-max', { threads_max: '1000' }, 'warn', '1000', 'kernel.threads-max = 120000'],
  ['kernel.pid_max', { pid_max: '32768' }, 'warn', '32768', 'kernel.pid_max = 200000'],
  ['open files', { file_max: '20000' }, 'warn', '20000', 'fs.nr_open'],
  ['clock is synchronised', { clock_synchronised: 'no' }, 'fail', 'no', 'chrony'],
  ['reverse look-up of its own address', { reverse_lookup: 'hangs' }, 'fail', 'hangs', '/etc/hosts'],
  ['SELinux', { selinux: 'Enforcing' }, 'warn', 'Enforcing', 'container_file_t'],
  ['firewall', { firewall: 'firewalld ' }, 'warn', 'firewalld', '9010'],
  [
    'memory kills',
    { oom_kills: '1', last_oom_kill: 'Out of memory: Killed process 7 (java)' },
    'warn',
    '(java)',
    'dmesg',
  ],
];

const without = (path: string): Change => ({ disks: wellMachine().disks.filter(one => one.path !== path) });
const withDisk = (path: string, change: Partial<HostWorld['disks'][number]>): Change => ({
  disks: wellMachine().disks.map(one => (one.path === path ? { ...one, ...change } : one)),
});

const machines: readonly (readonly [string, Change, string, string, string])[] = [
  ['Docker Engine', { docker: unknown('docker is not installed') }, 'fail', 'not installed', 'docker.io'],
  ['Docker Engine', { docker: unknown('the engine does not run') }, 'fail', 'not run', 'systemctl enable --now docker'],
  [
    'Compose v2',
    { docker: { known: true, value: { engine: '28', compose: '1.29.2' } } },
    'fail',
    '1.29.2',
    'docker-compose-plugin',
  ],
  ['images', { images: {} }, 'warn', 'starrocks/fe-ubuntu:3.3.18', "docker pull 'starrocks/be-ubuntu:3.3.18'"],
  ['nobody else deploys', { lock: { run: 'run 7', actor: 'you', commit: '', since: '' } }, 'warn', 'run 7', 'unlock'],
  [
    'deploy_dir can be written',
    withDisk('/opt/starrocks-ha', { access: 'forbidden' as const }),
    'fail',
    '/opt',
    "install -d -o 'root' '/opt/starrocks-ha'",
  ],
  ['disk of the FE metadata', withDisk('/opt/starrocks-ha/data/fe/meta', { free: 4e9 }), 'fail', '4.0 GB', 'du -xh'],
  [
    'disks of the BE storage',
    withDisk('/opt/starrocks-ha/data/be-0/storage', { free: 1e9 }),
    'warn',
    '1.0 GB',
    'df -h',
  ],
  ['memory', { memory: 2 ** 31 }, 'warn', '2.0 GiB', 'free -h'],
  ['clock agrees with this one', { clock_skew_ms: -9000 }, 'fail', '-9.0 s', 'chronyc'],
  [
    'ports are free',
    { listeners: [{ port: 9030, owner: 'mysqld (9)', service: null }] },
    'fail',
    '9030 mysqld (9)',
    'npm run ports',
  ],
  ['no other StarRocks', { strangers: ['the container theirs (x)'] }, 'fail', 'theirs', 'adopt'],
];

describe('a machine', () => {
  it('on which nothing is missing passes every check, and there are more than twenty', () => {
    const checked = checksOf();
    expect(checked.filter(one => one.level !== 'ok')).toEqual([]);
    expect(checked.length).toBeGreaterThan(30);
    expect(new Set(checked.map(one => one.check)).size).toBe(checked.length);
  });

  it.each(facts)('that fails at "%s" is told what was seen, and the command', (check, change, level, seen, mend) => {
    const bad = checksOf(change).filter(one => one.level !== 'ok');
    expect(bad).toEqual([
      { host: '10.0.0.1', check, level, seen: expect.stringContaining(seen), mend: expect.stringContaining(mend) },
    ]);
  });

  it.each(machines)('that is seen to fail at "%s" is told so, and the command', (check, change, level, seen, mend) => {
    const bad = checksOf({}, { ...wellMachine(), ...change }).find(one => one.check === check);
    expect(bad).toEqual({
      host: '10.0.0.1',
      check,
      level,
      seen: expect.stringContaining(seen),
      mend: expect.stringContaining(mend),
    });
  });

  it('has a test for every check', () => {
    const tested = new Set([...facts, ...machines].map(([check]) => check));
    expect(CHECK_NAMES.filter(name => !tested.has(name))).toEqual(['root, or sudo without a password']);
  });

  it('whose user needs sudo and may not use it is told so', () => {
    const [host] = cluster([{}]).hosts;
    if (host === undefined) throw new Error('there is a host');
    const deployer = { ...host, ssh: { ...host.ssh, user: 'deployer', sudo: true } };
    const checked = examine({
      host: deployer,
      desired,
      machine: wellMachine(),
      facts: { user: 'deployer 1000', sudo: 'no' },
    });
    expect(checked.find(one => one.check === 'root, or sudo without a password')).toEqual({
      host: '10.0.0.1',
      check: 'root, or sudo without a password',
      level: 'fail',
      seen: 'no',
      mend: "echo 'deployer ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/starrocks-ha",
    });
  });

  it('whose user is neither root nor uses sudo is told that the group docker does not replace it', () => {
    const checked = checksOf({ user: 'deployer 1000' });
    expect(checked.filter(one => one.level !== 'ok')).toEqual([
      {
        host: '10.0.0.1',
        check: 'root, or sudo without a password',
        level: 'warn',
        seen: 'deployer without ssh: { sudo: true }',
        mend: expect.stringContaining('sudoers.d'),
      },
    ]);
  });

  it('of which nothing is known is not taken for a good one, nor for a bad one', () => {
    const [host] = desired.hosts;
    if (host === undefined) throw new Error('there is a host');
    const silent = { ...wellMachine(), ...without('/opt/starrocks-ha') };
    const levels = new Map(examine({ host, desired, machine: silent, facts: {} }).map(one => [one.check, one.level]));
    const unasked = facts
      .map(([check]) => check)
      .filter(check => check !== 'AVX2' && check !== 'deploy_dir allows programs');
    for (const check of [...unasked, 'deploy_dir can be written'])
      expect([check, levels.get(check)]).toEqual([check, 'unknown']);
  });

  it('without a BE is not measured by what only a BE needs', () => {
    const names = checksOf({ avx2: 'no' }, wellMachine(), cluster([{ be: 0 }])).map(one => one.check);
    expect(names).not.toContain('AVX2');
    expect(names).not.toContain('vm.max_map_count');
  });

  it('with Docker’s limit low and the right to raise it passes', () => {
    const limits = checksOf({ docker_nofile: '1024' }).find(one => one.check === 'limits that Docker may give');
    expect(limits).toMatchObject({ level: 'ok', seen: '1024 open files, and it may raise them' });
  });
});

const shell = 'dash';

describe('the command that mends', () => {
  it('is one that a shell can read', () => {
    const bad = [
      ...checksOf(Object.assign({}, ...facts.map(([, change]) => change))),
      ...machines.flatMap(([, change]) => checksOf({}, { ...wellMachine(), ...change })),
    ];
    for (const { check, mend } of bad.filter(one => one.mend !== '')) {
      expect([check, spawnSync(shell, ['-n'], { input: mend }).stderr.toString()]).toEqual([check, '']);
    }
  });

  it.each([
    ['firewalld ', 'sudo firewall-cmd --permanent', 'port port=$port protocol=tcp accept'],
    ['ufw ', 'sudo ufw allow proto tcp from $from', 'to any port 8030,8040,8060,9010,9020,9030,9050,9060,9070'],
  ])('lets the other machines of the cluster through %sat the ports of this one', (firewall, ...words) => {
    const three = cluster([{}, {}, {}]);
    const mend = checksOf({ firewall }, wellMachine(), three).find(one => one.check === 'firewall')?.mend ?? '';
    expect(mend).toMatch(/^for from in 10\.0\.0\.2 10\.0\.0\.3; do /);
    for (const word of words) expect(mend).toContain(word);
    expect(spawnSync(shell, ['-n'], { input: mend }).stderr.toString()).toBe('');
  });

  it('holds no word of cluster.yaml that a shell would act on', () => {
    const [host] = cluster([{}]).hosts;
    if (host === undefined) throw new Error('there is a host');
    const hostile = { ...host, deploy_dir: "/srv/$(reboot)'; x", ssh: { ...host.ssh, user: 'a; reboot' } };
    const machine = {
      ...wellMachine(),
      docker: unknown('none'),
      disks: [{ path: hostile.deploy_dir, free: 1, total: 1, access: 'forbidden' as const }],
    };
    const mends = examine({
      host: hostile,
      desired,
      machine,
      facts: { inodes_free: '1', noexec: 'yes', selinux: 'Enforcing', user: 'a 1000' },
    });
    for (const check of ['deploy_dir can be written', 'inodes', 'SELinux', 'deploy_dir allows programs']) {
      expect(mends.find(one => one.check === check)?.mend).toContain("'/srv/$(reboot)'\\''; x'");
    }
    expect(mends.find(one => one.check === 'root, or sudo without a password')?.mend).toContain("'a; reboot ALL=");
  });
});
