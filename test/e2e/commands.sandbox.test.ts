import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Sandbox, type SandboxHost } from '../sandbox/sandbox.ts';
import { ArgvWatch } from './argv-watch.ts';
import { lockedKey } from './locked-key.ts';
import { Project } from './project.ts';
import { formsOf, keyForms } from './secret-forms.ts';

/** Every command that a person has besides plan and deploy, run as npm runs it, against one cluster. */
let sandbox: Sandbox;
let project: Project;
/** Home and temporary folder of whoever runs the commands. */
let runner: string;
let key: string;
let watch: ArgvWatch;
/** All that any command of this file has said. */
let said = '';

const PASSWORD = `marked "p+ss/w=rd' \\ of root`;
const PASSPHRASE = 'marked phrase: 100% & more';
/** What StarRocks keeps instead of the password (mysql_native_password). */
const HASH = sha1(sha1(Buffer.from(PASSWORD))).toString('hex');

function sha1(bytes: Buffer): Buffer {
  return createHash('sha1').update(bytes).digest();
}

const SECRETS = { SSH_PASSPHRASE: PASSPHRASE, STARROCKS_PASSWORD: PASSWORD };
const forms = (): readonly string[] => [
  ...formsOf(PASSWORD),
  ...formsOf(PASSPHRASE),
  ...keyForms(key),
  ...keyForms(sandbox.privateKey),
];

beforeAll(async () => {
  sandbox = await Sandbox.start({ hosts: 3, first: 181, env: { STANDIN_SPEED: '4', STANDIN_START_MS: '400' } });
  project = new Project(sandbox.privateKey);
  project.compile(sandbox.clusterYaml().replace('version: 3.3.18', 'version: 3.3.18, password: true'));
  project.commit('three machines');
  runner = mkdtempSync(join(tmpdir(), 'starrocks-ha-person-'));
  key = lockedKey(sandbox.privateKey, PASSPHRASE);
  watch = new ArgvWatch(forms());
});

afterAll(async () => {
  await watch?.end();
  await sandbox?.stop();
  project?.remove();
  rmSync(runner, { recursive: true, force: true });
});

const host = (index: number): SandboxHost => sandbox.host(index);
const addresses = (): string[] => sandbox.hosts.map(one => one.address);

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Env = Readonly<Record<string, string | undefined>>;

const person = (): Env => ({
  PATH: process.env['PATH'],
  HOME: runner,
  TMPDIR: runner,
  USER: 'ada',
  HOSTNAME: 'laptop',
  npm_config_update_notifier: 'false',
  SSH_PRIVATE_KEY: key,
  ...SECRETS,
});

