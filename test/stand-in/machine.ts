import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { buildStandIn, type StandInBundles } from './build.ts';
import { installStandIn } from './install.ts';

export type Row = Readonly<Record<string, string>>;

const conf = {
  fe: `http_port = 8030
rpc_port = 9020
query_port = \${FE_QUERY_PORT}
edit_log_port = 9010
priority_networks = \${HOST_IP}/32
meta_dir = \${STARROCKS_HOME}/meta
`,
  be: `be_port = 9060
be_http_port = 8040
heartbeat_service_port = 9050
brpc_port = 8060
starlet_port = 9070
mem_limit = 4G
priority_networks = \${HOST_IP}/32
`,
};

/** Hosts of one test file: loopback addresses that no other file uses, and StarRocks on each. */
export interface Site {
  machine(number: number): Machine;
  /** Ends every process and removes every folder. */
  close(): Promise<void>;
}

/** Addresses `127.<block>.<process>.<number>`; `release` is what is installed. */
export async function openSite(block: number, release: string): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'stand-in-site-'));
  const bundles = await buildStandIn(join(folder, 'bundles'));
  const machines = new Map<number, Machine>();
  for (let number = 1; number <= 5; number++) {
    const address = `127.${block}.${process.pid % 250}.${number}`;
    machines.set(number, new Machine(address, join(folder, String(number)), bundles));
    await machines.get(number)?.install(release);
  }
  return {
    machine: number => machines.get(number) ?? fail(`no machine ${number}`),
    close: async () => {
      await Promise.all([...machines.values()].flatMap(machine => [machine.kill('fe'), machine.kill('be')]));
      rmSync(folder, { recursive: true });
    },
  };
}

function fail(message: string): never {
  throw new Error(message);
}

export class Machine {
  readonly address: string;
  readonly root: string;
  readonly #bundles: StandInBundles;
  readonly #processes = new Map<'fe' | 'be', Running>();

  constructor(address: string, root: string, bundles: StandInBundles) {
    this.address = address;
    this.root = root;
    this.#bundles = bundles;
  }

  get editLog(): string {
    return `${this.address}:9010`;
  }

  get heartbeat(): string {
    return `${this.address}:9050`;
  }

