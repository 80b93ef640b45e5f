import type { ClusterJson } from '../contract/cluster-json.ts';
import type { Cluster } from '../model/cluster.ts';
import { clusterJson } from './cluster-json.ts';
import { type EmittedFile, emitHost } from './host-folder.ts';
import { readme } from './readme.ts';
import { Shared } from './shared.ts';

export interface Emitted {
  /** Files of generated/ by path. */
  readonly files: ReadonlyMap<string, EmittedFile>;
  readonly clusterJson: ClusterJson;
}

/**
 * Renders a cluster that has passed the rules.
 * @throws when a value would be read as syntax by a shell, Compose or StarRocks: a rule is missing
 */
export function emit(cluster: Cluster): Emitted {
  const shared = new Shared();
  const files = new Map<string, EmittedFile>();
  const hosts = cluster.hosts.map(host => {
    const emitted = emitHost(cluster, host, shared);
    for (const [path, file] of emitted.files) files.set(`hosts/${host.address}/${path}`, file);
    return emitted.compiled;
  });
  const contract = clusterJson(cluster, hosts);
  files.set('cluster.json', { text: `${JSON.stringify(contract, null, 2)}\n`, mode: '0644' });
  files.set('README.md', { text: readme(cluster), mode: '0644' });
  return { files, clusterJson: contract };
}
