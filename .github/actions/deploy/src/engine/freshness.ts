import { DeployError } from '../error.ts';
import { check } from './check.ts';

/**
 * Proves that `generated/` is what the cluster file compiles to: what was reviewed is what runs.
 * @throws DeployError E_NO_CLUSTER_FILE, E_INVALID_CLUSTER, E_STALE_GENERATED
 */
export async function checkFreshness(clusterFile: string, generated: string): Promise<void> {
  const { diagnostics, differences } = await check(clusterFile, generated);
  const errors = diagnostics.filter(diagnostic => diagnostic.severity === 'error');
  const [first] = errors;
  if (first !== undefined) {
    throw new DeployError({
      code: 'E_INVALID_CLUSTER',
      message: `${first.file}:${first.line}:${first.column}: ${first.message}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''}`,
      hint: 'Run `npm run compile`: it shows every problem with its line.',
    });
  }
  // What the compiler did not write is nobody's to deploy, and does no harm.
  const stale = differences.filter(({ kind }) => kind !== 'foreign').map(({ path }) => path);
  if (stale.length === 0) return;
  throw new DeployError({
    code: 'E_STALE_GENERATED',
    message: `${generated} is not what ${clusterFile} compiles to: ${stale.slice(0, 5).join(', ')}${stale.length > 5 ? ` and ${stale.length - 5} more` : ''} differ.`,
    hint: 'Run `npm run compile`, review what it changes, and commit it; files there are never edited by hand.',
  });
}
