import type { ClusterJson } from './contract/cluster-json.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { clusterJson } from './emit/cluster-json.ts';
import { type EmittedFile, emitHost, Shared } from './emit/host-folder.ts';
import { readme } from './emit/readme.ts';
import { readCluster } from './read.ts';

export interface Compiled {
  /** Files of generated/ by path, or null when the cluster file is invalid. */
  readonly files: ReadonlyMap<string, EmittedFile> | null;
  readonly cluster: ClusterJson | null;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The compiler: text in, files out. No clock, environment, network or randomness; the same bytes on any machine.
 * @param input.previous text of the previous cluster.json, or null: a port once assigned stays. One that is no JSON
 *   counts as none.
 */
export function compile(input: { file: string; text: string | Uint8Array; previous: string | null }): Compiled {
  const { cluster, diagnostics } = readCluster({ ...input, previous: parsed(input.previous) });
  if (cluster === null) return { files: null, cluster: null, diagnostics };
  const shared = new Shared();
  const files = new Map<string, EmittedFile>();
  const hosts = cluster.hosts.map(host => {
    const emitted = emitHost(cluster, host, shared);
    for (const [path, { text, mode }] of emitted.files) files.set(`hosts/${host.address}/${path}`, { text, mode });
    return emitted.compiled;
  });
  const json = clusterJson(cluster, hosts);
  files.set('cluster.json', { text: `${JSON.stringify(json, null, 2)}\n`, mode: '0644' });
  files.set('README.md', { text: readme(cluster), mode: '0644' });
  return { files, cluster: json, diagnostics };
}

function parsed(text: string | null): unknown {
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
