import type { CompiledHost, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';

/** A fact, or the reason why nobody knows it. An unknown never permits to stop anything. */
export type Known<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly reason: string };

export const known = <T>(value: T): Known<T> => ({ known: true, value });
export const unknown = (reason: string): Known<never> => ({
  known: false,
  reason,
});

/** Everything the planner knows of the machines and of the cluster at one moment. Plain data, JSON all through. */
export interface World {
  /** By address; a host in maintenance, or one that did not answer, is unknown. */
  readonly hosts: Readonly<Record<string, Known<HostWorld>>>;
  /** What the leader says; unknown while no leader answers. */
  readonly cluster: Known<ClusterRows>;
  /**
   * What git says that hosts were before cluster.yaml stopped naming them or some of their services, which alone are
   * kept here, and which the cluster or the machine still knows.
   */
  readonly leaving: readonly CompiledHost[];
  /** Does the node answer by itself (FE: SQL on its own query_port; BE: GET /api/health)? By `address/service`. */
  readonly answers: Readonly<Record<string, Known<boolean>>>;
  /** By address of an FE that answers; asked only while the version changes or a change of it is not wound up. */
  readonly switches: Readonly<Record<string, Switches>>;
}

/** What the tablet scheduler may do, as ADMIN SHOW FRONTEND CONFIG says it: each FE has its own, in memory. */
export const SWITCHES = [
  'tablet_sched_max_scheduling_tablets',
  'tablet_sched_max_balancing_tablets',
  'tablet_sched_disable_balance',
  'tablet_sched_disable_colocate_balance',
] as const;

export type Switches = Readonly<Record<(typeof SWITCHES)[number], string>>;

export const sameSwitches = (a: Switches, b: Switches): boolean => SWITCHES.every(key => a[key] === b[key]);

/** Those that answered, by address. */
export type Machines = ReadonlyMap<string, HostWorld>;

/** Not to be remembered: a plan that is being made changes its `hosts` in place. */
export function machinesOf(hosts: World['hosts']): Machines {
  const found = new Map<string, HostWorld>();
  for (const [address, answer] of Object.entries(hosts)) if (answer.known) found.set(address, answer.value);
  return found;
}

/** One answer of one machine. */
export interface HostWorld {
  /** Machine's clock minus the runner's, in milliseconds; 0 as long as the time that the answer took may explain it. */
  readonly clock_skew_ms: number;
  readonly docker: Known<{ readonly engine: string; readonly compose: string }>;
  /** What this tool last wrote there, or null on a machine it never touched. */
  readonly marker: Marker | null;
  /** SHA-256 of every file under deploy_dir that is or could be compiled (data, log, state left out), by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Host digests whose folders lie complete in `.staged/`. */
  readonly staged: readonly string[];
  /** Containers that carry this cluster's label, whatever their state. */
  readonly containers: readonly Container[];
  /** Containers of our names that a person made and nobody has taken over. */
  readonly by_hand: readonly HandMade[];
  /** Storage of a BE's container that cluster.yaml no longer names, and in which no tablet is. */
  readonly vacant: readonly string[];
  /** StarRocks that this tool did not start: containers of other projects, plain processes. */
  readonly strangers: readonly string[];
  /** Of every machine, also where no FE is declared (any more). */
  readonly fe: FeData;
  /** Storage of each declared BE instance. */
  readonly be: Readonly<Partial<Record<ServiceName, BeData>>>;
  readonly listeners: readonly Listener[];
  readonly disks: readonly Disk[];
  /** Bytes of RAM. */
  readonly memory: number;
  /** Wanted image reference → image id, or null where it is not on the machine. */
  readonly images: Readonly<Record<string, string | null>>;
  /** Who holds the lock now. */
  readonly lock: LockOwner | null;
}

/** Written by the session on every activation and refresh: `<deploy_dir>/state/deployed.json`. */
export interface Marker {
  readonly cluster: string;
  readonly repository: string;
  readonly commit: string;
  readonly run: string;
  /** ISO 8601. */
  readonly time: string;
}

