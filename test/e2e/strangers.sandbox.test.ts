import { cpSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Wish } from '../../.github/actions/deploy/src/engine/start.ts';
import { type Drift, driftIssue, drifts } from '../../.github/actions/deploy/src/report/drift-issue.ts';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { Sandbox, type SandboxHost } from '../sandbox/sandbox.ts';
import { Project } from './project.ts';

const PASSWORD = 'known to the deploy alone';

/** A cluster of three machines, and a fourth that comes and goes behind cluster.yaml's back. */
let sandbox: Sandbox;
let project: Project;

beforeAll(async () => {
  sandbox = await Sandbox.start({ hosts: 4, first: 231, env: { STANDIN_SPEED: '8' } });
  project = new Project(sandbox.privateKey);
  declare([0, 1, 2]);
  expect((await run('deploy')).outcome).toBe('changed');
});

afterAll(async () => {
  await sandbox?.stop();
  project?.remove();
});

const host = (index: number): SandboxHost => sandbox.host(index);
const address = (index: number): string => host(index).address;

const run = (mode: Wish['mode'], wish: Partial<Wish> = {}): Promise<RunReport> =>
  project.run(mode, { password: PASSWORD, reason: 'a test', ...wish });

/** The fourth machine carries an observer. */
function declare(names: readonly number[], release = '3.3.18', last = ''): void {
  const entry = (one: SandboxHost) =>
    `, labels: { location: "rack:r1" }${one.address === address(3) ? `, fe: observer${last}` : ''}`;
  const text = sandbox.clusterYaml('', entry, names.map(host));
  project.compile(text.replace('version: 3.3.18', `version: ${release}, password: true`));
  project.commit(`hosts ${names.join(', ')}`);
}

async function sql(statement: string): Promise<void> {
  const connection = await createConnection({ host: address(0), port: 9030, user: 'root', password: PASSWORD });
  await connection.query(statement);
  await connection.end();
}

/** By hand: what Compose makes of a folder. */
async function compose(index: number, folder: string): Promise<void> {
  const { code, stderr } = await host(index).engine.docker(['compose', 'up', '-d'], folder);
  expect([code, stderr]).toEqual([0, '']);
}

/** A copy of another machine's BE, as somebody might try one: of this cluster by its label. */
async function startUndeclared(index: number): Promise<void> {
  const folder = join(host(index).folder, 'by-hand');
  mkdirSync(folder, { recursive: true });
  const text = `services:
  starrocks-be-7:
    image: starrocks/be-ubuntu:3.3.18
    container_name: starrocks-be-7
    network_mode: host
    restart: unless-stopped
    command: [sleep, "3600"]
    labels: { starrocks-ha.cluster: sandbox, starrocks-ha.service: starrocks-be-7, starrocks-ha.digest: none }
`;
  writeFileSync(join(folder, 'docker-compose.yml'), text);
  await compose(index, folder);
}

const told = (all: readonly Drift[], where: string): string[] =>
  all.filter(one => one.where === where).map(one => one.what);

const containers = (): string[] =>
  sandbox.hosts.flatMap(one => one.engine.containers.map(c => `${one.address} ${c.id} ${c.startedAt} ${c.status}`));

/** Containers, and every file of a deploy with its time; what StarRocks itself writes is left out. */
function machines(): string[] {
  const files = sandbox.hosts.slice(0, 3).flatMap(({ deployDir }) =>
    readdirSync(deployDir, { recursive: true, encoding: 'utf8' })
      .filter(name => !/^(data|log)(\/|$)/.test(name))
      .map(name => `${name} ${statSync(join(deployDir, name)).mtimeMs}`),
  );
  expect(files.some(line => line.startsWith('docker-compose.yml '))).toBe(true);
  return [...containers(), ...files];
}

/** A look, and the proof that it was nothing more. */
async function look(): Promise<RunReport> {
  const before = machines();
  const report = await run('drift');
  expect(machines()).toEqual(before);
  return report;
}

describe('drift', () => {
  let before: string;

  it('is none of a cluster as it was deployed', async () => {
    const report = await look();
    expect([report.outcome, drifts(report)]).toEqual(['converged', []]);
  });

  it('names nodes and a container that nobody declared, and a label that somebody changed', async () => {
    await sql(`ALTER SYSTEM ADD BACKEND "${address(3)}:9050"`);
    await sql(`ALTER SYSTEM ADD OBSERVER "${address(3)}:9010"`);
    await sql(`ALTER SYSTEM MODIFY BACKEND "${address(0)}:9050" SET ("labels.location" = "rack:elsewhere")`);
    await startUndeclared(1);
    const report = await look();
    const all = drifts(report);
    expect(report.outcome).toBe('differs');
    expect(told(all, `${address(3)}:9050`)).toEqual([
      'stranger: expected not in cluster.yaml, found a registered BE, Alive false',
    ]);
    expect(told(all, `${address(3)}:9010`)).toEqual([
      'stranger: expected not in cluster.yaml, found a registered FE, Alive false',
    ]);
    expect(told(all, `${address(0)}/starrocks-be`)).toEqual(['wrong-location: expected rack:r1, found rack:elsewhere']);
    expect(told(all, address(1))).toEqual([
      `starrocks-be-7 is on ${address(1)}, and neither cluster.yaml nor its history in git names it there.`,
    ]);
    before = driftIssue(report, null, '2026-01-01T00:00:00.000Z')?.body ?? '';
    expect(before).toContain(`| ${address(3)}:9050 | stranger: `);
  });

  it('names a machine that is not reached as new, and what was put right since as gone', async () => {
    await sql(`ALTER SYSTEM MODIFY BACKEND "${address(0)}:9050" SET ("labels.location" = "rack:r1")`);
    for (const command of ['stop', 'rm']) await host(1).engine.docker([command, 'starrocks-be-7'], '/');
    await host(2).closeSsh();
    const report = await look();
    await host(2).openSsh();
    expect(told(drifts(report), address(2))).toEqual([expect.stringMatching(/ cannot be reached over SSH: /)]);
    const body = driftIssue(report, before, '2026-01-02T00:00:00.000Z')?.body ?? '';
    expect(body).toMatch(new RegExp(`\\| 🆕 ${address(2)} \\|`));
    expect(body).toContain(`| ${address(3)}:9050 | stranger: `);
    expect(body).toContain(
      `**Gone since the last look**\n\n- ~~${address(1)} E&#95;UNDECLARED~~\n- ~~${address(0)}/starrocks-be wrong-location~~\n\n`,
    );
  });

  it('is a release that is declared and does not run', async () => {
    declare([0, 1, 2], '3.3.19');
    const { outcome, findings } = await look();
    declare([0, 1, 2]);
    const versions = findings.filter(one => one.kind === 'wrong-version').map(one => [one.node, one.expected]);
    expect([outcome, versions]).toEqual([
      'differs',
      [0, 1, 2].flatMap(index => ['fe', 'be'].map(kind => [`${address(index)}/starrocks-${kind}`, '3.3.19'])),
    ]);
  });
});

