import { spawn } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { buildStandIn, type StandInBundles } from '../stand-in/build.ts';
import { installClients, installKind } from '../stand-in/install.ts';
import { killGroup } from './docker/container.ts';
import { Engine } from './docker/engine.ts';
import { keyPair } from './key-pair.ts';
import { SshServer, type Tap } from './ssh-server.ts';

export interface SandboxOptions {
  readonly hosts: number;
  /** The StarRocks release that the stand-in plays. */
  readonly version?: string;
  /** Last part of the first host's address, 127.0.0.N. */
  readonly first?: number;
  /** The rest of the addresses, `127.0.0` when it is left out. */
  readonly network?: string;
  /** Environment of the stand-in's processes, `STANDIN_SPEED` for one. */
  readonly env?: Readonly<Record<string, string>>;
  /** Who looks at what passes a host's SSH server. */
  readonly tap?: (address: string) => Tap;
}

/** Where nothing else listens on a developer's machine, as a rule. */
const FIRST = 31;
const STARROCKS_PORTS = [8030, 9020, 9030, 9010, 9060, 8040, 9050, 8060, 9070];
/** Below those that the kernel hands out: a host that boots again finds them free. */
const [SSH_PORT, DOCKER_PORT] = [19_022, 19_375];

export class SandboxHost {
  readonly address: string;
  readonly folder: string;
  readonly sshPort = SSH_PORT;
  /** Public key, OpenSSH text. */
  readonly hostKey: string;
  readonly engine: Engine;
  readonly #ssh: SshServer;

  constructor(address: string, folder: string, hostKey: string, engine: Engine, ssh: SshServer) {
    this.address = address;
    this.folder = folder;
    this.hostKey = hostKey;
    this.engine = engine;
    this.#ssh = ssh;
  }

  get deployDir(): string {
    return join(this.folder, 'starrocks-ha');
  }

  /** SSH connections that anybody has ever made to it. */
  get connections(): number {
    return this.#ssh.asked;
  }

  async boot(): Promise<void> {
    await this.engine.start();
    await this.#ssh.start();
  }

  /** Power off: every process ends without a word. */
  async halt(): Promise<void> {
    await this.#ssh.cut();
    await this.engine.halt();
  }

  /** The machine lives, and nobody reaches it over SSH. */
  async closeSsh(): Promise<void> {
    await this.#ssh.stop();
  }

  async openSsh(): Promise<void> {
    await this.#ssh.start();
  }

  /** Whoever is connected is cut off, and nobody gets in until `mend`. */
  sever(): void {
    this.#ssh.sever();
  }

  mend(): void {
    this.#ssh.mend();
  }

  /** As it was delivered: no container, no file. */
  async wipe(): Promise<void> {
    await this.engine.clear();
    rmSync(this.deployDir, { recursive: true, force: true });
  }
}

/** Hosts on loopback addresses: real SSH servers, a stand-in for Docker and one for StarRocks. Needs Linux, no root. */
export class Sandbox {
  readonly folder: string;
  readonly hosts: SandboxHost[] = [];
  readonly privateKey: string;
  readonly #publicKey: string;
  readonly #version: string;
  readonly #options: SandboxOptions;
  readonly #bundles: StandInBundles;
  readonly #pids: string;
  readonly #reaper: ReturnType<typeof spawn>;

