import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { Sandbox, type SandboxHost } from '../sandbox/sandbox.ts';
import { Exchanges } from './exchanges.ts';
import { identities } from './identities.ts';
import { killedAt } from './killed-runner.ts';
import { Project } from './project.ts';

/** One cluster through its life: each test finds what the one before left. */
let sandbox: Sandbox;
let project: Project;
const exchanges = new Exchanges();

beforeAll(async () => {
  sandbox = await Sandbox.start({
    hosts: 3,
    first: 101,
    env: { STANDIN_SPEED: '8', STANDIN_START_MS: '500' },
    tap: address => exchanges.tap(address),
  });
  project = new Project(sandbox.privateKey);
  project.compile(sandbox.clusterYaml());
});

afterAll(async () => {
  await sandbox?.stop();
  project?.remove();
});

const host = (index: number): SandboxHost => sandbox.host(index);

const titles = (report: RunReport): string[] => report.steps.map(step => step.title);
const outcomes = (report: RunReport): string[] => report.hosts.map(one => one.outcome);
const problems = (report: RunReport): string[] => report.problems.map(problem => `${problem.code} ${problem.message}`);
const column = (rows: RunReport['frontends'], name: string): Record<string, string> =>
  Object.fromEntries(rows.map(row => [row['IP'] ?? '', row[name] ?? '']));

/** Ids and start times of every container: equal means that nobody was touched. */
const containers = (): string[] =>
  sandbox.hosts.flatMap(one =>
    one.engine.containers.map(c => `${one.address} ${c.service.name} ${c.id} ${c.startedAt}`),
  );

/** Every file of the machines, when it was written and what it holds; folders that StarRocks writes by their names. */
const files = (): string[] =>
  sandbox.hosts.flatMap(({ deployDir }) =>
    readdirSync(deployDir, { recursive: true, encoding: 'utf8' })
      .filter(path => !/^(data|log)\/.*\/./.test(path))
      .sort()
      .map(path => {
        const file = lstatSync(join(deployDir, path));
        if (!file.isFile()) return `${deployDir} ${path}`;
        const hash = createHash('sha256')
          .update(readFileSync(join(deployDir, path)))
          .digest('hex');
        return `${deployDir} ${path} ${file.mode} ${file.mtimeMs} ${hash}`;
      }),
  );

/** What a changed machine may cost, at most six exchanges for each of its changed services. */
function changing(...activations: string[]): string[] {
  const all = [
    'command',
    // What would keep a service from coming back is asked while the session opens.
    'command + session',
    'lock',
    'stage + observe',
    ...activations.map(activate => `${activate} + observe`),
    'record + release',
  ];
  expect(all.length / activations.length).toBeLessThanOrEqual(6);
  return all;
}

