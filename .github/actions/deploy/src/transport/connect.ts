import type { Duplex, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2, {
  type AuthenticationType,
  type Client,
  type ClientChannel,
  type ConnectConfig,
  type ParsedKey,
} from 'ssh2';
import type { SshAccess } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import { bounded } from './bounded.ts';
import type { Counters } from './counters.ts';
import { pinFor } from './host-key.ts';
import { fingerprint, hostName, type KnownHosts } from './known-hosts.ts';
import { readPrivateKey } from './private-key.ts';

export interface ConnectOptions {
  readonly privateKey: string;
  readonly passphrase: string | null;
  readonly knownHosts: KnownHosts;
  readonly counters: Counters;
  /** Ends logins and commands; what a session has begun is left to finish. */
  readonly signal: AbortSignal;
  /** Connections to bastions, shared by the hosts behind them. */
  readonly bastions: Map<string, Promise<Connection>>;
  /** Seconds for TCP, handshake and authentication together. */
  readonly limitSeconds: number;
}

export interface ExecResult {
  /** null: ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command whose standard input and output are talked to. */
export interface RemoteProcess {
  readonly stream: Duplex;
  readonly stderr: Readable;
}

/** One SSH connection. Every failure is a DeployError that names the machine. */
export interface Connection {
  readonly address: string;
  /** Runs a command to its end. @throws DeployError E_CONNECTION_LOST, E_SSH_TIMEOUT, E_SSH_OUTPUT, E_CANCELLED */
  exec(command: string, limits: { readonly timeoutMs: number; readonly maxBytes: number }): Promise<ExecResult>;
  /** @throws DeployError E_CONNECTION_LOST, E_SSH_TIMEOUT, E_SSH_CHANNEL */
  open(command: string): Promise<RemoteProcess>;
  /** A channel to a port as the machine reaches it. @throws ssh2's own error, with `reason` 2 for a closed port */
  forward(host: string, port: number): Promise<Duplex>;
  close(): void;
}

type Access = SshAccess & { readonly address: string };

const ALGORITHMS = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group14-sha256',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
};

/** sshd drops connections when many begin at once (MaxStartups): only beginning is tried again. */
const ATTEMPTS = 4;

/**
 * Opens one connection; what is safe to repeat is repeated.
 * @throws DeployError with the address: E_UNREACHABLE, E_CONNECTION_REFUSED_EARLY, E_SSH_TIMEOUT, E_SSH_ALGORITHMS,
 * E_AUTH, E_CANCELLED, those of host keys, and E_KEY_FORMAT
 */
export async function connect(access: Access, options: ConnectOptions): Promise<Connection> {
  const way = access.bastion === null ? null : await throughBastion(access, options);
  return attempts(access, options, way, () => undefined);
}

async function attempts(
  access: Access,
  options: ConnectOptions,
  way: Connection | null,
  whenOver: () => void,
): Promise<Connection> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const client = await loggedIn(access, options, way);
      return connection(client, access, options, whenOver);
    } catch (error) {
      const again =
        error instanceof DeployError &&
        (error.problem.code === 'E_CONNECTION_REFUSED_EARLY' || error.problem.code === 'E_UNREACHABLE');
      if (!again || attempt === ATTEMPTS) throw error;
      await sleep(100 * 2 ** attempt * (0.5 + Math.random()), undefined, { signal: options.signal }).catch(() => {
        throw cancelled(access.address);
      });
    }
  }
}

/** One connection per bastion, opened by the first host behind it; one that failed or ended is opened anew. */
async function throughBastion(access: Access, options: ConnectOptions): Promise<Connection> {
  const { bastion, address } = access;
  if (bastion === null) throw new Error('no bastion');
  const name = hostName(bastion.host, bastion.port);
  const key = `${bastion.user}@${name}`;
  const forget = () => void (options.bastions.get(key) === opened && options.bastions.delete(key));
  const opened: Promise<Connection> =
    options.bastions.get(key) ??
    attempts({ ...bastion, sudo: false, bastion: null, address: bastion.host }, options, null, () => forget());
  options.bastions.set(key, opened);
  try {
    return await opened;
  } catch (error) {
    forget();
    if (!(error instanceof DeployError)) throw error;
    const { problem } = error;
    throw new DeployError({
      ...problem,
      host: address,
      message: `The way to ${address} leads through the bastion ${name}: ${problem.message}`,
    });
  }
}

async function loggedIn(access: Access, options: ConnectOptions, way: Connection | null): Promise<Client> {
  const { address, host, port } = access;
  const name = hostName(host, port);
  const { limitSeconds, signal } = options;
  const client = new ssh2.Client();
  let sock: Duplex | null = null;
  let over = false;
  const login = async () => {
    if (way !== null) {
      sock = await forwarded(way, access);
      sock.on('error', () => undefined);
      if (over) return void sock.destroy();
    }
    await handshake(client, access, options, sock);
  };
  try {
    await bounded(login(), {
      ms: limitSeconds * 1000,
      late: () => slow(address, name, limitSeconds),
      stops: [[signal, () => cancelled(address)]],
    });
    return client;
  } catch (error) {
    over = true;
    client.destroy();
    (sock as Duplex | null)?.destroy();
    if (!(error instanceof DeployError)) throw error;
    throw new DeployError({ ...error.problem, host: address, step: 'connect' });
  }
}

