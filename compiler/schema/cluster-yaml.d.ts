/** Made from cluster.schema.json by test/check/schema-types.ts: do not edit. */

/**
 * One machine: its address alone, or the long form.
 */
export type Host =
  | string
  | {
      /**
       * IPv4 address under which the other machines of the cluster reach this one. It is the node's identity and never changes.
       *
       * A change later lets nodes join or leave. Another address is another node: it joins, and the one of the old address leaves.
       */
      address: string;
      /**
       * The machine keeps its identity and its count in the quorum, and is not contacted.
       *
       * A change later changes nothing on the machines.
       */
      maintenance?: boolean;
      fe?: FeChoice;
      be?: BeChoice;
      ports?: BePorts;
      ulimits?: Ulimits;
      labels?: Labels;
      resources?: Resources;
      fe_conf?: FeConf;
      be_conf?: BeConf;
      deploy_dir?: DeployDir;
      ssh?: HostSsh;
    };
/**
 * Does the machine carry an FE, and does it vote? An odd number of followers, three or five, keeps a majority when one is lost; observers answer queries and do not vote.
 *
 * A change later lets nodes join or leave; services of the same machine whose memory it changes restart too. An FE that changes its role leaves and joins again.
 */
export type FeChoice = 'follower' | 'observer' | 'none';
/**
 * BE instances of the machine; `none` for a machine without.
 *
 * A change later lets nodes join or leave; services of the same machine whose memory it changes restart too.
 */
export type BeChoice =
  | string
  | {
      /**
       * Number of BE instances on the machine. Remove them from the end: an instance keeps its number.
       *
       * A change later lets nodes join or leave; services of the same machine whose memory it changes restart too.
       */
      count?: number;
      storage?: StorageFolders;
      mem_limit?: MemLimit;
      /**
       * What differs between several instances: the first entry is for the first instance, and so on.
       *
       * A change later lets nodes join or leave; services of the same machine whose memory it changes restart too.
       */
      instances?: Instance[];
    };
/**
 * Data folders of a BE, absolute paths on the machine. Several instances need folders of their own, under `instances`.
 *
 * A change later restarts BEs, as replicas allow. Add folders at the end. The last ones may go again while no tablet is in them; their data folders stay.
 *
 * @minItems 1
 */
export type StorageFolders = [StorageFolder, ...StorageFolder[]];
/**
 * Memory limit of one BE instance as StarRocks parses it: `80%` or `50G`. With `resources.memory` a percentage is of that and is compiled to an amount.
 *
 * A change later restarts BEs, as replicas allow; services of the same machine whose memory it changes restart too.
 */
export type MemLimit = string;
/**
 * Where the compiled files and, unless `storage` says otherwise, the data lie on the machine.
 *
 * A change later is refused. A deploy never moves data: put the old folder back, or take the machine out of `hosts`, deploy until its nodes are gone, and add it with the new one.
 */
export type DeployDir = string;
/**
 * User of the SSH connection.
 *
 * A change later changes nothing on the machines.
 */
export type SshUser = string;
/**
 * Port of the SSH server.
 *
 * A change later changes nothing on the machines.
 */
export type SshPort = number;
/**
 * Run commands under `sudo -n`: the user needs sudo without a password. Every user but root needs this; the group docker is not enough, because containers write as root.
 *
 * A change later changes nothing on the machines.
 */
export type SshSudo = boolean;
/**
 * Public host key or its fingerprint.
 *
 * A change later changes nothing on the machines.
 */
export type HostKey = string;

/**
 * Which machines form a StarRocks cluster, and how each of them runs.
 */
export interface ClusterYaml {
  /**
   * Name of the cluster: lower-case letters, digits and hyphens, begins with a letter. It stands in container labels and in Compose's project name, and does not change once the cluster lives.
   *
   * A change later is refused. The name is the identity of the cluster: put the old one back.
   */
  cluster: string;
  starrocks: StarRocks;
  /**
   * Address of the founding FE, one of `hosts`. A machine computes its role by comparing its own address with it. Which FE leads is another question: the cluster elects.
   *
   * A change later replaces files, and nothing restarts.
   */
  master_host: string;
  /**
   * The machines. A plain address carries an FE and a BE with every default; the long form says what differs.
   *
   * A change later lets nodes join or leave.
   *
   * @minItems 1
   */
  hosts: [Host, ...Host[]];
  defaults?: Defaults;
  images?: Images;
  /**
   * Replicas of a table that names no number. Never derived from the number of BEs: with fewer BEs than replicas the compiler says which number to write.
   *
   * A change later restarts FEs, one by one.
   */
  default_replication_num?: number;
  /**
   * Carried into app.env for what runs beside the cluster; StarRocks does not read it.
   *
   * A change later replaces files, and nothing restarts.
   */
  kafka_host?: string;
  /**
   * May a deploy run steps during which the cluster does not answer? They cannot be avoided with one or two followers, one BE, or one replica.
   *
   * A change later changes nothing on the machines.
   */
  allow_outage?: boolean;
  timeouts?: Timeouts;
}
/**
 * The StarRocks release, and how its root user logs in.
 */
