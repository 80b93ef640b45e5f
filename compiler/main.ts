/**
 * `npm run compile`, `npm run import`: the one file of the compiler that knows the disk.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { type Compiled, compile } from './compile.ts';
import { renderAsAnnotations } from './diagnostics/annotation.ts';
import { renderAsJson } from './diagnostics/json.ts';
import { renderForTerminal } from './diagnostics/terminal.ts';
import { visible } from './diagnostics/visible.ts';
import type { EmittedFile } from './emit/host-folder.ts';
import { type HostEnv, importEnvFiles } from './import/import-env-files.ts';
import { type Difference, differences, type FoundFile, writtenFiles } from './stale/difference.ts';
import { renderStale, renderWritten } from './stale/render.ts';

interface CompileOptions {
  readonly cluster: string;
  readonly out: string;
  readonly check?: boolean;
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** A mistake of the person's: told in a sentence, without a stack trace. */
class Refusal extends Error {}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** @returns the exit code: 0 fresh or written, 1 invalid, 2 stale */
function runCompile(options: CompileOptions): number {
  const out = outFolder(options);
  if (options.check !== true) recover(out);
  const text = readOrRefuse(options.cluster, 'Name another file with --cluster FILE.');
  const previousFile = join(options.out, 'cluster.json');
  const previous = readIfThere(previousFile);
  const compiled = compile({ file: options.cluster, text, previous, previousFile });
  tell(
    compiled,
    new Map([
      [options.cluster, text.toString('utf8')],
      [previousFile, previous ?? ''],
    ]),
    options,
  );
  if (compiled.files === null) return 1;
  const written = writtenFiles(previous);
  const found = readTree(out, compiled.files);
  const changes = differences(compiled.files, found, written);
  if (options.check === true) {
    if (changes.length === 0) return 0;
    const stale = renderStale(changes, compiled.files, found, { out: options.out, cluster: options.cluster });
    (options.json === true ? process.stderr : process.stdout).write(stale);
    return 2;
  }
  write(out, options, compiled, changes);
  return 0;
}

function write(
  out: string,
  options: CompileOptions,
  { files, clusterJson }: Compiled,
  changes: readonly Difference[],
): void {
  const of = (kind: Difference['kind']): string[] => changes.filter(one => one.kind === kind).map(({ path }) => path);
  const inTheWay = of('in the way');
  if (inTheWay.length > 0) {
    throw new Refusal(
      `${named(options.out, inTheWay)} ${inTheWay.length === 1 ? 'is' : 'are'} where the compiler writes, and it did not write ${inTheWay.length === 1 ? 'it' : 'them'}. Move them away, or name another folder with --out FOLDER. (Is it the compiler's own, and cluster.json beside it lost? \`git checkout HEAD -- ${options.out}\` brings it back.)`,
    );
  }
  const foreign = of('foreign');
  const own = changes.filter(({ kind }) => kind !== 'foreign');
  if (own.length > 0) replace(out, files ?? new Map(), foreign);
  if (options.json === true) return;
  if (own.length > 0) process.stdout.write(renderWritten(own, options.out));
  if (foreign.length > 0)
    process.stderr.write(
      `warning: the compiler did not write ${named(options.out, foreign)}. Kept; move such files out of ${options.out}.\n`,
    );
  const hosts = clusterJson?.hosts.length ?? 0;
  const machines = `${hosts} ${hosts === 1 ? 'machine' : 'machines'} of ${clusterJson?.cluster}`;
  say(own.length > 0 ? `compiled for ${machines}` : `${options.out} is up to date: ${machines}`);
}

function named(out: string, paths: readonly string[]): string {
  const first = paths.slice(0, 5).map(path => visible(join(out, path)));
  return `${first.join(', ')}${paths.length > 5 ? ` and ${paths.length - 5} more` : ''}`;
}

