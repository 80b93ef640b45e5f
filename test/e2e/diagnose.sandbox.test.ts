import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Diagnosis } from '../../.github/actions/deploy/src/diagnose/diagnosis.ts';
import { keyPair } from '../sandbox/key-pair.ts';
import { Sandbox, type SandboxHost } from '../sandbox/sandbox.ts';
import { Project } from './project.ts';

type Code = Diagnosis['code'];
type Service = 'starrocks-fe' | 'starrocks-be';

async function docker(host: SandboxHost, ...args: string[]): Promise<void> {
  const { code, stderr } = await host.engine.docker(args, host.deployDir);
  expect([code, stderr]).toEqual([0, '']);
}

/** What somebody does to the files of a service while it stands still. */
const meanwhile =
  (service: Service, change: (host: SandboxHost) => void) =>
  async (host: SandboxHost): Promise<void> => {
    await docker(host, 'stop', service);
    change(host);
    await docker(host, 'start', service);
  };

function remove(host: SandboxHost, ...paths: readonly string[]): void {
  for (const path of paths) rmSync(join(host.deployDir, path), { recursive: true, force: true });
}

function edit(host: SandboxHost, file: string, change: (text: string) => string): void {
  const path = join(host.deployDir, file);
  writeFileSync(path, change(readFileSync(path, 'utf8')));
}

const runsInstead = (script: string) =>
  meanwhile('starrocks-be', host => edit(host, 'run/bin/be-entrypoint.sh', () => script));

async function sql(statement: string): Promise<void> {
  const connection = await createConnection({ host: sandbox.host(0).address, port: 9030, user: 'root' });
  await connection.query(statement);
  await connection.end();
}

/** What happens to one service of a machine, and the causes that are named for it, the most likely one first. */
type Trouble = readonly [what: string, Service, happens: (host: SandboxHost) => Promise<void>, codes: readonly Code[]];

const troubles: readonly Trouble[] = [
  [
    'an FE_HOST that names no FE',
    'starrocks-be',
    meanwhile('starrocks-be', host => {
      remove(host, 'data/be', 'state');
      edit(host, 'starrocks-be.env', text => text.replace(/^FE_HOST=.*$/m, 'FE_HOST=127.0.0.9'));
    }),
    ['D_WRONG_FE_HOST'],
  ],
  [
    'a line of an env file that is none',
    'starrocks-be',
    meanwhile('starrocks-be', host => appendFileSync(join(host.deployDir, 'starrocks-be.env'), 'BE_PORT 9060\n')),
    ['D_CONF', 'D_CRASHES'],
  ],
  [
    'storage that is gone',
    'starrocks-be',
    meanwhile('starrocks-be', host => remove(host, 'data/be/storage')),
    ['D_DATA_LOST'],
  ],
  [
    'a BE whose row somebody dropped',
    'starrocks-be',
    host => sql(`ALTER SYSTEM DROP BACKEND "${host.address}:9050" FORCE`),
    ['D_WAITS_TO_BE_ADDED'],
  ],
  [
    'a process that does not listen',
    'starrocks-be',
    runsInstead('exec sleep 600\n'),
    ['D_NOT_LISTENING', 'D_STARTING'],
  ],
  ['a process that ends at once', 'starrocks-be', runsInstead('exit 7\n'), ['D_CRASHES']],
  [
    'a container that somebody removed',
    'starrocks-be',
    async host => {
      for (const command of ['stop', 'rm']) await docker(host, command, 'starrocks-be');
    },
    ['D_NOT_DEPLOYED'],
  ],
  [
    'an FE whose row somebody dropped',
    'starrocks-fe',
    host => sql(`ALTER SYSTEM DROP OBSERVER "${host.address}:9010"`),
    ['D_DROPPED'],
  ],
  [
    'a join that was cut off',
    'starrocks-fe',
    meanwhile('starrocks-fe', host => writeFileSync(join(host.deployDir, 'state/fe/joining'), '')),
    ['D_META_PARTIAL'],
  ],
  [
    'an FE that somebody let found a cluster of its own',
    'starrocks-fe',
    meanwhile('starrocks-fe', host => {
      remove(host, 'data/fe', 'state');
      edit(host, 'starrocks-fe.env', text => text.replace('FE_INDEX=1', 'FE_INDEX=0'));
    }),
    ['D_SECOND_CLUSTER', 'D_CLUSTER_ID'],
  ],
  [
    'a process that hangs',
    'starrocks-fe',
    async ({ engine: { containers } }) => {
      await vi.waitUntil(() => containers.every(one => one.health === 'healthy'), { timeout: 30_000, interval: 100 });
      for (const { pid } of containers) process.kill(pid, 'SIGSTOP');
    },
    ['D_UNKNOWN'],
  ],
];

