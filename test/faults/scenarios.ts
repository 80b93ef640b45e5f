import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sandbox, SandboxHost } from '../sandbox/sandbox.ts';
import { ask, type Row } from './ask.ts';

/** One change of a cluster: what happens to the machines first, and what is declared then. */
export interface Change {
  readonly name: string;
  readonly release: string;
  /** Further top-level lines of cluster.yaml. */
  readonly policy: string;
  /** Is this one of the sandbox's machines named? */
  readonly names: (index: number) => boolean;
  /** Further keys of a machine's entry. */
  readonly perHost: (index: number, host: SandboxHost) => string;
  readonly prepare: (sandbox: Sandbox) => Promise<void>;
  /** Services of which machines it is about: nobody else may restart. */
  readonly touches: (index: number, service: string) => boolean;
}

/** Changes that follow each other for ever: each begins where the one before has ended, so that nothing is made anew. */
export interface Scenario {
  readonly name: string;
  readonly machines: number;
  readonly changes: readonly Change[];
}

const everybody = () => true;
const nobody = () => false;
const nothing = async () => undefined;
const firstThree = (index: number) => index < 3;
const fourth = (index: number) => index === 3;
/** Each of them carries an FE and a BE. */
const frontendOf = (index: number) => (at: number, service: string) => at === index && service === 'starrocks-fe';
const backendOf = (index: number) => (at: number, service: string) => at === index && service === 'starrocks-be';

/** Of a stand-in that is many times faster than StarRocks. */
const TIMEOUTS = 'timeouts: { ssh: 60, query: 60, drain: 120, fe_ready: 180, be_ready: 180, lock: 180 }\n';

const base: Omit<Change, 'name'> = {
  release: '3.3.18',
  policy: TIMEOUTS,
  names: firstThree,
  perHost: () => '',
  prepare: nothing,
  touches: everybody,
};

const onFourth = (keys: string) => (index: number) => (fourth(index) ? keys : '');

const wipe = async (sandbox: Sandbox): Promise<void> => {
  await Promise.all(sandbox.hosts.map(host => host.wipe()));
};

const stopAll = async (sandbox: Sandbox): Promise<void> => {
  await Promise.all(sandbox.hosts.flatMap(host => host.engine.containers.map(container => container.stop())));
};

/** As when somebody has replaced a disk: the folder is there, and empty. */
const loseMetadata =
  (index: number) =>
  async (sandbox: Sandbox): Promise<void> => {
    const host = sandbox.host(index);
    await container(host, 'starrocks-fe')?.stop();
    lose(join(host.deployDir, 'data/fe/meta'));
  };

const container = (host: SandboxHost, name: string) => host.engine.containers.find(one => one.service.name === name);

function lose(folder: string): void {
  renameSync(folder, `${folder}.lost-${Date.now()}`);
  mkdirSync(folder);
}

const MOST_MS = 90_000;

async function until(what: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + MOST_MS;
  while (!(await what())) {
    if (performance.now() > end) throw new Error(`it never came to that: ${what}`);
    await sleep(200);
  }
}

/** What the first FE that answers says. */
async function sql({ hosts }: Sandbox, statement: string): Promise<readonly Row[]> {
  for (const { address } of hosts) {
    const rows = await ask(address, statement);
    if (rows !== null) return rows;
  }
  return [];
}

const leaderOf = async (sandbox: Sandbox): Promise<string | undefined> =>
  (await sql(sandbox, 'SHOW FRONTENDS')).find(row => row['Role'] === 'LEADER' && row['Alive'] === 'true')?.['IP'];

/** Its FE stops, another one leads, and it comes back as a follower. */
async function moveLeader(sandbox: Sandbox): Promise<void> {
  const before = await leaderOf(sandbox);
  const fe = sandbox.hosts.filter(host => host.address === before).map(host => container(host, 'starrocks-fe'))[0];
  await fe?.stop();
  await until(async () => ![undefined, before].includes(await leaderOf(sandbox)));
  fe?.start();
  await until(async () => (await sql(sandbox, 'SHOW FRONTENDS')).every(row => row['Alive'] === 'true'));
}

