import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { readClusterJson } from '../../../../../compiler/contract/read-cluster-json.ts';
import { DeployError, type Problem } from '../error.ts';

/** What `generated/` says: the contract, and the bytes of every host's files. */
export interface Desired {
  readonly cluster: ClusterJson;
  /** Address → path → bytes. */
  readonly files: ReadonlyMap<string, ReadonlyMap<string, Buffer>>;
}

const MEND = 'Run `npm run compile` and commit generated/; files there are never edited by hand.';

/** Reads the folder and proves that each file is the one that cluster.json speaks of; all problems at once. */
export async function readDesired(folder: string): Promise<Desired> {
  const text = await readFile(join(folder, 'cluster.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new DeployError({
      code: 'E_NO_GENERATED',
      message: `${join(folder, 'cluster.json')} cannot be read: ${error.code ?? error.message}.`,
      hint: MEND,
    });
  });
  const cluster = parsed(text, folder);
  const hosts = await Promise.all(
    cluster.hosts.map(async host => ({ address: host.address, ...(await readHost(folder, host)) })),
  );
  const [first, ...more] = hosts.flatMap(host => host.problems);
  if (first !== undefined) {
    const others = more.length === 0 ? '' : ` (and ${more.length} more: ${more.map(one => one.message).join(' ')})`;
    throw new DeployError({ ...first, message: `${first.message}${others}` });
  }
  return { cluster, files: new Map(hosts.map(host => [host.address, host.files])) };
}

function parsed(text: string, folder: string): ClusterJson {
  const { cluster, problems } = readClusterJson(text);
  if (cluster !== null) return cluster;
  throw new DeployError({
    code: 'E_GENERATED_BROKEN',
    message: `${join(folder, 'cluster.json')} cannot be used: ${problems.join(' ')}`,
    hint: MEND,
  });
}

async function readHost(
  folder: string,
  host: CompiledHost,
): Promise<{ readonly files: ReadonlyMap<string, Buffer>; readonly problems: readonly Problem[] }> {
  const problems: Problem[] = [];
  const files = new Map<string, Buffer>();
  for (const file of host.files) {
    const path = join(folder, 'hosts', host.address, file.path);
    const bytes = await readFile(path).catch(() => null);
    const found = bytes === null ? null : createHash('sha256').update(bytes).digest('hex');
    if (bytes !== null && found === file.sha256) {
      files.set(file.path, bytes);
      continue;
    }
    problems.push({
      code: 'E_STALE_GENERATED',
      host: null,
      step: null,
      message: `${path} is ${bytes === null ? 'missing' : 'not what the compiler wrote'}.`,
      hint: MEND,
    });
  }
  return { files, problems };
}