function tell({ diagnostics }: Compiled, texts: ReadonlyMap<string, string>, { json }: CompileOptions): void {
  if (json === true) return void process.stdout.write(renderAsJson(diagnostics));
  if (process.env['GITHUB_ACTIONS'] === 'true') process.stdout.write(renderAsAnnotations(diagnostics));
  const colour = process.stderr.isTTY && !process.env['NO_COLOR'] ? 'always' : 'never';
  for (const [file, text] of texts) {
    const own = diagnostics.filter(diagnostic => diagnostic.file === file);
    process.stderr.write(renderForTerminal(own, text, colour));
  }
}

/** The folder itself, where `--out` is a link to it. */
function outFolder({ out, cluster }: CompileOptions): string {
  const folder = existsSync(out) ? realpathSync(out) : resolve(out);
  // The folder is replaced as a whole: it must not be one that holds the repository.
  for (const kept of [process.cwd(), dirname(resolve(cluster))]) {
    const inside = relative(folder, kept);
    if (inside === '' || !inside.startsWith('..'))
      throw new Refusal(`${out} holds more than compiled files. Name a folder of its own with --out FOLDER.`);
  }
  return folder;
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

function readOrRefuse(file: string, hint: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Refusal(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}). ${hint}`);
  }
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** All that is not a folder, by path; texts only of what the compiler may have written. */
function readTree(folder: string, compiled: ReadonlyMap<string, EmittedFile>): Map<string, FoundFile> {
  const found = new Map<string, FoundFile>();
  const visit = (prefix: string): void => {
    for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
      const path = `${prefix}${entry.name}`;
      if (entry.isDirectory()) visit(`${path}/`);
      else if (!entry.isFile() || !compiled.has(path)) found.set(path, { text: null, mode: '0644' });
      else {
        const runs = (statSync(join(folder, path)).mode & 0o100) !== 0;
        found.set(path, { text: readFileSync(join(folder, path), 'utf8'), mode: runs ? '0755' : '0644' });
      }
    }
  };
  if (existsSync(folder)) visit('');
  return found;
}

/** Folders beside `out`, on the same disk: the new tree while it grows, the old one while it gives way, rubbish. */
function beside(out: string): { next: string; previous: string; rubbish: string } {
  const named = (suffix: string): string => join(dirname(out), `.${basename(out)}.${suffix}`);
  return { next: named('next'), previous: named('previous'), rubbish: named('rubbish') };
}

const remove = (path: string): void => rmSync(path, { recursive: true, force: true });

/** Writes the whole tree beside the old one and swaps them: killed at any moment, one of the two is whole. */
function replace(out: string, files: ReadonlyMap<string, EmittedFile>, foreign: readonly string[]): void {
  const { next, previous, rubbish } = beside(out);
  try {
    const folders = new Set([...files.keys(), ...foreign].map(path => dirname(join(next, path))));
    for (const folder of folders) mkdirSync(folder, { recursive: true });
    for (const [path, { text, mode }] of files)
      writeFileSync(join(next, path), text, { mode: Number.parseInt(mode, 8) });
    for (const path of foreign)
      cpSync(join(out, path), join(next, path), { preserveTimestamps: true, verbatimSymlinks: true });
    if (existsSync(out)) renameSync(out, previous);
    renameSync(next, out);
    // From here on the old tree is rubbish; under its own name it could still be the only one.
    if (existsSync(previous)) renameSync(previous, rubbish);
    remove(rubbish);
  } catch (error) {
    try {
      recover(out);
    } catch {
      // The disk refuses this as well: the next run recovers. What it refused first is what the person has to know.
    }
    throw error;
  }
}

/** Puts right what a killed compile left: the old tree comes back when no new one is in place. */
function recover(out: string): void {
  const { next, previous, rubbish } = beside(out);
  if (existsSync(previous)) {
    if (!existsSync(out)) renameSync(previous, out);
    else retire(out, previous, rubbish);
  }
  remove(rubbish);
  remove(next);
}

/** Both trees are there: after a kill in the swap, or because somebody brought `out` back by other means. */
function retire(out: string, previous: string, rubbish: string): void {
  const written = writtenFiles(readIfThere(join(previous, 'cluster.json')));
  const lost = [...readTree(previous, new Map()).keys()].filter(
    path => !written.has(path) && !existsSync(join(out, path)),
  );
  if (lost.length > 0)
    throw new Refusal(
      `A compile that was killed left ${named(previous, lost)}, which the compiler did not write. Move such files away, remove ${previous}, and compile again.`,
    );
  renameSync(previous, rubbish);
}

const SIBLINGS = /^starrocks-(fe|be(-[1-9][0-9]*)?)\.env$/;

interface ImportOptions {
  readonly out: string;
  readonly force?: boolean;
  /** The release that runs. */
  readonly version?: string;
}

function runImport(files: readonly string[], { out, force, version }: ImportOptions): number {
  const imported = importEnvFiles(files.map(readHostEnv), version ?? null);
  if (imported.text === null) throw new Refusal(imported.problems.map(visible).join('\n'));
  if (out === '-') process.stdout.write(imported.text);
  else {
    if (existsSync(out) && force !== true)
      throw new Refusal(`${out} exists. Write over it with --force, or print with --out -.`);
    // Renamed into place: a kill leaves the old cluster file whole.
    writeFileSync(`${out}.next`, imported.text);
    renameSync(`${out}.next`, out);
    say(
      `${out} written: ${files.length} ${files.length === 1 ? 'machine' : 'machines'}. Look through it, then run \`npm run compile\`.`,
    );
  }
  return 0;
}

