import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasTools, tools } from './act.ts';

/** What two programs of others know about workflows: each finds things that the other, and our own rules, do not. */
describe.skipIf(!hasTools && process.env['LAB'] !== 'required')('linters', () => {
  let folder: string;
  const deploy = '.github/workflows/deploy.yml';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'starrocks-ha-linters-'));
    cpSync('.github/workflows', join(folder, '.github/workflows'), { recursive: true });
    for (const file of ['action.yml', 'dist/index.cjs']) {
      cpSync(join('.github/actions/deploy', file), join(folder, '.github/actions/deploy', file));
    }
    execFileSync('git', ['init', '-q', folder]);
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function change(file: string, from: string, to: string): void {
    const path = join(folder, file);
    const before = readFileSync(path, 'utf8');
    const after = before.replace(from, to);
    expect(after).not.toBe(before);
    writeFileSync(path, after);
  }

  function run(program: string, ...args: string[]): string {
    const { stdout, status, error } = spawnSync(resolve(tools, program), args, { cwd: folder, encoding: 'utf8' });
    if (error !== undefined || status === null) throw error ?? new Error(`${program} was ended`);
    return stdout;
  }

  // Its tables end before `queue` was there; GitHub's own parser knows it.
  const actionlint = (): string =>
    run('actionlint', '-no-color', '-oneline', '-ignore', 'unexpected key "queue" for "concurrency" section');

  interface Found {
    readonly ident: string;
    readonly determinations: { readonly severity: string };
    readonly ignored: boolean;
  }
  const zizmor = (): string[] =>
    (JSON.parse(run('zizmor', '--offline', '--no-progress', '--quiet', '--format=json', '.github')) as Found[])
      .filter(({ ignored, determinations }) => !ignored && determinations.severity !== 'Informational')
      .map(({ ident }) => ident);

  it('actionlint has nothing to say', () => {
    expect(actionlint()).toBe('');
  });

  it('actionlint would tell an expression that reads what is not there', () => {
    change(deploy, 'needs.plan.outputs.changed', 'needs.plan.outputs.differs');
    expect(actionlint()).toContain('property "differs" is not defined');
  });

  it('zizmor has nothing to say above informational that is not explained in place', () => {
    expect(zizmor()).toEqual([]);
  });

  it('zizmor would tell what a stranger may write into a script', () => {
    change(deploy, "echo 'The plan was approved.'", "echo '${{ github.event.head_commit.message }}'");
    expect(zizmor()).toContain('template-injection');
  });

  it('nothing is ignored without a reason beside it', () => {
    for (const file of readdirSync('.github/workflows')) {
      const ignored = readFileSync(join('.github/workflows', file), 'utf8').match(/zizmor: ignore.*/g) ?? [];
      for (const line of ignored) expect(line, file).toMatch(/^zizmor: ignore\[[a-z-]+\] \w+( \S+){4}/);
    }
  });
});