export interface StarRocks {
  /**
   * Exact release, three numbers. Releases that StarRocks withdrew are refused, and so is `latest`.
   *
   * A change later rolls through all nodes, role by role.
   */
  version: string;
  /**
   * Does root have a password? `true`: it is in the environment variable STARROCKS_PASSWORD of the run; a name: in that variable. Never the password itself.
   *
   * A change later is applied by SQL, and nothing restarts. A deploy sets it where root has none; it never changes or removes one.
   */
  password?: boolean | string;
}
/**
 * One data folder.
 */
export interface StorageFolder {
  /**
   * Absolute path on the machine.
   *
   * A change later is refused. A deploy never moves data: put the old folder back, or take the BE out (`be: none`), deploy until it is gone, and add it with the new one.
   */
  path: string;
  /**
   * Kind of disk. StarRocks does not find it out: it takes HDD where nothing is written.
   *
   * A change later restarts BEs, as replicas allow.
   */
  medium?: 'HDD' | 'SSD';
  /**
   * Without effect: StarRocks ignores it, and the BE takes as much of the disk as there is. Bound that by a partition, or by `storage_flood_stage_left_capacity_bytes` in `be_conf`.
   *
   * A change later restarts BEs, as replicas allow.
   */
  capacity?: string;
}
/**
 * One BE instance.
 */
export interface Instance {
  storage?: StorageFolders;
  mem_limit?: MemLimit;
  ports?: BePorts;
}
/**
 * Ports of the first BE instance of this machine. Those of FEs are the same on all machines and stand in `defaults`.
 */
export interface BePorts {
  /**
   * Thrift, FE to BE.
   *
   * A change later restarts BEs, as replicas allow.
   */
  be_port?: number;
  /**
   * HTTP: stream load, metrics, health.
   *
   * A change later restarts BEs, as replicas allow.
   */
  be_http_port?: number;
  /**
   * Heartbeats from the leader; a BE is registered with it.
   *
   * A change later is refused. It is part of the BE's identity: put the old port back, or take the BE out (`be: none`), deploy until it is gone, and add it with the new one.
   */
  heartbeat_service_port?: number;
  /**
   * bRPC, between BEs and from FEs.
   *
   * A change later restarts BEs, as replicas allow.
   */
  brpc_port?: number;
  /**
   * Starlet (shared-data mode opens it).
   *
   * A change later restarts BEs, as replicas allow.
   */
  starlet_port?: number;
}
/**
 * Limits of the containers. Where the engine may not raise them, a container does not start: write lower ones then.
 */
export interface Ulimits {
  /**
   * Open files.
   *
   * A change later restarts BEs as replicas allow, then FEs one by one.
   */
  nofile?: number;
  /**
   * Processes and threads.
   *
   * A change later restarts BEs as replicas allow, then FEs one by one.
   */
  nproc?: number;
}
/**
 * Labels of the machine's BEs.
 */
export interface Labels {
  /**
   * Where the machine stands, `key:value`: StarRocks spreads replicas over locations, and a deploy never stops two of them at once.
   *
   * A change later is applied by SQL, and nothing restarts.
   */
  location?: string;
}
/**
 * What StarRocks may use of the machine.
 */
export interface Resources {
  /**
   * Memory for all FE and BE of the machine together. Heap, memory limits and container limits follow from it.
   *
   * A change later restarts BEs as replicas allow, then FEs one by one.
   */
  memory?: string;
  /**
   * JVM heap of the FE (-Xmx).
   *
   * A change later restarts FEs, one by one; services of the same machine whose memory it changes restart too.
   */
  fe_heap?: string;
}
/**
 * Further lines of fe.conf. Keys that the compiler writes itself are refused.
 *
 * A change later restarts FEs, one by one.
 */
export interface FeConf {
  [k: string]: string | number | boolean;
}
/**
 * Further lines of be.conf. Keys that the compiler writes itself are refused.
 *
 * A change later restarts BEs, as replicas allow.
 */
