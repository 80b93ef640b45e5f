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
import { dirname, join, resolve } from 'node:path';
import { compile } from '../../compiler/compile.ts';

/** Where `.ci/run` puts act, actionlint and zizmor. */
export const tools = process.env['WORKFLOW_TOOLS'] ?? '';
export const hasTools = existsSync(join(tools, 'act'));

const CHECKOUT = 'actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1';
const UPLOAD = 'actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a';

/** Stand-ins for GitHub's own actions: they prove how we use them, not what they do. */
const CHECKOUT_ACTION = `name: checkout
description: clones the local origin
inputs:
  ref: { description: what to check out, required: false }
  fetch-depth: { description: unused, required: false }
  persist-credentials: { description: unused, required: false }
runs:
  using: composite
  steps:
    - shell: bash
      env: { REF: "\${{ inputs.ref }}" }
      run: |
        find . -mindepth 1 -delete
        if [ -x "$ORIGIN/../before-checkout" ]; then "$ORIGIN/../before-checkout"; fi
        git clone -q "$ORIGIN" .
        git checkout -q "\${REF:-$GITHUB_SHA}"
`;
const UPLOAD_ACTION = `name: upload
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
`;

export interface Ran {
  /** Job → how it ended, as the runner says it. */
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
  readonly #env: Readonly<Record<string, string>>;
  readonly #api: string;
  #running: ChildProcess | undefined;

  /** @param secrets by name, for jobs that name them; never on a command line */
  constructor(api: string, secrets: Readonly<Record<string, string>>) {
    this.#api = api;
    this.#env = secrets;
    execFileSync('git', ['clone', '-q', resolve('.'), this.clone], { stdio: 'ignore' });
    for (const [name, text] of [
      ['checkout', CHECKOUT_ACTION],
      ['upload', UPLOAD_ACTION],
    ] as const) {
      mkdirSync(join(this.folder, name));
      writeFileSync(join(this.folder, name, 'action.yml'), text);
    }
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

  artifacts(name: string): string[] {
    const folder = join(this.folder, 'artifacts', name);
    return existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String).sort() : [];
  }

  artifact(name: string, file: string): string {
    return readFileSync(join(this.folder, 'artifacts', name, file), 'utf8');
  }

  async act(event: string, workflow: string, payload: object, told?: (line: string) => void): Promise<Ran> {
    const eventFile = join(this.folder, 'event.json');
    writeFileSync(eventFile, JSON.stringify(payload));
    const args = [
      event,
      '--json',
      ...['-e', eventFile, '-W', `.github/workflows/${workflow}`, '-P', 'ubuntu-24.04=-self-hosted'],
      ...[
        '--no-cache-server',
        '--rm',
        '--env-file',
        '/dev/null',
        '--secret-file',
        '/dev/null',
        '--var-file',
        '/dev/null',
      ],
      ...['--env', `ORIGIN=${this.origin}`, '--env', 'GITHUB_REPOSITORY=acme/infra'],
      ...['--env', `GITHUB_API_URL=${this.#api}`, '-s', 'GITHUB_TOKEN'],
      ...Object.keys(this.#env).flatMap(name => ['-s', name]),
      ...['--local-repository', `${CHECKOUT}=${join(this.folder, 'checkout')}`],
      ...['--local-repository', `${UPLOAD}=${join(this.folder, 'upload')}`],
    ];
    const child = spawn(join(tools, 'act'), args, {
      cwd: this.clone,
      env: {
        PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
        HOME: this.folder,
        LANG: 'C.UTF-8',
        ACT_DISABLE_VERSION_CHECK: '1',
        GITHUB_TOKEN: 'marked-github-token',
        ...this.#env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running = child;
    let text = '';
    let error = '';
    child.stdout.on('data', chunk => {
      text += chunk;
      told?.(String(chunk));
    });
    child.stderr.on('data', chunk => {
      error += chunk;
    });
    await once(child, 'close');
    this.#running = undefined;
    rmSync(join(this.folder, 'before-checkout'), { force: true });
    return ran(text, error);
  }

  /** What `Cancel workflow` does. */
  cancel(): void {
    this.#running?.kill('SIGINT');
  }

  remove(): void {
    this.#running?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function ran(text: string, error: string): Ran {
  const jobs: Record<string, string> = {};
  const summaries: string[] = [];
  const annotations: { level: string; message: string; at: string }[] = [];
  const outputs: Record<string, string> = {};
  const log: string[] = [error];
  for (const line of text.split('\n')) {
    const said = parsed(line);
    if (said === null) continue;
    log.push(String(said['msg'] ?? ''));
    const job = String(said['jobID'] ?? '');
    if (typeof said['jobResult'] === 'string') jobs[job] = said['jobResult'];
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
  return { jobs, log: log.join('\n'), summaries, annotations, outputs };
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
