import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundledCompiler, Project, snapshot } from './disk.ts';

const compiler = bundledCompiler();
let project: Project;

beforeEach(() => {
  project = new Project(compiler.path);
});
afterEach(() => project.remove());
afterAll(() => compiler.remove());

const tree = () => snapshot(project.path('generated'));

describe('npm run compile', () => {
  it('writes the folder, says what is new, and leaves nothing beside it', () => {
    expect(project.run()).toEqual({
      code: 0,
      signal: null,
      stdout: `generated:
  + README.md
  + cluster.json
  + hosts/192.168.1.10/ (10 files)
  + hosts/192.168.1.11/ (10 files)
compiled for 2 machines of analytics
`,
      stderr: expect.stringContaining('warning[W_FOLLOWERS_EVEN]'),
    });
    expect(statSync(project.path('generated/hosts/192.168.1.10/run/bin/fe-entrypoint.sh')).mode & 0o777).toBe(0o755);
    expect(readdirSync(project.root).sort()).toEqual(['cluster.yaml', 'generated']);
  });

  it('touches nothing when nothing changed', () => {
    project.run();
    const before = statSync(project.path('generated')).ino;
    expect(project.run().stdout).toBe('generated is up to date: 2 machines of analytics\n');
    expect(statSync(project.path('generated')).ino).toBe(before);
  });

  it('says which machine came and which went', () => {
    project.run();
    project.hosts(['192.168.1.10', '192.168.1.12']);
    expect(project.run().stdout.split('\n').slice(0, 5)).toEqual([
      'generated:',
      '  ~ README.md',
      '  ~ cluster.json',
      '  - hosts/192.168.1.11/ (10 files)',
      '  + hosts/192.168.1.12/ (10 files)',
    ]);
    expect(readdirSync(project.path('generated/hosts')).sort()).toEqual(['192.168.1.10', '192.168.1.12']);
  });

  it('compiles another file into another folder', () => {
    renameSync(project.path('cluster.yaml'), project.path('other.yaml'));
    expect(project.run(['compile', '--cluster', 'other.yaml', '--out', 'out']).code).toBe(0);
    expect(snapshot(project.path('out'))).toHaveProperty(['hosts/192.168.1.10/app.env']);
  });

  it('leaves the old folder whole when the file is invalid, and shows where', () => {
    project.run();
    const before = tree();
    project.write('cluster.yaml', project.read('cluster.yaml').replace('master_host:', 'masterhost:'));
    const { code, stdout, stderr } = project.run();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/error\[E_[A-Z_]+\][\s\S]*--> cluster.yaml:3:1\n/);
    expect(tree()).toEqual(before);
  });

  it('gives diagnostics as JSON, and nothing else on standard output', () => {
    expect(JSON.parse(project.run(['--json']).stdout).diagnostics.map(({ code }: { code: string }) => code)).toContain(
      'W_FOLLOWERS_EVEN',
    );
    project.write('generated/hosts/192.168.1.10/app.env', 'X=1\n');
    const { code, stdout, stderr } = project.run(['--check', '--json']);
    expect(code).toBe(2);
    expect(Object.keys(JSON.parse(stdout))).toEqual(['diagnostics']);
    expect(stderr).toContain('app.env was edited by hand');
  });

  it('annotates the lines of the file inside Actions', () => {
    project.hosts(['192.168.1.10', '192.168.1.10']);
    const { code, stdout } = project.run([], { GITHUB_ACTIONS: 'true' });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^::error file=cluster.yaml,line=7,endLine=7,col=5,.*E_ADDRESS_DUPLICATE/m);
  });

  it('says what to do when there is no cluster file', () => {
    rmSync(project.path('cluster.yaml'));
    expect(project.run()).toMatchObject({
      code: 1,
      stderr: 'error: cluster.yaml cannot be read (ENOENT). Name another file with --cluster FILE.\n',
    });
  });

  it('shows an unresolved merge in cluster.json at its line, and writes nothing', () => {
    project.run();
    const json = project.read('generated/cluster.json').replace('  "version"', '<<<<<<< HEAD\n  "version"');
    project.write('generated/cluster.json', json);
    const { code, stderr } = project.run();
    expect(code).toBe(1);
    expect(stderr).toContain('error[E_PREVIOUS]');
    expect(stderr).toContain('--> generated/cluster.json:4:1\n');
    expect(stderr).toContain('4 | <<<<<<< HEAD');
    expect(project.read('generated/cluster.json')).toBe(json);
  });

  it('keeps what it did not write, bytes and links, and names it', () => {
    project.run();
    const binary = Buffer.from([0, 255, 254, 10]);
    writeFileSync(project.path('generated/hosts/192.168.1.11/notes.bin'), binary);
    symlinkSync('/nowhere', project.path('generated/link'));
    project.hosts(['192.168.1.10', '192.168.1.12']);
    const { code, stderr } = project.run();
    expect(code).toBe(0);
    expect(stderr).toContain(
      'warning: the compiler did not write generated/hosts/192.168.1.11/notes.bin, generated/link. Kept; move such files out of generated.\n',
    );
    expect(snapshot(project.path('generated/hosts/192.168.1.11'))).toEqual({
      'notes.bin': `- ${binary.toString('latin1')}`,
    });
    expect(tree()).toMatchObject({ link: '-> /nowhere' });
  });

  it('refuses to write over a file that it did not write', () => {
    mkdirSync(project.path('docs'));
    project.write('docs/README.md', 'Mine.\n');
    const { code, stderr } = project.run(['--out', 'docs']);
    expect(code).toBe(1);
    expect(stderr).toContain('error: docs/README.md is where the compiler writes, and it did not write it.');
    expect(snapshot(project.path('docs'))).toEqual({ 'README.md': '- Mine.\n' });
  });

  it.each(['.', '..', '/'])('refuses to replace %j, which holds more than compiled files', out => {
    const before = snapshot(project.root);
    expect(project.run(['--out', out])).toMatchObject({
      code: 1,
      stderr: `error: ${out} holds more than compiled files. Name a folder of its own with --out FOLDER.\n`,
    });
    expect(snapshot(project.root)).toEqual(before);
  });

  it('replaces the folder that a link leads to, and not the link', () => {
    mkdirSync(project.path('elsewhere'));
    symlinkSync('elsewhere', project.path('generated'));
    expect(project.run().code).toBe(0);
    expect(snapshot(project.path('elsewhere'))).toHaveProperty(['cluster.json']);
    expect(snapshot(project.root)).toMatchObject({ generated: '-> elsewhere' });
  });

  it('compiles again whenever the file is saved, as long as --watch runs', async () => {
    const child = spawn(process.execPath, [compiler.path, '--watch'], { cwd: project.root });
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        if (line.startsWith('compiled for 2')) project.hosts(['192.168.1.10', '192.168.1.11', '192.168.1.12']);
        if (line.startsWith('compiled for 3')) break;
      }
    } finally {
      const closed = once(child, 'close');
      child.kill();
      await closed;
    }
    expect(tree()).toHaveProperty(['hosts/192.168.1.12/app.env']);
  });
});

