import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DeployError, type Problem } from '../../../.github/actions/deploy/src/error.ts';
import { observeCommand, parseObservation } from '../../../.github/actions/deploy/src/observe/host.ts';
import { type HostWorld, SWITCHES } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { CompiledHost } from '../../../compiler/contract/cluster-json.ts';
import { cluster, FE_DIGEST, HOST_DIGEST, Machine, sha256 } from './machine.ts';

const machines: Machine[] = [];
const servers: Server[] = [];
afterEach(() => {
  for (const machine of machines.splice(0)) machine.remove();
  for (const server of servers.splice(0)) server.close();
});

function machine(...given: ConstructorParameters<typeof Machine>): Machine {
  const made = new Machine(...given);
  machines.push(made);
  return made;
}

async function look(m: Machine, host: CompiledHost = m.host, before = ''): Promise<HostWorld> {
  const asked = Date.now();
  return parseObservation(host, cluster, await m.exec(before + observeCommand(host)), asked);
}

function problem(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof DeployError) return error.problem;
    throw error;
  }
  throw new Error('it was taken for an answer');
}

const write = (m: Machine, path: string, text: string): void => {
  mkdirSync(dirname(join(m.deploy, path)), { recursive: true });
  writeFileSync(join(m.deploy, path), text);
};

/** What an answer says, before anybody reads it. */
const factsIn = (stdout: string): string => Buffer.from(stdout.trim().replace('seen ', ''), 'base64').toString();

/** Listens on a port of the kernel's choice. */
async function listener(address: string): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>(resolve => server.listen(0, address, resolve));
  const at = server.address();
  if (at === null || typeof at === 'string') throw new Error('no port');
  return at.port;
}

function wanting(m: Machine, query_port: number, address = m.host.address): CompiledHost {
  const { fe } = m.host;
  if (fe === null) throw new Error('no FE');
  return { ...m.host, address, fe: { ...fe, ports: { ...fe.ports, query_port } } };
}

/** Listeners on one port: other tests of this machine hold others. */
const on = (port: number, { listeners }: HostWorld) => listeners.filter(one => one.port === port);

const id = sha256('container');
const inspected = (pid: number, labels: Readonly<Record<string, string>>) => [
  {
    Id: id,
    Image: 'sha256:abc',
    RestartCount: 2,
    Config: { Image: 'starrocks/fe-ubuntu:3.3.18', Labels: labels },
    State: { Status: 'running', Pid: pid, StartedAt: '2026-01-01T00:00:00Z', Health: { Status: 'healthy' } },
    Mounts: [{ Source: '/data/fe', Destination: '/opt/starrocks/fe/meta' }],
  },
];
const ours = {
  'starrocks-ha.cluster': 'analytics',
  'starrocks-ha.service': 'starrocks-fe',
  'starrocks-ha.digest': FE_DIGEST,
};
const listed = (name: string, image: string, labels: string, command = 'x') =>
  `${JSON.stringify({ Command: command, ID: name === 'starrocks-fe' ? id : sha256(name), Image: image, Labels: labels, Names: name })}\n`;

