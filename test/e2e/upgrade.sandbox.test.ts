import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { Sandbox, type SandboxHost } from '../sandbox/sandbox.ts';
import { killedAt } from './killed-runner.ts';
import { Project } from './project.ts';

/** One cluster whose release changes up and down: each test finds what the one before left. */
let sandbox: Sandbox;
let project: Project;

beforeAll(async () => {
  sandbox = await Sandbox.start({
    ...{ hosts: 3, first: 211, version: '3.4.10' },
    env: { STANDIN_SPEED: '8', STANDIN_START_MS: '400', STANDIN_TABLETS: '60' },
  });
  project = new Project(sandbox.privateKey);
});

afterAll(async () => {
  await sandbox?.stop();
  project?.remove();
});

const declare = (release: string, policy = ''): void => {
  project.compile(sandbox.clusterYaml(policy).replace('version: 3.4.10', `version: ${release}`));
  project.commit(release);
};

async function deploy(): Promise<RunReport> {
  const report = await project.run('deploy');
  expect(report.problems).toEqual([]);
  return report;
}

async function ask(host: SandboxHost, statement: string): Promise<Record<string, string>[]> {
  const connection = await createConnection({ host: host.address, port: 9030, user: 'root' });
  const [rows] = await connection.query<RowDataPacket[]>(statement);
  await connection.end();
  return rows as Record<string, string>[];
}

const SHOW = "ADMIN SHOW FRONTEND CONFIG LIKE 'tablet_sched%'";
const sets = (key: string, value: string) => `ADMIN SET FRONTEND CONFIG ("${key}" = "${value}")`;

/** Of every FE by itself: each has its own, in memory. */
const switches = (): Promise<Record<string, string>[]> =>
  Promise.all(
    sandbox.hosts.map(async host => {
      const values = new Map((await ask(host, SHOW)).map(row => [row['Key'], row['Value'] ?? '']));
      return Object.fromEntries(Object.keys(usual).map(key => [key, values.get(`tablet_sched_${key}`) ?? '']));
    }),
  );

const releases = (report: RunReport): string[] => [
  ...new Set([...report.frontends, ...report.backends].map(row => (row['Version'] ?? '').replace(/-.*/, ''))),
];

const changes = (report: RunReport): string[] =>
  report.steps
    .filter(step => step.outcome === 'done')
    .flatMap(step => (/^(up|down)grade/.test(step.title) ? [step.title] : []));

const copies = (host: SandboxHost): string[] =>
  readdirSync(join(host.deployDir, 'data/fe'))
    .filter(name => name.startsWith('meta.copy'))
    .map(name => name.replace(/^meta\.copy-\w+-/, ''));

/** As the operator of this cluster likes it. */
const usual = {
  max_scheduling_tablets: '2000',
  max_balancing_tablets: '100',
  disable_balance: 'false',
  disable_colocate_balance: 'true',
};

describe('a cluster that runs 3.4.10', { timeout: 240_000 }, () => {
  it('comes to 3.5.6: BEs, followers, the leader last, each of them with a way back', async () => {
    declare('3.4.10');
    await deploy();
    const [first] = sandbox.hosts;
    for (const [key, value] of Object.entries(usual)) {
      if (first !== undefined) await ask(first, sets(`tablet_sched_${key}`, value));
    }
    declare('3.5.6');
    const report = await deploy();
    const [leader, ...others] = sandbox.hosts.map(host => host.address);
    expect(changes(report)).toEqual([
      ...[leader, ...others].map(address => `upgrade starrocks-be on ${address}`),
      ...[...others, leader].map(address => `upgrade starrocks-fe on ${address}`),
    ]);
    expect([report.outcome, report.findings, releases(report)]).toEqual(['changed', [], ['3.5.6']]);
    expect(sandbox.hosts.map(copies)).toEqual([['3.4.10'], ['3.4.10'], ['3.4.10']]);
  });

  it('has its tablets balanced as before, on every FE, and nothing left to do', async () => {
    expect(await switches()).toEqual([usual, usual, usual]);
    expect((await deploy()).outcome).toBe('unchanged');
    for (const host of sandbox.hosts) expect(readdirSync(join(host.deployDir, 'state/fe'))).not.toContain('switches');
  });

  it('is refused a way that StarRocks does not go, before anything is touched', async () => {
    declare('3.3.18');
    const report = await project.run('deploy');
    expect(report.problems).toMatchObject([{ code: 'E_VERSION_PATH' }]);
    expect([report.outcome, report.steps]).toEqual(['refused', []]);
  });

  it('goes back, FEs before BEs, and is finished by the next run when this one is killed', async () => {
    declare('3.4.10');
    await killedAt(project, /downgrade starrocks-be on/);
    const off = { ...usual, max_scheduling_tablets: '0', max_balancing_tablets: '0', disable_balance: 'true' };
    expect(await switches()).toEqual([off, off, off]);
    const report = await deploy();
    expect(changes(report).every(title => title.startsWith('downgrade starrocks-be'))).toBe(true);
    expect([report.outcome, releases(report)]).toEqual(['changed', ['3.4.10']]);
    expect(await switches()).toEqual([usual, usual, usual]);
  });

  it('whose new release does not start stops after the first BE, with tablets balanced as before', async () => {
    project.compile(
      sandbox
        .clusterYaml('timeouts: { be_ready: 20 }\n', () => ', be_conf: { arrow_flight_port: none }')
        .replace('version: 3.4.10', 'version: 3.5.6'),
    );
    project.commit('a release that does not start');
    const report = await project.run('deploy');
    expect(changes(report)).toHaveLength(1);
    expect(report.outcome).toBe('failed');
    expect(await switches()).toEqual([usual, usual, usual]);
  });
});