describe('a cluster of three machines', () => {
  it('is brought up from nothing, and its own rows say that everybody is registered and alive', async () => {
    const report = await project.run('deploy');
    expect(problems(report)).toEqual([]);
    expect(report.outcome).toBe('changed');
    expect(column(report.frontends, 'Alive')).toEqual({
      '127.0.0.101': 'true',
      '127.0.0.102': 'true',
      '127.0.0.103': 'true',
    });
    expect(column(report.frontends, 'Role')['127.0.0.101']).toBe('LEADER');
    expect(column(report.backends, 'Alive')).toEqual({
      '127.0.0.101': 'true',
      '127.0.0.102': 'true',
      '127.0.0.103': 'true',
    });
    expect(new Set(report.frontends.map(row => row['ClusterId'])).size).toBe(1);
  });

  it('needs one connection and one command per machine when nothing differs, and is left alone', async () => {
    const before = containers();
    const report = await project.run('deploy');
    expect(report.outcome).toBe('unchanged');
    expect(report.steps).toEqual([]);
    expect(report.counters).toMatchObject({ connections: 3, exchanges: 3 });
    expect(containers()).toEqual(before);
  });

  it('is shown what a changed BE would need by a dry run that changes nothing', async () => {
    project.compile(
      sandbox.clusterYaml('', (_host, index) =>
        index === 1 ? ', be_conf: { load_process_max_memory_limit_percent: "20" }' : '',
      ),
    );
    const machines = async () => [containers(), files(), await identities('127.0.0.101')];
    const before = await machines();
    expect(before.map(part => part.length > 5)).toEqual([true, true, true]);
    const report = await project.run('deploy', { dryRun: true });
    expect(report.outcome).toBe('differs');
    expect(titles(report)).toEqual(['prepare 127.0.0.102', 'restart starrocks-be on 127.0.0.102']);
    expect(await machines()).toEqual(before);
    expect((await project.run('plan')).plan_digest).toBe(report.plan_digest);
  });

  it('is not touched while the machine of that BE cannot reach the others', async () => {
    const bash = join(host(1).folder, 'bin/bash');
    writeFileSync(bash, '#!/bin/sh\ncase $* in */dev/tcp/*) exit 124 ;; *) exec /bin/bash "$@" ;; esac\n', {
      mode: 0o755,
    });
    const before = containers();
    const report = await project.run('deploy');
    rmSync(bash);
    expect([report.outcome, report.problems.map(({ code, host }) => [code, host])]).toEqual([
      'refused',
      [['E_BLOCKED', '127.0.0.102']],
    ]);
    expect(report.problems[0]?.message).toContain('127.0.0.102 cannot reach 127.0.0.101:9030 (query_port), ');
    expect(containers()).toEqual(before);
  });

  it('gets that one BE restarted and nobody else', async () => {
    const before = containers();
    exchanges.forget();
    const report = await project.run('deploy');
    expect(problems(report)).toEqual([]);
    expect(outcomes(report)).toEqual(['unchanged', 'applied', 'unchanged']);
    expect(report.counters).toMatchObject({ connections: 3, lock: 2, stage: 1, activate: 1, record: 1 });
    // The lock of one more FE machine is what a majority of three costs.
    expect(sandbox.hosts.map(one => exchanges.at(one.address))).toEqual([
      ['command', 'session', 'lock', 'release'],
      changing('activate starrocks-be'),
      ['command'],
    ]);
    const touched = containers().filter(one => !before.includes(one));
    expect(touched.map(one => one.split(' ').slice(0, 2))).toEqual([['127.0.0.102', 'starrocks-be']]);
  });

  it('is changed on the named machine only, though another one differs as well', async () => {
    const declared = readFileSync(join(project.folder, 'cluster.yaml'), 'utf8');
    const percent = (...all: readonly string[]) =>
      sandbox.clusterYaml('', (_host, at) => `, be_conf: { load_process_max_memory_limit_percent: "${all[at]}" }`);
    const conf = (index: number) => readFileSync(join(host(index).deployDir, 'conf/be/be.conf'), 'utf8');
    const [before, confBefore] = [containers(), conf(0)];
    project.compile(percent('25', '20', '25'));
    const report = await project.run('deploy', { hosts: [host(2).address] });
    expect([problems(report), titles(report).filter(title => !title.startsWith('prepare'))]).toEqual([
      [],
      ['restart starrocks-be on 127.0.0.103'],
    ]);
    const touched = containers().filter(one => !before.includes(one));
    expect(touched.map(one => one.split(' ').slice(0, 2))).toEqual([['127.0.0.103', 'starrocks-be']]);
    expect([conf(0), conf(2)]).toEqual([
      confBefore,
      expect.stringContaining('load_process_max_memory_limit_percent = 25'),
    ]);
    project.compile(declared);
    expect((await project.run('deploy')).outcome).toBe('changed');
  });

  it('has all its files after a run that was killed while it refreshed them, and nobody is restarted', async () => {
    const before = containers();
    project.compile(
      sandbox.clusterYaml('kafka_host: 10.9.9.9\n', (_host, index) =>
        index === 1 ? ', be_conf: { load_process_max_memory_limit_percent: "20" }' : '',
      ),
    );
    await killedAt(project, /refresh files on/);
    expect(problems(await project.run('deploy'))).toEqual([]);
    expect((await project.run('plan')).steps).toEqual([]);
    const told = sandbox.hosts.map(one => readFileSync(join(one.deployDir, 'app.env'), 'utf8'));
    expect(told.map(text => /^KAFKA_HOST=(.*)$/m.exec(text)?.[1])).toEqual(['10.9.9.9', '10.9.9.9', '10.9.9.9']);
    expect(containers()).toEqual(before);
  });

  it('gets its leader restarted last, wherever it is', async () => {
    const leader = host(0).engine.containers.find(one => one.service.name === 'starrocks-fe');
    await leader?.stop();
    await expect
      .poll(async () => column((await project.run('status')).frontends, 'Role')['127.0.0.101'], { timeout: 60_000 })
      .toBe('FOLLOWER');
    leader?.start();
    await expect.poll(async () => (await project.run('status')).outcome, { timeout: 60_000 }).toBe('converged');
    const now = (await project.run('status')).frontends.find(row => row['Role'] === 'LEADER')?.['IP'];
    project.compile(
      sandbox
        .clusterYaml('fe_conf_placeholder', () => '')
        .replace('fe_conf_placeholder', '')
        .replace('defaults: {', 'defaults: { fe_conf: { qe_slow_log_ms: "4000" },'),
    );
    exchanges.forget();
    const report = await project.run('deploy');
    expect(problems(report)).toEqual([]);
    const restarts = titles(report).filter(title => title.startsWith('restart starrocks-fe'));
    expect(restarts.length).toBe(3);
    expect(now).not.toBe('127.0.0.101');
    expect(restarts.at(-1)).toBe(`restart starrocks-fe on ${now}`);
    const frontend = changing('activate starrocks-fe');
    const both = changing('activate starrocks-be', 'activate starrocks-fe');
    expect(sandbox.hosts.map(one => exchanges.at(one.address))).toEqual([frontend, both, frontend]);
  });

  it('takes in a fourth machine, restarting nobody', async () => {
    const before = containers();
    await sandbox.addHost();
    project.compile(
      sandbox.clusterYaml('', () => '').replace('defaults: {', 'defaults: { fe_conf: { qe_slow_log_ms: "4000" },'),
    );
    exchanges.forget();
    const report = await project.run('deploy');
    expect(problems(report)).toEqual([]);
    expect(outcomes(report)).toEqual(['unchanged', 'unchanged', 'unchanged', 'applied']);
    expect(containers().filter(one => before.includes(one))).toEqual(before);
    expect(column(report.backends, 'Alive')['127.0.0.104']).toBe('true');
    const asked = exchanges.at('127.0.0.104');
    expect(asked.filter(one => one.startsWith('activate'))).toEqual([
      'activate starrocks-fe + observe',
      'activate starrocks-be + observe',
    ]);
    expect(asked.length).toBeLessThanOrEqual(2 * 6);
  });

  it('gives a BE whose storage is gone a new row, because no tablet misses it', async () => {
    const [before, rows] = [containers(), column((await project.run('status')).backends, 'BackendId')];
    const lost = host(3);
    await lost.engine.containers.find(one => one.service.name === 'starrocks-be')?.stop();
    rmSync(join(lost.deployDir, 'data/be/storage'), { recursive: true });
    mkdirSync(join(lost.deployDir, 'data/be/storage'));
    const seen = async () => {
      const row = (await project.run('status')).backends.find(one => one['IP'] === '127.0.0.104');
      return [row?.['Alive'], row?.['TabletNum']];
    };
    // The others have cloned what it had.
    await expect.poll(seen, { timeout: 90_000 }).toEqual(['false', '0']);
    const report = await project.run('deploy');
    expect(problems(report)).toEqual([]);
    expect(titles(report)).toEqual(['remove starrocks-be on 127.0.0.104', 'add starrocks-be on 127.0.0.104']);
    expect(column(report.backends, 'Alive')['127.0.0.104']).toBe('true');
    const now = column(report.backends, 'BackendId');
    expect(Object.keys(now).filter(one => now[one] !== rows[one])).toEqual(['127.0.0.104']);
    const others = (all: string[]) => all.filter(one => !one.startsWith('127.0.0.104 starrocks-be'));
    expect(others(containers())).toEqual(others(before));
  });

  it('has a machine in maintenance, which nobody connects to, and no second follower stopped meanwhile', async () => {
    const away = (slowLog: string) =>
      project.compile(
        sandbox
          .clusterYaml('', (_host, index) => (index === 3 ? ', maintenance: true' : ''))
          .replace('defaults: {', `defaults: { fe_conf: { qe_slow_log_ms: "${slowLog}" },`),
      );
    const [before, connections] = [containers(), host(3).connections];
    away('4000');
    const resting = await project.run('deploy');
    expect([problems(resting), resting.outcome, outcomes(resting).at(-1)]).toEqual([[], 'unchanged', 'maintenance']);
    away('5000');
    const report = await project.run('deploy');
    expect(report.outcome).toBe('refused');
    expect(problems(report)).toEqual([
      expect.stringMatching(
        /^E_GATE starrocks-fe on (\S+) cannot be restarted now: without \1 2 of 4 followers remain and 3 are needed: 127\.0\.0\.104 cannot be counted on\.$/,
      ),
    ]);
    expect(containers()).toEqual(before);
    expect(host(3).connections).toBe(connections);
    project.compile(
      sandbox.clusterYaml('', () => '').replace('defaults: {', 'defaults: { fe_conf: { qe_slow_log_ms: "4000" },'),
    );
  });

  it('lets a machine that lost its FE metadata join again, under the same cluster id', async () => {
    const id = (await project.run('status')).frontends[0]?.['ClusterId'];
    const lost = host(0);
    await lost.engine.containers.find(one => one.service.name === 'starrocks-fe')?.stop();
    rmSync(join(lost.deployDir, 'data/fe/meta'), { recursive: true });
    mkdirSync(join(lost.deployDir, 'data/fe/meta'));
    const report = await project.run('deploy');
    expect(problems(report)).toEqual([]);
    expect(titles(report)).toContain('join starrocks-fe on 127.0.0.101');
    expect([...new Set(report.frontends.map(row => row['ClusterId']))]).toEqual([id]);
  });

  it('takes back an FE that somebody dropped and added again, with what it knew by its old name aside', async () => {
    const { frontends } = await project.run('status');
    const leader = frontends.find(row => row['Role'] === 'LEADER')?.['IP'];
    const other = sandbox.hosts.find(one => one.address !== leader);
    const connection = await createConnection({ host: leader ?? '', port: 9030, user: 'root' });
    for (const verb of ['DROP', 'ADD']) {
      await connection.query(`ALTER SYSTEM ${verb} FOLLOWER "${other?.address}:9010"`);
    }
    await connection.end();
    const report = await project.run('deploy');
    expect(problems(report)).toEqual([]);
    expect(titles(report)).toEqual([
      `move the metadata on ${other?.address} aside`,
      `join starrocks-fe on ${other?.address}`,
    ]);
    expect(Object.values(column(report.frontends, 'Join'))).toEqual(sandbox.hosts.map(() => 'true'));
  });

  it('waits for a node that answers no more, or not yet, and finds nothing to do once it does', async () => {
    const { frontends } = await project.run('status');
    const other = sandbox.hosts.find(one =>
      frontends.some(row => row['IP'] === one.address && row['Role'] !== 'LEADER'),
    );
    const fe = other?.engine.containers.find(one => one.service.name === 'starrocks-fe');
    const signal = (name: NodeJS.Signals) => process.kill(-(fe?.pid ?? Number.NaN), name);
    const awaited = `waiting until the leader shows ${other?.address}/starrocks-fe alive`;
    const told = new Set<string | null>();
    signal('SIGSTOP');
    const report = await project.run('deploy', {}, ({ doing }) => {
      if (doing === awaited && !told.has(doing)) signal('SIGCONT');
      told.add(doing);
    });
    expect([problems(report), report.findings, titles(report), report.outcome]).toEqual([[], [], [], 'unchanged']);
    expect(told).toContain(awaited);
  });

  it('comes back by itself after all machines lost power, and needs no step', async () => {
    for (const one of sandbox.hosts) await one.halt();
    for (const one of sandbox.hosts) await one.boot();
    await expect
      .poll(async () => (await project.run('status')).outcome, { timeout: 90_000, interval: 1000 })
      .toBe('converged');
    expect((await project.run('plan')).steps).toEqual([]);
  });

  it('is started together after a full stop: all followers first', async () => {
    for (const one of sandbox.hosts) for (const container of one.engine.containers) await container.stop();
    const report = await project.run('deploy');
    expect(problems(report)).toEqual([]);
    expect(titles(report).slice(0, 4).sort()).toEqual(sandbox.hosts.map(one => `start starrocks-fe on ${one.address}`));
  });

  it('tells of a machine that is down, and keeps everybody else from being stopped meanwhile', async () => {
    await host(3).halt();
    project.compile(sandbox.clusterYaml());
    const before = containers().filter(one => !one.startsWith('127.0.0.104'));
    const report = await project.run('deploy');
    expect(report.outcome).toBe('refused');
    expect(report.problems.map(problem => problem.code)).toEqual(['E_UNREACHABLE', 'E_GATE']);
    expect(report.hosts.at(-1)).toMatchObject({ address: '127.0.0.104', outcome: 'failed' });
    expect(report.problems[0]).toMatchObject({ code: 'E_UNREACHABLE', host: '127.0.0.104' });
    expect(containers().filter(one => !one.startsWith('127.0.0.104'))).toEqual(before);
    await host(3).boot();
  });

  it('stops at a machine that shows another host key', async () => {
    const text = sandbox.clusterYaml();
    const key = host(1).hostKey.trim().split(' ').slice(0, 2).join(' ');
    const other = host(2).hostKey.trim().split(' ').slice(0, 2).join(' ');
    project.compile(text.replace(key, other));
    const report = await project.run('plan');
    expect(report.problems.find(problem => problem.host === '127.0.0.102')?.code).toBe('E_HOST_KEY_CHANGED');
  });

  it('takes in a machine without an FE while the founding one is down: its BE finds the others, registers and starts', async () => {
    await host(0).halt();
    const leader = async () => (await project.run('status')).frontends.find(row => row['Role'] === 'LEADER')?.['IP'];
    await expect.poll(leader, { timeout: 60_000, interval: 200 }).toMatch(/^127\.0\.0\.10[2-4]$/);
    await sandbox.addHost();
    project.compile(
      sandbox
        .clusterYaml('', (_host, index) => (index === 4 ? ', fe: none' : ''))
        .replace('defaults: {', 'defaults: { fe_conf: { qe_slow_log_ms: "4000" },'),
    );
    const report = await project.run('deploy');
    expect(report.problems).toMatchObject([{ code: 'E_UNREACHABLE', host: '127.0.0.101' }]);
    expect(outcomes(report)).toEqual(['failed', 'unchanged', 'unchanged', 'unchanged', 'applied']);
    expect(column(report.backends, 'Alive')['127.0.0.105']).toBe('true');
  });
});