function begin(program: string, args: readonly string[], env: Env): { child: ChildProcess; over: Promise<Ran> } {
  const child = spawn(program, args, { cwd: resolve('.'), env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', chunk => (stdout += chunk));
  child.stderr.on('data', chunk => (stderr += chunk));
  const over = new Promise<Ran>(done =>
    child.once('close', code => {
      said += stdout + stderr;
      done({ code, stdout, stderr });
    }),
  );
  return { child, over };
}

const files = (of: Project = project): string[] => [
  ...['--generated', of.generated],
  ...['--cluster', join(of.folder, 'cluster.yaml')],
  ...['--known-hosts', join(of.folder, 'known_hosts')],
];

const SCRIPTS: ReadonlySet<string> = new Set(['history', 'doctor', 'drift', 'status', 'deploy']);
const words = (verb: string, args: readonly string[]): string[] => [
  ...['run', '--silent', ...(SCRIPTS.has(verb) ? [verb, '--'] : ['repair', '--', verb])],
  ...args,
];

/** `npm run VERB`, or `npm run repair -- VERB`. Whatever it does, it is no stack trace and no colour of a terminal. */
async function npm(verb: string, args: readonly string[] = files(), env: Env = person()): Promise<Ran> {
  const ran = await begin('npm', words(verb, args), env).over;
  expect(ran.stdout + ran.stderr).not.toMatch(/\n\s+at .+:\d+/);
  expect(ran.stdout + ran.stderr).not.toContain('\u001b');
  return ran;
}

const without = (...names: string[]): Env =>
  Object.fromEntries(Object.entries(person()).filter(([name]) => !names.includes(name)));

/** The whole report of `--json`: all of standard output is one JSON text. */
const json = async (verb: string, ...args: string[]) =>
  JSON.parse((await npm(verb, [...files(), '--json', ...args])).stdout);

/** Ids and start times of every container: equal means that nobody was touched. */
const containers = (): string[] =>
  sandbox.hosts.flatMap(one =>
    one.engine.containers.map(c => `${one.address} ${c.service.name} ${c.id} ${c.startedAt}`),
  );

const container = (index: number, service: string) => {
  const found = host(index).engine.containers.find(one => one.service.name === service);
  if (found === undefined) throw new Error(`no ${service}`);
  return found;
};

interface Check {
  readonly host: string;
  readonly check: string;
  readonly level: string;
}

describe('before anything is deployed', () => {
  it('history has nothing to tell, and says so', async () => {
    expect(await npm('history')).toEqual({ code: 0, stdout: 'No run has changed anything yet.\n', stderr: '' });
    expect(await json('history')).toEqual([]);
  });

  it('doctor looks at the checkout and at every machine, and its exit code says whether something is to be mended', async () => {
    const { code, stdout, stderr } = await npm('doctor', [...files(), '--json']);
    const checks = JSON.parse(stdout) as Check[];
    const levels = (of: string) =>
      Object.fromEntries(checks.filter(one => one.host === of).map(one => [one.check, one.level]));
    expect(levels('here')).toEqual({
      'cluster.yaml compiles to generated/': 'ok',
      'private key': 'ok',
      'password of root': 'ok',
      'host keys': 'ok',
      'all is committed': 'ok',
    });
    for (const address of addresses())
      expect(levels(address)).toMatchObject({
        'Compose v2': 'ok',
        'ports are free': 'ok',
        'nobody else deploys': 'ok',
      });
    // What this machine itself lacks (its CPU, its clock) is no matter of the sandbox.
    expect([code, stderr]).toEqual([checks.some(one => one.level === 'fail') ? 2 : 0, '']);
  });

  it('doctor says once what is the same on all machines, and only counts what is well', async () => {
    const { stdout } = await npm('doctor');
    expect(stdout).toContain('ok      here  private key: can be used\n');
    expect(stdout).toMatch(new RegExp(`^ok {6}${addresses().join(', ')} {2}\\d+ checks each$`, 'm'));
    expect(stdout.match(/Compose v2/g)).toBe(null);
    expect(stdout).toMatch(/^\d+ checks of this checkout and 3 machines: \d+ to mend, /m);
  });

  it('doctor names a missing key, and asks no machine', async () => {
    const { code, stdout } = await npm('doctor', files(), without('SSH_PRIVATE_KEY'));
    expect([code, stdout]).toEqual([
      2,
      expect.stringMatching(/^FAIL {4}here {2}private key: .+ENOENT\.\n +Give its path/m),
    ]);
    expect(stdout).toContain('no machine was looked at: 1 to mend');
    // The first thing that a person with a fresh checkout needs.
    expect(stdout).toContain('gh secret set SSH_PRIVATE_KEY --env starrocks');
    expect(stdout).toMatch(/^\? {7}GitHub {2}environments, secrets and the runner: this clone has no origin/m);
  });

  it('doctor names a key that nobody can open', async () => {
    const { code, stdout } = await npm('doctor', files(), without('SSH_PASSPHRASE'));
    expect([code, stdout]).toEqual([2, expect.stringMatching(/^FAIL {4}here {2}private key: .+passphrase/m)]);
  });

  it('doctor names a missing password, and looks at the machines all the same', async () => {
    const { code, stdout } = await npm('doctor', files(), without('STARROCKS_PASSWORD'));
    expect([code, stdout]).toEqual([
      2,
      expect.stringMatching(/^FAIL {4}here {2}password of root: .+is not set\n +export/m),
    ]);
    expect(stdout).toContain('and 3 machines');
  });

  it('doctor names a machine whose host key nobody vouched for, and looks at the others', async () => {
    const other = new Project(key);
    try {
      const text = readFileSync(join(project.folder, 'cluster.yaml'), 'utf8');
      other.compile(text.replace(/, host_key: "[^"]*"/, ''));
      const { code, stdout } = await npm('doctor', files(other));
      expect([code, stdout]).toEqual([
        2,
        expect.stringMatching(/^FAIL {4}here {2}host keys: unknown for .+\n +npm run trust$/m),
      ]);
      expect(stdout).toMatch(/^FAIL {4}127\.0\.0\.181 {2}reached over SSH: .+\n.+npm run trust/m);
      expect(stdout).toMatch(/^ok {6}127\.0\.0\.182, 127\.0\.0\.183 {2}\d+ checks each$/m);
    } finally {
      other.remove();
    }
  });

  it('drift says with exit code 2 that all is still to be done', async () => {
    const { code, stdout } = await npm('drift');
    expect([code, stdout]).toEqual([2, expect.stringContaining('planned   found the cluster on 127.0.0.181')]);
  });
});

describe('a cluster that the Action has deployed', () => {
  it('comes up with a password and a key that has a passphrase', async () => {
    const outputs = { GITHUB_OUTPUT: join(runner, 'output'), GITHUB_STEP_SUMMARY: join(runner, 'summary') };
    for (const file of Object.values(outputs)) writeFileSync(file, '');
    const inputs = {
      mode: 'deploy',
      generated: project.generated,
      cluster: join(project.folder, 'cluster.yaml'),
      'ssh-key': key,
      'ssh-passphrase': PASSPHRASE,
      'starrocks-password': PASSWORD,
    };
    const { code, stdout, stderr } = await begin(
      process.execPath,
      [...['tsx', './compiler/sh-as-text.mjs'].flatMap(one => ['--import', one]), '.github/actions/deploy/src/main.ts'],
      {
        PATH: process.env['PATH'],
        HOME: runner,
        RUNNER_TEMP: runner,
        GITHUB_ACTIONS: 'true',
        GITHUB_REPOSITORY: 'acme/infra',
        GITHUB_RUN_ID: '7',
        GITHUB_ACTOR: 'grace',
        ...outputs,
        ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
      },
    ).over;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('sandbox changed on 3 of 3 hosts and is as declared');
    expect(existsSync(join(runner, 'starrocks-ha-deploy/report.json'))).toBe(true);
  });

  it('does not drift: exit code 0', async () => {
    const { code, stdout } = await npm('drift');
    expect([code, stdout]).toEqual([0, expect.stringContaining('sandbox is as declared')]);
    expect(await json('drift')).toMatchObject({ outcome: 'converged', steps: [], findings: [] });
  });

  it('is verified', async () => {
    const { code, stdout } = await npm('verify');
    expect([code, stdout]).toEqual([0, expect.stringContaining('sandbox is as declared')]);
  });

  it.each(['register', 'drop', 'adopt'])('has nothing to %s, and nobody is touched', async verb => {
    const before = containers();
    const { code, stdout } = await npm(verb, [...files(), '--reason', 'a look']);
    const unchanged = addresses().map(address => `${address}  unchanged\n`);
    expect([code, stdout]).toEqual([0, expect.stringContaining(unchanged.join(''))]);
    expect(containers()).toEqual(before);
  });

  it('remembers who did what, from which run, for which commit', async () => {
    const { code, stdout, stderr } = await npm('history');
    expect([code, stderr]).toEqual([0, '']);
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: project.folder, encoding: 'utf8' }).slice(0, 12);
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC {2}deploy: changed$/m);
    expect(stdout).toContain(`  by grace, https://github.com/acme/infra/actions/runs/7, commit ${commit}\n`);
    expect(stdout).toContain('  done: found the cluster on 127.0.0.181\n');
    expect(stdout).toContain(`  kept on ${addresses().join(', ')}\n`);
  });
});