export interface LockOwner {
  readonly run: string;
  readonly actor: string;
  readonly commit: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface Container {
  readonly service: string;
  /** Label `starrocks-ha.digest`. */
  readonly digest: string;
  readonly image: string;
  readonly image_id: string;
  readonly state: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  /** ISO 8601. */
  readonly started_at: string;
  readonly restarts: number;
  /** Container path → machine path of its bind mounts. */
  readonly mounts: Readonly<Record<string, string>>;
}

/** A container that a person made, as far as it matters to whether ours could stand in its place. */
export interface HandMade {
  readonly service: string;
  readonly id: string;
  readonly image: string;
  readonly state: Container['state'];
  readonly started_at: string;
  readonly mounts: Readonly<Record<string, string>>;
  /** `host`, a network's name … */
  readonly network: string;
  /** `unless-stopped`, `always`, `no` … */
  readonly restart_policy: string;
  readonly env: Readonly<Record<string, string>>;
  /** fe.conf or be.conf as the process has it; null when it could not be read. */
  readonly conf: string | null;
  /** What of its conf is not as compiled; found by whoever has the compiled text. */
  readonly conf_differs: readonly string[];
}

/** Metadata: `whole` = ROLE, VERSION and a bdb/ with data; `partial` = something, but not all of it. */
export interface FeData {
  readonly meta: 'empty' | 'partial' | 'whole';
  /** Journal id of the newest image of the metadata; null: there is none. */
  readonly image: number | null;
  /** clusterId of VERSION. */
  readonly cluster_id: string | null;
  /** What ROLE says; absent: nothing. */
  readonly name?: string;
  readonly role?: 'FOLLOWER' | 'OBSERVER';
  readonly state: FeState;
}

/**
 * Somebody dropped it and added it again: the row has a new name, and an FE whose metadata has the old one never becomes
 * ready (seen on a real FE). One that takes part is left alone, whatever its files say.
 */
export const namedOtherwise = (fe: FeData | undefined, row: FrontendRow | null): boolean =>
  fe?.meta === 'whole' && fe.name !== undefined && row !== null && !row.join && row.name !== fe.name;

/** `state/` of an FE: what the machine learnt at run time, from either copy. */
export interface FeState {
  /** Cluster id that it was a member of; '' when it is a member of a cluster whose id it never learnt. */
  readonly member: string | null;
  readonly joining: boolean;
  readonly founding: boolean;
  /** Its script found metadata that it does not start, and waits for somebody to move it aside. */
  readonly refused: boolean;
  /** Addresses of FEs that it has met. */
  readonly peers: readonly string[];
  /** As the cluster's switches were before the version began to change; null: it does not. */
  readonly switches: Switches | null;
  /** UnhealthyTabletNum at that moment; absent: nobody wrote it down. */
  readonly unhealthy?: number;
}

/** `partial`: some folders carry a cluster id and some do not. */
export interface BeData {
  readonly storage: 'empty' | 'partial' | 'whole';
  readonly cluster_id: string | null;
  readonly member: string | null;
  /** Tablets that it held when a run of this tool began to drain it, and how many seconds ago; absent: none did. */
  readonly drain?: { readonly tablets: number; readonly seconds: number };
}

export interface Listener {
  readonly port: number;
  /** Program name and pid, `nginx (812)`; '?' when the machine would not say. */
  readonly owner: string;
  /** Service of this cluster that owns it, or null: somebody else. */
  readonly service: string | null;
}

export interface Disk {
  readonly path: string;
  /** Bytes. */
  readonly free: number;
  readonly total: number;
  /** `read-only`: its file system is mounted so; `forbidden`: the SSH user may not write there. */
  readonly access: 'writable' | 'read-only' | 'forbidden';
}

/** What SHOW FRONTENDS and SHOW BACKENDS of the leader say. */
export interface ClusterRows {
  /** Address of the FE that was asked; the statement is forwarded to the leader. */
  readonly asked: string;
  /** Address of the leader, or null when no row says LEADER. */
  readonly leader: string | null;
  readonly frontends: readonly FrontendRow[];
  readonly backends: readonly BackendRow[];
  /** `address:heartbeat_port` of each row of SHOW COMPUTE NODES. */
  readonly compute_nodes: readonly string[];
  /** UnhealthyTabletNum of SHOW PROC '/statistic', or null when it could not be read. */
  readonly unhealthy_tablets: number | null;
  /** TabletNum and ReplicaNum of the same. */
  readonly tablets?: number | null;
  readonly replicas?: number | null;
  /** A root password is configured, and yet root could log in with none: it is still to be set. */
  readonly root_open: boolean;
}

/** A row of SHOW FRONTENDS by column name; 'NULL' has become null, 'true' true. Times as StarRocks prints them. */
export interface FrontendRow {
  readonly name: string;
  readonly host: string;
  readonly edit_log_port: number;
  readonly query_port: number;
  readonly role: 'LEADER' | 'FOLLOWER' | 'OBSERVER';
  readonly cluster_id: string;
  readonly join: boolean;
  readonly alive: boolean;
  readonly replayed_journal_id: number;
  readonly last_heartbeat: string | null;
  readonly err_msg: string;
  readonly start_time: string | null;
  readonly version: string | null;
  /** Every column as it came, in order: for the tables people read. */
  readonly raw: Readonly<Record<string, string>>;
}

export interface BackendRow {
  readonly id: string;
  readonly host: string;
  readonly heartbeat_port: number;
  readonly be_port: number;
  readonly http_port: number;
  readonly brpc_port: number;
  readonly last_start_time: string | null;
  readonly last_heartbeat: string | null;
  readonly alive: boolean;
  readonly system_decommissioned: boolean;
  readonly cluster_decommissioned: boolean;
  readonly tablet_num: number;
  readonly err_msg: string;
  readonly version: string | null;
  readonly location: string;
  readonly raw: Readonly<Record<string, string>>;
}

/** A BE is known by its address and its heartbeat port. */
export const isAt = (row: BackendRow, { host, port }: { readonly host: string; readonly port: number }): boolean =>
  row.host === host && row.heartbeat_port === port;

/** Key of `answers`. */
export const nodeKey = (address: string, service: string): string => `${address}/${service}`;
