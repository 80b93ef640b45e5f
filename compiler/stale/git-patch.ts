import { createTwoFilesPatch, OMIT_HEADERS } from 'diff';
import type { EmittedFile } from '../emit/host-folder.ts';
import type { Difference, FoundFile } from './difference.ts';

/** What `git apply` makes a fresh folder of; '' when nothing of the compiler's own differs. */
export function gitPatch(
  folder: string,
  differences: readonly Difference[],
  compiled: ReadonlyMap<string, EmittedFile>,
  found: ReadonlyMap<string, FoundFile>,
): string {
  return differences
    .filter(({ kind }) => kind !== 'foreign' && kind !== 'in the way')
    .map(({ path }) => filePatch(`${folder}/${path}`, found.get(path), compiled.get(path)))
    .join('');
}

const gitMode = (file: { readonly mode: '0644' | '0755' }): string => `10${file.mode}`;

function filePatch(path: string, old: FoundFile | undefined, fresh: EmittedFile | undefined): string {
  const head = [`diff --git a/${path} b/${path}`];
  if (old === undefined && fresh !== undefined) head.push(`new file mode ${gitMode(fresh)}`);
  if (old !== undefined && fresh === undefined) head.push(`deleted file mode ${gitMode(old)}`);
  if (old !== undefined && fresh !== undefined && old.mode !== fresh.mode)
    head.push(`old mode ${gitMode(old)}`, `new mode ${gitMode(fresh)}`);
  const [before, after] = [old?.text ?? '', fresh?.text ?? ''];
  if (before === after) return `${head.join('\n')}\n`;
  const from = old === undefined ? '/dev/null' : `a/${path}`;
  const to = fresh === undefined ? '/dev/null' : `b/${path}`;
  const hunks = createTwoFilesPatch(from, to, before, after, '', '', { headerOptions: OMIT_HEADERS });
  return `${head.join('\n')}\n--- ${from}\n+++ ${to}\n${hunks}`;
}
