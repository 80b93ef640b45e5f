import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';
import { visible } from '../diagnostics/visible.ts';
import type { EmittedFile } from '../emit/host-folder.ts';
import type { Difference, FoundFile } from './difference.ts';

const sentences: Readonly<Record<Difference['kind'], string>> = {
  missing: 'is missing',
  edited: 'was edited by hand',
  outdated: 'is not what the cluster file compiles to',
  mode: 'has the wrong run bit',
  dropped: 'belongs to no machine of the cluster file any more',
  foreign: 'was not written by the compiler',
  'in the way': 'was not written by the compiler, and is where it writes',
};

/** For `--check`: every difference with a unified diff, and how to go back. */
export function renderStale(
  differences: readonly Difference[],
  compiled: ReadonlyMap<string, EmittedFile>,
  found: ReadonlyMap<string, FoundFile>,
  name: { readonly out: string; readonly cluster: string },
): string {
  const blocks = differences.map(difference => {
    const path = visible(`${name.out}/${difference.path}`);
    return `${path} ${sentences[difference.kind]}\n${patch(path, difference, compiled, found)}`;
  });
  return `${blocks.join('')}\n${advice(differences, name)}\n`;
}

function patch(
  path: string,
  { path: key, kind }: Difference,
  compiled: ReadonlyMap<string, EmittedFile>,
  found: ReadonlyMap<string, FoundFile>,
): string {
  const fresh = compiled.get(key);
  const there = found.get(key);
  if (kind === 'mode') return `  its mode is ${there?.mode}, and should be ${fresh?.mode}\n`;
  if (fresh === undefined || there === undefined || there.text === null) return '';
  const text = createTwoFilesPatch(`${path} (now)`, `${path} (compiled)`, there.text, fresh.text, '', '', {
    headerOptions: FILE_HEADERS_ONLY,
  });
  // What stands in a file that somebody edited must not move the cursor of the one who reads the diff.
  return text.split('\n').map(visible).join('\n');
}

function advice(differences: readonly Difference[], { out, cluster }: { out: string; cluster: string }): string {
  const has = (...kinds: Difference['kind'][]) => differences.some(({ kind }) => kinds.includes(kind));
  return [
    `${out} is stale: ${differences.length} ${differences.length === 1 ? 'file' : 'files'}.`,
    ...(has('missing', 'edited', 'outdated', 'mode', 'dropped')
      ? [`Run \`npm run compile\` and commit what it writes: it takes every file back to what ${cluster} says.`]
      : []),
    ...(has('edited') ? [`What was edited by hand belongs into ${cluster}: files in ${out} are overwritten.`] : []),
    ...(has('foreign', 'in the way') ? [`Move files that the compiler did not write out of ${out}.`] : []),
  ].join('\n');
}

/** Lines beyond this many say less than their number. */
const SHOWN = 20;

/** After a compile: what it changed, a new or dropped machine in one line. */
export function renderWritten(differences: readonly Difference[], out: string): string {
  const lines = new Map<string, number>();
  for (const { path, kind } of differences) {
    const host = /^hosts\/[^/]+\//.exec(path)?.[0];
    const sign = kind === 'missing' ? '+' : kind === 'dropped' ? '-' : '~';
    const key = `  ${sign} ${visible(host !== undefined && sign !== '~' ? host : path)}`;
    lines.set(key, (lines.get(key) ?? 0) + 1);
  }
  const all = [...lines].map(([line, files]) => (line.endsWith('/') ? `${line} (${count(files)})` : line));
  const rest = all.length - SHOWN;
  return [`${out}:`, ...all.slice(0, SHOWN), ...(rest > 0 ? [`  and ${rest} more`] : [])]
    .map(line => `${line}\n`)
    .join('');
}

const count = (files: number): string => `${files} ${files === 1 ? 'file' : 'files'}`;
