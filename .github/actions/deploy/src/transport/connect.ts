import type { Duplex, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2, { type Client, type ClientChannel, type ConnectConfig } from 'ssh2';
import type { SshAccess } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import type { Counters } from './counters.ts';
import { pinFor } from './host-key.ts';
import { hostName, type KnownHosts } from './known-hosts.ts';
import { readPrivateKey } from './private-key.ts';

export interface ConnectOptions {
  readonly privateKey: string;
  readonly passphrase: string | null;
  readonly knownHosts: KnownHosts;
  readonly counters: Counters;
  readonly signal: AbortSignal;
  /** Connections to bastions, shared by the hosts behind them. */
  readonly bastions: Map<string, Promise<Connection>>;
  /** Seconds for TCP, handshake and authentication together. */
  readonly limitSeconds: number;
}

export interface ExecResult {
  /** null: ended by a signal, or the channel was lost. */
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
  /** Runs a command to its end. @throws DeployError E_CONNECTION_LOST, E_SSH_TIMEOUT */
  exec(command: string, limits: { readonly timeoutMs: number; readonly maxBytes: number }): Promise<ExecResult>;
  open(command: string): Promise<RemoteProcess>;
  /** A channel to a port as the machine reaches it. @throws ssh2's own error, with `reason` 2 for a closed port */
  forward(host: string, port: number): Promise<Duplex>;
  close(): void;
}

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

/** Opens one connection; what is safe to repeat is repeated. */
export async function connect(
  access: SshAccess & { readonly address: string },
  options: ConnectOptions,
): Promise<Connection> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await connectOnce(access, options);
    } catch (error) {
      const again =
        error instanceof DeployError &&
        (error.problem.code === 'E_CONNECTION_REFUSED_EARLY' || error.problem.code === 'E_UNREACHABLE');
      if (!again || attempt === ATTEMPTS || options.signal.aborted) throw error;
      await sleep(100 * 2 ** attempt * (0.5 + Math.random()));
    }
  }
}

async function connectOnce(
  access: SshAccess & { readonly address: string },
  options: ConnectOptions,
): Promise<Connection> {
  const { host, port, user, address, bastion } = access;
  const name = hostName(host, port);
  const pin = pinFor(host, port, access.host_key, options.knownHosts);
  let refusal: DeployError | null = null;
  const config: ConnectConfig = {
    host,
    port,
    username: user,
    privateKey: readPrivateKey(options.privateKey, options.passphrase),
    ...(options.passphrase === null ? {} : { passphrase: options.passphrase }),
    readyTimeout: options.limitSeconds * 1000,
    keepaliveInterval: 10_000,
    keepaliveCountMax: 3,
    algorithms: { ...ALGORITHMS, serverHostKey: [...(pin.algorithms ?? [])] } as ConnectConfig['algorithms'] & object,
    hostVerifier: (shown: Buffer) => {
      try {
        pin.check(shown);
        return true;
      } catch (error) {
        if (!(error instanceof DeployError)) throw error;
        refusal = new DeployError({ ...error.problem, host: address, step: 'connect' });
        return false;
      }
    },
  };
  if (bastion !== null) {
    const through = await throughBastion(access, options);
    config.sock = (await through.forward(host, port).catch(error => {
      throw lost(address, name, `through ${bastion.host}: ${error instanceof Error ? error.message : error}`);
    })) as NonNullable<ConnectConfig['sock']>;
  }
  const client = new ssh2.Client();
  options.counters.connections += 1;
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    client.on('error', error => reject(refusal ?? explained(error, address, name, options)));
    client.once('close', () =>
      reject(refusal ?? lost(address, name, 'it closed the connection before the login was done')),
    );
    client.connect(config);
  }).catch(error => {
    client.destroy();
    throw error;
  });
  return connection(client, address, name, options.counters);
}

function throughBastion(
  access: SshAccess & { readonly address: string },
  options: ConnectOptions,
): Promise<Connection> {
  const { bastion } = access;
  if (bastion === null) throw new Error('no bastion');
  const key = `${bastion.user}@${hostName(bastion.host, bastion.port)}`;
  const there = options.bastions.get(key);
  if (there !== undefined) return there;
  const opened = connect({ ...bastion, sudo: false, bastion: null, address: bastion.host }, options);
  options.bastions.set(key, opened);
  return opened;
}

