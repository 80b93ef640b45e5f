import type { ServiceName } from '../contract/cluster-json.ts';
import type { Be, Cluster, Fe, Host } from '../model/cluster.ts';
import { type Env, envText } from './env-text.ts';
import { beName, bePrefix, stateCopySource, storageMount, storageSource } from './service-folders.ts';

/**
 * Keys that matter only before a node is initialised. They are outside the digests, so that a changed master_host
 * restarts nobody. FE_QUERY_PORT is one for a BE, which asks there once; for an FE it is its own port.
 */
const feIdentity = ['FE_INDEX', 'MASTER_HOST', 'MASTER_FE_HOST', 'MASTER_FE_EDIT_LOG_PORT', 'MASTER_FE_QUERY_PORT'];
const beIdentity = ['FE_HOST', 'FE_QUERY_PORT'];

export const identityKeys = (path: string): ReadonlySet<string> =>
  new Set(path === 'starrocks-fe.env' ? feIdentity : beIdentity);

export const appEnv = (cluster: Cluster, host: Host): string =>
  envText({
    KAFKA_HOST: cluster.kafka_host,
    DEFAULT_REPLICATION_NUM: cluster.default_replication_num,
    MASTER_HOST: cluster.master_host,
    LOCAL_HOST: host.address,
  });

/** The role of a node: the founding FE where the two addresses are equal, a joiner elsewhere. */
const feIndex = (masterHost: string, localHost: string): 0 | 1 => (masterHost === localHost ? 0 : 1);

export const feEnv = (cluster: Cluster, host: Host, fe: Fe): string =>
  envText({
    HOST_IP: host.address,
    FE_INDEX: feIndex(cluster.master_host, host.address),
    HTTP_PORT: cluster.fe_ports.http_port,
    RPC_PORT: cluster.fe_ports.rpc_port,
    FE_QUERY_PORT: cluster.fe_ports.query_port,
    EDIT_LOG_PORT: cluster.fe_ports.edit_log_port,
    MASTER_FE_HOST: cluster.master_host,
    MASTER_FE_EDIT_LOG_PORT: cluster.fe_ports.edit_log_port,
    MASTER_FE_QUERY_PORT: cluster.fe_ports.query_port,
    DEFAULT_REPLICATION_NUM: cluster.default_replication_num,
    CLUSTER: cluster.name,
    FE_ROLE: fe.role,
    FE_HEAP_MIB: fe.heap_mib,
  });

/** `/opt/starrocks/be/storage,medium:SSD,capacity:536870912000`; StarRocks reads the medium and skips the capacity. */
function storageRootPath(be: Be): string {
  return be.storage
    .map(({ medium, capacity }, position) =>
      [
        storageMount(position),
        ...(medium === null ? [] : [`medium:${medium}`]),
        ...(capacity === null ? [] : [`capacity:${capacity}`]),
      ].join(','),
    )
    .join(';');
}

export const beEnv = (cluster: Cluster, host: Host, be: Be): string =>
  envText({
    HOST_IP: host.address,
    BE_INDEX: be.index,
    BE_PORT: be.ports.be_port,
    BE_HTTP_PORT: be.ports.be_http_port,
    HEARTBEAT_PORT: be.ports.heartbeat_service_port,
    BRPC_PORT: be.ports.brpc_port,
    STARLET_PORT: be.ports.starlet_port,
    FE_HOST: cluster.master_host,
    FE_QUERY_PORT: cluster.fe_ports.query_port,
    CLUSTER: cluster.name,
    BE_MEM_LIMIT: be.mem_limit,
    BE_STORAGE_ROOT_PATH: storageRootPath(be),
    BE_STORAGE_PATHS: be.storage.map((_, position) => storageMount(position)).join(':'),
  });

/** What Compose interpolates: all that differs between hosts of the same shape. */
export function composeEnv(cluster: Cluster, host: Host, digests: Readonly<Partial<Record<ServiceName, string>>>): Env {
  const env: Record<string, string | number> = {
    COMPOSE_PROJECT_NAME: `starrocks-${cluster.name}`,
    CLUSTER: cluster.name,
    HOST_IP: host.address,
    HOST_NAME: `starrocks-${host.address.replaceAll('.', '-')}`,
    NOFILE: host.ulimits.nofile,
    NPROC: host.ulimits.nproc,
  };
  if (host.fe !== null) {
    env['FE_IMAGE'] = cluster.images.fe;
    env['FE_CONTAINER_MEMORY'] = host.fe.container_memory;
    env['HTTP_PORT'] = cluster.fe_ports.http_port;
    env['FE_DIGEST'] = digests['starrocks-fe'] ?? '';
  }
  for (const be of host.be) {
    const prefix = bePrefix(be.index);
    env[`${prefix}_IMAGE`] = cluster.images.be;
    env[`${prefix}_CONTAINER_MEMORY`] = be.container_memory;
    for (const position of be.storage.keys()) env[`${prefix}_STORAGE_${position}`] = storageSource(be, position);
    env[`${prefix}_STATE`] = stateCopySource(be);
    env[`${prefix}_DIGEST`] = digests[beName(be.index)] ?? '';
  }
  return env;
}
