import type { BePorts, FePorts, FeRole, SshAccess, Timeouts } from '../contract/cluster-json.ts';

/** cluster.yaml with every default filled in and every rule satisfied: what the emitters render. */
export interface Cluster {
  readonly name: string;
  readonly version: string;
  readonly master_host: string;
  readonly fe_ports: FePorts;
  readonly default_replication_num: number;
  readonly kafka_host: string;
  readonly password_env: string | null;
  readonly allow_outage: boolean;
  readonly timeouts: Timeouts;
  /** References with tag or digest. */
  readonly images: { readonly fe: string; readonly be: string };
  /** In the order of cluster.yaml. */
  readonly hosts: readonly Host[];
}

export interface Host {
  readonly address: string;
  readonly ssh: SshAccess;
  readonly maintenance: boolean;
  readonly deploy_dir: string;
  /** `key:value` or null. */
  readonly location: string | null;
  /** `resources.memory`, bytes. */
  readonly memory: number | null;
  readonly ulimits: { readonly nofile: number; readonly nproc: number };
  readonly fe: Fe | null;
  readonly be: readonly Be[];
}

export interface Fe {
  readonly role: FeRole;
  readonly heap_mib: number;
  /** Container limit in bytes, 0 for none. */
  readonly container_memory: number;
  /** fe_conf overrides: key → value, checked. */
  readonly conf: Readonly<Record<string, string>>;
}

export interface Be {
  readonly index: number;
  readonly ports: BePorts;
  /** As StarRocks parses it: `80%` or `50G`. */
  readonly mem_limit: string;
  readonly container_memory: number;
  /** At least one. `path` null: the default folder under deploy_dir. Capacity in bytes, null for the whole disk. */
  readonly storage: readonly Storage[];
  readonly conf: Readonly<Record<string, string>>;
}

export interface Storage {
  readonly path: string | null;
  readonly medium: 'HDD' | 'SSD' | null;
  readonly capacity: number | null;
}
