import type { ClusterJson, CompiledHost } from '../contract/cluster-json.ts';
import type { Cluster } from '../model/cluster.ts';

export function clusterJson(cluster: Cluster, hosts: readonly CompiledHost[]): ClusterJson {
  return {
    format: 1,
    cluster: cluster.name,
    version: cluster.version,
    master_host: cluster.master_host,
    fe_ports: cluster.fe_ports,
    default_replication_num: cluster.default_replication_num,
    password_env: cluster.password_env,
    allow_outage: cluster.allow_outage,
    timeouts: cluster.timeouts,
    hosts,
  };
}
