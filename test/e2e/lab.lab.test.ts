import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { labRoot } from '../lab/available.ts';
import { describeInLab } from '../lab/describe-in-lab.ts';
import { type CommandResult, type Lab, type LabHost, labClusterYaml, startLab, users } from '../lab/lab.ts';
import { shell } from '../lab/shell.ts';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lab-test-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describeInLab('a lab of three hosts', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab({ hosts: 3, docker: true });
    await lab.importImage(await tinyImage(), 'tiny:1');
  });

  afterAll(() => lab?.stop());

  it('lets the system ssh client in with the lab key and the pinned host keys', async () => {
    const names = await Promise.all(lab.hosts.map(host => ssh(lab, host, 'hostname')));
    expect(names).toEqual(['host-1', 'host-2', 'host-3'].map(name => result(`${name}\n`)));
  });

  it('gives every host a host key of its own', async () => {
    const [first, second] = pair(lab);
    const swapped = `${first.address} ${second.hostKey}\n`;
    const { code, stderr } = await ssh({ ...lab, knownHosts: swapped }, first, 'true');
    expect(code).toBe(255);
    expect(stderr).toContain('REMOTE HOST IDENTIFICATION HAS CHANGED');
  });

  it('has a user who may do all by sudo, and one who may neither that nor use Docker', async () => {
    const [host] = pair(lab);
    expect(await ssh(lab, host, 'sudo -n id -u', users.sudo)).toEqual(result('0\n'));
    expect(await ssh(lab, host, 'sudo -n true', users.plain)).toMatchObject({ code: 1 });
    const docker = await ssh(lab, host, 'docker ps', users.plain);
    expect(docker.code).toBe(1);
    expect(docker.stderr).toContain('permission denied');
  });

  it('runs containers in the network of their host, and Compose sees them healthy', async () => {
    const [host] = pair(lab);
    const up = await composeUp(host);
    expect(up.code, up.stderr).toBe(0);
    // The script exists in the image only: a health check that lands in the outer root cannot find it.
    expect(await host.run('docker exec tiny bash /probe')).toEqual(result('inside\n'));
    expect(await host.run(`docker exec tiny bash -c '[[ $(</proc/net/fib_trie) == *${host.address}* ]]'`)).toEqual(
      result(''),
    );
    expect(await host.run('docker run --rm --network host tiny:1 bash /probe')).toEqual(result('inside\n'));
  });

  it('shows the containers of a host to that host only', async () => {
    const [host, other] = pair(lab);
    await composeUp(host);
    expect(await host.run('docker ps --format "{{.Names}}"')).toEqual(result('tiny\n'));
    expect(await other.run('docker ps --format "{{.Names}}"')).toEqual(result(''));
  });

  it('cuts a host off and joins it again', async () => {
    const [host, other] = pair(lab);
    expect(await canReach(host, other)).toBe(true);
    await other.partition();
    expect(await canReach(host, other)).toBe(false);
    expect(await other.run('hostname')).toEqual(result('host-2\n'));
    await other.heal();
    await vi.waitFor(async () => expect(await canReach(host, other)).toBe(true), 10_000);
  });

  it('keeps the disk over a power loss, and nothing else', async () => {
    const [host] = pair(lab);
    await composeUp(host);
    await host.run('mkdir -p /opt/starrocks-ha && echo kept >/opt/starrocks-ha/file && echo lost >/run/file');
    const before = await host.run('docker inspect -f "{{.Id}} {{.State.StartedAt}}" tiny');
    await host.kill();
    expect(await ssh(lab, host, 'true')).toMatchObject({ code: 255 });
    await host.boot();
    expect(await ssh(lab, host, 'cat /opt/starrocks-ha/file')).toEqual(result('kept\n'));
    expect(await host.run('cat /run/file')).toMatchObject({ code: 1 });
    await vi.waitFor(
      async () => expect((await host.run('docker exec tiny bash /probe')).stdout).toBe('inside\n'),
      10_000,
    );
    const after = await host.run('docker inspect -f "{{.Id}} {{.State.StartedAt}}" tiny');
    expect(after.stdout.split(' ')[0]).toBe(before.stdout.split(' ')[0]);
    expect(after.stdout).not.toBe(before.stdout);
  });

  it('stops and starts the Docker Engine alone', async () => {
    const [, host] = pair(lab);
    await host.stopDocker();
    const stopped = await host.run('docker version');
    expect(stopped.stderr).toContain('Cannot connect to the Docker daemon');
    expect(await ssh(lab, host, 'hostname')).toEqual(result('host-2\n'));
    await host.startDocker();
    expect(await host.run('docker images --format "{{.Repository}}"')).toEqual(result('tiny\n'));
  });

  it('fills the disk of one folder', async () => {
    const [, , host] = lab.hosts as readonly [LabHost, LabHost, LabHost];
    await host.run('mkdir -p /opt/full && echo kept >/opt/full/file');
    await host.fillDisk('/opt/full', 1024 * 1024);
    expect(await host.run('cat /opt/full/file')).toEqual(result('kept\n'));
    expect((await host.run('cp /etc/passwd /opt/full/more')).stderr).toContain('No space left on device');
    expect(await host.run('echo elsewhere >/opt/elsewhere')).toEqual(result(''));
  });

  it('describes itself as a cluster.yaml', () => {
    const cluster = parse(labClusterYaml(lab, { host: host => (host.name === 'host-3' ? { fe: 'none' } : {}) }));
    const [first, second, third] = lab.hosts.map(({ address, hostKey }) => ({ address, ssh: { host_key: hostKey } }));
    expect(cluster).toEqual({
      cluster: 'lab',
      starrocks: { version: '3.3.18' },
      master_host: first?.address,
      default_replication_num: 3,
      hosts: [first, second, { ...third, fe: 'none' }],
      defaults: { ulimits: { nofile: 4096, nproc: 4096 } },
    });
  });
});

