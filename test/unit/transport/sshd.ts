import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';

const program = '/usr/sbin/sshd';

/** A suite against OpenSSH's own server: shown as skipped where there is none, failing where LAB=required. */
export function describeWithSshd(name: string, tests: () => void): void {
  if (existsSync(program)) return void describe(name, tests);
  if (process.env['LAB'] !== 'required') return void describe.skip(`${name} (no ${program} here)`, tests);
  describe(name, () => {
    it('has the sshd that LAB=required asks for', () => {
      throw new Error(`${program} is missing`);
    });
  });
}

/** OpenSSH servers of the current user, on loopback ports of their own. */
export class Sshds {
  readonly user = userInfo().username;
  readonly folder = mkdtempSync(join(tmpdir(), 'sshd-'));
  readonly #running: ChildProcess[] = [];

  constructor() {
    // OpenSSH's own precondition when root starts it.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    this.key('client');
    this.key('stranger');
  }

  /** Makes a key, once. */
  key(name: string, type = 'ed25519'): { readonly private: string; readonly public: string } {
    const file = join(this.folder, name);
    if (!existsSync(file)) execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', file]);
    return { private: readFileSync(file, 'utf8'), public: readFileSync(`${file}.pub`, 'utf8').trim() };
  }

  async start(name: string, ...settings: string[]): Promise<{ readonly port: number; readonly hostKey: string }> {
    const hostKey = this.key(`host-${name}`).public;
    const port = await freePort();
    const authorized = join(this.folder, 'authorized_keys');
    writeFileSync(authorized, `${this.key('client').public}\n`, { mode: 0o600 });
    const config = join(this.folder, `${name}.conf`);
    writeFileSync(
      config,
      [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${join(this.folder, `host-${name}`)}`,
        `AuthorizedKeysFile ${authorized}`,
        'StrictModes no',
        'UsePAM no',
        'PidFile none',
        'PasswordAuthentication no',
        'PermitRootLogin prohibit-password',
        ...settings,
        '',
      ].join('\n'),
    );
    const child = spawn(program, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#running.push(child);
    await new Promise<void>((resolve, reject) => {
      let said = '';
      child.stderr?.on('data', chunk => {
        said += chunk;
        if (said.includes('Server listening')) resolve();
      });
      child.once('exit', () => reject(new Error(`sshd ended: ${said}`)));
    });
    return { port, hostKey };
  }

  stop(): void {
    for (const child of this.#running) child.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') resolve(address.port);
    });
  });

/** A port on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  await new Promise(resolve => server.close(resolve));
  return port;
}

/** A server that does with each connection what the test says. */
export async function tcpServer(
  serve: (socket: Socket) => void,
): Promise<{ readonly port: number; readonly stop: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  const port = await listening(server);
  return {
    port,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A way to a port that can be cut, or frozen as a dead network is. */
export async function proxyTo(target: number): Promise<{
  readonly port: number;
  readonly cut: () => void;
  readonly stop: () => void;
}> {
  const pairs: Socket[] = [];
  const { port, stop } = await tcpServer(socket => {
    const onwards = connect(target, '127.0.0.1');
    onwards.on('error', () => socket.destroy());
    onwards.on('close', () => socket.destroy());
    socket.on('close', () => onwards.destroy());
    socket.pipe(onwards).pipe(socket);
    pairs.push(socket);
  });
  const cut = () => {
    for (const socket of pairs.splice(0)) socket.resetAndDestroy();
  };
  return { port, cut, stop };
}
