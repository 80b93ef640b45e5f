/**
 * `npm run compile`, `npm run import`: the one file of the compiler that knows the disk.
 */
import { existsSync, watch } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Command } from 'commander';
import { createTwoFilesPatch } from 'diff';
import { type Compiled, compile } from './compile.ts';
import { renderAsAnnotations } from './diagnostics/annotation.ts';
import { renderAsJson } from './diagnostics/json.ts';
import { renderForTerminal } from './diagnostics/terminal.ts';
import type { EmittedFile } from './emit/host-folder.ts';
import { importEnvFiles } from './import/import-env-files.ts';

interface CompileOptions {
  readonly cluster: string;
  readonly out: string;
  readonly check?: boolean;
  readonly json?: boolean;
  readonly watch?: boolean;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** A mistake of the person's: told in one line, without a stack trace. */
class Refusal extends Error {}

/** @returns the exit code: 0 fresh or written, 1 invalid, 2 stale */
async function compileCommand(options: CompileOptions): Promise<number> {
  await recover(options.out);
  const text = await readFile(options.cluster).catch((error: NodeJS.ErrnoException) => {
    throw new Refusal(`${options.cluster} cannot be read (${error.code}). Name another file with --cluster FILE.`);
  });
  const previous = await readFile(join(options.out, 'cluster.json'), 'utf8').catch(() => null);
  const compiled = compile({ file: options.cluster, text, previous });
  tell(compiled, text, options);
  if (compiled.files === null) return 1;
  const before = await filesOf(options.out);
  const known = compiledPaths(previous);
  const changed = [...compiled.files].filter(
    ([path, file]) => before.get(path)?.text !== file.text || before.get(path)?.mode !== file.mode,
  );
  const removed = [...before.keys()].filter(path => !compiled.files?.has(path) && known.has(path));
  const foreign = [...before.keys()].filter(path => !compiled.files?.has(path) && !known.has(path));
  if (options.check === true) return check(options, compiled.files, before, changed, [...removed, ...foreign]);
  if (changed.length + removed.length > 0) await replace(options.out, compiled.files, foreign);
  if (options.json !== true) report(options.out, compiled, changed.length, removed, foreign);
  return 0;
}

function tell({ diagnostics }: Compiled, text: Buffer, options: CompileOptions): void {
  if (options.json === true) process.stdout.write(renderAsJson(diagnostics));
  else if (process.env['GITHUB_ACTIONS'] === 'true') process.stdout.write(renderAsAnnotations(diagnostics));
  const colour = process.stderr.isTTY && !process.env['NO_COLOR'] ? 'always' : 'never';
  if (options.json !== true) process.stderr.write(renderForTerminal(diagnostics, text.toString('utf8'), colour));
}

function report(
  out: string,
  { cluster, files }: Compiled,
  changed: number,
  removed: readonly string[],
  foreign: readonly string[],
): void {
  for (const path of foreign) say(`kept ${join(out, path)}, which the compiler did not write`);
  for (const path of removed) say(`removed ${join(out, path)}`);
  const hosts = cluster?.hosts.length ?? 0;
  const what = changed + removed.length === 0 ? 'nothing changed' : `${changed} of ${files?.size ?? 0} files written`;
  say(`${out}: ${what} for ${hosts} ${hosts === 1 ? 'machine' : 'machines'} of ${cluster?.cluster}`);
}

function check(
  { out, cluster }: CompileOptions,
  files: ReadonlyMap<string, EmittedFile>,
  before: ReadonlyMap<string, EmittedFile>,
  changed: readonly (readonly [string, EmittedFile])[],
  extra: readonly string[],
): number {
  for (const [path, file] of changed) {
    const there = before.get(path);
    const name = join(out, path);
    if (there === undefined) say(`${name} is missing`);
    if (there !== undefined && there.text === file.text)
      say(`${name} has mode ${there.mode}, and should have ${file.mode}`);
    else process.stdout.write(createTwoFilesPatch(`${name} (now)`, `${name} (compiled)`, there?.text ?? '', file.text));
  }
  for (const path of extra) say(`${join(out, path)} is not compiled from ${cluster}`);
  if (changed.length + extra.length === 0) return 0;
  say(
    `${out} is stale: ${changed.length + extra.length} of ${files.size} files. Run \`npm run compile\` and commit what it writes; files there are never edited by hand (\`git checkout -- ${out}\` goes back).`,
  );
  return 2;
}

/** Paths that an earlier compile wrote, by its cluster.json: only these may be removed. */
function compiledPaths(previous: string | null): ReadonlySet<string> {
  const paths = new Set(['cluster.json', 'README.md']);
  try {
    for (const { address, files } of JSON.parse(previous ?? '{}').hosts ?? []) {
      for (const { path } of files) paths.add(`hosts/${address}/${path}`);
    }
  } catch {
    // A broken cluster.json names nothing: then nothing is removed.
  }
  return paths;
}

async function filesOf(folder: string): Promise<Map<string, EmittedFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, EmittedFile>();
  for (const entry of entries.filter(one => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const mode = ((await stat(path)).mode & 0o100) === 0 ? '0644' : '0755';
    files.set(relative(folder, path), { text: await readFile(path, 'utf8'), mode });
  }
  return files;
}

const staged = (out: string): string => `${out}.new`;
const replaced = (out: string): string => `${out}.old`;

/** Writes the whole tree beside the old one and swaps them: killed at any moment, one of the two is whole. */
async function replace(
  out: string,
  files: ReadonlyMap<string, EmittedFile>,
  foreign: readonly string[],
): Promise<void> {
  await rm(staged(out), { recursive: true, force: true });
  const folders = new Set([...files.keys(), ...foreign].map(path => dirname(join(staged(out), path))));
  for (const folder of [staged(out), ...folders]) await mkdir(folder, { recursive: true });
  for (const [path, { text, mode }] of files) {
    await writeFile(join(staged(out), path), text);
    if (mode === '0755') await chmod(join(staged(out), path), 0o755);
  }
  for (const path of foreign) await cp(join(out, path), join(staged(out), path), { preserveTimestamps: true });
  if (existsSync(out)) await rename(out, replaced(out));
  await rename(staged(out), out);
  await rm(replaced(out), { recursive: true, force: true });
}

/** Finishes what a killed compile left: the old tree comes back when the new one is not in place. */
async function recover(out: string): Promise<void> {
  if (!existsSync(out) && existsSync(replaced(out))) await rename(replaced(out), out);
  await rm(replaced(out), { recursive: true, force: true });
  await rm(staged(out), { recursive: true, force: true });
}

async function importCommand(
  files: readonly string[],
  { out, force }: { out: string; force?: boolean },
): Promise<number> {
  const texts = await Promise.all(
    files.map(async file => {
      const sibling = (name: string) => readFile(join(dirname(file), name), 'utf8').catch(() => null);
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        throw new Refusal(`${file} cannot be read (${error.code}).`);
      });
      return { file, app: text, fe: await sibling('starrocks-fe.env'), be: await sibling('starrocks-be.env') };
    }),
  );
  const imported = importEnvFiles(texts);
  if ('problems' in imported) throw new Refusal(imported.problems.join('\n'));
  if (out === '-') process.stdout.write(imported.text);
  else if (existsSync(out) && force !== true)
    throw new Refusal(`${out} exists. Write over it with --force, or print with --out -.`);
  else {
    await writeFile(out, imported.text);
    say(`${out} written: ${files.length} machines. Now run \`npm run compile\`.`);
  }
  return 0;
}

async function finish(work: Promise<number>): Promise<void> {
  try {
    process.exitCode = await work;
  } catch (error) {
    const refusal = error instanceof Refusal ? error.message : diskTrouble(error);
    process.stderr.write(`error: ${refusal}\n`);
    process.exitCode = 1;
  }
}

function diskTrouble(error: unknown): string {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return `${path ?? 'the disk'}: ${code}. Nothing was half-written; the old files are whole.`;
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
  .action(async (options: CompileOptions) => {
    await finish(compileCommand(options));
    if (options.watch !== true) return;
    watch(dirname(options.cluster) || '.', (_event, name) => {
      if (name !== null && join(dirname(options.cluster), name) === join(options.cluster))
        void finish(compileCommand(options));
    });
  });

program
  .command('import')
  .description('hand-kept app.env files → cluster.yaml')
  .argument('<files...>', 'app.env of each host; starrocks-fe.env and starrocks-be.env beside it give the ports')
  .option('--out <file>', 'where to write; - prints', 'cluster.yaml')
  .option('--force', 'write over an existing file')
  .action((files: string[], options: { out: string; force?: boolean }) => finish(importCommand(files, options)));

await program.parseAsync();
