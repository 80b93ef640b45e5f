import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readHistory } from '../../.github/actions/deploy/src/engine/history.ts';
import { Sandbox, type SandboxHost } from '../sandbox/sandbox.ts';
import { Project } from './project.ts';

/** A deploy in GitHub's runner that is cancelled while Docker on a machine takes its time. */
let sandbox: Sandbox;
let project: Project;
/** RUNNER_TEMP: what is left here is what the artifact is made of. */
let runner: string;

beforeAll(async () => {
  sandbox = await Sandbox.start({ hosts: 2, first: 161, env: { STANDIN_SPEED: '4', STANDIN_START_MS: '400' } });
  project = new Project(sandbox.privateKey);
  runner = mkdtempSync(join(tmpdir(), 'starrocks-ha-runner-'));
  project.compile(yaml(10));
  const { problems } = await project.run('deploy');
  expect(problems).toEqual([]);
});

afterAll(async () => {
  await sandbox?.stop();
  project?.remove();
  rmSync(runner, { recursive: true, force: true });
});

/** The second machine carries no FE, so the first one alone is locked besides it. */
const yaml = (percent: number): string =>
  sandbox.clusterYaml('default_replication_num: 1\nallow_outage: true\ntimeouts: { query: 90 }\n', (_host, index) =>
    index === 1 ? `, fe: none, be_conf: { load_process_max_memory_limit_percent: "${percent}" }` : '',
  );

const host = (index: number): SandboxHost => sandbox.host(index);

/** Docker on the machine hangs once in the middle of `compose up`, until it is let go. */
class SlowDocker {
  readonly #docker = join(host(1).folder, 'bin/docker');