export interface BeConf {
  [k: string]: string | number | boolean;
}
/**
 * How the deploy reaches this machine.
 */
export interface HostSsh {
  user?: SshUser;
  port?: SshPort;
  /**
   * Name or address under which the runner reaches this machine, where it is not the cluster address.
   *
   * A change later changes nothing on the machines.
   */
  ssh_host?: string;
  sudo?: SshSudo;
  bastion?: Bastion;
  host_key?: HostKey;
}
/**
 * Machine through which the runner reaches the others.
 */
export interface Bastion {
  /**
   * Name or address of the bastion.
   *
   * A change later changes nothing on the machines.
   */
  host: string;
  port?: SshPort;
  user?: SshUser;
  host_key?: HostKey;
}
/**
 * What holds for every host that does not say otherwise. Thirty machines with three FEs: `defaults: { fe: none }`, and `fe: follower` on three of them.
 */
export interface Defaults {
  fe?: FeChoice;
  be?: BeChoice;
  ports?: Ports;
  ulimits?: Ulimits;
  labels?: Labels;
  resources?: Resources;
  fe_conf?: FeConf;
  be_conf?: BeConf;
  deploy_dir?: DeployDir;
  ssh?: DefaultSsh;
}
/**
 * Ports of all FEs, and of the first BE instance of every machine.
 */
export interface Ports {
  /**
   * HTTP of every FE.
   *
   * A change later is refused. An FE looks for all others on its own: put the old port back.
   */
  http_port?: number;
  /**
   * Thrift of every FE.
   *
   * A change later restarts FEs, one by one.
   */
  rpc_port?: number;
  /**
   * MySQL protocol of every FE: where clients connect.
   *
   * A change later is refused. A deploy asks all FEs on one port: put the old one back.
   */
  query_port?: number;
  /**
   * Metadata journal between FEs; an FE is registered with it.
   *
   * A change later is refused. It is part of every FE's identity: put the old port back.
   */
  edit_log_port?: number;
  /**
   * Thrift, FE to BE.
   *
   * A change later restarts BEs, as replicas allow.
   */
  be_port?: number;
  /**
   * HTTP: stream load, metrics, health.
   *
   * A change later restarts BEs, as replicas allow.
   */
  be_http_port?: number;
  /**
   * Heartbeats from the leader; a BE is registered with it.
   *
   * A change later is refused. It is part of the BE's identity: put the old port back, or take the BE out (`be: none`), deploy until it is gone, and add it with the new one.
   */
  heartbeat_service_port?: number;
  /**
   * bRPC, between BEs and from FEs.
   *
   * A change later restarts BEs, as replicas allow.
   */
  brpc_port?: number;
  /**
   * Starlet (shared-data mode opens it).
   *
   * A change later restarts BEs, as replicas allow.
   */
  starlet_port?: number;
}
/**
 * How the deploy reaches the machines.
 */
export interface DefaultSsh {
  user?: SshUser;
  port?: SshPort;
  sudo?: SshSudo;
  bastion?: Bastion;
}
/**
 * Container images, with a tag, a digest, or both.
 */
export interface Images {
  /**
   * Image of every FE.
   *
   * A change later rolls through the FEs.
   */
  fe?: string;
  /**
   * Image of every BE.
   *
   * A change later rolls through the BEs.
   */
  be?: string;
}
/**
 * Limits of every wait of a deploy, in seconds.
 */
export interface Timeouts {
  /**
   * One SSH connection: TCP, handshake and authentication.
   *
   * A change later changes nothing on the machines.
   */
  ssh?: number;
  /**
   * One SQL statement, one look at a node.
   *
   * A change later changes nothing on the machines.
   */
  query?: number;
  /**
   * Pulling one image on one machine.
   *
   * A change later changes nothing on the machines.
   */
  pull?: number;
  /**
   * From the start of an FE until the leader's rows show it back.
   *
   * A change later changes nothing on the machines.
   */
  fe_ready?: number;
  /**
   * From the start of a BE until the leader's rows show it back.
   *
   * A change later changes nothing on the machines.
   */
  be_ready?: number;
  /**
   * How long a run watches the tablets leave a BE that is removed. It ends well when they need longer, and a later run finishes.
   *
   * A change later changes nothing on the machines.
   */
  drain?: number;
  /**
   * Waiting for another run to release its lock.
   *
   * A change later changes nothing on the machines.
   */
  lock?: number;
}
