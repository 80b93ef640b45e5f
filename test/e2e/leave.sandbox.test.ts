import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory } from '../../.github/actions/deploy/src/engine/history.ts';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { Sandbox, type SandboxHost } from '../sandbox/sandbox.ts';
import { Project } from './project.ts';

/** One cluster that shrinks and changes its roles: each test finds what the one before left. */
let sandbox: Sandbox;
let project: Project;

beforeAll(async () => {
  sandbox = await Sandbox.start({
    hosts: 5,
    first: 221,
    env: { STANDIN_SPEED: '8', STANDIN_START_MS: '400', STANDIN_TABLETS: '120' },
  });
  project = new Project(sandbox.privateKey);
});

afterAll(async () => {
  await sandbox?.stop();
  project?.remove();
});

const host = (index: number): SandboxHost => sandbox.host(index);

const titles = (report: RunReport): string[] => report.steps.map(step => step.title);
const members = (report: RunReport): Record<string, string> =>
  Object.fromEntries(report.frontends.map(row => [row['IP'] ?? '', row['Role'] ?? '']));
const at = (index: number, path = ''): string => join(host(index).deployDir, path);

/** cluster.yaml as it is from now on, committed. */
function declare(
  names: readonly number[],
  perHost: (index: number) => string = () => '',
  policy = 'timeouts: { drain: 60 }\n',
): void {
  const named = names.map(host);
  project.compile(sandbox.clusterYaml(policy, one => perHost(sandbox.hosts.indexOf(one)), named));
  project.commit(`hosts ${names.join(', ')}`);
}

async function sql(statement: string): Promise<void> {
  const connection = await createConnection({ host: host(0).address, port: 9030, user: 'root' });
  await connection.query(statement);
  await connection.end();
}

async function deploy(): Promise<RunReport> {
  const report = await project.run('deploy');
  expect(report.problems).toEqual([]);
  return report;
}