describe('npm run compile -- --check', () => {
  it('is content with what a compile wrote', () => {
    project.run();
    expect(project.run(['--check'])).toMatchObject({ code: 0, stdout: '' });
  });

  it('names every file that is edited, missing, strange or not runnable, shows the edit, and changes nothing', () => {
    project.run();
    const folder = 'generated/hosts/192.168.1.10';
    project.write(`${folder}/app.env`, project.read(`${folder}/app.env`).replace('127.0.0.1', '10.0.0.9'));
    rmSync(project.path(`${folder}/.env`));
    chmodSync(project.path(`${folder}/run/bin/fe-entrypoint.sh`), 0o644);
    project.write(`${folder}/strange.txt`, 'x');
    const before = tree();
    const { code, stdout } = project.run(['--check']);
    expect(code).toBe(2);
    expect(stdout).toContain(`${folder}/app.env was edited by hand\n`);
    expect(stdout).toContain('\n-KAFKA_HOST=10.0.0.9\n+KAFKA_HOST=127.0.0.1\n');
    expect(stdout).toContain(`${folder}/.env is missing\n`);
    expect(stdout).toContain(`${folder}/run/bin/fe-entrypoint.sh has the wrong run bit\n`);
    expect(stdout).toContain(`${folder}/strange.txt was not written by the compiler\n`);
    expect(stdout).toContain('generated is stale: 4 files.\nRun `npm run compile` and commit what it writes');
    expect(tree()).toEqual(before);
  });

  it('sees a change of the cluster file that nobody compiled', () => {
    project.run();
    project.hosts(['192.168.1.10']);
    const { code, stdout } = project.run(['--check']);
    expect(code).toBe(2);
    expect(stdout).toContain(
      'generated/hosts/192.168.1.11/app.env belongs to no machine of the cluster file any more\n',
    );
  });

  it('finds everything missing where nothing was ever compiled', () => {
    const { code, stdout } = project.run(['--check']);
    expect(code).toBe(2);
    expect(stdout).toContain('generated is stale: 22 files.');
    expect(tree()).toBeNull();
  });
});

