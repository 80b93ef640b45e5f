/** What a cluster knows of itself: every FE has a copy, only the leader changes it. */
export interface ClusterState {
  readonly frontends: readonly Frontend[];
  readonly backends: readonly Backend[];
  readonly users: Readonly<Record<string, User>>;
  readonly next_frontend_id: number;
  readonly next_id: number;
}

export interface Frontend {
  readonly id: number;
  /** `<host>_<edit_log_port>_<ms>` */
  readonly name: string;
  readonly host: string;
  readonly edit_log_port: number;
  readonly role: 'FOLLOWER' | 'OBSERVER';
  /** It has joined the group once: only then does a follower count for the majority. */
  readonly joined: boolean;
  readonly query_port: number;
  readonly rpc_port: number;
  readonly alive: boolean;
  readonly replayed: number;
  /** Times in ms; null before the first heartbeat. */
  readonly last_heartbeat: number | null;
  readonly start_time: number | null;
  readonly version: string | null;
  readonly error: string;
  readonly missed: number;
}

export interface Backend {
  readonly id: number;
  readonly host: string;
  readonly heartbeat_port: number;
  readonly kind: 'backend' | 'compute node';
  /** -1 before the first heartbeat. */
  readonly be_port: number;
  readonly http_port: number;
  readonly brpc_port: number;
  readonly last_start_time: number | null;
  readonly last_heartbeat: number | null;
  readonly alive: boolean;
  readonly decommissioned: boolean;
  readonly tablets: number;
  readonly error: string;
  readonly version: string;
  readonly cpu_cores: number;
  readonly mem_limit: number;
  /** Bytes. */
  readonly disk_free: number;
  readonly disk_total: number;
  readonly location: string;
  readonly missed: number;
}

export interface User {
  readonly password_hash: string;
  readonly roles: readonly string[];
  /** Roles are in force only after SET DEFAULT ROLE. */
  readonly roles_active: boolean;
  readonly operate: boolean;
}

export const emptyState: ClusterState = { frontends: [], backends: [], users: {}, next_frontend_id: 1, next_id: 10001 };

export function foundedBy(name: string, host: string, editLogPort: number): ClusterState {
  const root: User = { password_hash: '', roles: ['root'], roles_active: true, operate: true };
  const state = addFrontend({ ...emptyState, users: { root } }, name, host, editLogPort, 'FOLLOWER');
  return { ...state, frontends: state.frontends.map(fe => ({ ...fe, joined: true })) };
}

export function addFrontend(
  state: ClusterState,
  name: string,
  host: string,
  editLogPort: number,
  role: Frontend['role'],
): ClusterState {
  const frontend: Frontend = {
    id: state.next_frontend_id,
    name,
    host,
    edit_log_port: editLogPort,
    role,
    joined: false,
    query_port: 0,
    rpc_port: 0,
    alive: false,
    replayed: 0,
    last_heartbeat: null,
    start_time: null,
    version: null,
    error: '',
    missed: 0,
  };
  return { ...state, frontends: [...state.frontends, frontend], next_frontend_id: frontend.id + 1 };
}

export function addBackend(
  state: ClusterState,
  host: string,
  heartbeatPort: number,
  kind: Backend['kind'],
): ClusterState {
  const backend: Backend = {
    id: state.next_id,
    host,
    heartbeat_port: heartbeatPort,
    kind,
    be_port: -1,
    http_port: -1,
    brpc_port: -1,
    last_start_time: null,
    last_heartbeat: null,
    alive: false,
    decommissioned: false,
    tablets: 0,
    error: '',
    version: '',
    cpu_cores: 0,
    mem_limit: 0,
    disk_free: 1,
    disk_total: 0,
    location: '',
    missed: 0,
  };
  return { ...state, backends: [...state.backends, backend], next_id: backend.id + 1 };
}

/** Followers whose votes make a majority. */
export const voters = <F extends Pick<Frontend, 'role' | 'joined'>>(state: {
  readonly frontends: readonly F[];
}): readonly F[] => state.frontends.filter(fe => fe.role === 'FOLLOWER' && fe.joined);

export const majorityOf = (count: number): number => Math.floor(count / 2) + 1;
