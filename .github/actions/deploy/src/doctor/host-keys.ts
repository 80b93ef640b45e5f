import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { hostName, type KnownHosts, keysOf } from '../transport/known-hosts.ts';

/** Machines and bastions, as known_hosts would name them, whose key neither cluster.yaml nor that file has. */
export function untrusted({ hosts }: ClusterJson, known: KnownHosts): string[] {
  const places = hosts
    .filter(host => !host.maintenance)
    .flatMap(({ ssh }) => [ssh, ...(ssh.bastion === null ? [] : [ssh.bastion])])
    .filter(({ host, port, host_key }) => host_key === null && keysOf(known, host, port).keys.length === 0);
  return [...new Set(places.map(({ host, port }) => hostName(host, port)))];
}
