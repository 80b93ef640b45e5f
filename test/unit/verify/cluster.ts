import {
  type BackendRow,
  type ClusterRows,
  type FrontendRow,
  known,
  type World,
} from '../../../.github/actions/deploy/src/plan/world.ts';
import type { BeService, ClusterJson, CompiledHost, FeService } from '../../../compiler/contract/cluster-json.ts';

const fePorts = { http_port: 8030, rpc_port: 9020, query_port: 9030, edit_log_port: 9010 };
const bePorts = {
  be_port: 9060,
  be_http_port: 8040,
  heartbeat_service_port: 9050,
  brpc_port: 8060,
  starlet_port: 9070,
};

const service = { image: 'starrocks:3.3.18', digest: 'd', folders: [] };
const fe: FeService = {
  ...service,
  name: 'starrocks-fe',
  kind: 'fe',
  role: 'follower',
  ports: fePorts,
  heap_mib: 8192,
};
const be: BeService = {
  ...{ ...service, name: 'starrocks-be', kind: 'be', index: 0, ports: bePorts, mem_limit: '80%' },
};

export const host = (address: string, changes: Partial<CompiledHost> = {}): CompiledHost => ({
  address,
  ssh: { host: address, port: 22, user: 'root', sudo: false, host_key: null, bastion: null },
  ...{ maintenance: false, deploy_dir: '/opt/starrocks-ha', location: null, memory: null, digest: 'h', files: [] },
  ...{ fe, be: [be] },
  ...changes,
});

export const withFe = (address: string, changes: Partial<FeService>): CompiledHost =>
  host(address, { fe: { ...fe, ...changes } });

export const [one, two, three] = ['127.0.0.11', '127.0.0.12', '127.0.0.13'] as const;

export const desired = (hosts: readonly CompiledHost[] = [host(one), host(two), host(three)]): ClusterJson => ({
  ...{ format: 1, cluster: 'analytics', version: '3.3.18', master_host: one, fe_ports: fePorts },
  ...{ default_replication_num: 3, password_env: null, allow_outage: false },
  timeouts: { ssh: 20, query: 20, pull: 600, fe_ready: 300, be_ready: 300, drain: 300, lock: 600 },
  hosts,
});

export const feRow = (address: string, changes: Partial<FrontendRow> = {}): FrontendRow => ({
  ...{ name: `${address}_9010_1`, host: address, edit_log_port: 9010, query_port: 9030, role: 'FOLLOWER' },
  ...{ cluster_id: '2053836187', join: true, alive: true, replayed_journal_id: 892, err_msg: '' },
  ...{
    last_heartbeat: '2026-11-23 12:43:45',
    start_time: '2026-11-23 12:28:07',
    version: '3.3.18-b2be47ac9d',
    raw: {},
  },
  ...changes,
});

export const beRow = (address: string, changes: Partial<BackendRow> = {}): BackendRow => ({
  ...{ id: `1000${address.at(-1)}`, host: address, heartbeat_port: 9050, be_port: 9060, http_port: 8040 },
  ...{ brpc_port: 8060, alive: true, system_decommissioned: false, cluster_decommissioned: false, tablet_num: 69 },
  ...{ last_start_time: '2026-11-23 12:22:33', last_heartbeat: '2026-11-23 12:43:45', version: '3.3.18-b2be47a' },
  ...{ err_msg: '', location: '', raw: {} },
  ...changes,
});

export const rows = (changes: Partial<ClusterRows> = {}): ClusterRows => ({
  ...{ asked: one, leader: one, compute_nodes: [], unhealthy_tablets: 0, root_open: false },
  frontends: [feRow(one, { role: 'LEADER', replayed_journal_id: 898 }), feRow(two), feRow(three)],
  backends: [beRow(one), beRow(two), beRow(three)],
  ...changes,
});

export const world = (cluster: ClusterRows, changes: Partial<World> = {}): World => ({
  ...{ hosts: {}, cluster: known(cluster), leaving: [], answers: {}, switches: {} },
  ...changes,
});