  private constructor(options: SandboxOptions, folder: string, bundles: StandInBundles) {
    this.#options = options;
    this.#version = options.version ?? '3.3.18';
    this.folder = folder;
    this.#bundles = bundles;
    const key = keyPair();
    this.privateKey = key.private;
    this.#publicKey = key.public;
    this.#pids = join(folder, 'process-groups');
    writeFileSync(this.#pids, '');
    // Ends what is left when this process is killed without a chance to clean up: its standard input closes then.
    const script = 'cat >/dev/null; while read -r pid; do kill -9 -"$pid"; done <"$0" 2>/dev/null; rm -rf "$1"';
    this.#reaper = spawn('sh', ['-c', script, this.#pids, folder], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#reaper.unref();
  }

  static async start(options: SandboxOptions): Promise<Sandbox> {
    if (process.platform !== 'linux') {
      throw new Error(
        'The sandbox needs Linux: elsewhere only 127.0.0.1 answers, and every host wants a loopback address of its own.',
      );
    }
    const folder = mkdtempSync(join(tmpdir(), 'starrocks-ha-sandbox-'));
    const sandbox = new Sandbox(options, folder, await buildStandIn(join(folder, 'bundles')));
    try {
      for (let index = 0; index < options.hosts; index += 1) await sandbox.addHost();
    } catch (error) {
      await sandbox.stop();
      throw error;
    }
    return sandbox;
  }

  async addHost(): Promise<SandboxHost> {
    const address = `${this.#options.network ?? '127.0.0'}.${(this.#options.first ?? FIRST) + this.hosts.length}`;
    await portsFree(address);
    const folder = join(this.folder, 'hosts', address);
    const bin = join(folder, 'bin');
    mkdirSync(bin, { recursive: true });
    copyFileSync(join(import.meta.dirname, 'docker/client.sh'), join(bin, 'docker'));
    chmodSync(join(bin, 'docker'), 0o755);
    installClients(bin, this.#bundles);
    const path = [bin, process.env['PATH'] ?? ''].join(delimiter);
    const common = { PATH: path, HOME: folder, LANG: 'C.UTF-8', SANDBOX_DOCKER: `${address}/${DOCKER_PORT}` };
    const engine = new Engine({
      folder,
      address,
      port: DOCKER_PORT,
      available: image => this.#kindOf(image) !== null,
      unpack: async (image, root) => {
        const kind = this.#kindOf(image);
        if (kind !== null) installKind(root, kind, image.split(':').at(-1) ?? this.#version, this.#bundles);
      },
      env: root => ({
        ...common,
        STARROCKS_ROOT: root,
        STARROCKS_LOCALHOST: address,
        STANDIN_NODE: process.execPath,
        ...this.#options.env,
      }),
      started: pid => appendFileSync(this.#pids, `${pid}\n`),
    });
    const hostKey = keyPair();
    const ssh = new SshServer({
      address,
      port: SSH_PORT,
      hostKey: hostKey.private,
      clientKey: this.#publicKey,
      env: common,
      folder,
      ...(this.#options.tap === undefined ? {} : { tap: this.#options.tap(address) }),
    });
    const host = new SandboxHost(address, folder, hostKey.public, engine, ssh);
    await host.boot();
    this.hosts.push(host);
    return host;
  }

  #kindOf(image: string): 'fe' | 'be' | null {
    const kind = /^starrocks\/(fe|be)-ubuntu:\d+\.\d+\.\d+$/.exec(image)?.[1];
    return kind === 'fe' || kind === 'be' ? kind : null;
  }

  host(index: number): SandboxHost {
    const found = this.hosts[index];
    if (found === undefined) throw new Error(`no host ${index}`);
    return found;
  }

  /**
   * A cluster.yaml for these hosts.
   * @param policy further top-level lines
   * @param perHost further keys of a host's entry, `, fe: none` for one
   */
  clusterYaml(
    policy = '',
    perHost: (host: SandboxHost, index: number) => string = () => '',
    named: readonly SandboxHost[] = this.hosts,
  ): string {
    const entries = named.map((host, index) => {
      const key = host.hostKey.trim().split(' ').slice(0, 2).join(' ');
      return `  - { address: ${host.address}, deploy_dir: ${host.deployDir}, ssh: { port: ${host.sshPort}, host_key: "${key}" }${perHost(host, index)} }`;
    });
    return `cluster: sandbox
starrocks: { version: ${this.#version} }
master_host: ${named[0]?.address}
defaults: { resources: { memory: 2G, fe_heap: 512M } }
${policy}hosts:
${entries.join('\n')}
`;
  }

  /** Ends everything and removes the folder. */
  async stop(): Promise<void> {
    await Promise.all(this.hosts.map(host => host.halt()));
    for (const { pid } of this.hosts.flatMap(host => host.engine.containers)) if (pid > 0) killGroup(pid);
    this.#reaper.stdin?.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const isFree = (address: string, port: number): Promise<boolean> =>
  new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });

async function portsFree(address: string): Promise<void> {
  for (const port of [...STARROCKS_PORTS, SSH_PORT, DOCKER_PORT]) {
    if (!(await isFree(address, port))) {
      throw new Error(
        `Port ${port} is taken on ${address}: another program, or another sandbox, listens there. Stop it and start again.`,
      );
    }
  }
}
