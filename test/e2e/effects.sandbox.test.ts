import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Wish } from '../../.github/actions/deploy/src/engine/start.ts';
import type { Operation } from '../../.github/actions/deploy/src/plan/operation.ts';
import { ask } from '../faults/ask.ts';
import { Sandbox, type SandboxHost } from '../sandbox/sandbox.ts';
import { Project } from './project.ts';
import { traced } from './trace.ts';

let sandbox: Sandbox;
let project: Project;

beforeAll(async () => {
  sandbox = await Sandbox.start({ hosts: 4, first: 61, env: { STANDIN_SPEED: '12', STANDIN_TABLETS: '60' } });
  project = new Project(sandbox.privateKey);
});

afterAll(async () => {
  await sandbox?.stop();
  project?.remove();
});

const host = (index: number): SandboxHost => sandbox.host(index);

function declare(
  names: readonly number[],
  perHost: (index: number) => string = () => '',
  policy = 'timeouts: { query: 60 }\n',
  starrocks = 'version: 3.3.18',
): void {
  const yaml = sandbox.clusterYaml(policy, one => perHost(sandbox.hosts.indexOf(one)), names.map(host));
  project.compile(yaml.replace('version: 3.3.18', starrocks));
  project.commit('another cluster.yaml');
}

const kindOf = (operation: Operation): string => (operation.kind === 'sql' ? operation.statement.kind : operation.kind);

/** Every operation of it did what the model says. @returns the kinds of its operations, in order */
async function deployed(wish: Partial<Wish> = {}): Promise<string[]> {
  const { report, trace } = await traced(await project.prepare(wish.mode ?? 'deploy', wish));
  const off = trace.filter(one => one.deviations.length > 0);
  expect(off.map(({ operation, deviations }) => [kindOf(operation), ...deviations])).toEqual([]);
  expect(report.problems).toEqual([]);
  return trace.map(one => kindOf(one.operation));
}

const addresses = (...indexes: readonly number[]): string[] => indexes.map(index => host(index).address);

describe('what an operation does to machines and rows is what the model says', { timeout: 300_000 }, () => {
  it('in a bootstrap', async () => {
    declare([0, 1, 2]);
    const done = await deployed();
    expect([...new Set(done)].sort()).toEqual(['activate', 'addBackend', 'addFollower', 'pull', 'stage', 'writeState']);
    expect(done.filter(kind => kind === 'activate').length).toBe(6);
  });

  it('in a change of the conf of a BE and of an FE', async () => {
    const conf = [
      '',
      ', be_conf: { load_process_max_memory_limit_percent: "20" }',
      ', fe_conf: { qe_slow_log_ms: "4000" }',
    ];
    declare([0, 1, 2], index => conf[index] ?? '');
    expect(await deployed()).toEqual(['stage', 'stage', 'activate', 'activate']);
  });

  it('when the connection is cut while a BE is restarted, and in the run after that', async () => {
    declare([0, 1, 2]);
    const { trace } = await traced(await project.prepare('deploy'), async operation => {
      if (operation.kind !== 'activate' || operation.service === 'starrocks-fe') return;
      await host(1).closeSsh();
      await host(1).openSsh();
    });
    expect(trace.flatMap(one => one.deviations)).toEqual([]);
    expect(trace.filter(one => !one.answered).map(one => one.operation)).toMatchObject([
      { kind: 'activate', host: host(1).address, service: 'starrocks-be' },
    ]);
    expect(await deployed()).toContain('activate');
  });

  it('when it grows', async () => {
    declare([0, 1, 2, 3]);
    expect(await deployed()).toEqual(expect.arrayContaining(['writeState', 'addFollower', 'addBackend']));
  });

  it('when a BE is drained', async () => {
    declare([0, 1, 2, 3], index => (index === 3 ? ', be: none' : ''));
    expect(await deployed()).toEqual(
      expect.arrayContaining(['decommissionBackend', 'stop', 'removeContainer', 'retire', 'dropBackend']),
    );
  });

  it('when a follower becomes an observer', async () => {
    declare([0, 1, 2, 3], index => (index === 3 ? ', be: none, fe: observer' : ''));
    expect(await deployed()).toEqual(
      expect.arrayContaining(['stop', 'asideMetadata', 'dropFollower', 'activate', 'addObserver']),
    );
  });

  it('when a machine leaves', async () => {
    declare([0, 1, 2]);
    expect(await deployed()).toEqual(
      expect.arrayContaining(['stop', 'asideMetadata', 'removeContainer', 'dropObserver']),
    );
    expect(host(3).engine.containers).toEqual([]);
  });

  it('in a cold start', async () => {
    for (const one of sandbox.hosts) for (const container of one.engine.containers) await container.stop();
    expect(await deployed()).toEqual(Array.from({ length: 6 }, () => 'activate'));
    const { frontends } = await project.run('status');
    expect(frontends.map(row => row['IP']).sort()).toEqual(addresses(0, 1, 2));
  });

  it('when only files differ', async () => {
    declare([0, 1, 2], () => '', 'kafka_host: 10.9.9.1\n');
    expect(new Set(await deployed())).toEqual(new Set(['stage', 'refresh']));
  });

  it('when labels are set', async () => {
    declare([0, 1, 2], index => `, labels: { location: "rack:r${index}" }`, 'kafka_host: 10.9.9.1\n');
    expect(await deployed()).toEqual(['setLocation', 'setLocation', 'setLocation']);
  });

  it('when a drain that somebody began is cancelled', async () => {
    const node = `${host(2).address}:9050`;
    expect(await ask(host(0).address, `ALTER SYSTEM DECOMMISSION BACKEND "${node}"`)).not.toBeNull();
    expect(await deployed()).toContain('cancelDecommission');
  });

  it('when somebody restarts a service as it is', async () => {
    const wish = { mode: 'restart', hosts: [host(1).address], service: 'starrocks-be', reason: 'a test' } as const;
    expect(await deployed(wish)).toEqual(['restart']);
  });

  it('when an FE has lost its metadata and joins again', async () => {
    const lost = host(1);
    await lost.engine.containers.find(one => one.service.name === 'starrocks-fe')?.stop();
    rmSync(join(lost.deployDir, 'data/fe/meta'), { recursive: true });
    mkdirSync(join(lost.deployDir, 'data/fe/meta'));
    expect(await deployed()).toEqual(expect.arrayContaining(['writeState', 'activate', 'addFollower']));
  });

  const labelled = (index: number) => `, labels: { location: "rack:r${index}" }`;
  const kafka = 'kafka_host: 10.9.9.1\n';

  it('when the release changes', async () => {
    declare([0, 1, 2], labelled, kafka, 'version: 3.4.10');
    const kinds = ['stage', 'pull', 'writeSwitches', 'setSwitches', 'createImage', 'copyMetadata', 'activate'];
    expect(new Set(await deployed())).toEqual(new Set(kinds));
  });

  it('when root gets its password', async () => {
    declare([0, 1, 2], labelled, kafka, 'version: 3.4.10, password: true');
    expect(await deployed({ password: 'of-a-test' })).toContain('setRootPassword');
  });
});
