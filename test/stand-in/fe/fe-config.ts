/** Keys of fe.conf that statements may show or set (Config.java): default, type, older name. */
const known: readonly (readonly [name: string, type: string, value: string, mutable: boolean, alias?: string])[] = [
  ['default_replication_num', 'short', '3', true],
  ['drop_backend_after_decommission', 'boolean', 'true', true],
  ['edit_log_port', 'int', '9010', false],
  ['heartbeat_timeout_second', 'int', '5', true],
  ['http_port', 'int', '8030', false],
  ['meta_delay_toleration_second', 'int', '300', true],
  ['query_port', 'int', '9030', false],
  ['rpc_port', 'int', '9020', false],
  ['tablet_sched_balancer_strategy', 'String', 'disk_and_tablet', true],
  ['tablet_sched_disable_balance', 'boolean', 'false', true, 'disable_balance'],
  ['tablet_sched_disable_colocate_balance', 'boolean', 'false', true, 'disable_colocate_balance'],
  ['tablet_sched_max_balancing_tablets', 'int', '500', true, 'max_balancing_tablets'],
  ['tablet_sched_max_scheduling_tablets', 'int', '10000', true, 'max_scheduling_tablets'],
  ['tablet_sched_repair_delay_factor_second', 'long', '60', true, 'tablet_repair_delay_factor_second'],
];

/** The configuration of one FE: fe.conf at its start, then what ADMIN SET changed, in memory only. */
export class FeConfig {
  readonly #values = new Map<string, string>();

  constructor(conf: ReadonlyMap<string, string>) {
    for (const [name, , value, , alias] of known) {
      this.#values.set(name, conf.get(name) ?? (alias === undefined ? undefined : conf.get(alias)) ?? value);
    }
  }

  get(name: string): string {
    return this.#values.get(name) ?? '';
  }

  port(name: 'http_port' | 'rpc_port' | 'query_port' | 'edit_log_port'): number {
    return Number(this.get(name));
  }

  /** False for a key that does not exist or is not mutable. */
  set(key: string, value: string): boolean {
    const entry = known.find(([name, , , , alias]) => name === key || alias === key);
    if (entry === undefined || !entry[3]) return false;
    this.#values.set(entry[0], value);
    return true;
  }

  /** Rows of ADMIN SHOW FRONTEND CONFIG; `pattern` is one of SQL's LIKE. */
  rows(pattern: string): readonly (readonly string[])[] {
    const text = pattern
      .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll('%', '.*')
      .replaceAll('_', '.');
    const like = new RegExp(`^${text}$`, 'i');
    return known
      .filter(([name, , , , alias]) => like.test(name) || (alias !== undefined && like.test(alias)))
      .map(([name, type, , mutable, alias]) => [name, `[${alias ?? ''}]`, this.get(name), type, String(mutable), '']);
  }
}