describe.each(['dash', 'bash'])('a look at a machine, by %s', shell => {
  it('that is new finds nothing there', async () => {
    const m = machine(shell);
    const world = await look(m);
    expect(world).toMatchObject({
      docker: { known: true, value: { engine: '28.5.2', compose: '2.40.0' } },
      marker: null,
      files: {},
      staged: [],
      containers: [],
      strangers: [],
      fe: {
        meta: 'empty',
        cluster_id: null,
        state: { member: null, joining: false, founding: false, refused: false, peers: [] },
      },
      be: { 'starrocks-be': { storage: 'empty', cluster_id: null, member: null } },
      images: { 'starrocks/fe-ubuntu:3.3.18': null, 'starrocks/be-ubuntu:3.3.18': null },
      lock: null,
    });
    expect(world.memory).toBeGreaterThan(2 ** 28);
    expect(world.disks.map(disk => disk.path)).toEqual([
      m.deploy,
      `${m.deploy}/data/fe/meta`,
      `${m.deploy}/data/be/storage`,
      `${m.deploy}/data/be/second`,
    ]);
    for (const disk of world.disks) {
      expect(disk.total).toBeGreaterThan(disk.free);
      expect(disk.access).toBe('writable');
    }
    expect(Math.abs(world.clock_skew_ms)).toBeLessThan(60_000);
  });

  it('finds what an FE has left where none is declared any more', async () => {
    const m = machine(shell);
    write(m, 'data/fe/meta/image/VERSION', 'clusterId=12345\n');
    write(m, 'state/fe/member', '12345\n');
    write(m, 'data/fe/state/peers', '10.0.0.9\n');
    const { fe } = await look(m, { ...m.host, fe: null });
    expect(fe).toMatchObject({ meta: 'partial', cluster_id: '12345', state: { member: '12345', peers: ['10.0.0.9'] } });
  });

  it('finds the disks of a BE’s container that are not wanted any more, and in which no tablet is', async () => {
    const m = machine(shell);
    const disks = ['vacant', 'filled', 'not-mounted', 'not-made-by-a-BE'].map(name => join(m.root, name));
    const [vacant = '', filled = '', notMounted = '', notMade = ''] = disks;
    for (const disk of [vacant, filled, notMade]) mkdirSync(join(disk, 'data/7'), { recursive: true });
    writeFileSync(join(filled, 'cluster_id'), '12345-3.3.18');
    // No heartbeat has come since it was added.
    writeFileSync(join(vacant, 'cluster_id'), '');
    mkdirSync(join(filled, 'data/7/10042'));
    mkdirSync(notMounted);
    const wanted = `${m.deploy}/data/be/storage`;
    mkdirSync(join(wanted, 'data'), { recursive: true });
    writeFileSync(join(wanted, 'cluster_id'), '12345-3.3.18');
    const labels = { ...ours, 'starrocks-ha.service': 'starrocks-be' };
    const mounts = [wanted, ...disks].map((Source, at) => ({
      ...{ Type: 'bind', Source },
      Destination: `/opt/starrocks/be/storage${at === 0 ? '' : `-${at}`}`,
    }));
    const log = { Source: m.root, Destination: '/opt/starrocks/be/log' };
    m.set('ps', listed('starrocks-fe', 'starrocks/be-ubuntu:3.3.18', 'starrocks-ha.cluster=analytics'));
    const found = inspected(4711, labels).map(one => ({ ...one, Mounts: [...mounts, log] }));
    m.set('inspect', JSON.stringify(found, null, 4));
    expect((await look(m)).vacant).toEqual([vacant]);
  });

  it('finds files, marker, uploads, state and data', async () => {
    const m = machine(shell, { folder: `it's "there" $(x) é` });
    write(m, '.env', 'A=b\n');
    write(m, 'conf/fe/odd name\n.conf', 'x');
    write(m, 'conf/fe/half.starrocks-ha-new', 'left by a killed move');
    write(m, 'data/fe/meta/image/ROLE', '#x\nhostType=IP\nname=10.0.0.2_9010_1764\nrole=FOLLOWER\n');
    write(m, 'data/fe/meta/image/VERSION', '#x\nclusterId=12345\ntoken=t\n');
    write(m, 'data/fe/meta/bdb/00000000.jdb', 'x');
    for (const image of ['image.9', 'image.112', 'image.ckpt']) write(m, `data/fe/meta/image/${image}`, 'x');
    write(m, 'state/fe/switches', `${SWITCHES.map(key => `${key} 7\n`).join('')}unhealthy 4\n`);
    write(m, 'data/fe/state/member', '12345\n');
    write(m, 'data/fe/state/peers', '10.0.0.2\n10.0.0.3\n');
    write(m, 'state/fe/peers', '10.0.0.3\nnonsense\n');
    for (const name of ['joining', 'refused']) write(m, `state/fe/${name}`, '');
    write(m, 'state/be/member', '12345\n/opt/starrocks/be/storage\n');
    write(m, 'data/be/storage/cluster_id', '12345-3.3.18');
    write(m, 'data/be/second/cluster_id', '');
    write(m, 'state/deployed.json', '{"cluster":"analytics","commit":"abc"}');
    mkdirSync(join(m.deploy, '.staged', HOST_DIGEST), { recursive: true });
    mkdirSync(join(m.deploy, '.staged/.new.XyZ'), { recursive: true });
    m.set('pulled', '');
    const world = await look(m);
    expect(world.files['.env']).toBe(sha256('A=b\n'));
    expect(Object.keys(world.files)).toEqual(['.env', expect.stringContaining('odd name')]);
    expect(world.staged).toEqual([HOST_DIGEST]);
    expect(world.marker).toMatchObject({ cluster: 'analytics', commit: 'abc' });
    expect(world.fe).toEqual({
      meta: 'whole',
      image: 112,
      cluster_id: '12345',
      name: '10.0.0.2_9010_1764',
      role: 'FOLLOWER',
      state: {
        ...{ member: '12345', joining: true, founding: false, refused: true, peers: ['10.0.0.2', '10.0.0.3'] },
        switches: Object.fromEntries(SWITCHES.map(key => [key, '7'])),
        unhealthy: 4,
      },
    });
    expect(world.be).toEqual({ 'starrocks-be': { storage: 'partial', cluster_id: '12345', member: '12345' } });
    expect(world.images['starrocks/fe-ubuntu:3.3.18']).toBe('sha256:starrocks/fe-ubuntu:3.3.18');
  });

  it('reads what another version of this tool left: fewer facts, and some that it does not know', async () => {
    const m = machine(shell);
    write(m, 'data/fe/meta/image/ROLE', 'role=FOLLOWER\n');
    write(m, 'data/fe/meta/image/VERSION', 'clusterId=7\n');
    write(m, 'data/fe/meta/bdb/1.jdb', 'x');
    write(m, 'state/fe/member', '7\n');
    write(m, 'state/fe/of-a-later-version', 'x');
    write(m, 'state/deployed.json', '{"cluster":"analytics","of_a_later_version":{"a":1}}');
    const { fe, marker } = await look(m);
    expect(marker).toEqual({ cluster: 'analytics', repository: '', commit: '', run: '', time: '' });
    expect(fe).toEqual({
      meta: 'whole',
      image: null,
      cluster_id: '7',
      role: 'FOLLOWER',
      state: { member: '7', joining: false, founding: false, refused: false, peers: [], switches: null },
    });
  });

  it('knows which of its images is missing', async () => {
    const m = machine(shell);
    const [fe, be] = ['starrocks/fe-ubuntu:3.3.18', 'starrocks/be-ubuntu:3.3.18'] as const;
    m.set('pulled', '');
    m.set('not-pulled', `${fe}\n`);
    expect((await look(m)).images).toEqual({ [fe]: null, [be]: `sha256:${be}` });
  });

  it('knows the room of each folder although df cannot ask one of them', async () => {
    const m = machine(shell);
    m.fakeCommand('df', 'case "$*" in *second*) exit 1 ;; esac; exec /usr/bin/df "$@"');
    mkdirSync(join(m.deploy, 'data/be/second'), { recursive: true });
    const { disks } = await look(m);
    expect(disks.map(({ path, total }) => [path.replace(m.deploy, ''), total > 0])).toEqual([
      ['', true],
      ['/data/fe/meta', true],
      ['/data/be/storage', true],
      ['/data/be/second', false],
    ]);
  });

  it('tells a container that a person made from ours, and counts it once it was taken over', async () => {
    const m = machine(shell);
    m.set('ps', listed('starrocks-fe', 'starrocks/fe-ubuntu:3.3.18', ''));
    const made = {
      ...inspected(1, {})[0],
      Name: '/starrocks-fe',
      Config: { Image: 'starrocks/fe-ubuntu:3.3.18', Labels: null, Env: ['HTTP_PORT=8030', 'A=b=c'] },
      HostConfig: { NetworkMode: 'host', RestartPolicy: { Name: 'always' } },
    };
    m.set('inspect', JSON.stringify([made]));
    m.set('exec', 'http_port = 8030\n');
    const before = await look(m);
    expect([before.containers, before.strangers.length]).toEqual([[], 1]);
    expect(before.by_hand).toEqual([
      {
        ...{ service: 'starrocks-fe', id, image: 'starrocks/fe-ubuntu:3.3.18', state: 'running' },
        ...{ started_at: '2026-01-01T00:00:00Z', network: 'host', restart_policy: 'always' },
        ...{ mounts: { '/opt/starrocks/fe/meta': '/data/fe' }, env: { HTTP_PORT: '8030', A: 'b=c' } },
        ...{ conf: 'http_port = 8030\n', conf_differs: [] },
      },
    ]);
    write(m, 'state/adopted', `starrocks-fe ${id} ${FE_DIGEST}\n`);
    const after = await look(m);
    expect([after.by_hand, after.strangers]).toEqual([[], []]);
    expect(after.containers.map(one => [one.service, one.digest])).toEqual([['starrocks-fe', FE_DIGEST]]);
  });

  it('finds metadata that is not whole', async () => {
    const m = machine(shell);
    write(m, 'data/fe/meta/image/ROLE', 'x');
    expect((await look(m)).fe?.meta).toBe('partial');
  });

  it('finds this cluster’s containers, and names StarRocks that is not its own', async () => {
    const m = machine(shell);
    const labels = Object.entries(ours)
      .map(([key, value]) => `${key}=${value}`)
      .join(',');
    m.set(
      'ps',
      listed('starrocks-fe', 'starrocks/fe-ubuntu:3.3.18', labels) +
        listed('theirs', 'starrocks/be-ubuntu:3.1', '') +
        listed('other', 'x', 'starrocks-ha.cluster=other') +
        listed('web', 'nginx', 'a=b'),
    );
    m.set('inspect', JSON.stringify(inspected(1, ours)));
    const world = await look(m);
    expect(world.containers).toEqual([
      {
        service: 'starrocks-fe',
        digest: FE_DIGEST,
        image: 'starrocks/fe-ubuntu:3.3.18',
        image_id: 'sha256:abc',
        state: 'running',
        health: 'healthy',
        started_at: '2026-01-01T00:00:00Z',
        restarts: 2,
        mounts: { '/opt/starrocks/fe/meta': '/data/fe' },
      },
    ]);
    expect(world.strangers).toEqual(['the container theirs (starrocks/be-ubuntu:3.1)', 'the container other (x)']);
  });

  it.each([
    ['is down', 'Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n', /does not run/],
    ['may not be used', 'permission denied while trying to connect to the Docker daemon socket\n', /may not use it/],
    ['fails otherwise', 'something odd\nhappened.\n', /^something odd happened$/],
  ])('a docker that %s is told, and the rest is seen', async (_, said, reason) => {
    const m = machine(shell);
    m.set('said', said);
    const world = await look(m);
    expect(world.docker).toEqual({ known: false, reason: expect.stringMatching(reason) });
    expect(world.fe?.meta).toBe('empty');
  });

  it('a docker without Compose is told, and the rest is seen', async () => {
    const m = machine(shell);
    m.set('no-compose', '');
    const world = await look(m);
    expect(world.docker).toEqual({ known: false, reason: 'the Compose plugin (docker compose, v2) is missing' });
    expect(world.fe?.meta).toBe('empty');
  });

  it('a machine without docker says so', async () => {
    const m = machine(shell);
    const { stdout } = await m.exec(observeCommand(m.host));
    const facts = factsIn(stdout);
    const reason = 'docker is not installed';
    const changed = facts.replace('docker 13\n28.5.2\n2.40.0\n', `docker-error ${reason.length}\n${reason}\n`);
    expect(changed).not.toBe(facts);
    const without = `seen ${Buffer.from(changed).toString('base64')}\n`;
    const world = parseObservation(m.host, cluster, { stdout: without, stderr: '', code: 0 }, 0);
    expect(world.docker).toEqual({ known: false, reason: 'docker is not installed' });
  });

  it('gives docker 8 s for each question, so that one that hangs does not hang the whole look', async () => {
    const m = machine(shell);
    m.set('ps', listed('starrocks-fe', 'x', ''));
    m.set('inspect', JSON.stringify([{ ...inspected(1, {})[0], Name: '/starrocks-fe' }]));
    m.set('exec', 'http_port = 8030\n');
    m.set('pulled', '');
    m.fakeCommand('timeout', `echo "$1 $2 $3" >>'${m.fake}/limits'; shift; exec "$@"`);
    await look(m);
    const limited = readFileSync(join(m.fake, 'limits'), 'utf8').split('\n').slice(0, -1);
    expect(new Set(limited.map(line => line.split(' ').slice(0, 2).join(' ')))).toEqual(new Set(['8 docker']));
    expect(limited.length).toBe(m.calls.length);
  });

  it('takes one that hangs when it is asked for details for no docker at all, not for one without containers', async () => {
    const m = machine(shell);
    m.set('ps', listed('starrocks-fe', 'x', ''));
    m.fakeCommand('timeout', '[ "$3" != inspect ] || exit 124; shift; exec "$@"');
    expect((await look(m)).docker).toEqual({ known: false, reason: 'its daemon does not answer' });
  });

  it('takes only that for a wrong clock which a slow answer does not explain', async () => {
    const m = machine(shell);
    const answer = await m.exec(observeCommand(m.host));
    const skewOf = (seconds: number) =>
      parseObservation(m.host, cluster, answer, Date.now() - seconds * 1000).clock_skew_ms;
    expect([skewOf(20), skewOf(3600)]).toEqual([0, 0]);
    expect(skewOf(-60)).toBeLessThan(-59_000);
    m.fakeCommand('date', `echo ${Date.now() + 60_000}`);
    expect((await look(m)).clock_skew_ms).toBeGreaterThan(50_000);
  });

  it('names the process that holds a wanted port', async () => {
    const m = machine(shell);
    const port = await listener('127.0.0.77');
    expect(on(port, await look(m, wanting(m, port)))).toEqual([
      { port, owner: expect.stringContaining(`(${process.pid})`), service: null },
    ]);
  });

  it('knows its own container by the process that holds the port', async () => {
    const m = machine(shell);
    const port = await listener('0.0.0.0');
    m.set('ps', listed('starrocks-fe', 'x', 'starrocks-ha.cluster=analytics'));
    m.set('inspect', JSON.stringify(inspected(process.pid, ours)));
    expect(on(port, await look(m, wanting(m, port)))).toMatchObject([{ port, service: 'starrocks-fe' }]);
  });

  it('on a loopback host leaves its neighbours out, and nobody’s on any other', async () => {
    const m = machine(shell);
    const port = await listener('127.0.0.78');
    expect(on(port, await look(m, wanting(m, port)))).toEqual([]);
    expect(on(port, await look(m, wanting(m, port, '192.0.2.1')))).toHaveLength(1);
  });

  it('sees whose lock is held', async () => {
    const m = machine(shell);
    write(m, '.lock', '');
    write(m, '.lock.owner', JSON.stringify({ run: 'run 7', actor: 'you', commit: 'c', since: 's' }));
    expect((await look(m)).lock).toBeNull();
    const held = await look(m, m.host, `exec 8>>'${m.deploy}/.lock'; flock 8; `);
    expect(held.lock).toEqual({ run: 'run 7', actor: 'you', commit: 'c', since: 's' });
  });

  it.each(['data/fe/meta', 'data/be/second', '.'])(
    'never takes a folder that it may not look into for empty: %s',
    async path => {
      const m = machine(shell, { visitor: true });
      const folder = join(m.deploy, path);
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o000);
      const answer = await m.exec(observeCommand(m.host));
      chmodSync(folder, 0o755);
      const refused = problem(() => parseObservation(m.host, cluster, answer, 0));
      expect(refused).toMatchObject({ code: 'E_PERMISSION', host: '127.0.0.77' });
      expect(refused.message).toContain(join(m.deploy, path));
      expect(refused.hint).toContain('sudo: true');
    },
  );

  it('is not taken for an answer where find is not GNU’s', async () => {
    const m = machine(shell);
    write(m, 'data/fe/meta/image/VERSION', 'clusterId=12345\n');
    m.fakeCommand('find', 'echo "find: unrecognized: -printf" >&2; exit 1');
    const answer = await m.exec(observeCommand(m.host));
    const { code, message } = problem(() => parseObservation(m.host, cluster, answer, Date.now()));
    expect([code, message]).toEqual(['E_TOOLS', expect.stringContaining('find of GNU findutils')]);
  });

  it('is not confused by what a login shell prints before', async () => {
    const m = machine(shell);
    const noise = 'Welcome!\nseen b2sK\nseen ZW5kIDAKCg==\nno newline at the end';
    const answer = await m.exec(`printf '%s' '${noise}'; ${observeCommand(m.host)}`);
    const world = parseObservation(m.host, cluster, answer, 0);
    expect(world.memory).toBeGreaterThan(2 ** 28);
    expect(world.docker.known).toBe(true);
  });

  it('changes nothing', async () => {
    const m = machine(shell);
    await look(m);
    expect(m.tree()).toEqual([]);
    expect(m.changes).toEqual([]);
  });
});