describe('restart', () => {
  const wanted = ['--hosts', '127.0.0.182', '--service', 'starrocks-be'];
  const starts = async (): Promise<Record<string, string>> => {
    const { frontends, backends } = await json('status');
    const of = (rows: Record<string, string>[], kind: string, column: string) =>
      rows.map(row => [`${kind} ${row['IP']}`, row[column] ?? '']);
    return Object.fromEntries([...of(frontends, 'FE', 'StartTime'), ...of(backends, 'BE', 'LastStartTime')]);
  };

  it('does nothing when nobody says why', async () => {
    const before = containers();
    const { code, stdout, stderr } = await npm('restart', [...files(), ...wanted]);
    expect([code, stdout, stderr]).toEqual([
      1,
      '',
      expect.stringMatching(/^E_NO_REASON restart changes .+\n +Give the reason/),
    ]);
    expect(containers()).toEqual(before);
  });

  it('takes the one service once, and nobody else', async () => {
    const before = await starts();
    const others = containers().filter(one => !one.startsWith('127.0.0.182 starrocks-be'));
    const started = vi.spyOn(container(1, 'starrocks-be'), 'start');
    const { code, stdout } = await npm('restart', [...files(), ...wanted, '--reason', 'it felt slow']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^done {6}restart starrocks-be on 127\.0\.0\.182 /)]);
    expect(started).toHaveBeenCalledTimes(1);
    const after = await starts();
    expect(Object.keys(after).filter(name => after[name] !== before[name])).toEqual(['BE 127.0.0.182']);
    expect(Object.keys(after).length).toBe(6);
    expect(containers().filter(one => others.includes(one))).toEqual(others);
  });

  it('is remembered with its reason and the terminal that it came from, on the machine that it was about', async () => {
    const [first, second] = (await npm('history')).stdout.split('\n\n');
    expect(first?.split('\n').slice(1)).toEqual([
      expect.stringMatching(/^ {2}by ada@laptop, commit [0-9a-f]{12}$/),
      '  why: it felt slow',
      '  done: restart starrocks-be on 127.0.0.182',
      '  kept on 127.0.0.182',
    ]);
    expect(second).toContain('deploy: changed');
    const elsewhere = await json('history', '--hosts', '127.0.0.183');
    expect(elsewhere.map((run: { mode: string; hosts: string[] }) => [run.mode, run.hosts])).toEqual([
      ['deploy', ['127.0.0.183']],
    ]);
  });

  it('is told by history even while a machine is away, which is named', async () => {
    await host(2).closeSsh();
    const { code, stdout, stderr } = await npm('history');
    await host(2).openSsh();
    expect([code, stderr]).toEqual([1, expect.stringContaining('127.0.0.183: connect: E_UNREACHABLE')]);
    expect(stdout).toContain('why: it felt slow');
  });
});

