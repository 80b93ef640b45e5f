import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect as tcp } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DeployError, type Problem } from '../../../.github/actions/deploy/src/error.ts';
import { closedPort } from '../../../.github/actions/deploy/src/starrocks/closed-port.ts';
import {
  type Connection,
  type ConnectOptions,
  connect,
} from '../../../.github/actions/deploy/src/transport/connect.ts';
import { counting } from '../../../.github/actions/deploy/src/transport/counters.ts';
import { fetchHostKey } from '../../../.github/actions/deploy/src/transport/fetch-host-key.ts';
import { fingerprint } from '../../../.github/actions/deploy/src/transport/known-hosts.ts';
import { describeWithSshd, freePort, proxyTo, Sshds, tcpServer } from './sshd.ts';

const limits = { timeoutMs: 10_000, maxBytes: 2 ** 20 };

describeWithSshd('a connection to a real sshd', () => {
  let sshds: Sshds;
  let there: { readonly port: number; readonly hostKey: string };
  const open: Connection[] = [];

  beforeAll(async () => {
    sshds = new Sshds();
    there = await sshds.start('plain');
  });
  afterAll(() => {
    for (const connection of open) connection.close();
    sshds.stop();
  });

  const options = (more: Partial<ConnectOptions> = {}): ConnectOptions => ({
    privateKey: sshds.key('client').private,
    passphrase: null,
    knownHosts: [],
    counters: counting(),
    signal: new AbortController().signal,
    bastions: new Map(),
    limitSeconds: 10,
    ...more,
  });
  type Access = Parameters<typeof connect>[0];
  const access = (more: Partial<Access> = {}): Access => ({
    address: '10.0.0.1',
    host: '127.0.0.1',
    port: there.port,
    user: sshds.user,
    sudo: false,
    host_key: there.hostKey,
    bastion: null,
    ...more,
  });
  async function connected(more: Partial<Access> = {}, also: Partial<ConnectOptions> = {}): Promise<Connection> {
    const connection = await connect(access(more), options(also));
    open.push(connection);
    return connection;
  }
  async function problem(work: Promise<unknown>): Promise<Problem> {
    const error = await work.then(
      () => new Error('it succeeded'),
      (one: unknown) => one,
    );
    if (error instanceof DeployError) return error.problem;
    throw error;
  }

  it('runs a command and brings its exit code, output and complaints', async () => {
    const connection = await connected();
    expect(await connection.exec('echo out; echo é 漢 >&2; exit 7', limits)).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: 'é 漢\n',
    });
  });

  it('brings everything a command said before it ended, however much', async () => {
    const connection = await connected();
    const { stdout } = await connection.exec('head -c 3000000 /dev/zero | tr "\\0" x', { ...limits, maxBytes: 4e6 });
    expect(stdout.length).toBe(3_000_000);
  });

  it('tells a command that a signal ended from one that exited', async () => {
    const connection = await connected();
    expect((await connection.exec('kill -KILL $$', limits)).code).toBeNull();
  });

  it('counts connections, commands and forwards', async () => {
    const counters = counting();
    const connection = await connected({}, { counters });
    await connection.exec('true', limits);
    await connection.exec('true', limits);
    (await connection.forward('127.0.0.1', there.port)).destroy();
    expect(counters).toEqual({ connections: 1, exchanges: 2, forwards: 1, operations: {} });
  });

  it('carries more commands than Node lets anybody listen for, without a warning of leaking listeners', async () => {
    const warnings: string[] = [];
    const hear = (warning: Error) => void warnings.push(warning.message);
    process.on('warning', hear);
    const connection = await connected();
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 6 }, () => connection.exec('true', limits)));
    }
    process.off('warning', hear);
    expect(warnings).toEqual([]);
  });

  it('a machine that lets somebody in and gives no shell says so', async () => {
    const shy = await sshds.start('shy', 'MaxSessions 0');
    const connection = await connected({ port: shy.port, host_key: shy.hostKey });
    for (const work of [connection.exec('true', limits), connection.open('true')]) {
      const refused = await problem(work);
      expect(refused).toMatchObject({ code: 'E_SSH_CHANNEL', host: '10.0.0.1' });
      expect(refused.message).toMatch(/^10\.0\.0\.1 lets the user in and yet runs no command: .*open failed/);
      expect(refused.hint).toContain('MaxSessions');
    }
  });

  it('a key that may not log in is named by its fingerprint', async () => {
    const refused = await problem(connected({}, { privateKey: sshds.key('stranger').private }));
    const blob = Buffer.from(sshds.key('stranger').public.split(' ')[1] ?? '', 'base64');
    expect(refused).toMatchObject({ code: 'E_AUTH', host: '10.0.0.1', step: 'connect' });
    expect(refused.message).toContain(fingerprint(blob));
  });

  it('a key that is none says so, and on which machine', async () => {
    expect(await problem(connected({}, { privateKey: 'nonsense' }))).toMatchObject({
      code: 'E_KEY_FORMAT',
      host: '10.0.0.1',
    });
  });

  it('an unknown and a changed host key end it before the login', async () => {
    expect(await problem(connected({ host_key: null }))).toMatchObject({
      code: 'E_HOST_KEY_UNKNOWN',
      host: '10.0.0.1',
      step: 'connect',
    });
    const other = sshds.key('another').public;
    expect(await problem(connected({ host_key: other }))).toMatchObject({
      code: 'E_HOST_KEY_CHANGED',
      host: '10.0.0.1',
    });
  });

  it('a pinned key of a type that the server does not have is a matter of algorithms', async () => {
    const counters = counting();
    const { code } = await problem(connected({ host_key: sshds.key('rsa-host', 'rsa').public }, { counters }));
    expect(code).toBe('E_SSH_ALGORITHMS');
    expect(counters.connections).toBe(1);
  });

  it('a fingerprint pins as well as a key, and fetching shows the same key', async () => {
    const { blob } = await fetchHostKey({ host: '127.0.0.1', port: there.port }, 10);
    expect(blob.toString('base64')).toBe(there.hostKey.split(' ')[1]);
    const connection = await connected({ host_key: fingerprint(blob) });
    expect((await connection.exec('true', limits)).code).toBe(0);
  });

  it('a closed port is unreachable, tried again before it is said', async () => {
    const counters = counting();
    const refused = await problem(connected({ port: await freePort() }, { counters }));
    expect(refused).toMatchObject({ code: 'E_UNREACHABLE', host: '10.0.0.1', step: 'connect' });
    expect(refused.message).toContain('ECONNREFUSED');
    expect(counters.connections).toBe(4);
  });

  it('a server that says nothing is given up after the limit', async () => {
    const silent = await tcpServer(() => undefined);
    const refused = await problem(connected({ port: silent.port }, { limitSeconds: 0.3 }));
    expect(refused).toMatchObject({ code: 'E_SSH_TIMEOUT', host: '10.0.0.1' });
    expect((await problem(fetchHostKey({ host: '127.0.0.1', port: silent.port }, 0.3))).code).toBe('E_UNREACHABLE');
    silent.stop();
  });

  it.each([
    ['at once', (): string => ''],
    ['after its greeting', (): string => 'SSH-2.0-OpenSSH_9.2\r\n'],
  ])('a server that hangs up %s is tried again, and then said to', async (_, greeting) => {
    const rude = await tcpServer(socket => socket.end(greeting()));
    const counters = counting();
    const refused = await problem(connected({ port: rude.port }, { counters }));
    expect(refused).toMatchObject({ code: 'E_CONNECTION_REFUSED_EARLY', host: '10.0.0.1' });
    expect(counters.connections).toBe(4);
    expect((await problem(fetchHostKey({ host: '127.0.0.1', port: rude.port }, 5))).code).toBe('E_UNREACHABLE');
    rude.stop();
  });

  it('a cancelled run ends logins and waits for none', async () => {
    const silent = await tcpServer(() => undefined);
    const cancel = new AbortController();
    const login = problem(connected({ port: silent.port }, { signal: cancel.signal, limitSeconds: 60 }));
    cancel.abort();
    expect((await login).code).toBe('E_CANCELLED');
    expect((await problem(connected({}, { signal: cancel.signal }))).code).toBe('E_CANCELLED');
    silent.stop();
  });

  it('a command that takes too long, or says too much, is given up by itself: the connection lives on', async () => {
    const connection = await connected();
    expect((await problem(connection.exec('sleep 30', { ...limits, timeoutMs: 200 }))).code).toBe('E_SSH_TIMEOUT');
    expect((await problem(connection.exec('yes', { ...limits, maxBytes: 1000 }))).code).toBe('E_SSH_OUTPUT');
    expect((await connection.exec('echo fine', limits)).stdout).toBe('fine\n');
  });

  describe('that is cut', () => {
    it('ends every command and stream with the name of the machine', async () => {
      const way = await proxyTo(there.port);
      const connection = await connected({ port: way.port });
      const { stream } = await connection.open('echo up; cat');
      await once(stream, 'data');
      const running = problem(connection.exec('echo begun; sleep 30', limits));
      const closed = new Promise<void>(resolve => void stream.once('close', resolve));
      way.cut();
      expect(await running).toMatchObject({ code: 'E_CONNECTION_LOST', host: '10.0.0.1' });
      await closed;
      expect((await problem(connection.exec('true', limits))).code).toBe('E_CONNECTION_LOST');
      expect((await problem(connection.open('true'))).code).toBe('E_CONNECTION_LOST');
      expect(closedPort(await connection.forward('127.0.0.1', 1).catch((error: unknown) => error))).toBe(false);
      connection.close();
      way.stop();
    });

    it('leads nowhere from that very moment, and says so', async () => {
      const way = await proxyTo(there.port);
      const connection = await connected({ port: way.port });
      const asked: Promise<string>[] = [];
      const ask = () =>
        connection.forward('127.0.0.1', there.port).then(
          stream => {
            stream.destroy();
            return 'open';
          },
          (error: unknown) => (error instanceof DeployError ? error.problem.code : String(error)),
        );
      await new Promise<void>(resolve => {
        // Whoever asks before what comes next, and between all that an end brings with it.
        const spin = () => {
          asked.push(ask());
          if (asked.length === 20) way.cut();
          if (asked.length < 300) setImmediate(spin);
          else resolve();
        };
        spin();
      });
      const codes = new Set(await Promise.all(asked));
      expect([...codes].filter(code => code !== 'open')).toEqual(['E_CONNECTION_LOST']);
      way.stop();
    });

    it('settles whatever was begun at that very moment', async () => {
      const way = await proxyTo(there.port);
      const connection = await connected({ port: way.port });
      const begun = [
        problem(connection.exec('true', limits)),
        problem(connection.open('cat')),
        connection.forward('127.0.0.1', there.port).catch(() => 'refused'),
      ];
      way.cut();
      await Promise.all(begun.map(one => one.catch(() => undefined)));
      expect((await problem(connection.exec('true', limits))).code).toBe('E_CONNECTION_LOST');
      way.stop();
    });
  });

  it('whose server falls silent is lost after three questions, ten seconds apart, that nobody answers', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const connection = await connected();
    const { stream } = await connection.open('echo $PPID; cat');
    const server = Number(String(await once(stream, 'data')));
    process.kill(server, 'SIGSTOP');
    try {
      let over = false;
      const running = problem(connection.exec('true', limits)).finally(() => {
        over = true;
      });
      const after = async (seconds: number) => {
        vi.advanceTimersByTime(seconds * 1000);
        await turn();
        return over;
      };
      expect(await after(39)).toBe(false);
      await after(1);
      expect(await running).toMatchObject({ code: 'E_CONNECTION_LOST', host: '10.0.0.1' });
      expect((await problem(connection.open('true'))).code).toBe('E_CONNECTION_LOST');
    } finally {
      process.kill(server, 'SIGKILL');
      vi.useRealTimers();
    }
  });

  it('a closed port behind it is told from a way that failed', async () => {
    const connection = await connected();
    const refusal = await connection.forward('127.0.0.1', await freePort()).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ reason: 2 });
    expect(closedPort(refusal)).toBe(true);
  });

  it('a large script runs as one argument of sh -c', async () => {
    const connection = await connected();
    const script = `${'# padding\n'.repeat(6000)}echo "$1"`;
    const { stdout } = await connection.exec(`sh -c '${script}' sh 'a b'`, limits);
    expect(stdout).toBe('a b\n');
  });

  describe('through a bastion', () => {
    const bastion = (port: number, more: object = {}) => ({
      host: '127.0.0.1',
      port,
      user: sshds.user,
      host_key: null,
      ...more,
    });

    it('shares one connection to it between the hosts behind', async () => {
      const gate = await sshds.start('gate');
      const counters = counting();
      const bastions = new Map();
      const through = { bastion: bastion(gate.port, { host_key: gate.hostKey }) };
      const hosts = await Promise.all([1, 2, 3].map(() => connected(through, { counters, bastions })));
      const said = await Promise.all(hosts.map(host => host.exec('echo there', limits)));
      expect(said.map(one => one.stdout)).toEqual(['there\n', 'there\n', 'there\n']);
      expect(counters.connections).toBe(4);
      expect(bastions.size).toBe(1);
    });

    it('is opened anew after it was lost', async () => {
      const gate = await sshds.start('fragile');
      const way = await proxyTo(gate.port);
      const bastions = new Map();
      const through = { bastion: bastion(way.port, { host_key: gate.hostKey }) };
      const first = await connected(through, { bastions });
      const running = problem(first.exec('sleep 30', limits));
      way.cut();
      expect((await running).code).toBe('E_CONNECTION_LOST');
      const second = await connected(through, { bastions });
      expect((await second.exec('echo again', limits)).stdout).toBe('again\n');
      way.stop();
    });

    it('names the machine and the bastion when that fails, and asks it again later', async () => {
      const bastions = new Map();
      const gate = await sshds.start('locked', 'AllowTcpForwarding no');
      const untrusted = await problem(connected({ bastion: bastion(gate.port) }, { bastions }));
      expect(untrusted).toMatchObject({ code: 'E_HOST_KEY_UNKNOWN', host: '10.0.0.1' });
      expect(untrusted.message).toContain(`bastion [127.0.0.1]:${gate.port}`);
      expect(bastions.size).toBe(0);
      const through = { bastion: bastion(gate.port, { host_key: gate.hostKey }) };
      const forbidden = await problem(connected(through, { bastions }));
      expect(forbidden).toMatchObject({ code: 'E_UNREACHABLE', host: '10.0.0.1' });
      expect(forbidden.hint).toContain('AllowTcpForwarding');
    });

    it('a target that hangs behind it is given up after the limit', async () => {
      const gate = await sshds.start('patient');
      const silent = await tcpServer(() => undefined);
      const through = { port: silent.port, bastion: bastion(gate.port, { host_key: gate.hostKey }) };
      const bastions = new Map();
      await connected({ bastion: through.bastion }, { bastions });
      const refused = await problem(connected(through, { bastions, limitSeconds: 0.3 }));
      expect(refused).toMatchObject({ code: 'E_SSH_TIMEOUT', host: '10.0.0.1' });
      silent.stop();
    });
  });

  it('is refused early by a server that takes no more logins, and gets in when it tries again', async () => {
    const narrow = await sshds.start('narrow', 'MaxStartups 1:100:1');
    const counters = counting();
    const hosts = await Promise.all(
      [1, 2].map(() => connected({ port: narrow.port, host_key: narrow.hostKey }, { counters })),
    );
    for (const host of hosts) expect((await host.exec('true', limits)).code).toBe(0);
    expect(counters.connections).toBeGreaterThanOrEqual(2);
  });

  it('leaves no process behind on the machine once it is closed', async () => {
    const connection = await connected();
    const { stream } = await connection.open('echo $$; cat');
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    const pid = chunk.toString().trim();
    const closed = new Promise<void>(resolve => void stream.once('close', resolve));
    stream.end();
    await closed;
    expect(() => execFileSync('kill', ['-0', pid], { stdio: 'ignore' })).toThrow();
    connection.close();
  });

  it('lets go of a machine that says nothing any more, once it is closed', async () => {
    let freeze = (): void => undefined;
    let closed: Promise<void> = Promise.resolve();
    const way = await tcpServer(socket => {
      const onwards = tcp(there.port, '127.0.0.1');
      socket.pipe(onwards).pipe(socket);
      freeze = () => {
        socket.unpipe();
        onwards.unpipe();
        // What is written to a socket that was let go of breaks it.
        const tries = setInterval(() => socket.write('x'), 50);
        closed = new Promise(resolve => void socket.once('close', resolve)).then(() => clearInterval(tries));
      };
    });
    const connection = await connected({ port: way.port });
    freeze();
    connection.close();
    await closed;
    way.stop();
  });
});
