import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Duplex } from 'node:stream';
import type { Connection, ExecResult } from '../../../.github/actions/deploy/src/transport/connect.ts';
import type {
  BeService,
  ClusterJson,
  CompiledFile,
  CompiledHost,
  FeService,
  ServiceName,
} from '../../../compiler/contract/cluster-json.ts';
import { withoutOthers } from './usual-commands.ts';

export const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');
export const FE_DIGEST = sha256('fe');
export const BE_DIGEST = sha256('be');
export const HOST_DIGEST = sha256('host');

const texts: Readonly<Record<string, { text: string; service: ServiceName | null }>> = {
  '.env': { text: 'FE_IMAGE=x\n', service: null },
  'conf/be/be.conf': { text: 'be_port = 9060\n', service: 'starrocks-be' },
  'conf/fe/fe.conf': { text: 'http_port = 8030\n', service: 'starrocks-fe' },
  'docker-compose.yml': { text: 'services: {}\n', service: null },
  'run/bin/fe-entrypoint.sh': { text: '#!/bin/sh\n', service: 'starrocks-fe' },
};

/** A temporary folder that passes for a machine: a real sh, a docker that a test steers. */
export class Machine {
  readonly root = mkdtempSync(join(tmpdir(), 'machine-'));
  readonly fake = join(this.root, 'fake');
  readonly temporary = join(this.root, 'tmp');
  readonly host: CompiledHost;
  readonly files: Map<string, Buffer>;
  readonly children: ChildProcess[] = [];
  readonly #path: string;
  readonly #strayed = join(this.root, 'strayed');
  /** Who runs the commands there. */
  readonly user: { readonly uid?: number; readonly gid?: number };

  /** @param commands `usual`: those that a deploy may ask of a machine, and no other */
  constructor(
    shell: string,
    {
      folder = 'deploy',
      visitor = false,
      commands = 'usual',
    }: { folder?: string; visitor?: boolean; commands?: 'usual' | 'all' } = {},
  ) {
    chmodSync(this.root, 0o755);
    const bin = join(this.root, 'bin');
    mkdirSync(bin);
    mkdirSync(join(this.fake, 'box'), { recursive: true });
    mkdirSync(join(this.fake, 'image'));
    mkdirSync(this.temporary);
    chmodSync(this.temporary, 0o777);
    symlinkSync(`/usr/bin/${shell}`, join(bin, 'sh'));
    copyFileSync(new URL('docker.sh', import.meta.url), join(bin, 'docker'));
    writeFileSync(this.#strayed, '');
    chmodSync(this.#strayed, 0o666);
    this.#path = [bin, ...(commands === 'usual' ? [withoutOthers] : []), process.env['PATH']].join(':');
    this.host = compiledHost(join(this.root, folder));
    this.files = new Map(Object.entries(texts).map(([path, { text }]) => [path, Buffer.from(text)]));
    // root may do everything: somebody else must try what is not permitted.
    this.user = visitor && process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  }

  get deploy(): string {
    return this.host.deploy_dir;
  }

  /** SSH as far as a session needs it. */
  connection(): Connection {
    return {
      address: this.host.address,
      open: async command => {
        const child = this.#spawn(command);
        const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
        return { stream, stderr: child.stderr };
      },
      exec: command => this.exec(command),
      forward: () => Promise.reject(new Error('not here')),
      close: () => undefined,
    };
  }

  async exec(command: string): Promise<ExecResult> {
    const child = this.#spawn(command);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', chunk => {
      stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      stderr += chunk;
    });
    child.stdin.end();
    const [code] = await once(child, 'close');
    return { code, stdout, stderr };
  }