/** Somebody stops an FE and takes it out by SQL. */
const dropByHand =
  (index: number) =>
  async (sandbox: Sandbox): Promise<void> => {
    const host = sandbox.host(index);
    await container(host, 'starrocks-fe')?.stop();
    await until(async () => ![undefined, host.address].includes(await leaderOf(sandbox)));
    await sql(sandbox, `ALTER SYSTEM DROP FOLLOWER "${host.address}:9010"`);
    await until(async () => (await sql(sandbox, 'SHOW FRONTENDS')).every(row => row['IP'] !== host.address));
  };

/** A BE is told to drain, and its row stays when it holds nothing more. */
const drainByHand =
  (index: number) =>
  async (sandbox: Sandbox): Promise<void> => {
    const node = `${sandbox.host(index).address}:9050`;
    for (const { address } of sandbox.hosts)
      await ask(address, 'ADMIN SET FRONTEND CONFIG ("drop_backend_after_decommission" = "false")');
    await sql(sandbox, `ALTER SYSTEM DECOMMISSION BACKEND "${node}"`);
    const drains = (row: Row) => `${row['IP']}:9050` === node && row['SystemDecommissioned'] === 'true';
    await until(async () => (await sql(sandbox, 'SHOW BACKENDS')).some(drains));
  };

/** As when somebody has replaced a disk of a BE, and the others have copied what it held since. */
const loseStorage =
  (index: number) =>
  async (sandbox: Sandbox): Promise<void> => {
    const host = sandbox.host(index);
    await container(host, 'starrocks-be')?.stop();
    lose(join(host.deployDir, 'data/be/storage'));
    const replaced = (row: Row) => row['IP'] === host.address && row['Alive'] === 'false' && row['TabletNum'] === '0';
    await until(async () => (await sql(sandbox, 'SHOW BACKENDS')).some(replaced));
  };

const withDisks =
  (count: number) =>
  (index: number, host: SandboxHost): string => {
    const folders = Array.from({ length: count }, (_, at) => `{ path: ${host.folder}/disk-${at + 1} }`);
    return index === 1 ? `, be: { storage: [${folders.join(', ')}] }` : '';
  };

const conf = (ms: number, percent: number) =>
  `, fe_conf: { qe_slow_log_ms: "${ms}" }, be_conf: { load_process_max_memory_limit_percent: "${percent}" }`;

const racks = (names: readonly string[]) => (index: number) => `, labels: { location: "rack:${names[index]}" }`;