interface SshError extends Error {
  readonly level?: string;
  readonly code?: string;
}

function explained(error: SshError, address: string, name: string, { limitSeconds }: ConnectOptions): DeployError {
  const { level, code, message } = error;
  if (level === 'client-authentication') {
    return new DeployError({
      code: 'E_AUTH',
      host: address,
      step: 'connect',
      message: `${name} refuses the key of this run.`,
      hint: 'Put the public key into ~/.ssh/authorized_keys of the user that `ssh.user` names on that machine.',
    });
  }
  if (level === 'client-timeout') {
    return new DeployError({
      code: 'E_SSH_TIMEOUT',
      host: address,
      step: 'connect',
      message: `${name} did not finish the SSH handshake within ${limitSeconds} s.`,
      hint: 'Is it overloaded, or does something else than an SSH server answer on that port? `timeouts.ssh` gives it longer.',
    });
  }
  if (level === 'handshake' && /no matching/i.test(message)) {
    return new DeployError({
      code: 'E_SSH_ALGORITHMS',
      host: address,
      step: 'connect',
      message: `${name} and this program have no algorithm in common: ${message}.`,
      hint: 'Allow curve25519-sha256 and a host key type that is pinned in its sshd_config.',
    });
  }
  if (/before handshake|before .*complete/i.test(message) || code === 'ECONNRESET') {
    return new DeployError({
      code: 'E_CONNECTION_REFUSED_EARLY',
      host: address,
      step: 'connect',
      message: `${name} closed the connection before the SSH handshake: ${message}.`,
      hint: 'Too many logins at once (MaxStartups in sshd_config), or a firewall in between.',
    });
  }
  return lost(address, name, code ?? message);
}

const lost = (address: string, name: string, why: string): DeployError =>
  new DeployError({
    code: 'E_UNREACHABLE',
    host: address,
    step: 'connect',
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

function connection(client: Client, address: string, name: string, counters: Counters): Connection {
  let alive = true;
  client.on('close', () => {
    alive = false;
  });
  const channel = (command: string): Promise<ClientChannel> =>
    new Promise((resolve, reject) => {
      if (!alive) return reject(connectionLost(address, 'a command was to be started'));
      client.once('close', () => reject(connectionLost(address, 'a command was started')));
      client.exec(command, (error, stream) =>
        error === undefined ? resolve(stream) : reject(lost(address, name, error.message)),
      );
    });
  return {
    address,
    open: async command => {
      const stream = await channel(command);
      stream.on('error', () => undefined);
      return { stream, stderr: stream.stderr };
    },
    exec: async (command, limits) => {
      const stream = await channel(command);
      counters.exchanges += 1;
      return collected(stream, address, limits);
    },
    forward: (host, port) =>
      new Promise((resolve, reject) => {
        if (!alive) return reject(connectionLost(address, `${host}:${port} was to be reached`));
        counters.forwards += 1;
        client.forwardOut('127.0.0.1', 0, host, port, (error, stream) =>
          error === undefined ? resolve(stream) : reject(error),
        );
      }),
    close: () => void client.end(),
  };
}

function collected(
  stream: ClientChannel,
  address: string,
  { timeoutMs, maxBytes }: { timeoutMs: number; maxBytes: number },
): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let bytes = 0;
    let code: number | null | undefined;
    const timer = setTimeout(() => end(timedOut(address, timeoutMs)), timeoutMs);
    const end = (error: DeployError) => {
      clearTimeout(timer);
      stream.destroy();
      reject(error);
    };
    const take = (into: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) end(tooMuch(address));
      else into.push(chunk);
    };
    stream.on('data', take(stdout));
    stream.stderr.on('data', take(stderr));
    stream.on('exit', (exit: number | null) => {
      code = exit;
    });
    stream.on('error', () => undefined);
    // 'close', not 'exit': only then has everything arrived.
    stream.on('close', () => {
      clearTimeout(timer);
      if (code === undefined) return reject(connectionLost(address, 'a command ran'));
      resolve({ code, stdout: Buffer.concat(stdout).toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8') });
    });
    stream.end();
  });
}

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
