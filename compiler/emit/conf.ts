/** fe.conf and be.conf: one text for all hosts, filled by StarRocks itself from the env file of each. */

const HEADER = `# Compiled from cluster.yaml: change that file and run \`npm run compile\`.
# \${NAME} is filled by StarRocks from the env file of this host.
`;

const FE = `LOG_DIR = \${STARROCKS_HOME}/log
JAVA_OPTS = "-Dlog4j2.formatMsgNoLookups=true -Xmx\${FE_HEAP_MIB}m -XX:+UseG1GC -Xlog:gc*:\${LOG_DIR}/fe.gc.log:time:filecount=5,filesize=50M -XX:ErrorFile=\${LOG_DIR}/hs_err_pid%p.log -Djava.security.policy=\${STARROCKS_HOME}/conf/udf_security.policy"

run_mode = shared_nothing
priority_networks = \${HOST_IP}/32
http_port = \${HTTP_PORT}
rpc_port = \${RPC_PORT}
query_port = \${FE_QUERY_PORT}
edit_log_port = \${EDIT_LOG_PORT}
meta_dir = \${STARROCKS_HOME}/meta
default_replication_num = \${DEFAULT_REPLICATION_NUM}
mysql_service_nio_enabled = true
# A drained BE keeps its row until its container is gone: the deploy drops it then.
drop_backend_after_decommission = false

sys_log_level = INFO
log_roll_size_mb = 256
sys_log_roll_num = 10
sys_log_delete_age = 7d
audit_log_roll_num = 10
audit_log_delete_age = 7d
dump_log_roll_num = 10
dump_log_delete_age = 7d
internal_log_roll_num = 10
internal_log_delete_age = 7d
big_query_log_roll_num = 10
big_query_log_delete_age = 7d
`;

const BE = `JAVA_OPTS = "-Dlog4j2.formatMsgNoLookups=true -Xmx1536m -XX:+UseG1GC -Djava.security.policy=\${STARROCKS_HOME}/conf/udf_security.policy"

priority_networks = \${HOST_IP}/32
be_port = \${BE_PORT}
be_http_port = \${BE_HTTP_PORT}
heartbeat_service_port = \${HEARTBEAT_PORT}
brpc_port = \${BRPC_PORT}
starlet_port = \${STARLET_PORT}
storage_root_path = \${BE_STORAGE_ROOT_PATH}
mem_limit = \${BE_MEM_LIMIT}

sys_log_level = INFO
sys_log_roll_mode = SIZE-MB-512
sys_log_roll_num = 10
`;

/** Lines that the person wrote under fe_conf or be_conf come last, sorted: what they may not set, the rules refuse. */
function withOverrides(base: string, overrides: Readonly<Record<string, string>>): string {
  const own = base
    .split('\n')
    .filter(line => !Object.hasOwn(overrides, line.split(' = ')[0] ?? ''))
    .join('\n');
  const lines = Object.entries(overrides)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key} = ${value}\n`);
  return lines.length === 0 ? `${HEADER}\n${own}` : `${HEADER}\n${own}\n# From cluster.yaml:\n${lines.join('')}`;
}

export const feConf = (overrides: Readonly<Record<string, string>>): string => withOverrides(FE, overrides);

export const beConf = (overrides: Readonly<Record<string, string>>): string => withOverrides(BE, overrides);
