import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { type BackendRow, type FeData, type FrontendRow, type HostWorld, known, unknown, type World } from './world.ts';

export const EMPTY_FE: FeData = {
  meta: 'empty',
  image: null,
  cluster_id: null,
  state: { member: null, joining: false, founding: false, refused: false, peers: [], switches: null },
};

/** A machine that this tool never touched, with all that it needs. */
export const freshMachine = (memory: number): HostWorld => ({
  clock_skew_ms: 0,
  docker: known({ engine: '28', compose: '2.26' }),
  marker: null,
  files: {},
  staged: [],
  containers: [],
  by_hand: [],
  strangers: [],
  vacant: [],
  fe: EMPTY_FE,
  be: {},
  listeners: [],
  disks: [],
  memory,
  images: {},
  lock: null,
});

/** Fresh machines that all answer, and no cluster. */
export const freshWorld = (desired: ClusterJson, memory = Number.POSITIVE_INFINITY): World => ({
  hosts: Object.fromEntries(desired.hosts.map(host => [host.address, known(freshMachine(memory))])),
  cluster: unknown('no FE answers'),
  leaving: [],
  answers: {},
  switches: {},
});

/** The row of an FE that was just added: nobody has heard of it. */
export const newFrontend = (host: string, port: number, role: FrontendRow['role'], clusterId: string): FrontendRow => ({
  name: `${host}_${port}`,
  host,
  edit_log_port: port,
  query_port: 0,
  role,
  cluster_id: clusterId,
  join: false,
  alive: false,
  replayed_journal_id: 0,
  last_heartbeat: null,
  err_msg: '',
  start_time: null,
  version: null,
  raw: {},
});

export const newBackend = (host: string, port: number): BackendRow => ({
  id: `${host}:${port}`,
  host,
  heartbeat_port: port,
  be_port: -1,
  http_port: -1,
  brpc_port: -1,
  last_start_time: null,
  last_heartbeat: null,
  alive: false,
  system_decommissioned: false,
  cluster_decommissioned: false,
  tablet_num: 0,
  err_msg: '',
  version: null,
  location: '',
  raw: {},
});