  async install(release: string): Promise<void> {
    await installStandIn(this.root, { version: release, bundles: this.#bundles });
    for (const kind of ['fe', 'be'] as const) writeFileSync(join(this.root, kind, 'conf', `${kind}.conf`), conf[kind]);
  }

  /** Starts a process; it runs on until stopped, killed or ended by itself. */
  start(kind: 'fe' | 'be', args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Running {
    const script = join(this.root, kind, 'bin', `start_${kind}.sh`);
    const child = spawn('bash', [script, ...(args.includes('--to-file') ? [] : ['--logconsole', ...args])], {
      env: {
        PATH: process.env['PATH'],
        HOST_IP: this.address,
        FE_QUERY_PORT: '9030',
        STANDIN_NODE: process.execPath,
        STANDIN_SPEED: '20',
        STANDIN_START_MS: '150',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const running = new Running(child);
    this.#processes.set(kind, running);
    return running;
  }

  startFe(...helpers: readonly Machine[]): Running {
    const list = helpers.map(helper => helper.editLog).join(',');
    return this.start('fe', ['--host_type', 'IP', ...(list === '' ? [] : ['--helper', list])]);
  }

  /** SIGTERM, and the end of the process. */
  async stop(kind: 'fe' | 'be'): Promise<void> {
    await this.#processes.get(kind)?.end('SIGTERM');
  }

  async kill(kind: 'fe' | 'be'): Promise<void> {
    await this.#processes.get(kind)?.end('SIGKILL');
  }

  signal(kind: 'fe' | 'be', signal: NodeJS.Signals): void {
    this.#processes.get(kind)?.child.kill(signal);
  }

  /** Path below the root. */
  path(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  read(...parts: readonly string[]): string {
    return readFileSync(this.path(...parts), 'utf8');
  }

  has(...parts: readonly string[]): boolean {
    return existsSync(this.path(...parts));
  }

  /** Empties a folder as a person would: the old one lies aside. */
  aside(...parts: readonly string[]): void {
    renameSync(this.path(...parts), this.path(`aside-${Date.now()}-${Math.random()}`));
    mkdirSync(this.path(...parts));
  }

  copy(from: string, to: string): void {
    cpSync(this.path(from), this.path(to), { recursive: true });
  }

  async sql(statement: string, login: Login = {}): Promise<readonly Row[]> {
    const connection = await createConnection({
      host: this.address,
      port: 9030,
      user: login.user ?? 'root',
      password: login.password ?? '',
      connectTimeout: 5000,
    });
    connection.on('error', () => {});
    try {
      for (const first of login.first ?? []) await connection.query(first);
      const [rows] = await connection.query<RowDataPacket[]>({ sql: statement, timeout: login.limit ?? 8000 });
      return (Array.isArray(rows) ? rows : []) as Row[];
    } finally {
      connection.destroy();
    }
  }

  /** Text of the error of a statement that must fail, as the mysql client prints it. */
  async refusal(statement: string, login: Login = {}): Promise<string> {
    try {
      await this.sql(statement, login);
    } catch (error) {
      const { errno, sqlState, message } = error as { errno: number; sqlState?: string; message: string };
      return sqlState === undefined ? message : `ERROR ${errno} (${sqlState}): ${message}`;
    }
    return 'it succeeded';
  }

  async isReady(): Promise<boolean> {
    return (await this.get('/api/bootstrap')) !== null;
  }

  /** Body of a GET on http_port; null while nobody listens. */
  async get(path: string, port = 8030): Promise<string | null> {
    try {
      return await (await fetch(`http://${this.address}:${port}${path}`)).text();
    } catch {
      return null;
    }
  }

  async frontend(of: Machine): Promise<Row | undefined> {
    return (await this.sql('SHOW FRONTENDS')).find(row => row['IP'] === of.address);
  }

  async backend(of: Machine): Promise<Row | undefined> {
    return (await this.sql('SHOW BACKENDS')).find(row => row['IP'] === of.address);
  }
}

export interface Login {
  readonly user?: string;
  readonly password?: string;
  /** Statements that come before it on the same connection. */
  readonly first?: readonly string[];
  /** ms */
  readonly limit?: number;
}

export class Running {
  readonly child: ChildProcess;
  output = '';
  readonly exited: Promise<number | null>;

  constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
    this.exited = new Promise(resolve => child.once('close', code => resolve(code)));
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.hasEnded) this.child.kill(signal);
    await this.exited;
  }
}

/** Polls until `look` gives something other than false, null or undefined; the last error says why it never did. */
export async function until<T>(what: string, look: () => Promise<T> | T, limitMs = 20_000): Promise<NonNullable<T>> {
  const limit = Date.now() + limitMs;
  let why: unknown = 'not yet';
  while (Date.now() < limit) {
    try {
      const seen = await look();
      if (seen !== false && seen !== null && seen !== undefined) return seen;
    } catch (error) {
      why = error;
    }
    await wait(50);
  }
  throw new Error(`waited in vain until ${what}: ${String(why)}`);
}

/** A cluster of the first machines: the first founds, the others join one by one. */
export async function bootstrap(site: Site, followers: number): Promise<void> {
  const founder = site.machine(1);
  founder.startFe();
  await until('the founder is ready', () => founder.isReady());
  for (let number = 2; number <= followers; number++) await admit(founder, site.machine(number));
}

/** Registers and starts a follower, and waits until the leader calls it alive. */
async function admit(leader: Machine, follower: Machine): Promise<void> {
  await leader.sql(`ALTER SYSTEM ADD FOLLOWER "${follower.editLog}"`);
  follower.startFe(leader);
  await untilAlive(leader, follower);
}

export async function untilAlive(asked: Machine, of: Machine): Promise<Row> {
  return until(`${of.address} is alive`, async () => {
    const row = await asked.frontend(of);
    return row?.['Alive'] === 'true' && row['Join'] === 'true' ? row : null;
  });
}

/** Waits until `asked` knows a leader, and which of the machines it is. */
export async function leaderOf(asked: Machine, machines: readonly Machine[]): Promise<Machine> {
  return until('there is a leader', async () => {
    const rows = await asked.sql('SHOW FRONTENDS', { limit: 2000 });
    const host = rows.find(row => row['Role'] === 'LEADER')?.['IP'];
    return machines.find(machine => machine.address === host);
  });
}
