import type { Diagnostic } from '../../../../../compiler/diagnostics/diagnostic.ts';
import type { Difference } from '../../../../../compiler/stale/difference.ts';
import { type Annotation, bounded } from './annotations.ts';
import { escaped, fenced } from './markdown.ts';
import { plural } from './verdict.ts';
import { shortened, visible } from './visible.ts';

interface Found {
  readonly diagnostics: readonly Diagnostic[];
  readonly differences: readonly Difference[];
  readonly patch: string;
}

/** Diagnostics at their line; a stale generated/ at the head of the cluster file, which is what people edit. */
export function checkAnnotations({ diagnostics, differences }: Found, clusterFile: string): Annotation[] {
  const lines = diagnostics.map(
    ({ severity: level, code, message, hint, file, line, endLine, column, endColumn }): Annotation => ({
      level,
      title: code,
      message: shortened(visible(`${message} ${hint}`), 4000),
      file,
      startLine: line,
      endLine,
      // GitHub drops columns that span lines.
      ...(line === endLine ? { startColumn: column, endColumn } : {}),
    }),
  );
  if (differences.length === 0) return bounded(lines);
  const names = differences.slice(0, 5).map(({ path }) => path);
  const rest = differences.length - names.length;
  return bounded([
    {
      level: 'error',
      title: 'E_STALE_GENERATED',
      message: visible(
        `generated/ is not what this file compiles to: ${names.map(name => shortened(name, 500)).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}. Run \`npm run compile\` and commit it.`,
      ),
      file: clusterFile,
      startLine: 1,
      endLine: 1,
    },
    ...lines,
  ]);
}

/** For the job summary: what is wrong, the one command that mends it, and the patch. */
export function checkSummary({ diagnostics, differences, patch }: Found, clusterFile: string, out: string): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const told = diagnostics.map(
    ({ code, file, line, column, message, hint }) =>
      `- \`${code}\` ${escaped(`${file}:${line}:${column}`)}: ${escaped(message)} ${escaped(hint)}`,
  );
  if (errors.length > 0) {
    return [`## ❌ ${escaped(clusterFile)} has ${plural(errors.length, 'error')}`, '', ...told, ''].join('\n');
  }
  if (differences.length === 0) return [`## ✅ ${escaped(out)} is fresh`, '', ...told, ''].join('\n');
  const paths = differences.map(({ path, kind }) => `- ${escaped(`${out}/${path}`)}: ${kind}`);
  return [
    `## ❌ ${escaped(out)} is not what ${escaped(clusterFile)} compiles to`,
    '',
    'Run this and commit the result; or apply the patch that this run keeps as an artifact.',
    '',
    ...fenced(['npm run compile']),
    '',
    ...told,
    ...paths.slice(0, PATHS),
    ...(paths.length > PATHS ? [`- … and ${paths.length - PATHS} more`] : []),
    '',
    '<details><summary>The patch</summary>',
    '',
    ...fenced(patch.slice(0, PATCH).split('\n')),
    ...(patch.length > PATCH ? ['', 'Cut here; the artifact has it whole.'] : []),
    '',
    '</details>',
    '',
  ].join('\n');
}

const PATHS = 50;
const PATCH = 200_000;
