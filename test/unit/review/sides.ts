import type { Sides } from '../../../.github/actions/deploy/src/review/review.ts';
import { compile } from '../../../compiler/compile.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';

interface Side {
  readonly json: ClusterJson;
  readonly files: ReadonlyMap<string, string>;
}

export function side(text: string, before: Side | null = null): Side {
  const previous = before?.files.get('cluster.json') ?? null;
  const { files, clusterJson, diagnostics } = compile({ file: 'cluster.yaml', text, previous });
  if (files === null || clusterJson === null) throw new Error(JSON.stringify(diagnostics));
  return { json: clusterJson, files: new Map([...files].map(([path, file]) => [path, file.text])) };
}

/** From one cluster.yaml to another, as a pull request does. */
export function sides(base: string | null, head: string): Sides {
  const before = base === null ? null : side(base);
  const after = side(head, before);
  return {
    base: before?.json ?? null,
    head: after.json,
    baseFiles: before?.files ?? new Map(),
    headFiles: after.files,
  };
}

export const yaml = (hosts: readonly string[], more = ''): string =>
  `cluster: analytics\nstarrocks: { version: 3.3.18 }\nmaster_host: 192.168.1.10\n${more}hosts:\n${hosts.map(host => `  - ${host}\n`).join('')}`;

export const three = ['192.168.1.10', '192.168.1.11', '192.168.1.12'];
