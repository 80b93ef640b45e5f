import { readFile } from 'node:fs/promises';
import { compile } from '../../../../../compiler/compile.ts';
import type { Diagnostic } from '../../../../../compiler/diagnostics/diagnostic.ts';
import { type Difference, differences, writtenFiles } from '../../../../../compiler/stale/difference.ts';
import { gitPatch } from '../../../../../compiler/stale/git-patch.ts';
import { DeployError } from '../error.ts';
import { readTree } from './generated-tree.ts';

/** Whether `generated/` is what the cluster file compiles to. */
export interface Check {
  readonly diagnostics: readonly Diagnostic[];
  /** Paths at which it differs; [] also when the cluster file does not compile. */
  readonly differences: readonly Difference[];
  /** For `git apply` at the repository's root: makes generated/ fresh. '' when it is. */
  readonly patch: string;
}

/** @throws DeployError E_NO_CLUSTER_FILE */
export async function check(clusterFile: string, generated: string): Promise<Check> {
  const text = await readFile(clusterFile).catch((error: NodeJS.ErrnoException) => {
    throw new DeployError({
      code: 'E_NO_CLUSTER_FILE',
      message: `${clusterFile} cannot be read: ${error.code ?? error.message}.`,
      hint: 'generated/ is compared with what it compiles to: check out the whole repository.',
    });
  });
  const found = await readTree(generated);
  const previous = found.get('cluster.json')?.text ?? null;
  const { files, diagnostics } = compile({ file: clusterFile, text, previous });
  if (files === null) return { diagnostics, differences: [], patch: '' };
  const all = differences(files, found, writtenFiles(previous));
  return { diagnostics, differences: all, patch: gitPatch(generated, all, files, found) };
}