/** A stream to the SSH port of a machine behind its bastion. @throws DeployError as `connect` does */
export async function reachThroughBastion(access: Access, options: ConnectOptions): Promise<Duplex> {
  return forwarded(await throughBastion(access, options), access);
}

async function forwarded(way: Connection, { address, host, port }: Access): Promise<Duplex> {
  try {
    return await way.forward(host, port);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    // sshd's reason 1: it does not forward at all, whatever the port.
    const forbidden = typeof error === 'object' && error !== null && 'reason' in error && error.reason === 1;
    const { problem } = lost(address, hostName(host, port), `the bastion ${way.address} says: ${why}`);
    const hint = 'Let the bastion forward: `AllowTcpForwarding yes` in its sshd_config, and no PermitOpen against it.';
    throw new DeployError(forbidden ? { ...problem, hint } : problem);
  }
}

async function handshake(client: Client, access: Access, options: ConnectOptions, sock: Duplex | null): Promise<void> {
  const { host, port, user, address } = access;
  const name = hostName(host, port);
  const pin = pinFor(host, port, access.host_key, options.knownHosts);
  const key = readPrivateKey(options.privateKey, options.passphrase);
  let refusal: DeployError | null = null;
  const config: ConnectConfig = {
    host,
    port,
    username: user,
    // Nothing but the key: asking with none first costs a round trip, and one of sshd's MaxAuthTries.
    authHandler: [{ type: 'publickey', username: user, key }] as unknown as AuthenticationType[],
    readyTimeout: 0,
    keepaliveInterval: 10_000,
    keepaliveCountMax: 3,
    algorithms: { ...ALGORITHMS, serverHostKey: [...pin.algorithms] } as ConnectConfig['algorithms'] & object,
    hostVerifier: (shown: Buffer) => {
      try {
        pin.check(shown);
        return true;
      } catch (error) {
        if (!(error instanceof DeployError)) throw error;
        refusal = error;
        return false;
      }
    },
    ...(sock === null ? {} : { sock: sock as NonNullable<ConnectConfig['sock']> }),
  };
  options.counters.connections += 1;
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    client.on('error', error => reject(refusal ?? explained(error, access, key)));
    // 'end' too: a channel of a bastion may end without ever closing.
    const hungUp = () => reject(refusal ?? early(address, name, 'it hung up'));
    client.once('end', hungUp).once('close', hungUp);
    client.connect(config);
  });
}

interface SshError extends Error {
  readonly level?: string;
  readonly code?: unknown;
}

function explained(error: SshError, { address, host, port, user }: Access, key: ParsedKey): DeployError {
  const { level, code, message } = error;
  const name = hostName(host, port);
  if (level === 'client-authentication') {
    return new DeployError({
      code: 'E_AUTH',
      host: address,
      message: `${name} does not let ${user} in with the key of this run (${fingerprint(key.getPublicSSH())}).`,
      hint: 'Put its public key into ~/.ssh/authorized_keys of that user on that machine, or correct `ssh.user`.',
    });
  }
  if (level === 'handshake' && /no matching/i.test(message)) {
    return new DeployError({
      code: 'E_SSH_ALGORITHMS',
      host: address,
      message: `${name} and this program have no algorithm in common: ${message}.`,
      hint: 'Allow curve25519-sha256 and a host key type that is pinned in its sshd_config.',
    });
  }
  if (/before handshake|before .*complete/i.test(message) || code === 'ECONNRESET')
    return early(address, name, message);
  return lost(address, name, typeof code === 'string' ? code : message);
}

const early = (address: string, name: string, why: string): DeployError =>
  new DeployError({
    code: 'E_CONNECTION_REFUSED_EARLY',
    host: address,
    message: `${name} closed the connection before the login was done: ${why}.`,
    hint: 'Too many logins at once (MaxStartups in sshd_config), or a firewall in between.',
  });

const slow = (address: string, name: string, limitSeconds: number): DeployError =>
  new DeployError({
    code: 'E_SSH_TIMEOUT',
    host: address,
    message: `${name} did not finish the SSH handshake within ${limitSeconds} s.`,
    hint: 'Is it overloaded, or does something else than an SSH server answer on that port? `timeouts.ssh` gives it longer.',
  });

const cancelled = (address: string): DeployError =>
  new DeployError({
    code: 'E_CANCELLED',
    host: address,
    message: `The run was cancelled while it talked to ${address}.`,
    hint: 'Nothing was changed by that: run it again.',
  });

const lost = (address: string, name: string, why: string): DeployError =>
  new DeployError({
    code: 'E_UNREACHABLE',
    host: address,
    message: `${name} cannot be reached over SSH: ${why}.`,
    hint: 'Is the machine up, its SSH server running, and the way there open from this runner? `ssh.ssh_host` and `ssh.port` say where it is reached.',
  });

