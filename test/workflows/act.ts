import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { compile } from '../../compiler/compile.ts';

/** Where `.ci/run` puts act, actionlint and zizmor. */
export const tools = process.env['WORKFLOW_TOOLS'] ?? '';
export const hasTools = existsSync(join(tools, 'act'));

/** A branch, a message of a commit and a person, as somebody might name them who wishes us ill. */
export const ILL_NAMED = '$(touch ill-named)`touch ill-named`;touch ill-named;"\'${{ github.token }}::error::forged';

/** What every job gets, and nobody may see. */
export const GITHUB_TOKEN = 'marked-github+token/of=a-job';

/** Stand-ins for GitHub's own actions: they prove how we use them, not what they do. */
const STAND_INS: Readonly<Record<string, string>> = {
  'actions/checkout': `name: checkout
description: fetches from the local origin, as shallow as GitHub's does unless told otherwise
inputs:
  ref: { description: what to check out, required: false }
  fetch-depth: { description: how many commits, default: '1' }
  persist-credentials: { description: unused, required: false }
runs:
  using: composite
  steps:
    - shell: bash
      env: { REF: "\${{ inputs.ref || github.event.merge_group.head_ref || github.ref }}", DEPTH: "\${{ inputs.fetch-depth }}" }
      run: |
        find . -mindepth 1 -delete
        if [ -x "$ORIGIN/../before-checkout" ]; then "$ORIGIN/../before-checkout"; fi
        git init -q .
        if [ "$DEPTH" = 0 ]; then depth=(); else depth=("--depth=$DEPTH"); fi
        git fetch -q "\${depth[@]}" "file://$ORIGIN" "$REF"
        git checkout -q FETCH_HEAD
`,
  'actions/upload-artifact': `name: upload
description: copies to a folder
inputs:
  name: { description: of the artifact, required: true }
  path: { description: what to keep, required: true }
runs:
  using: composite
  steps:
    - shell: bash
      env: { NAME: "\${{ inputs.name }}", FROM: "\${{ inputs.path }}" }
      run: mkdir -p "$ORIGIN/../artifacts/$NAME" && cp -r "$FROM" "$ORIGIN/../artifacts/$NAME/"
`,
  'actions/setup-node': `name: node
description: the one that is there
inputs:
  node-version: { description: which, required: true }
runs:
  using: composite
  steps: [{ shell: bash, run: 'true' }]
`,
};

/** The runner loses the last lines of a step that fails at once. */
const DRAIN_NODE = `process.on('exit', code => {
  if (code !== 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
});
`;
const DRAIN_BASH = `trap '[ $? = 0 ] || sleep 0.3' EXIT\n`;

export interface Ran {
  /** Every job of the workflow → how it ended. */
  readonly jobs: Readonly<Record<string, string>>;
  /** What people see in the log, masked. */
  readonly log: string;
  readonly summaries: readonly string[];
  readonly annotations: readonly { readonly level: string; readonly message: string; readonly at: string }[];
  /** `job.output` → value. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** A repository with our workflows, its bare origin, and a runner. */
export class Repository {
  readonly folder = mkdtempSync(join(tmpdir(), 'starrocks-ha-act-'));
  readonly clone = join(this.folder, 'clone');
  readonly origin = join(this.folder, 'origin.git');
  readonly #secretFile = join(this.folder, 'secrets.yml');
  readonly #api: string;
  #running: ChildProcess | undefined;