/** What can become of a cluster, as far as the sandbox can play it. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'bootstrap', machines: 3, changes: [{ ...base, name: 'first bootstrap', prepare: wipe }] },
  {
    name: 'config',
    machines: 3,
    changes: [
      { ...base, name: 'config change', perHost: () => conf(4000, 20) },
      { ...base, name: 'config change back', perHost: () => conf(5000, 30) },
    ],
  },
  {
    name: 'grow',
    machines: 4,
    changes: [
      { ...base, name: 'grow by a machine', names: everybody, touches: fourth },
      { ...base, name: 'take a machine out', touches: fourth },
    ],
  },
  {
    name: 'scale-in-be',
    machines: 4,
    changes: [
      // An FE and a BE of one machine share its memory: each restarts when the other comes or goes.
      { ...base, name: 'add a BE', names: everybody, touches: fourth },
      {
        ...base,
        name: 'scale in of a BE',
        names: everybody,
        perHost: onFourth(', be: none'),
        touches: fourth,
      },
    ],
  },
  {
    name: 'scale-in-fe',
    machines: 4,
    changes: [
      { ...base, name: 'add an FE', names: everybody, touches: fourth },
      {
        ...base,
        name: 'scale in of an FE',
        names: everybody,
        perHost: onFourth(', fe: none'),
        touches: fourth,
      },
    ],
  },
  {
    name: 'role',
    machines: 4,
    changes: [
      { ...base, name: 'observer becomes follower', names: everybody, touches: fourth },
      {
        ...base,
        name: 'follower becomes observer',
        names: everybody,
        perHost: onFourth(', fe: observer'),
        touches: fourth,
      },
    ],
  },
  { name: 'cold-start', machines: 3, changes: [{ ...base, name: 'cold start after a full stop', prepare: stopAll }] },
  {
    name: 'lost-metadata',
    machines: 3,
    changes: [
      {
        ...base,
        name: 'lost metadata of a follower',
        prepare: loseMetadata(1),
        touches: frontendOf(1),
      },
      {
        ...base,
        name: 'lost metadata of the FE that founded',
        prepare: loseMetadata(0),
        touches: frontendOf(0),
      },
    ],
  },
  {
    name: 'release',
    machines: 3,
    changes: [
      { ...base, name: 'downgrade', release: '3.4.10' },
      { ...base, name: 'upgrade', release: '3.5.6' },
    ],
  },
  {
    name: 'labels',
    machines: 3,
    changes: [
      { ...base, name: 'labels', perHost: racks(['r1', 'r2', 'r3']), touches: nobody },
      { ...base, name: 'other labels', perHost: racks(['r2', 'r3', 'r1']), touches: nobody },
    ],
  },
  {
    name: 'cancelled-drain',
    machines: 4,
    changes: [
      {
        ...base,
        name: 'a drain is cancelled',
        names: everybody,
        prepare: drainByHand(3),
        touches: backendOf(3),
      },
    ],
  },
  {
    name: 'lost-storage',
    machines: 4,
    changes: [
      {
        ...base,
        name: 'lost storage of a BE',
        names: everybody,
        prepare: loseStorage(3),
        touches: backendOf(3),
      },
    ],
  },
  {
    name: 'dropped-by-hand',
    machines: 3,
    changes: [{ ...base, name: 'an FE that somebody dropped', prepare: dropByHand(1), touches: frontendOf(1) }],
  },
  {
    name: 'address',
    machines: 5,
    changes: [
      { ...base, name: 'another address', names: index => index !== 3, touches: index => index > 2 },
      { ...base, name: 'another address, back', names: index => index !== 4, touches: index => index > 2 },
    ],
  },
  {
    name: 'disk',
    machines: 3,
    changes: [
      { ...base, name: 'a disk more', perHost: withDisks(2), touches: backendOf(1) },
      { ...base, name: 'a disk less', perHost: withDisks(1), touches: backendOf(1) },
    ],
  },
  {
    name: 'led-elsewhere',
    machines: 3,
    changes: [
      { ...base, name: 'config change, led elsewhere', perHost: () => conf(4000, 20), prepare: moveLeader },
      { ...base, name: 'config change back, led elsewhere', perHost: () => conf(5000, 30), prepare: moveLeader },
    ],
  },
  {
    name: 'two-things',
    machines: 4,
    changes: [
      { ...base, name: 'grow and change conf', names: everybody, perHost: () => conf(4000, 20) },
      { ...base, name: 'shrink and change conf', perHost: () => conf(5000, 30) },
    ],
  },
  {
    name: 'refresh',
    machines: 3,
    changes: [
      { ...base, name: 'refresh only', policy: `${TIMEOUTS}kafka_host: 10.9.9.1\n`, touches: nobody },
      { ...base, name: 'refresh only, back', policy: `${TIMEOUTS}kafka_host: 10.9.9.2\n`, touches: nobody },
    ],
  },
];

/** @throws when there is none */
export function changeNamed(name: string): Change {
  const found = SCENARIOS.flatMap(({ changes }) => changes).find(change => change.name === name);
  if (found === undefined) throw new Error(`no scenario has the change ${name}`);
  return found;
}