describe('a BE that somebody stops', () => {
  it('goes with a reason only', async () => {
    const wanted = [...files(), '--hosts', '127.0.0.183', '--service', 'starrocks-be'];
    expect((await npm('stop', wanted)).stderr).toContain('E_NO_REASON');
    expect(container(2, 'starrocks-be').status).toBe('running');
    const { code, stdout } = await npm('stop', [...wanted, '--reason', 'a new disk']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('sandbox: stop done, 1 step on 1 host.')]);
    expect(container(2, 'starrocks-be').status).toBe('exited');
  });

  it('is drift: exit code 2, and what differs', async () => {
    const { code, stdout } = await npm('drift');
    expect([code, stdout]).toEqual([2, expect.stringContaining('planned   start starrocks-be on 127.0.0.183: ')]);
    // The leader marks it dead only after some heartbeats.
    expect(stdout).toMatch(/^127\.0\.0\.183\/starrocks-be: (silent|dead): expected /m);
    const report = await json('drift');
    expect(report).toMatchObject({ outcome: 'differs', steps: [{ title: 'start starrocks-be on 127.0.0.183' }] });
  });

  it('is what diagnose names, with the cause and what to do', async () => {
    const { code, stdout } = await npm('diagnose');
    expect([code, stdout]).toEqual([
      2,
      expect.stringMatching(/^127\.0\.0\.183\/starrocks-be: D_STOPPED Somebody stopped it/m),
    ]);
    expect(stdout).toContain('1 part of sandbox ails.');
    expect((await json('diagnose')).diagnoses).toMatchObject([{ node: '127.0.0.183/starrocks-be', code: 'D_STOPPED' }]);
  });

  it('comes back, and nothing ails the cluster', async () => {
    const { code, stdout } = await npm('start', [...files(), '--reason', 'the disk is in']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('sandbox: start done, 1 step on 1 host.')]);
    expect(await npm('diagnose')).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing ails sandbox.') });
    expect((await npm('drift')).code).toBe(0);
  });
});