describe('a cluster of five machines', () => {
  it('loses two of them in an order that keeps quorum and replicas, and leaves their data marked', async () => {
    declare([0, 1, 2, 3, 4]);
    await deploy();
    declare([0, 1, 2]);
    const report = await deploy();
    const remembers = titles(report).filter(title => title.startsWith('write down'));
    expect(remembers.sort()).toEqual([0, 1, 2].map(index => `write down the FEs on ${host(index).address}`));
    const others = titles(report).filter(title => !title.startsWith('write down'));
    // Two BEs drain together, and whichever is empty first is removed first.
    const inOrder = [...others.slice(0, 4), ...others.slice(4).sort()];
    expect(inOrder).toEqual([
      `stop starrocks-fe on ${host(3).address}`,
      `remove starrocks-fe on ${host(3).address}`,
      `stop starrocks-fe on ${host(4).address}`,
      `remove starrocks-fe on ${host(4).address}`,
      `drain starrocks-be on ${host(3).address}`,
      `drain starrocks-be on ${host(4).address}`,
      `remove starrocks-be on ${host(3).address}`,
      `remove starrocks-be on ${host(4).address}`,
    ]);
    expect([report.outcome, report.findings]).toEqual(['changed', []]);
    expect(Object.keys(members(report)).sort()).toEqual([0, 1, 2].map(index => host(index).address));
    expect(report.backends.map(row => row['IP']).sort()).toEqual([0, 1, 2].map(index => host(index).address));
    expect(report.hosts.slice(3).map(one => one.outcome)).toEqual(['applied', 'applied']);
    for (const index of [3, 4]) {
      expect(host(index).engine.containers).toEqual([]);
      expect(readdirSync(at(index, 'data/fe')).filter(name => name.startsWith('meta.aside-'))).toHaveLength(1);
      expect(JSON.parse(readFileSync(at(index, 'data/be/storage.retired'), 'utf8'))).toMatchObject({
        cluster: 'sandbox',
      });
      expect(readdirSync(at(index, 'data/be/storage'))).toContain('cluster_id');
    }
  });

  it('is as declared from then on, and asks the machines that are gone nothing any more', async () => {
    const report = await deploy();
    expect([report.outcome, report.counters]).toMatchObject(['unchanged', { connections: 3 }]);
  });

  it('has a removed machine back like a new one', async () => {
    declare([0, 1, 2, 3]);
    const report = await deploy();
    expect(titles(report).slice(0, 2)).toEqual([
      `join starrocks-fe on ${host(3).address}`,
      `add starrocks-be on ${host(3).address}`,
    ]);
    expect(titles(report).slice(2).sort()).toEqual(
      [0, 1, 2].map(index => `write down the FEs on ${host(index).address}`),
    );
    expect(report.outcome).toBe('changed');
  });

  it('tells of a drain that takes longer than the run, as drift does, and cancels it when the machine stays', async () => {
    declare([0, 1, 2, 3], index => (index === 3 ? ', be: none' : ''), 'timeouts: { drain: 1 }\n');
    // Nothing moves while the others may take nothing.
    await sql('ADMIN SET FRONTEND CONFIG ("tablet_sched_max_scheduling_tablets" = "0")');
    const draining = await deploy();
    expect([draining.outcome, draining.findings]).toMatchObject([
      'draining',
      [{ kind: 'draining', severity: 'warning', node: `${host(3).address}:9050` }],
    ]);
    expect((await project.run('drift')).outcome).toBe('draining');
    declare([0, 1, 2, 3]);
    const back = await deploy();
    expect(titles(back)).toContain(`cancel the drain of starrocks-be on ${host(3).address}`);
    expect(back.outcome).toBe('changed');
    await sql('ADMIN SET FRONTEND CONFIG ("tablet_sched_max_scheduling_tablets" = "10000")');
  });

  it('removes one BE of a machine that stays, in a later run than the one that began', async () => {
    declare([0, 1, 2, 3], index => (index === 3 ? ', be: none' : ''), 'timeouts: { drain: 1 }\n');
    const outcomes = [(await deploy()).outcome];
    while (outcomes.at(-1) === 'draining' && outcomes.length < 60) outcomes.push((await deploy()).outcome);
    expect(outcomes.at(-1)).toBe('changed');
    expect(host(3).engine.containers.map(one => one.service.name)).toEqual(['starrocks-fe']);
  });

  it('makes a follower an observer and a follower again, with its metadata aside each time', async () => {
    declare([0, 1, 2, 3], index => (index === 3 ? ', be: none, fe: observer' : ''));
    const observing = await deploy();
    expect(titles(observing).filter(title => title.includes('starrocks-fe'))).toEqual([
      `stop starrocks-fe on ${host(3).address}`,
      `take starrocks-fe on ${host(3).address} out, to change its role`,
      `join starrocks-fe on ${host(3).address}`,
    ]);
    expect(members(observing)[host(3).address]).toBe('OBSERVER');
    declare([0, 1, 2, 3], index => (index === 3 ? ', be: none' : ''));
    expect(members(await deploy())[host(3).address]).toBe('FOLLOWER');
  });

  it('goes on when its leader leaves, though it founded the cluster', async () => {
    declare([1, 2, 3]);
    const report = await deploy();
    expect(Object.keys(members(report)).sort()).toEqual([1, 2, 3].map(index => host(index).address));
    expect(Object.values(members(report)).filter(role => role === 'LEADER')).toHaveLength(1);
    expect(host(0).engine.containers).toEqual([]);
    expect((await deploy()).outcome).toBe('unchanged');
  });

  it('drops what has lost its machine by SQL alone, once the leader has not heard of it', async () => {
    declare([1, 2, 3, 4]);
    await deploy();
    await host(4).halt();
    declare([1, 2, 3]);
    await expect
      .poll(async () => (await project.run('deploy')).outcome, { timeout: 120_000, interval: 1000 })
      .toBe('changed');
    const report = await deploy();
    expect([report.outcome, Object.keys(members(report)).length, report.backends.length]).toEqual(['unchanged', 3, 3]);
    const [last] = (await readHistory(await project.prepare('status'))).runs;
    const gone = host(4).address;
    const [one, two, three] = [1, 2, 3].map(index => host(index).address);
    expect(last?.steps.map(step => step.title).sort()).toEqual([
      `drain starrocks-be on ${gone}`,
      `remove starrocks-be on ${gone}`,
      `remove starrocks-fe on ${gone}`,
      ...[one, two, three].map(address => `write down the FEs on ${address}`),
    ]);
    expect(last?.hosts).toEqual([one, two, three]);
    expect([last?.before.frontends.length, last?.after.frontends.length]).toEqual([4, 3]);
  });

  it('is remembered by those that stay, what was done to those that left as well', async () => {
    const { runs } = await readHistory(await project.prepare('status'));
    const left = runs.filter(({ steps }) =>
      steps.some(step => step.title === `stop starrocks-fe on ${host(0).address}`),
    );
    expect(left.map(run => run.hosts)).toEqual([expect.arrayContaining([host(1).address])]);
  });
});
