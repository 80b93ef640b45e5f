import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compile } from '../../../../../compiler/compile.ts';
import { DeployError } from '../error.ts';

/**
 * Proves that `generated/` is what the cluster file compiles to: what was reviewed is what runs.
 * @throws DeployError E_NO_CLUSTER_FILE, E_INVALID_CLUSTER, E_STALE_GENERATED
 */
export async function checkFreshness(clusterFile: string, generated: string): Promise<void> {
  const text = await readFile(clusterFile).catch((error: NodeJS.ErrnoException) => {
    throw new DeployError({
      code: 'E_NO_CLUSTER_FILE',
      message: `${clusterFile} cannot be read: ${error.code ?? error.message}.`,
      hint: 'A deploy proves that generated/ is fresh before it starts: check out the whole repository.',
    });
  });
  const previous = await readFile(join(generated, 'cluster.json'), 'utf8');
  const { files, diagnostics } = compile({ file: clusterFile, text, previous });
  const errors = diagnostics.filter(diagnostic => diagnostic.severity === 'error');
  const [first] = errors;
  if (files === null || first !== undefined) {
    const where = first === undefined ? clusterFile : `${first.file}:${first.line}:${first.column}`;
    throw new DeployError({
      code: 'E_INVALID_CLUSTER',
      message: `${where}: ${first?.message ?? 'it does not compile'}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''}`,
      hint: 'Run `npm run compile`: it shows every problem with its line.',
    });
  }
  const stale: string[] = [];
  for (const [path, { text: fresh }] of files) {
    const committed = await readFile(join(generated, path), 'utf8').catch(() => null);
    if (committed !== fresh) stale.push(path);
  }
  if (stale.length === 0) return;
  throw new DeployError({
    code: 'E_STALE_GENERATED',
    message: `${generated} is not what ${clusterFile} compiles to: ${stale.slice(0, 5).join(', ')}${stale.length > 5 ? ` and ${stale.length - 5} more` : ''} differ.`,
    hint: 'Run `npm run compile`, review what it changes, and commit it; files there are never edited by hand.',
  });
}
