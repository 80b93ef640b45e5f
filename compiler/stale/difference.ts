import type { EmittedFile } from '../emit/host-folder.ts';
import { sha256 } from '../emit/sha256.ts';

/** What lies at a path of generated/. `text` null: no regular file, or none whose text is of interest. */
export interface FoundFile {
  readonly text: string | null;
  readonly mode: '0644' | '0755';
}

/** One path at which generated/ is not what cluster.yaml compiles to. */
export interface Difference {
  readonly path: string;
  readonly kind:
    | 'missing'
    /** The last compile wrote something else there: somebody edited it since. */
    | 'edited'
    /** As the last compile left it, and cluster.yaml says something else now. */
    | 'outdated'
    /** The text is right, the run bit is not. */
    | 'mode'
    /** An earlier compile wrote it, and it is no longer needed. */
    | 'dropped'
    /** No compile wrote it. */
    | 'foreign'
    /** No compile wrote it, and it lies where this compile would write. */
    | 'in the way';
}

/**
 * Compares generated/ with what it should be.
 * @param written what the last compile wrote, from {@link writtenFiles}
 * @returns sorted by path
 */
export function differences(
  compiled: ReadonlyMap<string, EmittedFile>,
  found: ReadonlyMap<string, FoundFile>,
  written: ReadonlyMap<string, string | null>,
): Difference[] {
  const folders = new Set([...compiled.keys()].flatMap(foldersOf));
  const all: Difference[] = [];
  for (const [path, file] of compiled) {
    const there = found.get(path);
    const kind = there === undefined ? 'missing' : kindOfFile(file, there, written.get(path));
    if (kind !== null) all.push({ path, kind });
  }
  for (const path of found.keys()) {
    if (compiled.has(path)) continue;
    const obstructs = folders.has(path) || foldersOf(path).some(folder => compiled.has(folder));
    all.push({ path, kind: obstructs ? 'in the way' : written.has(path) ? 'dropped' : 'foreign' });
  }
  return all.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function kindOfFile(
  file: EmittedFile,
  found: FoundFile,
  written: string | null | undefined,
): Difference['kind'] | null {
  if (found.text === file.text) return found.mode === file.mode ? null : 'mode';
  if (written === undefined) return 'in the way';
  // The digest of cluster.json and README.md stands nowhere: an edit of them looks like a change of cluster.yaml.
  const asWritten = written === null || (found.text !== null && sha256(found.text) === written);
  return asWritten ? 'outdated' : 'edited';
}

/** `a/b/c` → `a`, `a/b`. */
function foldersOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

/**
 * Paths that the compile which wrote this cluster.json wrote, with their digests: only these are the compiler's to
 * change and to remove. Read leniently: what it does not name is somebody's own.
 */
export function writtenFiles(previous: string | null): ReadonlyMap<string, string | null> {
  const files = new Map<string, string | null>();
  if (previous === null) return files;
  files.set('cluster.json', null).set('README.md', null);
  for (const host of items(field(parsed(previous), 'hosts'))) {
    for (const file of items(field(host, 'files'))) {
      const digest = field(file, 'sha256');
      files.set(`hosts/${field(host, 'address')}/${field(file, 'path')}`, typeof digest === 'string' ? digest : null);
    }
  }
  return files;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
