import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { bundledCompiler, Project, snapshot } from './disk.ts';

const oldHosts = ['192.168.1.10', '192.168.1.11'];
const newHosts = ['192.168.1.10', '192.168.1.12'];

const compiler = bundledCompiler();
const preload = ['--require', fileURLToPath(new URL('./fault.cjs', import.meta.url))];
const template = new Project(compiler.path, oldHosts);
template.run();
const projects: Project[] = [];

afterEach(() => {
  for (const project of projects.splice(0)) project.remove();
});
afterAll(() => {
  template.remove();
  compiler.remove();
});

/** Compiled for the old hosts, with a file of somebody's in it, and about to be compiled for the new ones. */
function aboutToChange(): Project {
  const project = new Project(compiler.path, oldHosts);
  projects.push(project);
  cpSync(template.path('generated'), project.path('generated'), { recursive: true });
  project.write('generated/hosts/192.168.1.11/notes.txt', 'Somebody’s.\n');
  project.hosts(newHosts);
  return project;
}

const args = (project: Project) => ['--cluster', project.path('cluster.yaml'), '--out', project.path('generated')];

const faulty = (project: Project, env: Record<string, string>) =>
  project.run(args(project), { FAULT_ROOT: project.root, ...env }, preload);

/** What the folder was before and is after an undisturbed compile, and the disk calls that this makes. */
function undisturbed() {
  const project = aboutToChange();
  const before = snapshot(project.path('generated'));
  const log = join(tmpdir(), `starrocks-ha-calls-${process.pid}`);
  expect(faulty(project, { FAULT_LOG: log }).code).toBe(0);
  const calls = readFileSync(log, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => line.split(' ')[0] ?? '');
  rmSync(log);
  return { before, after: snapshot(project.path('generated')), calls };
}

const { before, after, calls } = undisturbed();

/** All calls that move or remove; of those that write or read one file after the other, the first and the last. */
const moments = calls.flatMap((name, index) => {
  const all = ['renameSync', 'rmSync', 'cpSync'].includes(name);
  return all || calls.indexOf(name) === index || calls.lastIndexOf(name) === index
    ? [[`${name} (call ${index + 1})`, index + 1] as const]
    : [];
});

/** Dying while it reads leaves the same disk as dying after the change before. */
const changes = moments.filter(([name]) => !/^(read|stat)/.test(name));

/** One of the two trees is whole, in its place or where the swap has put it. */
function expectWhole(project: Project): void {
  const there = snapshot(project.path('generated'));
  if (there === null) expect(snapshot(project.path('.generated.previous'))).toEqual(before);
  else expect([before, after]).toContainEqual(there);
}

function expectRepaired(project: Project): void {
  expect(project.run().code).toBe(0);
  expect(snapshot(project.path('generated'))).toEqual(after);
  expect(readdirSync(project.root).sort()).toEqual(['cluster.yaml', 'generated']);
}

describe('a compile that is disturbed', () => {
  it('makes three renames, and they are among the moments tried', () => {
    expect(moments.filter(([name]) => name.startsWith('renameSync'))).toHaveLength(3);
    expect(after).not.toEqual(before);
    expect(after).toHaveProperty(['hosts/192.168.1.11/notes.txt']);
  });

  it.each(changes)('by a kill within %s leaves a whole tree, and the next run repairs', (_name, at) => {
    const project = aboutToChange();
    expect(faulty(project, { FAULT: 'kill', FAULT_AT: String(at) }).signal).toBe('SIGKILL');
    expectWhole(project);
    expectRepaired(project);
  });

  it.each(moments)(
    'by a disk that fails at %s says so in a sentence, leaves a whole tree, and the next run repairs',
    (_name, at) => {
      const project = aboutToChange();
      const { code, stderr } = faulty(project, { FAULT: 'EIO', FAULT_AT: String(at) });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^error: .*\(?EIO\)?\. .*\n$/m);
      expect(stderr).not.toContain('    at ');
      expectWhole(project);
      expectRepaired(project);
    },
  );

  it('does not throw away somebody’s file when the folder was brought back by other means', () => {
    const project = aboutToChange();
    renameSync(project.path('generated'), project.path('.generated.previous'));
    mkdirSync(project.path('generated'));
    const { code, stderr } = project.run();
    expect(code).toBe(1);
    expect(stderr).toContain('.generated.previous/hosts/192.168.1.11/notes.txt, which the compiler did not write.');
    expect(snapshot(project.path('.generated.previous'))).toEqual(before);
  });
});