describe('drop', () => {
  it('is refused for a machine that cluster.yaml names', async () => {
    const { outcome, problems } = await run('drop', { hosts: [address(1)] });
    expect([outcome, problems.map(one => [one.code, one.host])]).toEqual(['refused', [['E_DECLARED', address(1)]]]);
  });

  it('drops the rows that nobody declared, and touches no container', async () => {
    const before = containers();
    const report = await run('drop');
    expect([report.outcome, report.steps.map(step => [step.title, step.outcome])]).toEqual([
      'changed',
      [
        [`drop starrocks-fe on ${address(3)}`, 'done'],
        [`drop starrocks-be on ${address(3)}`, 'done'],
      ],
    ]);
    expect(report.frontends.map(row => row['IP']).sort()).toEqual([0, 1, 2].map(address));
    expect(report.backends.map(row => row['IP']).sort()).toEqual([0, 1, 2].map(address));
    expect(containers()).toEqual(before);
    expect((await run('drift')).outcome).toBe('converged');
  });
});

describe('a compute node', () => {
  it('is named, and nothing is deployed beside it', async () => {
    await sql(`ALTER SYSTEM ADD COMPUTE NODE "${address(3)}:9059"`);
    const before = containers();
    const { outcome, problems } = await run('deploy');
    await sql(`ALTER SYSTEM DROP COMPUTE NODE "${address(3)}:9059"`);
    expect([outcome, problems.map(one => one.code)]).toEqual(['refused', ['E_COMPUTE_NODES']]);
    expect(problems[0]?.message).toContain(`${address(3)}:9059`);
    expect(containers()).toEqual(before);
  });
});

describe('register', () => {
  it('adds an observer and a BE that were started by hand and may not register themselves', async () => {
    declare([0, 1, 2, 3]);
    // As the README says for starting by hand; root has a password that this machine does not know.
    cpSync(join(project.generated, 'hosts', address(3)), host(3).deployDir, { recursive: true });
    await compose(3, host(3).deployDir);
    const wanted = ['fe', 'be'].map(kind => `register starrocks-${kind} on ${address(3)}`);
    const titles = ({ steps }: RunReport) => steps.map(step => step.title);
    await expect.poll(async () => titles(await run('register', { dryRun: true })), { timeout: 60_000 }).toEqual(wanted);
    const report = await run('register');
    expect([report.problems, report.outcome, titles(report)]).toEqual([[], 'changed', wanted]);
    const roles = Object.fromEntries(report.frontends.map(row => [row['IP'], row['Role']]));
    expect([roles[address(3)], report.frontends.length]).toEqual(['OBSERVER', 4]);
    expect(report.backends.map(row => row['IP']).sort()).toEqual([0, 1, 2, 3].map(address));
    // Its own thing and no other: the label is for a deploy.
    await expect
      .poll(async () => (await run('verify')).findings.map(one => `${one.node} ${one.kind}`), { timeout: 60_000 })
      .toEqual([`${address(3)}/starrocks-be wrong-location`]);
  });
});

describe('two deploys at once', () => {
  it('work one after the other: the second waits, says whose the lock is, and finds nothing left to do', async () => {
    declare([0, 1, 2, 3], '3.3.18', ', be_conf: { load_process_max_memory_limit_percent: "5" }');
    const waits: string[] = [];
    const both = await Promise.all(
      ['first', 'second'].map(reason =>
        project.run('deploy', { password: PASSWORD, reason }, ({ doing }) => {
          if (doing?.startsWith('waiting for the lock of ') === true) waits.push(doing);
        }),
      ),
    );
    expect(both.map(one => one.problems)).toEqual([[], []]);
    expect(both.map(one => one.outcome).sort()).toEqual(['changed', 'unchanged']);
    const done = both.flatMap(one => one.steps.map(step => step.title));
    expect(done.filter(title => /^(label|restart|register|start)/.test(title))).toEqual([
      `label starrocks-be on ${address(3)}`,
      `restart starrocks-be on ${address(3)}`,
    ]);
    expect([...new Set(waits)]).toEqual([expect.stringMatching(/^waiting for the lock of \S+@\S+ \(\S+\)$/)]);
    expect((await run('drift')).outcome).toBe('converged');
  });
});