describeInLab('a lab behind a bastion', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab({ hosts: 2, docker: false, bastion: 'one' });
  });

  afterAll(() => lab?.stop());

  it('is reached through the bastion and in no other way', async () => {
    const [host, other] = pair(lab);
    const { bastion } = lab;
    if (bastion === null) throw new Error('no bastion');
    expect(await ssh(lab, bastion, 'hostname')).toEqual(result('bastion\n'));
    expect(await ssh(lab, host, 'hostname')).toMatchObject({ code: 255 });
    const jump = `ssh ${(await sshArguments(lab)).join(' ')} -W %h:%p root@${bastion.address}`;
    expect(await ssh(lab, host, 'hostname', 'root', ['-o', `ProxyCommand=${jump}`])).toEqual(result('host-1\n'));
    expect(await canReach(host, other)).toBe(true);
  });

  it('has hosts without docker, because none was asked for', async () => {
    expect(await pair(lab)[0].run('command -v docker')).toMatchObject({ code: 127, stdout: '' });
  });

  it('names the bastion in its cluster.yaml', () => {
    const { defaults } = parse(labClusterYaml(lab)) as { readonly defaults: { readonly ssh: unknown } };
    expect(defaults.ssh).toEqual({ bastion: { host: lab.bastion?.address, host_key: lab.bastion?.hostKey } });
  });
});