describe('npm run import', () => {
  const machine = (name: string, address: string, master = '192.168.1.10'): string => {
    mkdirSync(project.path(name));
    project.write(`${name}/app.env`, `MASTER_HOST=${master}\nLOCAL_HOST=${address}\n`);
    project.write(`${name}/starrocks-fe.env`, 'HTTP_PORT=18030\n');
    project.write(`${name}/starrocks-be.env`, `HOST_IP=${address}\n`);
    return `${name}/app.env`;
  };

  it('writes a cluster.yaml that compiles, from app.env files and what lies beside them', () => {
    rmSync(project.path('cluster.yaml'));
    const files = ['10', '11', '12'].map(last => machine(`h${last}`, `192.168.1.${last}`));
    expect(project.run(['import', ...files])).toMatchObject({
      code: 0,
      stdout: 'cluster.yaml written: 3 machines. Look through it, then run `npm run compile`.\n',
      stderr: '',
    });
    expect(project.run()).toMatchObject({ code: 0, stderr: '' });
    expect(project.read('generated/hosts/192.168.1.12/starrocks-fe.env')).toContain('HTTP_PORT=18030\n');
  });

  it('writes over an existing file only with --force', () => {
    const files = ['10', '11', '12'].map(last => machine(`h${last}`, `192.168.1.${last}`));
    const before = project.read('cluster.yaml');
    expect(project.run(['import', ...files])).toMatchObject({
      code: 1,
      stderr: 'error: cluster.yaml exists. Write over it with --force, or print with --out -.\n',
    });
    expect(project.read('cluster.yaml')).toBe(before);
    const printed = project.run(['import', ...files, '--out', '-']).stdout;
    expect(printed).toContain('http_port: 18030');
    expect(project.read('cluster.yaml')).toBe(before);
    expect(project.run(['import', ...files, '--force']).code).toBe(0);
    expect(project.read('cluster.yaml')).toBe(printed);
  });

  it('writes the release that it is told runs there', () => {
    const files = ['10', '11', '12'].map(last => machine(`h${last}`, `192.168.1.${last}`));
    const told = project.run(['import', ...files, '--version', '3.5.2', '--out', '-']).stdout;
    expect(told).toContain('version: 3.5.2');
    expect(told).not.toContain('StarRocks version that');
  });

  it('refuses files that disagree, and writes nothing', () => {
    const files = [machine('h1', '192.168.1.10'), machine('h2', '192.168.1.11', '192.168.1.11')];
    const { code, stderr } = project.run(['import', ...files, '--force']);
    expect(code).toBe(1);
    expect(stderr).toBe(
      'error: h1/app.env and h2/app.env disagree: MASTER_HOST is 192.168.1.10 in h1/app.env, and MASTER_HOST is 192.168.1.11 in h2/app.env.\n',
    );
    expect(project.read('cluster.yaml')).toContain('cluster: analytics');
  });

  it('says which file cannot be read', () => {
    expect(project.run(['import', 'h1/app.env'])).toMatchObject({
      code: 1,
      stderr: 'error: h1/app.env cannot be read (ENOENT). Name the app.env of each machine.\n',
    });
  });
});
