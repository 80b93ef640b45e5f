/** The compiler as a program, on a folder of its own. */
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { buildSync } from 'esbuild';

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Bundled once per test file: from source, each of many runs would take a second. */
export function bundledCompiler(): { readonly path: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'starrocks-ha-compiler-'));
  const path = join(folder, 'main.cjs');
  buildSync({
    entryPoints: ['compiler/main.ts'],
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    loader: { '.sh': 'text' },
    logLevel: 'error',
  });
  return { path, remove: () => rmSync(folder, { recursive: true }) };
}

/** A folder with a cluster.yaml, and the compiler to run in it. */
export class Project {
  readonly root = mkdtempSync(join(tmpdir(), 'starrocks-ha-project-'));
  readonly #compiler: string;

  constructor(compiler: string, hosts: readonly string[] = ['192.168.1.10', '192.168.1.11']) {
    this.#compiler = compiler;
    this.hosts(hosts);
  }

  path(name: string): string {
    return join(this.root, name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  hosts(addresses: readonly string[]): void {
    const hosts = addresses.map(address => `  - ${address}\n`).join('');
    this.write(
      'cluster.yaml',
      `cluster: analytics\nstarrocks: { version: 3.3.18 }\nmaster_host: 192.168.1.10\ndefault_replication_num: 1\nhosts:\n${hosts}`,
    );
  }

  run(
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
    preload: readonly string[] = [],
  ): Outcome {
    const { GITHUB_ACTIONS: _actions, ...own } = process.env;
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...preload, this.#compiler, ...args], {
      cwd: this.root,
      env: { ...own, NO_COLOR: '1', ...env },
      encoding: 'utf8',
    });
    return { code: status, signal, stdout, stderr };
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Every file of a folder by path, with its run bit; null when there is no such folder. */
export function snapshot(folder: string): Record<string, string> | null {
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return null;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => !entry.isDirectory());
  return Object.fromEntries(
    files
      .map(entry => join(entry.parentPath, entry.name))
      .sort()
      .map(path => [relative(folder, path), entryText(path)]),
  );
}

function entryText(path: string): string {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  return `${(stat.mode & 0o100) === 0 ? '-' : 'x'} ${readFileSync(path, 'latin1')}`;
}