describe('logs', () => {
  const log = () => join(host(0).deployDir, 'log/fe/fe.log');

  it('are written into a folder, a file each, without a secret that StarRocks let slip', async () => {
    appendFileSync(log(), `first line\nSET PASSWORD = ${PASSWORD}; url=${encodeURIComponent(PASSWORD)}\nlast line\n`);
    const out = join(runner, 'logs');
    const { code, stdout, stderr } = await npm('logs', [...files(), '--out', out]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/\d logs? of sandbox read\.$/m)]);
    const file = join(out, '127.0.0.181/starrocks-fe/fe.log');
    expect(stdout.split('\n')).toContain(file);
    expect(readFileSync(file, 'utf8')).toBe('first line\nSET PASSWORD = ***; url=***\nlast line\n');
  });

  it('are data with --json', async () => {
    const report = await json('logs', '--hosts', '127.0.0.181', '--service', 'starrocks-fe');
    expect(report.logs).toContainEqual({
      name: '127.0.0.181/starrocks-fe/fe.log',
      text: expect.stringContaining('***'),
    });
    writeFileSync(log(), '');
  });

  it('say why there are none', async () => {
    await host(2).closeSsh();
    const { code, stdout, stderr } = await npm('logs', [...files(), '--hosts', '127.0.0.183']);
    await host(2).openSsh();
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining('127.0.0.183: connect: E_UNREACHABLE')]);
  });

  it('cannot be written where a file is in the way, which is said', async () => {
    appendFileSync(log(), 'a line\n');
    const { code, stderr } = await npm('logs', [...files(), '--out', join(runner, 'summary')]);
    writeFileSync(log(), '');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/E_OUT .+ENOTDIR\.\n +Give another folder/)]);
  });
});