describeInLab('the end of a lab', () => {
  it('leaves no process, namespace, link, control group, mount or file, and spares another lab', async () => {
    const [lab, other] = await Promise.all([
      startLab({ hosts: 2, docker: true }),
      startLab({ hosts: 1, docker: false }),
    ]);
    try {
      await lab.importImage(await tinyImage(), 'tiny:1');
      await Promise.all(lab.hosts.map(host => composeUp(host)));
      const name = nameOf(lab);
      const processes = await processesOf(name);
      // sshd, dockerd, containerd and a container's own at least, on two hosts.
      expect(processes.length).toBeGreaterThan(8);
      expect((await tracesOf(name)).length).toBeGreaterThan(4);
      await lab.stop();
      expect(processes.filter(isAlive)).toEqual([]);
      expect(await tracesOf(name)).toEqual([]);
      expect(other.subnet).not.toBe(lab.subnet);
      expect(await other.hosts[0]?.run('hostname')).toEqual(result('host-1\n'));
    } finally {
      await Promise.all([lab.stop(), other.stop()]);
    }
  });

  it('comes with the process that started it, and the next lab removes what is left', async () => {
    const child = spawn(
      process.execPath,
      [
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        `import { startLab } from ${JSON.stringify(join(import.meta.dirname, '../lab/lab.ts'))};
         console.log((await startLab({ hosts: 2, docker: true })).subnet);`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const subnet = await new Promise<string>(resolve => {
      child.stdout.once('data', (line: Buffer) => resolve(line.toString()));
    });
    const name = nameOf({ subnet });
    const processes = await processesOf(name);
    expect(processes.length).toBeGreaterThan(6);
    child.kill('SIGKILL');
    await vi.waitFor(() => expect(processes.filter(isAlive)).toEqual([]), 10_000);
    expect(await tracesOf(name)).not.toEqual([]);
    const next = await startLab({ hosts: 1, docker: false });
    await next.stop();
    expect(await tracesOf(name)).toEqual([]);
  });
});

function pair(lab: Lab): readonly [LabHost, LabHost] {
  const [first, second] = lab.hosts;
  if (first === undefined || second === undefined) throw new Error('the lab has fewer than two hosts');
  return [first, second];
}

function result(stdout: string): CommandResult {
  return { code: 0, stdout, stderr: '' };
}

async function ssh(
  lab: Pick<Lab, 'privateKeyFile' | 'knownHosts'>,
  host: LabHost,
  command: string,
  user = 'root',
  more: readonly string[] = [],
): Promise<CommandResult> {
  const options = [...(await sshArguments(lab)), ...more];
  const { exitCode, stdout, stderr } = await shell`ssh ${options} ${user}@${host.address} ${command}`.nothrow();
  return { code: exitCode ?? -1, stdout, stderr };
}

async function sshArguments(lab: Pick<Lab, 'privateKeyFile' | 'knownHosts'>): Promise<readonly string[]> {
  const knownHosts = join(folder, 'known_hosts');
  await writeFile(knownHosts, lab.knownHosts);
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile=${knownHosts}`,
    'ConnectTimeout=5',
    'LogLevel=ERROR',
  ];
  return ['-F', 'none', '-i', lab.privateKeyFile, ...options.flatMap(option => ['-o', option])];
}

async function canReach(host: LabHost, other: LabHost): Promise<boolean> {
  return (await host.run(`timeout 1 bash -c '</dev/tcp/${other.address}/22'`)).code === 0;
}

/** An image of bash, sleep, their libraries and a script, 5 MB. */
async function tinyImage(): Promise<string> {
  const image = join(folder, 'tiny.tar');
  if (existsSync(image)) return image;
  const root = join(folder, 'tiny');
  await shell`mkdir -p ${root}
    cp --parents --dereference /bin/bash /bin/sleep $(ldd /bin/bash /bin/sleep | grep -o '/[^ :]*\\.so[^ ]*' | sort -u) ${root}
    echo 'echo inside' >${root}/probe
    tar -C ${root} -cf ${image} .`;
  return image;
}

async function composeUp(host: LabHost): Promise<CommandResult> {
  const file = `
services:
  tiny:
    image: tiny:1
    container_name: tiny
    network_mode: host
    restart: unless-stopped
    stop_grace_period: 0s
    command: ["bash", "-c", "while :; do sleep 3600; done"]
    ulimits: { nofile: 4096 }
    healthcheck: { test: ["CMD", "bash", "/probe"], interval: 1s }
`;
  return host.run(`mkdir -p /opt/tiny && cd /opt/tiny && cat >docker-compose.yml <<'END'
${file}
END
docker compose up -d --wait`);
}

function nameOf(lab: Pick<Lab, 'subnet'>): string {
  return `srlab${lab.subnet.split('.')[2]}`;
}

/** Processes of a lab's network namespaces, each as `pid command line`. */
async function processesOf(name: string): Promise<readonly string[]> {
  const namespaces = (await readdir('/run/netns')).filter(namespace => namespace.startsWith(`${name}-`));
  const pids = await Promise.all(namespaces.map(namespace => shell`ip netns pids ${namespace}`.nothrow().lines()));
  return pids.flat();
}

function isAlive(pid: string): boolean {
  return existsSync(`/proc/${pid}`);
}

/** What this machine holds under the name of a lab. */
async function tracesOf(name: string): Promise<readonly string[]> {
  const traces = await shell`
    ip netns list | sed 's/^/namespace /'
    ip -o link show | sed 's/^/link /'
    find /sys/fs/cgroup -name ${`${name}-*`} | sed 's/^/cgroup /'
    sed 's/^/mount /' /proc/self/mounts
    ls ${labRoot} | sed 's/^/folder /'`.lines();
  return traces.filter(line => new RegExp(`\\b${name}\\b`).test(line));
}
