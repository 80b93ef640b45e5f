import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import ssh2, { type Session, type Connection as SshConnection } from 'ssh2';

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
}

/** A real SSH server on a loopback address: exec and direct-tcpip, one key, nothing else. */
export class SshServer {
  readonly #options: SshServerOptions;
  readonly #open = new Set<SshConnection>();
  readonly #children = new Set<ChildProcess>();
  #server: InstanceType<typeof ssh2.Server> | null = null;

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

  /** Power loss: the commands die too. */
  async cut(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.stop();
  }

  #serve(client: SshConnection): void {
    const allowed = ssh2.utils.parseKey(this.#options.clientKey);
    if (allowed instanceof Error) throw allowed;
    this.#open.add(client);
    client.on('error', () => undefined);
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
        socket.pipe(stream).pipe(socket);
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
      channel.pipe(child.stdin);
      child.stdout.pipe(channel, { end: false });
      child.stderr.pipe(channel.stderr, { end: false });
      channel.on('close', () => child.stdin.end());
      child.on('close', (code, signal) => {
        this.#children.delete(child);
        if (code !== null) channel.exit(code);
        else channel.exit(String(signal).replace('SIG', ''));
        channel.end();
      });
    });
  }
}
