import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import type { Transform } from 'node:stream';
import ssh2, { type Session, type Connection as SshConnection } from 'ssh2';

/** What goes to a machine and what comes back, on one channel: whoever looks may keep it, cut it short or drop it. */
export interface Passage {
  readonly up: Transform;
  readonly down: Transform;
}

/** Asked of every channel that is opened; null: it passes as it is. */
export interface Tap {
  exec(command: string): Passage | null;
  forward(port: number): Passage | null;
}

export interface SshServerOptions {
  readonly address: string;
  readonly port: number;
  /** Private host key, OpenSSH text. */
  readonly hostKey: string;
  /** Public key that may log in, OpenSSH text. */
  readonly clientKey: string;
  /** Environment of every command. */
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly tap?: Tap;
}

/** A real SSH server on a loopback address: exec and direct-tcpip, one key, nothing else. */
export class SshServer {
  readonly #options: SshServerOptions;
  readonly #open = new Set<SshConnection>();
  readonly #children = new Set<ChildProcess>();
  #server: InstanceType<typeof ssh2.Server> | null = null;
  #severed = false;
  #asked = 0;

  constructor(options: SshServerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { address, port, hostKey } = this.#options;
    const server = new ssh2.Server({ hostKeys: [hostKey], keepaliveInterval: 10_000 }, client => this.#serve(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, address, resolve);
    });
  }

  /** Closes every connection at once; commands that run find their standard input closed, as under sshd. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const client of this.#open) client.end();
    if (server !== null) await new Promise<void>(resolve => server.close(() => resolve()));
  }

  /** Every connection ends, and new ones do too until `mend`: so it looks from here when the runner has died. */
  sever(): void {
    this.#severed = true;
    for (const client of this.#open) client.end();
  }

  mend(): void {
    this.#severed = false;
  }

  /** Power loss: the commands die too. */
  async cut(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.stop();
  }

  /** How often somebody has connected. */
  get asked(): number {
    return this.#asked;
  }

  #serve(client: SshConnection): void {
    this.#asked += 1;
    const allowed = ssh2.utils.parseKey(this.#options.clientKey);
    if (allowed instanceof Error) throw allowed;
    client.on('error', () => undefined);
    if (this.#severed) {
      client.end();
      return;
    }
    this.#open.add(client);
    client.on('close', () => this.#open.delete(client));
    client.on('authentication', context => {
      if (context.method !== 'publickey' || !context.key.data.equals(allowed.getPublicSSH()))
        return context.reject(['publickey']);
      if (context.signature === undefined) return context.accept();
      const signed = allowed.verify(context.blob ?? Buffer.alloc(0), context.signature, context.hashAlgo);
      if (signed === true) context.accept();
      else context.reject();
    });
    client.on('session', accept => this.#session(accept()));
    client.on('tcpip', (accept, reject, { destIP, destPort }) => {
      const socket: Socket = connect(destPort, destIP);
      socket.once('error', () => reject());
      socket.once('connect', () => {
        const stream = accept();
        if (stream === undefined) {
          socket.destroy();
          return;
        }
        socket.on('error', () => stream.destroy());
        stream.on('error', () => socket.destroy());
        stream.on('close', () => socket.destroy());
        const passage = this.#options.tap?.forward(destPort) ?? null;
        if (passage === null) socket.pipe(stream).pipe(socket);
        else {
          socket.pipe(passage.down).pipe(stream);
          stream.pipe(passage.up).pipe(socket);
        }
      });
    });
  }

  #session(session: Session): void {
    session.on('exec', (accept, _reject, { command }) => {
      const channel = accept();
      const child = spawn('sh', ['-c', command], {
        cwd: this.#options.folder,
        env: { ...this.#options.env },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      this.#children.add(child);
      child.stdin.on('error', () => undefined);
      channel.on('error', () => undefined);
      const passage = this.#options.tap?.exec(command) ?? null;
      if (passage === null) {
        channel.pipe(child.stdin);
        child.stdout.pipe(channel, { end: false });
      } else {
        channel.pipe(passage.up).pipe(child.stdin);
        child.stdout.pipe(passage.down).pipe(channel, { end: false });
      }
      child.stderr.pipe(channel.stderr, { end: false });
      channel.on('close', () => {
        child.stdin.end();
        // As sshd does: a command that goes on writing finds that nobody reads.
        child.stdout.destroy();
        child.stderr.destroy();
      });
      child.on('close', (code, signal) => {
        this.#children.delete(child);
        if (code !== null) channel.exit(code);
        else channel.exit(String(signal).replace('SIG', ''));
        channel.end();
      });
    });
  }
}
