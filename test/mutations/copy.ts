import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** The project as it is, where something can be taken out of it. */
export class Copy {
  readonly folder = mkdtempSync(join(tmpdir(), 'starrocks-ha-mutations-'));

  constructor() {
    for (const part of ['compiler', '.github', 'test', 'package.json', 'tsconfig.json']) {
      cpSync(part, join(this.folder, part), { recursive: true });
    }
  }

  /** Installed packages, without one of them. */
  install(without = ''): void {
    rmSync(this.#modules, { recursive: true, force: true });
    for (const name of readdirSync('node_modules')) {
      const packages = name.startsWith('@')
        ? readdirSync(join('node_modules', name)).map(one => `${name}/${one}`)
        : [name];
      for (const one of packages) {
        if (one === without) continue;
        const link = join(this.#modules, one);
        mkdirSync(dirname(link), { recursive: true });
        symlinkSync(resolve('node_modules', one), link);
      }
    }
  }

  get #modules(): string {
    return join(this.folder, 'node_modules');
  }

  run(args: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    return spawnSync(process.execPath, args, {
      cwd: this.folder,
      encoding: 'utf8',
      timeout: 45_000,
      killSignal: 'SIGKILL',
      env: { ...process.env, VITEST: undefined } as NodeJS.ProcessEnv,
    });
  }

  /** Runs one named test of the project unit. */
  test(file: string, name: string): { readonly outcomes: readonly string[]; readonly said: string } {
    const args = [
      '--config',
      'test/vitest.config.ts',
      '--project',
      'unit',
      '--reporter=json',
      '--testTimeout=20000',
      file,
    ];
    const pattern = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const { stdout, stderr } = this.run(['node_modules/vitest/vitest.mjs', 'run', ...args, '-t', pattern]);
    if (!stdout.includes('{')) return { outcomes: [], said: stderr };
    const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as {
      testResults: {
        message?: string;
        assertionResults: { title: string; status: string; failureMessages?: string[] }[];
      }[];
    };
    const tests = report.testResults.flatMap(one => one.assertionResults.filter(({ title }) => title === name));
    const said = report.testResults
      .map(one => one.message ?? '')
      .concat(tests.flatMap(one => one.failureMessages ?? []));
    return { outcomes: tests.map(one => one.status), said: said.join('\n') };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
