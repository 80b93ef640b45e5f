/** What the leader says to a BE on heartbeat_service_port, and what it answers. */
export interface Heartbeat {
  readonly cluster_id: string;
  readonly token: string;
  /** Number of the leadership: a BE obeys the newest. */
  readonly epoch: number;
  readonly leader: string;
  /** Host under which the FEs know this BE. */
  readonly backend_host: string;
}

export type HeartbeatAnswer =
  | { readonly error: string }
  | {
      readonly be_port: number;
      readonly http_port: number;
      readonly brpc_port: number;
      readonly start_time: number;
      readonly version: string;
      readonly cpu_cores: number;
      readonly mem_limit: number;
      readonly disk_free: number;
      readonly disk_total: number;
    };