function readHostEnv(file: string): HostEnv {
  const read = (path: string) => ({
    file: path,
    text: readOrRefuse(path, 'Name the app.env of each machine.').toString('utf8'),
  });
  const app = read(file);
  const siblings = readdirSync(dirname(file))
    .filter(name => SIBLINGS.test(name))
    .sort();
  return { app, services: siblings.map(name => read(join(dirname(file), name))) };
}

/** Runs a command to its exit code; whatever the disk refuses is told, not thrown. */
function finish(command: () => number): void {
  try {
    process.exitCode = command();
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof Refusal) && code === undefined) throw error;
    const text = error instanceof Refusal ? message : `${path ?? 'The disk'}: ${code}. The old files are whole.`;
    process.stderr.write(`error: ${text}\n`);
    process.exitCode = 1;
  }
}

/** Editors replace the file, some in several steps: its folder is watched, and one look follows a burst of changes. */
function watchCluster(options: CompileOptions): void {
  let soon: NodeJS.Timeout | undefined;
  watch(dirname(resolve(options.cluster)), (_event, name) => {
    if (name !== basename(options.cluster)) return;
    clearTimeout(soon);
    soon = setTimeout(() => finish(() => runCompile(options)), 50);
  });
}

const program = new Command('compile').showHelpAfterError('(see --help)');

program
  .command('compile', { isDefault: true })
  .description('cluster.yaml → generated/')
  .option('--cluster <file>', 'the cluster file', 'cluster.yaml')
  .option('--out <folder>', 'the compiled folder', 'generated')
  .option('--check', 'write nothing; show what is stale, exit 2 when something is')
  .option('--json', 'diagnostics as JSON')
  .option('--watch', 'compile again whenever the cluster file is saved')
  .action((options: CompileOptions) => {
    finish(() => {
      // Before the first compile: a file saved meanwhile is seen.
      if (options.watch === true) watchCluster(options);
      return runCompile(options);
    });
  });

program
  .command('import')
  .description('hand-kept app.env files → cluster.yaml')
  .argument('<files...>', 'app.env of each host; starrocks-fe.env and starrocks-be.env beside it give the ports')
  .option('--version <release>', 'the StarRocks release that runs there, such as 3.3.18')
  .option('--out <file>', 'where to write; - prints', 'cluster.yaml')
  .option('--force', 'write over an existing file')
  .action((files: string[], options: ImportOptions) => finish(() => runImport(files, options)));

program.parse();