describe('an answer', () => {
  const m = new Machine('dash');
  machines.push(m);
  const said = (stdout: string, stderr = '', code: number | null = 0) =>
    problem(() => parseObservation(m.host, cluster, { stdout, stderr, code }, 0));

  it('that was cut is none', async () => {
    const whole = new Machine('dash');
    const { stdout } = await whole.exec(observeCommand(whole.host));
    whole.remove();
    const end = stdout.lastIndexOf('\n');
    for (const length of [0, 10, Math.floor(stdout.length / 2), end - 4, end - 8]) {
      expect(said(stdout.slice(0, length))).toMatchObject({ code: 'E_OBSERVE', host: '127.0.0.77' });
    }
  });

  it('in which one fact is not as long as it says is none', async () => {
    const whole = new Machine('dash');
    const { stdout } = await whole.exec(observeCommand(whole.host));
    whole.remove();
    const facts = factsIn(stdout);
    for (const [what, instead] of [
      ['docker 13', 'docker 12'],
      ['docker 13', 'docker 14'],
      ['end 0', 'end'],
    ] as const) {
      const forged = Buffer.from(facts.replace(what, instead)).toString('base64');
      expect(said(`seen ${forged}\n`)).toMatchObject({ code: 'E_OBSERVE' });
    }
  });

  it.each([
    'sudo: a password is required\n',
    'sudo: sorry, you must have a tty to run sudo\n',
    'bash: line 1: sudo: command not found\n',
  ])('that sudo refused is told as that: %s', stderr => {
    const refused = said('', stderr, 1);
    expect(refused.code).toBe('E_SUDO');
    expect(refused.message).toContain('deployer');
  });

  it('of a shell that failed carries its last words', () => {
    expect(said('', 'one\nsh: awk: not found\n', 127).message).toContain('exit 127: sh: awk: not found');
  });

  it('asks in one command that fits into one argument, under sudo where that is set', () => {
    const sudo = observeCommand({ ...m.host, ssh: { ...m.host.ssh, sudo: true } });
    expect(sudo.startsWith('sudo -n sh -c ')).toBe(true);
    // The kernel's MAX_ARG_STRLEN: the login shell gets all of it as one argument.
    expect(Buffer.byteLength(sudo)).toBeLessThan(128 * 1024);
  });
});