  /** @param secrets by name, for jobs that name them; never on a command line */
  constructor(api: string, secrets: Readonly<Record<string, string>>) {
    this.#api = api;
    execFileSync('git', ['clone', '-q', resolve('.'), this.clone], { stdio: 'ignore' });
    for (const [action, text] of Object.entries(STAND_INS)) {
      mkdirSync(this.#standIn(action), { recursive: true });
      writeFileSync(join(this.#standIn(action), 'action.yml'), text);
    }
    writeFileSync(join(this.folder, 'drain.cjs'), DRAIN_NODE);
    writeFileSync(join(this.folder, 'drain.sh'), DRAIN_BASH);
    // Not in act's environment, which every step would see, nor on its command line.
    writeFileSync(this.#secretFile, JSON.stringify({ GITHUB_TOKEN, ...secrets }), {
      mode: 0o600,
    });
    this.git('config', 'user.name', 'Ada');
    this.git('config', 'user.email', 'ada@example.org');
    this.git('checkout', '-q', '-B', 'main');
    // act's own schema is older than GitHub's: these two keys are checked by the rules instead.
    const workflows = join(this.clone, '.github/workflows');
    for (const name of readdirSync(workflows)) {
      const file = join(workflows, name);
      writeFileSync(file, readFileSync(file, 'utf8').replace(/^ +(queue: max|deployment: false)\n/gm, ''));
    }
    // The sample cluster is nobody's.
    for (const name of ['generated', 'cluster.yaml']) rmSync(join(this.clone, name), { recursive: true });
    this.commit('an empty start');
    execFileSync('git', ['clone', '-q', '--bare', this.clone, this.origin], { stdio: 'ignore' });
    this.git('remote', 'set-url', 'origin', this.origin);
  }

  git(...args: string[]): string {
    return execFileSync('git', args, { cwd: this.clone, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  }

  get head(): string {
    return this.git('rev-parse', 'HEAD');
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.clone, path), text);
  }

  /** Writes cluster.yaml and, as `npm run compile` does, generated/. */
  compile(text: string): void {
    this.write('cluster.yaml', text);
    const out = join(this.clone, 'generated');
    const file = join(out, 'cluster.json');
    const previous = existsSync(file) ? readFileSync(file, 'utf8') : null;
    const { files } = compile({ file: 'cluster.yaml', text, previous });
    if (files === null) throw new Error('cluster.yaml does not compile');
    rmSync(out, { recursive: true, force: true });
    for (const [path, { text: content, mode }] of files) {
      const target = join(out, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, content);
      chmodSync(target, Number.parseInt(mode, 8));
    }
  }

  commit(message: string): void {
    this.git('add', '-A');
    this.git('commit', '-q', '--allow-empty', '-m', message);
  }

  /** A change that is looked at and not kept. */
  async trying<T>(change: () => void, look: () => Promise<T>): Promise<T> {
    const { head } = this;
    try {
      change();
      this.commit('a trial');
      return await look();
    } finally {
      this.git('reset', '-q', '--hard', head);
    }
  }

  /** What a merge does. */
  push(): void {
    this.git('push', '-q', '--force', 'origin', 'HEAD:main');
  }

  /** Something that happens right before the nth checkout of the next run. */
  beforeCheckout(nth: number, script: string): void {
    const file = join(this.folder, 'before-checkout');
    const count = join(this.folder, 'checkouts');
    rmSync(count, { force: true });
    const guard = `#!/bin/bash\nset -e\necho >>'${count}'\n[ "$(wc -l <'${count}')" = ${nth} ] || exit 0\n`;
    writeFileSync(file, `${guard}${script}\n`, { mode: 0o755 });
  }

  /** Paths of the files of an artifact. */
  artifacts(name: string): string[] {
    const folder = join(this.folder, 'artifacts', name);
    if (!existsSync(folder)) return [];
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
    return entries.map(entry => relative(folder, join(entry.parentPath, entry.name))).sort();
  }

  /** All that lies in the clone, in act's home and in what it works on. */
  everyFile(): string[] {
    return readdirSync(this.folder, { recursive: true, encoding: 'utf8' });
  }

  artifact(name: string, file: string): string {
    return readFileSync(join(this.folder, 'artifacts', name, file), 'utf8');
  }

  /** As GitHub does for an open pull request: its head, and a trial of the merge. */
  propose(number: number): object {
    const { head } = this;
    const base = this.main;
    const merged = this.git('commit-tree', `${head}^{tree}`, '-p', base, '-p', head, '-m', 'a trial');
    this.git(
      'push',
      '-q',
      '--force',
      'origin',
      `${head}:refs/pull/${number}/head`,
      `${merged}:refs/pull/${number}/merge`,
    );
    return {
      number,
      pull_request: { number, title: ILL_NAMED, head: { sha: head, ref: ILL_NAMED }, base: { sha: base, ref: 'main' } },
    };
  }

  /** The trial of a merge queue: a commit on a branch of its own, for nobody's number. */
  queue(): object {
    const ref = 'refs/heads/gh-readonly-queue/main/pr-7';
    this.git('push', '-q', '--force', 'origin', `HEAD:${ref}`);
    return {
      ref,
      action: 'checks_requested',
      merge_group: { head_sha: this.head, head_ref: ref, base_sha: this.main },
    };
  }

  get main(): string {
    return execFileSync('git', ['rev-parse', 'main'], { cwd: this.origin, encoding: 'utf8' }).trim();
  }

  /** A program that takes the place of another one in scripts. */
  tool(name: string, script: string): void {
    mkdirSync(join(this.folder, 'bin'), { recursive: true });
    writeFileSync(join(this.folder, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** Lines that such programs have left. */
  said(): string[] {
    return readFileSync(join(this.folder, 'said'), 'utf8').trim().split('\n');
  }

  /** @param told hears the log line by line */
  async act(event: string, workflow: string, payload: object, told?: (line: string) => void): Promise<Ran> {
    const eventFile = join(this.folder, 'event.json');
    writeFileSync(eventFile, JSON.stringify(payload));
    const nothing = ['--env-file', '--var-file', '--input-file'].flatMap(option => [option, '/dev/null']);
    const args = [
      ...[event, '--json', '-e', eventFile, '-W', `.github/workflows/${workflow}`],
      ...['-P', 'ubuntu-24.04=-self-hosted', '--no-cache-server', '--no-skip-checkout', '--rm'],
      ...[...nothing, '--secret-file', this.#secretFile],
      ...['--env', `ORIGIN=${this.origin}`, '--env', 'GITHUB_REPOSITORY=acme/infra'],
      ...['--env', `GITHUB_API_URL=${this.#api}`, '--actor', 'ada'],
      ...['--env', `NODE_OPTIONS=--require=${join(this.folder, 'drain.cjs')}`],
      ...['--env', `BASH_ENV=${join(this.folder, 'drain.sh')}`],
      ...this.#pins(workflow).flatMap(pin => [
        '--local-repository',
        `${pin}=${this.#standIn(pin.split('@')[0] ?? '')}`,
      ]),
    ];
    const child = spawn(join(tools, 'act'), args, {
      cwd: this.clone,
      env: {
        PATH: `${join(this.folder, 'bin')}:${dirname(process.execPath)}:${process.env['PATH']}`,
        HOME: this.folder,
        LANG: 'C.UTF-8',
        ACT_DISABLE_VERSION_CHECK: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running = child;
    const lines: string[] = [];
    createInterface(child.stdout).on('line', line => {
      lines.push(line);
      told?.(line);
    });
    createInterface(child.stderr).on('line', line => lines.push(line));
    await once(child, 'close');
    this.#running = undefined;
    rmSync(join(this.folder, 'before-checkout'), { force: true });
    return ran(lines, Object.keys(parse(this.#workflow(workflow)).jobs));
  }

  #workflow(name: string): string {
    return readFileSync(join(this.clone, '.github/workflows', name), 'utf8');
  }

  #pins(workflow: string): string[] {
    const found = [...this.#workflow(workflow).matchAll(/uses: (actions\/\S+@\S+)/g)];
    return [...new Set(found.flatMap(match => match[1] ?? []))];
  }

  #standIn(action: string): string {
    return join(this.folder, 'stand-ins', action);
  }

  /** What `Cancel workflow` does to the step that runs; act itself would kill it at once. */
  cancel(): void {
    for (const { pid, command } of this.#processes())
      if (command.includes('dist/index.cjs')) process.kill(pid, 'SIGINT');
  }

  /** The runner's machine is gone. */
  die(): void {
    for (const { pid } of this.#processes()) process.kill(pid, 'SIGKILL');
  }

  /** act first, then whatever it has started. */
  #processes(): { readonly pid: number; readonly command: string }[] {
    const table = execFileSync('ps', ['-e', '-ww', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
      .split('\n')
      .flatMap(line => {
        const match = /^ *(\d+) +(\d+) (.*)$/.exec(line);
        return match === null ? [] : [{ pid: Number(match[1]), parent: Number(match[2]), command: match[3] ?? '' }];
      });
    const found = table.filter(({ pid }) => pid === this.#running?.pid);
    for (const { pid } of found) found.push(...table.filter(({ parent }) => parent === pid));
    return found;
  }

  remove(): void {
    this.die();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function ran(lines: readonly string[], all: readonly string[]): Ran {
  const jobs: Record<string, string> = {};
  const summaries: string[] = [];
  const annotations: { level: string; message: string; at: string }[] = [];
  const outputs: Record<string, string> = {};
  const log: string[] = [];
  for (const line of lines) {
    const said = parsed(line);
    if (said === null) {
      log.push(line);
      continue;
    }
    log.push(String(said['msg'] ?? ''));
    const job = nameOf(said);
    if (job !== '') jobs[job] = String(said['jobResult'] ?? jobs[job] ?? 'unfinished');
    const pairs = (said['kvPairs'] ?? {}) as Record<string, string>;
    switch (said['command']) {
      case 'summary':
        summaries.push(String(said['content']));
        break;
      case 'error':
      case 'warning':
      case 'notice':
        annotations.push({
          level: String(said['command']),
          message: String(said['arg']),
          at: pairs['file'] === undefined ? '' : `${pairs['file']}:${pairs['line']}`,
        });
        break;
      case 'set-output':
        outputs[`${job}.${said['name'] ?? pairs['name']}`] = String(said['arg']);
    }
  }
  // The runner says nothing of a job that it skips.
  for (const job of all) {
    if (!Object.keys(jobs).some(name => name.split(' ')[0] === job)) jobs[job] = 'skipped';
  }
  return { jobs, log: log.join('\n'), summaries, annotations, outputs };
}

/** `test (20)` for one of a matrix. */
function nameOf(said: Record<string, unknown>): string {
  const of = Object.values((said['matrix'] ?? {}) as Record<string, unknown>);
  return `${said['jobID'] ?? ''}${of.length === 0 ? '' : ` (${of.join(', ')})`}`;
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