describe('unlock', () => {
  const free = () => npm('unlock', [...files(), '--reason', 'its run is gone']);
  const lock = (index: number) => join(host(index).deployDir, '.lock');
  const isFree = (index: number): boolean => {
    try {
      execFileSync('flock', ['-n', lock(index), 'true'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };

  it('finds nothing to do where nobody holds a lock', async () => {
    const { code, stdout } = await free();
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^No machine is locked\.$/m)]);
    expect((await json('unlock', '--dry-run')).outcome).toBe('converged');
  });

  it('frees nothing when nobody says why', async () => {
    const { code, stdout, stderr } = await npm('unlock');
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining('E_NO_REASON unlock changes')]);
  });

  it('leaves a run alone that lives, says whose it is, and frees what that run leaves when it is killed', async () => {
    const docker = join(host(1).folder, 'bin/docker');
    renameSync(docker, `${docker}.real`);
    writeFileSync(
      docker,
      '#!/bin/sh\n[ "$1" != restart ] || { : >"$0.hangs"; exec sleep 600; }\nexec "$0.real" "$@"\n',
    );
    chmodSync(docker, 0o755);
    const wanted = ['--hosts', '127.0.0.182', '--service', 'starrocks-be', '--reason', 'Docker will hang'];
    const { child, over } = begin('npm', words('restart', [...files(), ...wanted]), person());
    try {
      await vi.waitUntil(() => existsSync(`${docker}.hangs`), { timeout: 60_000 });
      const looked = await npm('unlock', [...files(), '--dry-run']);
      expect([looked.code, looked.stdout]).toEqual([
        2,
        expect.stringContaining('127.0.0.182 is locked by ada@laptop (ada, since '),
      ]);
      const refused = await free();
      expect([refused.code, refused.stdout]).toEqual([
        1,
        expect.stringMatching(
          /^127\.0\.0\.182: unlock: E_LOCKED .+ada@laptop .+which is alive: .*sleep \(\d+\)\.\n +Let that run end/m,
        ),
      ]);
      const second = await npm('restart', [...files(), ...wanted, '--timeouts', 'lock=0']);
      expect([second.code, second.stdout]).toEqual([1, expect.stringMatching(/E_LOCKED .+ada@laptop \(ada, commit /)]);
      expect([isFree(0), isFree(1)]).toEqual([false, false]);
    } finally {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
      await over;
      renameSync(`${docker}.real`, docker);
    }
    // The shell that only waited for a request ends by itself.
    await vi.waitUntil(() => isFree(0), { timeout: 10_000 });
    expect(isFree(1)).toBe(false);
    loseLogin(host(1).deployDir);
    const freed = await free();
    expect([freed.code, freed.stdout]).toEqual([
      0,
      expect.stringMatching(/The lock of 127\.0\.0\.182, held by ada@laptop .+ is free\. .+ended: .*sleep \(\d+\)/),
    ]);
    expect(isFree(1)).toBe(true);
    expect((await npm('drift')).code).toBe(0);
  });

  it('is remembered by the machine that it freed, with what it ended and why', async () => {
    const [last] = await json('history', '--hosts', '127.0.0.182');
    expect(last).toMatchObject({
      ...{ mode: 'unlock', outcome: 'changed', actor: 'ada', why: 'its run is gone' },
      hosts: ['127.0.0.182'],
    });
    expect(last.notes).toEqual([expect.stringMatching(/^The lock of 127\.0\.0\.182, held by .+ ended: .*sleep/)]);
  });

  it('is refused by what does not end, and names it', async () => {
    const holder = spawn('flock', [lock(2), 'sh', '-c', 'trap "" TERM; echo; while :; do sleep 1; done'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    try {
      await new Promise(heard => holder.stdout?.once('data', heard));
      const { code, stdout } = await free();
      expect([code, stdout]).toEqual([
        1,
        expect.stringMatching(/^127\.0\.0\.183: unlock: E_LOCKED .+could not be freed: .*sh \(\d+\)/m),
      ]);
      expect(isFree(2)).toBe(false);
      const report = await json('unlock', '--dry-run');
      expect(report).toMatchObject({ outcome: 'differs', problems: [] });
    } finally {
      process.kill(-(holder.pid ?? 0), 'SIGKILL');
    }
    await vi.waitUntil(() => isFree(2), { timeout: 10_000 });
  });
});

/** A real SSH server takes the shell of a login along when its connection is gone; the sandbox's does not. */
function loseLogin(deployDir: string): void {
  const shells = readdirSync('/proc').flatMap(pid => {
    if (!/^\d+$/.test(pid)) return [];
    const text = processFile(pid, 'cmdline');
    const parent = /^PPid:\s*(\d+)/m.exec(processFile(pid, 'status'))?.[1] ?? '';
    return text.includes('session.sh NONCE') && text.includes(deployDir) ? [{ pid, parent }] : [];
  });
  for (const { pid, parent } of shells) {
    if (shells.every(one => one.pid !== parent)) process.kill(Number(pid), 'SIGKILL');
  }
}

function processFile(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

describe('destroy', () => {
  /** What a deploy has put on the machines, and that their data is there: StarRocks itself writes on. */
  const folders = (): string[] =>
    sandbox.hosts.flatMap(one =>
      every(one.deployDir).map(file => {
        const path = relative(one.deployDir, file);
        const digest = /^(data|log)\//.test(path) ? '' : createHash('sha256').update(readFileSync(file)).digest('hex');
        return `${one.address} ${path} ${digest}`;
      }),
    );

  it('prints what a person would run, and touches nothing: it needs neither key nor machine', async () => {
    const before = { folders: folders(), containers: containers() };
    const { code, stdout, stderr } = await npm(
      'destroy',
      ['--generated', project.generated],
      without('SSH_PRIVATE_KEY', 'SSH_PASSPHRASE', 'STARROCKS_PASSWORD'),
    );
    expect([code, stderr]).toEqual([0, '']);
    for (const { deployDir, address } of sandbox.hosts) {
      expect(stdout).toContain(`'root@${address}' sh -e <<'END'\n`);
      expect(stdout).toContain(
        `docker compose --project-directory '${deployDir}' down\nrm -rf --one-file-system '${deployDir}'\nEND\n`,
      );
    }
    expect(containers()).toEqual(before.containers);
    expect(folders()).toEqual(expect.arrayContaining(before.folders));
    expect(before.folders.length).toBeGreaterThan(60);
  });

  it('prints for chosen hosts only, and names one that is none of the cluster', async () => {
    const one = await npm('destroy', ['--generated', project.generated, '--hosts', '127.0.0.182']);
    expect(one.stdout.match(/^# 127.+$/gm)).toEqual(['# 127.0.0.182: starrocks-be, starrocks-fe']);
    const none = await npm('destroy', ['--generated', project.generated, '--hosts', '127.0.0.9']);
    expect([none.code, none.stdout, none.stderr]).toEqual([1, '', expect.stringContaining('E_UNKNOWN_HOST')]);
  });

  it('cannot delete anything here, when the whole text is pasted and a machine is not reached', async () => {
    const { stdout } = await npm('destroy', ['--generated', project.generated]);
    const bin = mkdtempSync(join(runner, 'bin-'));
    for (const [name, text] of Object.entries({
      ssh: 'exit 255',
      docker: `echo docker >>${bin}/ran`,
      rm: `echo rm >>${bin}/ran`,
    })) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    const pasted = spawn('sh', { env: { PATH: `${bin}:${process.env['PATH']}` }, stdio: ['pipe', 'ignore', 'pipe'] });
    pasted.stdin.end(stdout);
    let complaints = '';
    pasted.stderr.on('data', chunk => (complaints += chunk));
    await new Promise(done => pasted.once('close', done));
    expect([complaints, existsSync(join(bin, 'ran'))]).toEqual(['', false]);
  });

  it('does not mind a reader that has seen enough', async () => {
    const { child, over } = begin('npm', words('destroy', ['--generated', project.generated]), person());
    child.stdout?.destroy();
    expect(await over).toMatchObject({ code: 0, stderr: '' });
  });
});

const every = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true }).flatMap(one =>
    one.isFile() ? [join(one.parentPath, one.name)] : [],
  );

describe('the password of root, the SSH key and its passphrase', () => {
  const holding = (folder: string, wanted: readonly string[]): string[] =>
    every(folder).flatMap(file => {
      const text = readFileSync(file);
      return wanted.filter(form => text.includes(form)).map(form => `${relative(folder, file)}: ${form}`);
    });

  it('are in no file on any machine, in no report, and in nothing that was printed', () => {
    const hosts = join(sandbox.folder, 'hosts');
    expect(every(hosts).length).toBeGreaterThan(100);
    expect(holding(hosts, forms())).toEqual([]);
    expect(holding(project.folder, forms())).toEqual([]);
    expect(every(runner).map(file => relative(runner, file))).toContain('starrocks-ha-deploy/report.json');
    expect(holding(runner, forms())).toEqual([]);
    // A runner learns from these lines what to strike out of its log.
    const printed = said.replace(/^::add-mask::.*$/gm, '');
    expect(printed.length).toBeGreaterThan(10_000);
    expect(forms().filter(form => printed.includes(form))).toEqual([]);
  });

  it('are known to StarRocks alone, and to it as a hash in the metadata of its FEs', () => {
    const found = holding(join(sandbox.folder, 'hosts'), [HASH]).map(one => one.split(': ')[0] ?? '');
    expect(new Set(found.map(file => file.split('/')[0]))).toEqual(new Set(addresses()));
    expect(found.filter(file => !/^[\d.]+\/starrocks-ha\/data\/fe\/meta\//.test(file))).toEqual([]);
  });

  it('were in the arguments of no process, and in the environment of none on a machine', async () => {
    const { arguments: seen, environments, hits } = await watch.end();
    expect(hits).toEqual([]);
    // It was not blind: it saw the commands here, the sessions there, and what runs in containers.
    for (const part of ['cli/main.ts restart', 'session.sh NONCE', 'starrocks-be.cjs'])
      expect(
        seen.some(one => one.includes(part)),
        part,
      ).toBe(true);
    expect(environments).toBeGreaterThan(10);
  });
});