  #spawn(command: string) {
    // Without a shell in between, killing the child kills the session's own shell.
    const child = spawn('sh', ['-c', command.replace(/^sh /, 'exec sh ')], {
      ...this.user,
      cwd: '/',
      env: {
        ...{ PATH: this.#path, STRAYED: this.#strayed },
        ...{ FAKE: this.fake, SECRET: 'hunter22', TMPDIR: this.temporary },
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.children.push(child);
    child.stdin.on('error', () => undefined);
    return child;
  }

  /** What docker does next: `said` fails everything, `hold` keeps compose waiting … */
  set(name: string, text: string): void {
    const path = join(this.fake, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Stands before the machine's own command of that name. */
  fakeCommand(name: string, script: string): void {
    writeFileSync(join(this.root, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  container(service: string, digest: string, { running = true, mounts = '' } = {}): void {
    this.set(`box/${service}/digest`, digest);
    this.set(`box/${service}/running`, `${running}\n`);
    this.set(`box/${service}/mounts`, mounts);
  }

  /** Commands of docker that change something. */
  get changes(): string[] {
    return this.calls.filter(call => /^(compose\|--|stop|start|pull|restart|rm)/.test(call));
  }

  get calls(): string[] {
    const path = join(this.fake, 'calls');
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
  }

  read(path: string): string | null {
    const whole = join(this.deploy, path);
    return existsSync(whole) ? readFileSync(whole, 'utf8') : null;
  }

  /** Every file under deploy_dir but the lock's, sorted. */
  tree(): string[] {
    if (!existsSync(this.deploy)) return [];
    return readdirSync(this.deploy, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && !entry.name.startsWith('.lock'))
      .map(entry => join(entry.parentPath, entry.name).slice(this.deploy.length + 1))
      .sort();
  }

  /** @throws when a script asked for a command that a usual machine need not have */
  remove(): void {
    for (const child of this.children) child.kill('SIGKILL');
    const strayed = readFileSync(this.#strayed, 'utf8');
    rmSync(this.root, { recursive: true, force: true });
    if (strayed !== '') throw new Error(`not every machine has: ${strayed.trim().replaceAll('\n', ', ')}`);
  }
}

function compiledHost(deploy: string): CompiledHost {
  const files: CompiledFile[] = Object.entries(texts).map(([path, { text, service }]) => ({
    path,
    sha256: sha256(text),
    mode: path.endsWith('.sh') ? '0755' : '0644',
    service,
  }));
  const fe: FeService = {
    kind: 'fe',
    name: 'starrocks-fe',
    image: 'starrocks/fe-ubuntu:3.3.18',
    digest: FE_DIGEST,
    role: 'follower',
    ports: { http_port: 8030, rpc_port: 9020, query_port: 9030, edit_log_port: 9010 },
    heap_mib: 4096,
    folders: [
      { use: 'meta', host: `${deploy}/data/fe/meta`, container: '/opt/starrocks/fe/meta' },
      { use: 'state-copy', host: `${deploy}/data/fe/state`, container: '/opt/starrocks/run/state-copy' },
    ],
  };
  const be: BeService = {
    kind: 'be',
    name: 'starrocks-be',
    image: 'starrocks/be-ubuntu:3.3.18',
    digest: BE_DIGEST,
    index: 0,
    mem_limit: '70%',
    ports: { be_port: 9060, be_http_port: 8040, heartbeat_service_port: 9050, brpc_port: 8060, starlet_port: 9070 },
    folders: [
      { use: 'storage', host: `${deploy}/data/be/storage`, container: '/opt/starrocks/be/storage' },
      { use: 'storage', host: `${deploy}/data/be/second`, container: '/opt/starrocks/be/storage-1' },
      { use: 'state-copy', host: `${deploy}/data/be/state`, container: '/opt/starrocks/run/state-copy' },
    ],
  };
  return {
    address: '127.0.0.77',
    ssh: { host: '127.0.0.77', port: 22, user: 'deployer', sudo: false, host_key: null, bastion: null },
    maintenance: false,
    deploy_dir: deploy,
    location: null,
    memory: null,
    digest: HOST_DIGEST,
    files,
    fe,
    be: [be],
  };
}

export const cluster: ClusterJson = {
  format: 1,
  cluster: 'analytics',
  version: '3.3.18',
  master_host: '127.0.0.77',
  fe_ports: { http_port: 8030, rpc_port: 9020, query_port: 9030, edit_log_port: 9010 },
  default_replication_num: 3,
  password_env: null,
  allow_outage: false,
  timeouts: { ssh: 20, query: 20, pull: 30, fe_ready: 300, be_ready: 300, drain: 300, lock: 600 },
  hosts: [],
};
