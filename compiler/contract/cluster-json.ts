/**
 * `generated/cluster.json`: the contract between the compiler, which writes it, and the Action, which reads it.
 * It holds everything a deploy needs to know and no secret. Ports carry StarRocks' own names.
 */

/** `starrocks-fe`, `starrocks-be`, and `starrocks-be-1` … for further BE instances of a host. */
export type ServiceName = 'starrocks-fe' | 'starrocks-be' | `starrocks-be-${number}`;

export type FeRole = 'follower' | 'observer';

export interface FePorts {
  readonly http_port: number;
  readonly rpc_port: number;
  readonly query_port: number;
  readonly edit_log_port: number;
}

export interface BePorts {
  readonly be_port: number;
  readonly be_http_port: number;
  readonly heartbeat_service_port: number;
  readonly brpc_port: number;
  readonly starlet_port: number;
}

/** Limits of every wait, in seconds. */
export interface Timeouts {
  /** TCP connect, handshake and authentication of one SSH connection. */
  readonly ssh: number;
  /** One SQL statement, one look at a node. */
  readonly query: number;
  /** Pulling one image on one machine. */
  readonly pull: number;
  /** From a start of an FE until the leader's rows show it back. */
  readonly fe_ready: number;
  /** The same for a BE. */
  readonly be_ready: number;
  /** How long a run watches the tablets leave a BE. */
  readonly drain: number;
  /** Waiting for another run to release its lock. */
  readonly lock: number;
}

export interface Bastion {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** `ssh-ed25519 AAAA…` or `SHA256:…`; null: the committed known_hosts decides. */
  readonly host_key: string | null;
}

export interface SshAccess {
  /** Where the machine is reached: its address, or `ssh_host`. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Commands run under `sudo -n`. */
  readonly sudo: boolean;
  readonly host_key: string | null;
  readonly bastion: Bastion | null;
}

/** One file of a host's folder. `service` null: shared by all services of the host. */
export interface CompiledFile {
  readonly path: string;
  readonly sha256: string;
  readonly mode: '0644' | '0755';
  readonly service: ServiceName | null;
}

/** A bind mount of data, absolute on the machine. */
export interface Folder {
  readonly use: 'meta' | 'storage' | 'log' | 'state' | 'state-copy' | 'conf' | 'scripts';
  readonly host: string;
  readonly container: string;
}

interface Service {
  readonly name: ServiceName;
  /** Reference with tag or digest, as Compose gets it. */
  readonly image: string;
  /** SHA-256 over the rendered service definition, its mounted files and its env without identity keys. */
  readonly digest: string;
  readonly folders: readonly Folder[];
}

export interface FeService extends Service {
  readonly kind: 'fe';
  readonly role: FeRole;
  readonly ports: FePorts;
  /** JVM heap (-Xmx), in MiB. */
  readonly heap_mib: number;
}

export interface BeService extends Service {
  readonly kind: 'be';
  /** Instance on this host, from 0. */
  readonly index: number;
  readonly ports: BePorts;
  /** As StarRocks parses it: `80%` or `50G`. */
  readonly mem_limit: string;
}

export interface CompiledHost {
  readonly address: string;
  readonly ssh: SshAccess;
  /** Keeps its identity and its count in the quorum, and is not contacted. */
  readonly maintenance: boolean;
  readonly deploy_dir: string;
  /** `labels.location`, as `key:value`. */
  readonly location: string | null;
  /** `resources.memory` in bytes. */
  readonly memory: number | null;
  /** SHA-256 over every file of the host's folder. */
  readonly digest: string;
  /** Sorted by path; paths relative to the host's folder. */
  readonly files: readonly CompiledFile[];
  readonly fe: FeService | null;
  /** By index. */
  readonly be: readonly BeService[];
}

export interface ClusterJson {
  readonly format: 1;
  readonly cluster: string;
  /** StarRocks release, `3.3.18`. */
  readonly version: string;
  readonly master_host: string;
  readonly fe_ports: FePorts;
  readonly default_replication_num: number;
  /** Name of the environment variable that carries root's password; null: root has none. */
  readonly password_env: string | null;
  /** `outage` steps may run. */
  readonly allow_outage: boolean;
  readonly timeouts: Timeouts;
  /** In the order of cluster.yaml. */
  readonly hosts: readonly CompiledHost[];
}