export const connectionLost = (address: string, what: string): DeployError =>
  new DeployError({
    code: 'E_CONNECTION_LOST',
    host: address,
    message: `The SSH connection to ${address} was lost while ${what}.`,
    hint: 'What had begun on the machine finishes there. Deploy again: it looks, and goes on from what it finds.',
  });

function connection(
  client: Client,
  { address }: Access,
  { counters, signal, limitSeconds }: ConnectOptions,
  whenOver: () => void,
): Connection {
  const gone = new AbortController();
  let ending = false;
  const over = () => {
    ending = true;
    client.destroy();
    whenOver();
    // What a command answered before the end still comes out of its channel's buffer first.
    setImmediate(() => gone.abort());
  };
  client.on('error', over).once('end', over).once('close', over);
  const lostWhile = (what: string) => [gone.signal, () => connectionLost(address, what)] as const;
  // `listen` hears the channel in the very moment in which it opens: a short command's exit may come in the same packet.
  const channel = <T>(
    command: string,
    listen: (stream: ClientChannel) => T,
  ): Promise<{ stream: ClientChannel; heard: T }> =>
    new Promise((resolve, reject) => {
      const refused = (error: Error) =>
        reject(ending ? connectionLost(address, 'a command was started') : noChannel(address, error.message));
      try {
        client.exec(command, (error, stream) => {
          if (error !== undefined) return refused(error);
          // A channel that is cut while nobody reads it must not end the process.
          stream.on('error', () => undefined);
          resolve({ stream, heard: listen(stream) });
        });
      } catch {
        // ssh2 throws once its socket has ended.
        reject(connectionLost(address, 'a command was to be started'));
      }
    });
  return {
    address,
    open: async command => {
      const opening = channel(command, () => undefined);
      const { stream } = await bounded(opening, {
        ms: limitSeconds * 1000,
        late: () => timedOut(address, limitSeconds * 1000),
        stops: [lostWhile('a command was started')],
      }).catch(error => {
        opening.then(late => late.stream.destroy()).catch(() => undefined);
        throw error;
      });
      return { stream, stderr: stream.stderr };
    },
    exec: async (command, { timeoutMs, maxBytes }) => {
      const opening = channel(command, stream => {
        counters.exchanges += 1;
        const result = collected(stream, address, maxBytes);
        result.catch(() => undefined);
        return { result };
      });
      const run = opening.then(({ heard }) => heard.result);
      return bounded(run, {
        ms: timeoutMs,
        late: () => timedOut(address, timeoutMs),
        stops: [lostWhile('a command ran'), [signal, () => cancelled(address)]],
      }).finally(() => {
        opening.then(({ stream }) => stream.destroy()).catch(() => undefined);
      });
    },
    forward: (to, toPort) =>
      new Promise((resolve, reject) => {
        const isLost = () => reject(connectionLost(address, `${to}:${toPort} was to be reached`));
        if (ending) return isLost();
        counters.forwards += 1;
        try {
          client.forwardOut('127.0.0.1', 0, to, toPort, (error, stream) => {
            if (error === undefined) resolve(stream);
            else if (ending) isLost();
            else reject(error);
          });
        } catch {
          // ssh2 throws once its socket has ended.
          isLost();
        }
      }),
    // Not by `end`, which waits for the other side: a machine that is gone would keep the run for as long as TCP tries.
    close: () => void client.destroy(),
  };
}

function collected(stream: ClientChannel, address: string, maxBytes: number): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let bytes = 0;
    let code: number | null | undefined;
    const take = (into: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) reject(tooMuch(address));
      else into.push(chunk);
    };
    stream.on('data', take(stdout));
    stream.stderr.on('data', take(stderr));
    stream.on('exit', (exit: number | null) => {
      code = exit;
    });
    // 'close', not 'exit': only then has everything arrived.
    stream.on('close', () => {
      if (code === undefined) return reject(connectionLost(address, 'a command ran'));
      resolve({ code, stdout: Buffer.concat(stdout).toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8') });
    });
    stream.end();
  });
}

const noChannel = (address: string, why: string): DeployError =>
  new DeployError({
    code: 'E_SSH_CHANNEL',
    host: address,
    message: `${address} lets the user in and yet runs no command: ${why}.`,
    hint: 'See MaxSessions and ForceCommand in its sshd_config, and the login shell of that user.',
  });

const timedOut = (address: string, timeoutMs: number): DeployError =>
  new DeployError({
    code: 'E_SSH_TIMEOUT',
    host: address,
    message: `${address} did not answer a command within ${timeoutMs / 1000} s.`,
    hint: 'Look whether the machine is overloaded or its disk hangs; `timeouts.query` gives it longer.',
  });

const tooMuch = (address: string): DeployError =>
  new DeployError({
    code: 'E_SSH_OUTPUT',
    host: address,
    message: `${address} answered more than any machine has to say.`,
    hint: 'See what the login shell of that user prints.',
  });