/** The first machine is the cluster, each of the next ones is there for one trouble, and the last joins at the end. */
const FIRST_TROUBLE = 1;
const LAST = FIRST_TROUBLE + troubles.length;

let sandbox: Sandbox;
let project: Project;

const yaml = (): string =>
  sandbox.clusterYaml('timeouts: { query: 3 }\n', (_, index) => {
    if (index === 0) return '';
    const [, service = 'starrocks-fe'] = troubles[index - FIRST_TROUBLE] ?? [];
    return service === 'starrocks-fe' ? ', fe: observer, be: none' : ', fe: none';
  });

const codesOf = (diagnoses: readonly Diagnosis[], node: string): readonly Code[] =>
  diagnoses.filter(one => one.node === node).map(one => one.code);

/** A node is dead only after some heartbeats. */
async function eventually(node: string, expected: readonly Code[]): Promise<void> {
  const mostLikely = async () => codesOf((await project.run('diagnose')).diagnoses, node).slice(0, expected.length);
  await expect.poll(mostLikely, { timeout: 60_000, interval: 200 }).toEqual(expected);
}

/** Addresses of machines that somebody else's checkout cannot get into, and why. */
async function shut(privateKey: string, text: string): Promise<readonly (readonly [string, Code])[]> {
  const other = new Project(privateKey);
  try {
    other.compile(text);
    return (await other.run('diagnose')).diagnoses.map(({ node, code }) => [node, code]);
  } finally {
    other.remove();
  }
}

describe('the causes of trouble in a cluster', () => {
  beforeAll(async () => {
    sandbox = await Sandbox.start({
      hosts: LAST + 1,
      first: 1,
      network: '127.0.9',
      env: { STANDIN_SPEED: '20', STANDIN_START_MS: '300' },
    });
    project = new Project(sandbox.privateKey);
  });

  afterAll(async () => {
    await sandbox?.stop();
    project?.remove();
  });

  const node = (index: number, service: Service): string => `${sandbox.host(index).address}/${service}`;

  it('come with a first deploy that failed: an image that no registry has', async () => {
    const policy = 'default_replication_num: 1\nimages: { be: "starrocks/be-ubuntu:none" }\n';
    project.compile(sandbox.clusterYaml(policy, () => '', [sandbox.host(0)]));
    const { outcome, diagnoses } = await project.run('deploy');
    expect([outcome, codesOf(diagnoses, node(0, 'starrocks-be'))]).toEqual([
      'failed',
      ['D_IMAGE', 'D_FE_NOT_READY', 'D_NOT_DEPLOYED'],
    ]);
  });

  it('are none while all is well', async () => {
    project.compile(yaml());
    expect((await project.run('deploy')).outcome).toBe('changed');
    expect((await project.run('diagnose')).diagnoses).toEqual([]);
  });

  it('are a key that the machines do not know, and a machine that shows another key than the pinned one', async () => {
    const all = sandbox.hosts.map(host => host.address);
    expect(await shut(keyPair().private, yaml())).toEqual(all.map(address => [address, 'D_LOGIN']));
    const pinned = sandbox.host(1).hostKey.trim().split(' ').slice(0, 2).join(' ');
    const another = keyPair().public.trim().split(' ').slice(0, 2).join(' ');
    expect(await shut(sandbox.privateKey, yaml().replace(pinned, another))).toEqual([[all[1], 'D_HOST_KEY']]);
  });

  it.each(troubles.map((trouble, at) => [...trouble, FIRST_TROUBLE + at] as const))(
    'are told apart: %s',
    async (_what, service, happens, expected, index) => {
      await happens(sandbox.host(index));
      await eventually(node(index, service), expected);
      // Nobody puts it right: whatever it does from now on is no business of the others.
      await sandbox.host(index).engine.clear();
    },
  );

  it('are told apart where the only FE is down: an FE and a BE that wait for it', async () => {
    await docker(sandbox.host(0), 'stop', 'starrocks-fe');
    await meanwhile('starrocks-fe', host => remove(host, 'data/fe', 'state'))(sandbox.host(LAST));
    await eventually(node(LAST, 'starrocks-fe'), ['D_QUORUM_LOST', 'D_LEADER_NOT_UP', 'D_LEADER_UNREACHABLE']);
    await eventually(node(0, 'starrocks-be'), ['D_FE_NOT_READY']);
  });
});
