import { localTime } from '../process/log.ts';
import { isAtLeast } from '../process/release.ts';
import type { Backend, ClusterState, Frontend } from './cluster-state.ts';

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The FE that builds the rows. */
export interface Viewer {
  readonly release: string;
  readonly cluster_id: string;
  readonly host: string;
  readonly http_port: number;
  readonly journal_index: number;
  /** Host of the leader; null while it does not know one, and then nobody counts as joined. */
  readonly leader: string | null;
}

const time = (ms: number | null): string => (ms === null ? 'NULL' : localTime(ms));

/** Rows of SHOW FRONTENDS and SHOW PROC '/frontends' (FrontendsProcNode.java); 3.5 put Id first. */
export function frontendRows(state: ClusterState, viewer: Viewer): Table {
  const withId = isAtLeast(viewer.release, '3.5.0');
  const columns =
    'Name IP EditLogPort HttpPort QueryPort RpcPort Role ClusterId Join Alive ReplayedJournalId LastHeartbeat IsHelper ErrMsg StartTime Version';
  return {
    columns: `${withId ? 'Id ' : ''}${columns}`.split(' '),
    rows: (withId ? state.frontends : [...state.frontends].sort((a, b) => (a.name < b.name ? 1 : -1))).map(fe =>
      withId ? [String(fe.id), ...frontendRow(fe, viewer)] : frontendRow(fe, viewer),
    ),
  };
}

function frontendRow(fe: Frontend, viewer: Viewer): readonly string[] {
  const self = fe.host === viewer.host;
  return [
    fe.name,
    fe.host,
    String(fe.edit_log_port),
    String(viewer.http_port),
    String(fe.query_port),
    String(fe.rpc_port),
    fe.host === viewer.leader ? 'LEADER' : fe.role,
    viewer.cluster_id,
    String(fe.joined && viewer.leader !== null),
    String(self || fe.alive),
    String(self ? viewer.journal_index : fe.replayed),
    time(fe.last_heartbeat),
    String(fe.role === 'FOLLOWER'),
    fe.error,
    fe.alive ? time(fe.start_time) : 'NULL',
    fe.version ?? 'NULL',
  ];
}

/** Rows of SHOW BACKENDS and SHOW PROC '/backends' (BackendsProcDir.java). */
export function backendRows(state: ClusterState, release: string): Table {
  const columns = [
    ...'BackendId IP HeartbeatPort BePort HttpPort BrpcPort LastStartTime LastHeartbeat Alive'.split(' '),
    ...'SystemDecommissioned ClusterDecommissioned TabletNum DataUsedCapacity AvailCapacity TotalCapacity'.split(' '),
    ...'UsedPct MaxDiskUsedPct ErrMsg Version Status DataTotalCapacity DataUsedPct CpuCores'.split(' '),
    ...(isAtLeast(release, '3.3.4') ? ['MemLimit'] : []),
    ...'NumRunningQueries MemUsedPct CpuUsedPct'.split(' '),
    ...(isAtLeast(release, '3.3.0') ? ['DataCacheMetrics'] : []),
    ...(isAtLeast(release, '3.2.8') ? ['Location'] : []),
    ...(isAtLeast(release, '3.4.0') ? ['StatusCode'] : []),
  ];
  return { columns, rows: state.backends.filter(be => be.kind === 'backend').map(be => backendRow(be, release)) };
}

function backendRow(be: Backend, release: string): readonly string[] {
  const used = be.disk_total === 0 ? 0 : (100 * (be.disk_total - be.disk_free)) / be.disk_total;
  return [
    ...[be.id, be.host, be.heartbeat_port, be.be_port, be.http_port, be.brpc_port].map(String),
    time(be.last_start_time),
    time(be.last_heartbeat),
    String(be.alive),
    String(be.decommissioned),
    'false',
    String(be.tablets),
    '0.000 B',
    size(be.disk_free, ' '),
    size(be.disk_total, ' '),
    `${used.toFixed(2)} %`,
    `${used.toFixed(2)} %`,
    be.error,
    be.version,
    JSON.stringify({ lastSuccessReportTabletsTime: be.last_heartbeat === null ? 'N/A' : localTime(be.last_heartbeat) }),
    size(be.disk_total === 0 ? 0 : be.disk_free, ' '),
    '0.00 %',
    String(be.cpu_cores),
    ...(isAtLeast(release, '3.3.4') ? [size(be.mem_limit, '')] : []),
    '0',
    '0.00 %',
    '0.0 %',
    ...(isAtLeast(release, '3.3.0') ? ['N/A'] : []),
    ...(isAtLeast(release, '3.2.8') ? [be.location] : []),
    ...(isAtLeast(release, '3.4.0') ? [statusCode(be)] : []),
  ];
}

function statusCode(be: Backend): string {
  if (be.alive) return 'OK';
  return be.last_heartbeat === null ? 'CONNECTING' : 'DISCONNECTED';
}

function size(bytes: number, gap: string): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(3)}${gap}${units[power]}`;
}

/** Rows of SHOW COMPUTE NODES (ComputeNodeProcDir.java). */
export function computeNodeRows(state: ClusterState, release: string): Table {
  const columns = [
    ...'ComputeNodeId IP HeartbeatPort BePort HttpPort BrpcPort LastStartTime LastHeartbeat Alive'.split(' '),
    ...'SystemDecommissioned ClusterDecommissioned ErrMsg Version CpuCores'.split(' '),
    ...(isAtLeast(release, '3.3.4') ? ['MemLimit'] : []),
    ...'NumRunningQueries MemUsedPct CpuUsedPct'.split(' '),
    ...(isAtLeast(release, '3.3.0') ? ['DataCacheMetrics'] : []),
    'HasStoragePath',
    ...(isAtLeast(release, '3.4.0') ? ['StatusCode'] : []),
  ];
  const rows = state.backends
    .filter(node => node.kind === 'compute node')
    .map(node => [
      ...[node.id, node.host, node.heartbeat_port, node.be_port, node.http_port, node.brpc_port].map(String),
      time(node.last_start_time),
      time(node.last_heartbeat),
      ...[node.alive, node.decommissioned, false, node.error, node.version, node.cpu_cores].map(String),
      ...(isAtLeast(release, '3.3.4') ? [size(node.mem_limit, '')] : []),
      '0',
      '0.00 %',
      '0.0 %',
      ...(isAtLeast(release, '3.3.0') ? ['N/A'] : []),
      'true',
      ...(isAtLeast(release, '3.4.0') ? [statusCode(node)] : []),
    ]);
  return { columns, rows };
}

/** Rows of SHOW PROC '/statistic'; the last one is the total (StatisticProcDir.java). */
export function statisticRows(tablets: number, replicas: number, unhealthy: number): Table {
  const columns =
    'DbId DbName TableNum PartitionNum IndexNum TabletNum ReplicaNum UnhealthyTabletNum InconsistentTabletNum CloningTabletNum ErrorStateTabletNum';
  const counts = [7, 7, 7, tablets, replicas, unhealthy, 0, 0, 0].map(String);
  return {
    columns: columns.split(' '),
    rows: [
      ['10001', '_statistics_', ...counts],
      ['Total', '1', ...counts],
    ],
  };
}