  constructor() {
    renameSync(this.#docker, `${this.#docker}.real`);
    writeFileSync(`${this.#docker}.armed`, '');
    const hang = `mv "$0.armed" "$0.hangs"; while [ -e "$0.hangs" ]; do sleep 0.1; done`;
    const hostile = `printf '##[stop-commands]t\\n::error::forged\\n##[error]forged\\n' >&2; exit 1`;
    const script = `#!/bin/sh\n[ ! -e "$0.hostile" ] || case "$*" in *compose*up*) ${hostile} ;; esac\ncase "$*" in *compose*up*) [ ! -e "$0.armed" ] || { ${hang}; } ;; esac\nexec "$0.real" "$@"\n`;
    writeFileSync(this.#docker, script);
    chmodSync(this.#docker, 0o755);
  }

  get hangs(): boolean {
    return existsSync(`${this.#docker}.hangs`);
  }

  turnHostile(): void {
    writeFileSync(`${this.#docker}.hostile`, '');
  }

  letGo(): void {
    rmSync(`${this.#docker}.hangs`, { force: true });
  }
}

const files = () => ({ GITHUB_OUTPUT: join(runner, 'output'), GITHUB_STEP_SUMMARY: join(runner, 'summary') });

/** What the step has printed. */
let log = '';

function beginDeploy(): { child: ChildProcess; over: Promise<number | null> } {
  for (const file of Object.values(files())) writeFileSync(file, '');
  log = '';
  const inputs = { mode: 'deploy', 'ssh-key': sandbox.privateKey, generated: project.generated };
  const cluster = join(project.folder, 'cluster.yaml');
  const child = spawn(
    process.execPath,
    [...['tsx', './compiler/sh-as-text.mjs'].flatMap(one => ['--import', one]), '.github/actions/deploy/src/main.ts'],
    {
      env: {
        PATH: process.env['PATH'],
        HOME: runner,
        RUNNER_TEMP: runner,
        GITHUB_ACTIONS: 'true',
        GITHUB_REPOSITORY: 'acme/infra',
        GITHUB_RUN_ID: '7',
        GITHUB_ACTOR: 'ada',
        INPUT_CLUSTER: cluster,
        ...files(),
        ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', chunk => (log += chunk));
  return { child, over: new Promise(done => child.once('close', done)) };
}

const kept = (name: string): string => readFileSync(join(runner, 'starrocks-ha-deploy', name), 'utf8');
const report = () => JSON.parse(kept('report.json'));
const told = (steps: readonly { readonly title: string; readonly outcome: string }[]): string[] =>
  steps.map(({ title, outcome }) => `${outcome}: ${title}`);

describe('a deploy that is cancelled while a machine is busy', () => {
  let docker: SlowDocker;

  it('has left a report that says so before anything can go wrong', async () => {
    project.compile(yaml(20));
    docker = new SlowDocker();
    const { child, over } = beginDeploy();
    await vi.waitUntil(() => docker.hangs, { timeout: 60_000 });
    expect(readFileSync(files().GITHUB_OUTPUT, 'utf8')).toContain(join(runner, 'starrocks-ha-deploy'));
    expect(report()).toMatchObject({ outcome: 'failed', problems: [{ code: 'E_CUT_OFF' }] });
    const asked = performance.now();
    child.kill('SIGINT');
    expect(await over).toBe(1);
    // Ten seconds are what a runner gives.
    expect(performance.now() - asked).toBeLessThan(9000);
  });

  it('tells what it left running, in report, summary and outputs', () => {
    expect(docker.hangs).toBe(true);
    expect(report()).toMatchObject({
      outcome: 'failed',
      problems: [{ code: 'E_CANCELLED', host: '127.0.0.162', step: 'restart starrocks-be on 127.0.0.162' }],
    });
    expect(told(report().steps)).toEqual(['done: prepare 127.0.0.162', 'running: restart starrocks-be on 127.0.0.162']);
    expect(report().frontends.length).toBe(1);
    expect(readFileSync(files().GITHUB_STEP_SUMMARY, 'utf8')).toContain(
      'which the machine goes on with under its lock',
    );
    expect(readFileSync(files().GITHUB_OUTPUT, 'utf8')).toMatch(/outcome<<\S+\nfailed\n/);
  });

  it('leaves its record, with the rows from before, in the artifact', () => {
    const record = JSON.parse(kept('record.json'));
    expect(record).toMatchObject({ mode: 'deploy', outcome: 'failed', actor: 'ada', repository: 'acme/infra' });
    expect(told(record.steps)).toEqual(told(report().steps));
    expect(record.problems).toEqual([expect.stringMatching(/^E_CANCELLED: .+ in the middle of activate/)]);
    const alive = (rows: Record<string, string>[]) => rows.map(row => [row['IP'], row['Alive']]).toSorted();
    expect(alive(record.before.backends)).toEqual([
      ['127.0.0.161', 'true'],
      ['127.0.0.162', 'true'],
    ]);
  });

  it('is waited for by the next one, which finds its work done', async () => {
    const [before] = host(1).engine.containers.map(container => container.id);
    let waited = false;
    const next = project.run('deploy', {}, ({ doing }) => {
      if (doing?.startsWith('waiting for the lock of https://github.com/acme/infra/actions/runs/7') !== true) return;
      waited = true;
      docker.letGo();
    });
    const { outcome, problems, steps } = await next;
    expect([problems, waited]).toEqual([[], true]);
    // It had planned this before it waited, and found under the lock that it was done.
    expect(host(1).engine.containers.map(container => container.id)).not.toEqual([before]);
    expect([outcome, told(steps).filter(step => step.includes('restart'))]).toEqual(['unchanged', []]);
    expect((await project.run('status')).outcome).toBe('converged');
  });

  it('is remembered by both machines: by the FE’s at once, by the busy one when it was done', async () => {
    const { runs } = await readHistory(await project.prepare('status'));
    expect(runs.map(({ mode, outcome, hosts }) => [mode, outcome, hosts])).toEqual([
      ['deploy', 'failed', ['127.0.0.161', '127.0.0.162']],
      ['deploy', 'changed', ['127.0.0.161', '127.0.0.162']],
    ]);
  });

  it('prints nothing that the runner would obey when Docker answers with commands of its own', async () => {
    project.compile(yaml(30));
    docker.turnHostile();
    expect(await beginDeploy().over).toBe(1);
    expect(log).toContain('# #[stop-commands]t');
    const commands = log.split(/\r?\n/).filter(line => line.trimStart().startsWith('::') || line.includes('##['));
    // Our own annotations may carry it: what follows their first `::` is no command any more.
    expect(commands.filter(line => !/^::(error|warning) title=|^::error::sandbox failed/.test(line))).toEqual(
      commands.filter(line => line.startsWith('::add-mask::')),
    );
  });
});
