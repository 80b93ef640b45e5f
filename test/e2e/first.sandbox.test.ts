import { cpSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import type { Container } from '../sandbox/docker/container.ts';
import { Sandbox, type SandboxHost } from '../sandbox/sandbox.ts';
import { identities } from './identities.ts';
import { killedAt } from './killed-runner.ts';
import { Project } from './project.ts';

let sandbox: Sandbox;
let project: Project;

beforeEach(async () => {
  sandbox = await Sandbox.start({ hosts: 2, first: 121, env: { STANDIN_SPEED: '8', STANDIN_START_MS: '300' } });
  project = new Project(sandbox.privateKey);
  project.compile(sandbox.clusterYaml(two));
});

afterEach(async () => {
  await sandbox?.stop();
  project?.remove();
});

/** Two machines allow two replicas at most. */
const two = 'default_replication_num: 2\n';

const codes = (report: RunReport): string[] => report.problems.map(problem => problem.code);
const host = (index: number): SandboxHost => sandbox.host(index);

function expectWhole(report: RunReport): void {
  expect(report.problems).toEqual([]);
  expect(report.findings.filter(finding => finding.severity === 'error')).toEqual([]);
  expect(report.frontends.map(row => [row['Join'], row['Alive']])).toEqual([
    ['true', 'true'],
    ['true', 'true'],
  ]);
  expect(new Set(report.frontends.map(row => row['ClusterId'])).size).toBe(1);
}

describe('a first deploy', () => {
  it.each([
    ['while it uploads', /prepare 127/],
    ['while it founds', /found the cluster/],
    // Where the founding FE is quick there is nothing to wait for.
    ['while it waits for the founding FE', /waiting until a leader|join starrocks-fe/],
    ['while an FE joins', /join starrocks-fe/],
    ['while BEs are added', /add starrocks-be/],
  ])('whose runner is killed %s is finished by the next one', async (_when, line) => {
    await killedAt(project, line);
    expectWhole(await project.run('deploy'));
    expect((await project.run('deploy')).outcome).toBe('unchanged');
  });

  it('sets the password of root, also after its runner was killed right then, and is refused a wrong one afterwards', async () => {
    project.compile(sandbox.clusterYaml(two).replace('version: 3.3.18', 'version: 3.3.18, password: true'));
    project.env = { STARROCKS_PASSWORD: 'first "secret" \\ one' };
    await killedAt(project, /set root's password/);
    const report = await project.run('deploy');
    expectWhole(report);
    expect(JSON.stringify(report)).not.toContain('first');
    project.env = { STARROCKS_PASSWORD: 'another' };
    expect(codes(await project.run('plan'))).toEqual(['E_PASSWORD_WRONG']);
    project.env = {};
    await expect(project.run('plan')).rejects.toMatchObject({ problem: { code: 'E_PASSWORD_MISSING' } });
  });

  it('stops at a port that another program holds, names it, and changes nothing', async () => {
    const squatter = createServer();
    await new Promise<void>(resolve => squatter.listen(9050, host(1).address, resolve));
    try {
      const report = await project.run('deploy');
      expect(codes(report)).toEqual(['E_PORT_TAKEN']);
      expect(report.problems[0]?.message).toBe(
        `heartbeat_service_port 9050 of starrocks-be on ${host(1).address} is held by node (${process.pid}).`,
      );
      expect(report.outcome).toBe('refused');
      expect(sandbox.hosts.flatMap(one => one.engine.containers)).toEqual([]);
    } finally {
      squatter.close();
    }
  });

  it('founds nothing while a machine is in maintenance, and does not connect to that one', async () => {
    project.compile(sandbox.clusterYaml(two, (_host, index) => (index === 1 ? ', maintenance: true' : '')));
    const report = await project.run('deploy');
    expect([report.outcome, codes(report)]).toEqual(['refused', ['E_FOUNDING_REFUSED']]);
    expect(report.problems[0]?.message).toBe(
      `No leader answers, and no cluster is founded: ${host(1).address} does not answer (it is in maintenance), so it may carry the cluster's metadata.`,
    );
    expect(sandbox.hosts.flatMap(one => one.engine.containers)).toEqual([]);
    expect(sandbox.hosts.map(one => one.connections)).toEqual([1, 0]);
  });

  it('runs two BE instances on one machine', async () => {
    project.compile(
      sandbox.clusterYaml('default_replication_num: 3\n', (_host, index) => (index === 0 ? ', be: { count: 2 }' : '')),
    );
    const report = await project.run('deploy');
    expectWhole(report);
    expect(report.backends.map(row => `${row['IP']}:${row['HeartbeatPort']} ${row['Alive']}`).sort()).toEqual([
      `${host(0).address}:9050 true`,
      `${host(0).address}:9051 true`,
      `${host(1).address}:9050 true`,
    ]);
  });

  it('by hand, the founding machine last, leads to a cluster that a deploy then finds as declared', async () => {
    for (const index of [1, 0]) await byHand(index);
    await expect
      .poll(async () => (await project.run('status')).outcome, { timeout: 60_000, interval: 500 })
      .toBe('converged');
    const report = await project.run('deploy');
    expectWhole(report);
    expect(report.steps.filter(step => step.title.startsWith('restart'))).toEqual([]);
  });
});

describe('three machines that are started by hand', () => {
  it.each([[[0, 1, 2]], [[0, 2, 1]], [[1, 0, 2]], [[2, 0, 1]], [[1, 2, 0]], [[2, 1, 0]]])(
    'in the order %j, each when the one before can do no more, become one cluster',
    async order => {
      await sandbox.addHost();
      project.compile(sandbox.clusterYaml());
      for (const index of order) {
        const [frontend] = await byHand(index);
        await expect
          .poll(() => frontend?.log, { timeout: 30_000 })
          .toMatch(/FE started successfully|waiting for an FE of the cluster/);
      }
      const rows = async () => {
        const seen = await identities(host(0).address).catch(() => []);
        return seen.map(row => `${'Role' in row ? 'FE' : 'BE'} ${row['IP']} ${row['Alive']}`);
      };
      const alive = (kind: string) => sandbox.hosts.map(({ address }) => `${kind} ${address} true`);
      await expect.poll(rows, { timeout: 60_000 }).toEqual([...alive('FE'), ...alive('BE')]);
      const ids = sandbox.hosts.map(({ deployDir }) => {
        const version = readFileSync(join(deployDir, 'data/fe/meta/image/VERSION'), 'utf8');
        return /^clusterId=(\d+)$/m.exec(version)?.[1];
      });
      expect([ids[0], new Set(ids).size]).toEqual([expect.stringMatching(/^\d+$/), 1]);
    },
  );
});

/** As a person does it: the folder copied, `docker compose up -d`. @returns its containers, the FE's first */
async function byHand(index: number): Promise<readonly Container[]> {
  const { address, deployDir, engine } = host(index);
  cpSync(join(project.generated, 'hosts', address), deployDir, { recursive: true });
  expect((await engine.docker(['compose', 'up', '-d'], deployDir)).stderr).toBe('');
  return engine.containers.toSorted((a, b) => b.service.name.localeCompare(a.service.name));
}
