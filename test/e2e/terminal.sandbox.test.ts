import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { $ } from 'zx';
import { quote } from '../../.github/actions/deploy/src/transport/quote.ts';
import { Sandbox } from '../sandbox/sandbox.ts';
import { Project } from './project.ts';

/** The commands of the README, run as processes in a clone of a person's repository. */
let sandbox: Sandbox;
let project: Project;
let squatter: Server;

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const CLI = '.github/actions/deploy/src/cli/main.ts';
const COMPILER = 'compiler/main.ts';

const words = (program: string, args: readonly string[]): string[] => {
  const loaders = ['tsx', resolve('compiler/sh-as-text.mjs')].flatMap(loader => ['--import', loader]);
  return [process.execPath, ...loaders, resolve(program), ...args];
};

const command = (program: string, ...args: string[]): Promise<Ran> => ran(words(program, args));

/** On a terminal, whose size nobody told: all that it is sent arrives as standard output. */
const onTerminal = (program: string, ...args: string[]): Promise<Ran> =>
  ran(['script', '--quiet', '--return', '--command', words(program, args).map(quote).join(' '), '/dev/null']);

function ran([program = '', ...args]: readonly string[]): Promise<Ran> {
  const child = spawn(program, args, {
    cwd: resolve('.'),
    env: { ...process.env, SSH_PRIVATE_KEY: sandbox.privateKey },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', chunk => (stdout += chunk));
  child.stderr.on('data', chunk => (stderr += chunk));
  return new Promise(done => child.once('close', code => done({ code, stdout, stderr })));
}

const files = (): string[] => [
  '--generated',
  project.generated,
  '--cluster',
  join(project.folder, 'cluster.yaml'),
  '--known-hosts',
  knownHosts(),
];
const knownHosts = (): string => join(project.folder, 'known_hosts');
const compile = () =>
  command(COMPILER, 'compile', '--cluster', join(project.folder, 'cluster.yaml'), '--out', project.generated);
const git = (...args: string[]) =>
  $({ cwd: project.folder, quiet: true })`git -c user.name=ada -c user.email=ada@example.org ${args}`;

beforeAll(async () => {
  sandbox = await Sandbox.start({ hosts: 2, first: 201, env: { STANDIN_SPEED: '4', STANDIN_START_MS: '400' } });
  project = new Project(sandbox.privateKey);
  const text = `# the cluster of the test\n${sandbox.clusterYaml('default_replication_num: 2\n').replace(/, host_key: "[^"]*"/g, '')}`;
  writeFileSync(join(project.folder, 'cluster.yaml'), text);
  squatter = createServer().listen(8040, sandbox.hosts[1]?.address);
  await git('init', '-q', '-b', 'main');
});

afterAll(async () => {
  squatter?.close();
  await sandbox?.stop();
  project?.remove();
});

describe('a person with two machines and a terminal', () => {
  it('compiles', async () => {
    const { code, stdout } = await compile();
    expect(code).toBe(0);
    expect(stdout).toContain('cluster.json');
  });

  it('is stopped by host keys that nobody vouched for', async () => {
    const { code, stdout } = await command(CLI, 'plan', ...files());
    expect(code).toBe(1);
    expect(stdout).toContain('E_HOST_KEY_UNKNOWN');
    expect(stdout).toContain('npm run trust');
  });

  it('is shown the fingerprints, and nothing is written without a yes', async () => {
    const { code, stdout } = await command(
      CLI,
      'trust',
      '--generated',
      project.generated,
      '--known-hosts',
      knownHosts(),
    );
    expect(code).toBe(0);
    expect(stdout.match(/SHA256:/g)?.length).toBe(2);
    expect(() => readFileSync(knownHosts())).toThrow('ENOENT');
  });

  it('is told in a sentence what its own disk refuses, without a stack trace', async () => {
    const nowhere = join(project.folder, 'no-folder', 'known_hosts');
    const trust = await command(CLI, 'trust', '--yes', '--generated', project.generated, '--known-hosts', nowhere);
    const ports = await command(CLI, 'ports', '--generated', project.generated, '--cluster', join(nowhere, 'x'));
    for (const { code, stderr } of [trust, ports]) {
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^E_(FILE|NO_CLUSTER_FILE) .*no-folder/)]);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
  });

  it('trusts them after a yes', async () => {
    await command(CLI, 'trust', '--yes', '--generated', project.generated, '--known-hosts', knownHosts());
    expect(readFileSync(knownHosts(), 'utf8').trim().split('\n').length).toBe(2);
    const again = await command(CLI, 'trust', '--generated', project.generated, '--known-hosts', knownHosts());
    expect(again.stdout).toContain('already');
  });

  it('learns of a taken port, and gets a free one written into cluster.yaml with its comments kept', async () => {
    const planned = await command(CLI, 'plan', ...files());
    expect([planned.code, planned.stdout]).toEqual([1, expect.stringContaining('be_http_port 8040')]);
    const { code, stdout, stderr } = await command(CLI, 'ports', ...files());
    expect([code, stdout, stderr]).toEqual([0, expect.stringContaining('be_http_port 8041'), '']);
    const text = readFileSync(join(project.folder, 'cluster.yaml'), 'utf8');
    expect(text).toContain('# the cluster of the test');
    expect(text).toContain('8041');
    expect((await compile()).code).toBe(0);
  });

  it('sees a plan with exit code 2, deploys with 0, and then sees nothing to do', async () => {
    await git('add', '-A');
    await git('commit', '-q', '-m', 'first');
    const plan = await command(CLI, 'plan', ...files());
    expect([plan.code, plan.stdout]).toEqual([2, expect.stringContaining('found the cluster on')]);
    const deploy = await command(CLI, 'deploy', ...files());
    expect([deploy.code, deploy.stdout]).toEqual([0, expect.stringContaining('is as declared')]);
    // No terminal: a line for each thing that a host does.
    expect(deploy.stderr).toMatch(/^127\.0\.0\.201: starrocks-fe: found the cluster/m);
    expect(deploy.stderr).not.toContain('\u001b');
    expect((await command(CLI, 'plan', ...files())).code).toBe(0);
    const status = await command(CLI, 'status', ...files());
    expect([status.code, status.stdout]).toEqual([0, expect.stringContaining('| LEADER')]);
  });

  it('cannot take the cluster back to a commit that is older than the deployed one', async () => {
    const text = readFileSync(join(project.folder, 'cluster.yaml'), 'utf8');
    writeFileSync(join(project.folder, 'cluster.yaml'), text.replace('hosts:', 'kafka_host: 10.9.9.9\nhosts:'));
    await compile();
    await git('commit', '-q', '-a', '-m', 'second');
    const live = await onTerminal(CLI, 'deploy', ...files());
    expect(live.code).toBe(0);
    // A terminal: one line, drawn over itself.
    expect(live.stdout.replaceAll('\u001b', 'ESC')).toMatch(/ESC\[1AESC\[Jcluster {2}\w/);
    await git('checkout', '-q', 'HEAD~1');
    const { code, stdout } = await command(CLI, 'deploy', ...files());
    expect([code, stdout]).toEqual([1, expect.stringContaining('E_NOT_A_DESCENDANT')]);
    await git('checkout', '-q', 'main');
  });

  it('is told what is stale when generated/ is not what cluster.yaml says', async () => {
    const file = join(project.folder, 'cluster.yaml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('10.9.9.9', '10.9.9.10'));
    const { code, stderr } = await command(CLI, 'deploy', ...files());
    writeFileSync(file, text);
    expect([code, stderr]).toEqual([1, expect.stringContaining('E_STALE_GENERATED')]);
  });
});
