import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sandbox } from '../sandbox/sandbox.ts';
import { Project } from './project.ts';

/** The committed bundle, run as GitHub's runner runs it: inputs in the environment, outputs in files. */
let sandbox: Sandbox;
let project: Project;
let runner: string;

beforeAll(async () => {
  sandbox = await Sandbox.start({ hosts: 1, first: 141, env: { STANDIN_SPEED: '4' } });
  project = new Project(sandbox.privateKey);
  project.compile(
    sandbox.clusterYaml('default_replication_num: 1\n').replace('version: 3.3.18', 'version: 3.3.18, password: true'),
  );
  runner = mkdtempSync(join(tmpdir(), 'starrocks-ha-runner-'));
});

afterAll(async () => {
  await sandbox?.stop();
  project?.remove();
  rmSync(runner, { recursive: true, force: true });
});

const PASSWORD = 'marked+password/with=signs';

interface Ran {
  readonly code: number | null;
  readonly log: string;
  readonly outputs: Record<string, string>;
  readonly summary: string;
}

async function action(inputs: Record<string, string>): Promise<Ran> {
  const files = { GITHUB_OUTPUT: join(runner, 'output'), GITHUB_STEP_SUMMARY: join(runner, 'summary') };
  for (const file of Object.values(files)) writeFileSync(file, '');
  const env = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]));
  const child = spawn(process.execPath, [resolve('.github/actions/deploy/dist/index.cjs')], {
    cwd: project.folder,
    env: {
      PATH: process.env['PATH'],
      HOME: runner,
      RUNNER_TEMP: runner,
      GITHUB_ACTIONS: 'true',
      GITHUB_REPOSITORY: 'acme/infra',
      GITHUB_RUN_ID: '7',
      GITHUB_ACTOR: 'ada',
      ...files,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (log += chunk));
  const code = await new Promise<number | null>(done => child.once('close', done));
  const outputs = Object.fromEntries(
    [...readFileSync(files.GITHUB_OUTPUT, 'utf8').matchAll(/^(.+?)<<(\S+)\n([\s\S]*?)\n\2$/gm)].map(match => [
      match[1] ?? '',
      match[3] ?? '',
    ]),
  );
  return { code, log, outputs, summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8') };
}

const inputs = (mode: string): Record<string, string> => ({
  mode,
  'ssh-key': sandbox.privateKey,
  'starrocks-password': PASSWORD,
});

describe('the Action', () => {
  it('deploys, and tells other jobs and people what it did', async () => {
    const { code, outputs, summary, log } = await action(inputs('deploy'));
    expect(log).not.toContain('::error');
    expect(code).toBe(0);
    const [host] = sandbox.hosts;
    expect(outputs).toMatchObject({
      changed: 'true',
      outcome: 'changed',
      'changed-hosts': JSON.stringify([host?.address]),
      'host-outcomes': JSON.stringify({ [host?.address ?? '']: 'applied' }),
    });
    expect(outputs['plan-digest']).toMatch(/^[0-9a-f]{64}$/);
    const report = JSON.parse(readFileSync(join(outputs['report'] ?? '', 'report.json'), 'utf8'));
    expect(report.frontends[0].Role).toBe('LEADER');
    expect(summary).toContain('LEADER');
    expect(summary).toContain('found the cluster');
  });

  it('shows no secret anywhere, in whatever form', async () => {
    const { log, summary, outputs } = await action(inputs('plan'));
    const told = [
      log.replace(/^::add-mask::.*$/gm, ''),
      summary,
      readFileSync(join(outputs['report'] ?? '', 'report.json'), 'utf8'),
    ].join('\n');
    const keyLine = sandbox.privateKey.split('\n')[1] ?? '';
    for (const form of [PASSWORD, Buffer.from(PASSWORD).toString('base64'), encodeURIComponent(PASSWORD), keyLine]) {
      expect(told).not.toContain(form);
    }
  });

  it('stays green and says that nothing changed when there is nothing to do', async () => {
    const { code, outputs } = await action(inputs('deploy'));
    expect([code, outputs['changed'], outputs['outcome']]).toEqual([0, 'false', 'unchanged']);
  });

  it('fails with one clear line, no stack trace, for what a person can mend', async () => {
    const wrong = { ...inputs('deploy'), 'ssh-key': 'ssh-ed25519 AAAAC3 me@home' };
    const { code, log } = await action(wrong);
    expect(code).toBe(1);
    expect(log).toContain('public key');
    expect(log).not.toMatch(/\n\s+at /);
    const noMode = await action({ ...inputs('explode') });
    expect([noMode.code, noMode.log]).toEqual([1, expect.stringContaining('E_INPUT')]);
  });

  it('refuses a generated folder that somebody edited by hand, and says which file', async () => {
    const file = join(project.generated, 'hosts', sandbox.hosts[0]?.address ?? '', 'conf/fe/fe.conf');
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, `${before}\nqe_slow_log_ms = 1\n`);
    const { code, log } = await action(inputs('deploy'));
    writeFileSync(file, before);
    expect(code).toBe(1);
    expect(log).toContain('conf/fe/fe.conf');
    expect(log).toContain('npm run compile');
  });
});
