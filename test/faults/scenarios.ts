import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Sandbox, SandboxHost } from '../sandbox/sandbox.ts';

/** One change of a cluster: what happens to the machines first, and what is declared then. */
export interface Change {
  readonly name: string;
  readonly release: string;
  /** Further top-level lines of cluster.yaml. */
  readonly policy: string;
  /** How many of the sandbox's machines are named. */
  readonly machines: number;
  /** Further keys of a machine's entry. */
  readonly perHost: (index: number) => string;
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
const fourth = (index: number) => index === 3;

/** Of a stand-in that is many times faster than StarRocks. */
const TIMEOUTS = 'timeouts: { ssh: 60, query: 60, drain: 120, fe_ready: 180, be_ready: 180, lock: 180 }\n';

const base: Omit<Change, 'name'> = {
  release: '3.3.18',
  policy: TIMEOUTS,
  machines: 3,
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
    const host = sandbox.hosts[index] as SandboxHost;
    await host.engine.containers.find(one => one.service.name === 'starrocks-fe')?.stop();
    const meta = join(host.deployDir, 'data/fe/meta');
    renameSync(meta, `${meta}.lost-${Date.now()}`);
    mkdirSync(meta);
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
      { ...base, name: 'grow by a machine', machines: 4, touches: fourth },
      { ...base, name: 'take a machine out', touches: fourth },
    ],
  },
  {
    name: 'scale-in-be',
    machines: 4,
    changes: [
      { ...base, name: 'add a BE', machines: 4, touches: (at, name) => fourth(at) && name === 'starrocks-be' },
      {
        ...base,
        name: 'scale in of a BE',
        machines: 4,
        perHost: onFourth(', be: none'),
        touches: (at, name) => fourth(at) && name === 'starrocks-be',
      },
    ],
  },
  {
    name: 'scale-in-fe',
    machines: 4,
    changes: [
      { ...base, name: 'add an FE', machines: 4, touches: (at, name) => fourth(at) && name === 'starrocks-fe' },
      {
        ...base,
        name: 'scale in of an FE',
        machines: 4,
        perHost: onFourth(', fe: none'),
        touches: (at, name) => fourth(at) && name === 'starrocks-fe',
      },
    ],
  },
  {
    name: 'role',
    machines: 4,
    changes: [
      { ...base, name: 'observer becomes follower', machines: 4, touches: fourth },
      {
        ...base,
        name: 'follower becomes observer',
        machines: 4,
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
        touches: (at, name) => at === 1 && name === 'starrocks-fe',
      },
      {
        ...base,
        name: 'lost metadata of the FE that founded',
        prepare: loseMetadata(0),
        touches: (at, name) => at === 0 && name === 'starrocks-fe',
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
