import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Doing } from '../../.github/actions/deploy/src/engine/converge.ts';
import type { RunOptions } from '../../.github/actions/deploy/src/engine/course.ts';
import { prepare, start, type Wish } from '../../.github/actions/deploy/src/engine/start.ts';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { compile } from '../../compiler/compile.ts';
import { renderForTerminal } from '../../compiler/diagnostics/terminal.ts';

/** A person's clone: a cluster.yaml, what it compiles to, and runs from there. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'starrocks-ha-project-'));
  readonly #privateKey: string;
  env: Record<string, string> = {};

  constructor(privateKey: string) {
    this.#privateKey = privateKey;
  }

  get generated(): string {
    return join(this.folder, 'generated');
  }

  /** Writes cluster.yaml and compiles it, as `npm run compile` does. */
  compile(text: string): void {
    const file = join(this.folder, 'cluster.yaml');
    writeFileSync(file, text);
    const { files, diagnostics } = compile({ file, text, previous: this.#previous() });
    if (files === null) throw new Error(renderForTerminal(diagnostics, text, 'never'));
    rmSync(this.generated, { recursive: true, force: true });
    for (const [path, file] of files) {
      const target = join(this.generated, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, file.text);
      chmodSync(target, Number.parseInt(file.mode, 8));
    }
  }

  /** In a repository of its own. */
  commit(message: string): void {
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=somebody', '-c', 'user.email=somebody@example.com', ...args], {
        cwd: this.folder,
        stdio: 'pipe',
      });
    if (!existsSync(join(this.folder, '.git'))) git('init', '-q', '-b', 'main');
    git('add', '-A');
    git('commit', '-q', '--allow-empty', '--no-gpg-sign', '-m', message);
  }

  #previous(): string | null {
    try {
      return readFileSync(join(this.generated, 'cluster.json'), 'utf8');
    } catch {
      return null;
    }
  }

  async run(
    mode: Wish['mode'],
    wish: Partial<Wish> = {},
    doing: Doing = () => undefined,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<RunReport> {
    return start(this.#wish(mode, wish), this.env, doing, signal);
  }

  /** A run that has not begun. */
  prepare(
    mode: Wish['mode'],
    wish: Partial<Wish> = {},
    doing: Doing = () => undefined,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<RunOptions> {
    return prepare(this.#wish(mode, wish), this.env, doing, signal);
  }

  #wish(mode: Wish['mode'], wish: Partial<Wish>): Wish {
    return {
      mode,
      generated: this.generated,
      clusterFile: join(this.folder, 'cluster.yaml'),
      knownHosts: join(this.folder, 'known_hosts'),
      privateKey: this.#privateKey,
      passphrase: null,
      password: null,
      token: null,
      hosts: [],
      service: '',
      reason: '',
      approved: '',
      dryRun: false,
      parallelism: 32,
      timeouts: '',
      ...wish,
    };
  }

  /** For somebody who goes on by hand. */
  keepKey(): string {
    const file = join(this.folder, 'key');
    writeFileSync(file, this.#privateKey, { mode: 0o600 });
    return file;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
