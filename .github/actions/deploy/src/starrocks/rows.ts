import { DeployError } from '../error.ts';
import type { BackendRow, ClusterRows, FrontendRow } from '../plan/world.ts';

/** A row as text, columns in the order in which they came. */
export type SqlRow = Readonly<Record<string, string>>;

/** Columns by lower-case name: their order and number differ between releases (3.5 put Id first). */
class Columns {
  readonly #statement: string;
  readonly #values: ReadonlyMap<string, string>;

  constructor(statement: string, row: SqlRow) {
    this.#statement = statement;
    this.#values = new Map(Object.entries(row).map(([name, value]) => [name.toLowerCase(), value]));
  }

  text(name: string): string {
    const value = this.#values.get(name.toLowerCase());
    if (value === undefined) this.#unreadable(`has no column ${name}; it has ${[...this.#values.keys()].join(', ')}`);
    return value;
  }

  /** For columns that some releases do not have. */
  textOr(name: string, otherwise: string): string {
    return this.#values.get(name.toLowerCase()) ?? otherwise;
  }

  /** StarRocks prints an absent value as the word NULL, or as nothing. */
  textOrNull(name: string): string | null {
    const value = this.text(name);
    return value === 'NULL' || value === '' ? null : value;
  }

  number(name: string): number {
    const value = this.text(name);
    if (!/^-?\d+$/.test(value)) this.#unreadable(`has ${JSON.stringify(value)} in column ${name}, which is no number`);
    return Number(value);
  }

  flag(name: string): boolean {
    const value = this.text(name).toLowerCase();
    // A word that is neither would otherwise pass for false, and a node for dead.
    if (value !== 'true' && value !== 'false') {
      this.#unreadable(`has ${JSON.stringify(value)} in column ${name}, which is neither true nor false`);
    }
    return value === 'true';
  }

  role(): FrontendRow['role'] {
    const value = this.text('Role').toUpperCase();
    if (value !== 'LEADER' && value !== 'FOLLOWER' && value !== 'OBSERVER') {
      this.#unreadable(`has the role ${JSON.stringify(value)}`);
    }
    return value;
  }

  #unreadable(what: string): never {
    throw new DeployError({
      code: 'E_SQL_COLUMNS',
      message: `The answer to ${this.#statement} ${what}.`,
      hint: 'StarRocks 2.5 to 4.x are understood; report the release if it is one of them.',
    });
  }
}

function frontend(raw: SqlRow): FrontendRow {
  const row = new Columns('SHOW FRONTENDS', raw);
  return {
    name: row.text('Name'),
    host: row.text('IP'),
    edit_log_port: row.number('EditLogPort'),
    query_port: row.number('QueryPort'),
    role: row.role(),
    cluster_id: row.text('ClusterId'),
    join: row.flag('Join'),
    alive: row.flag('Alive'),
    replayed_journal_id: row.number('ReplayedJournalId'),
    last_heartbeat: row.textOrNull('LastHeartbeat'),
    err_msg: row.text('ErrMsg'),
    start_time: row.textOrNull('StartTime'),
    version: row.textOrNull('Version'),
    raw,
  };
}

function backend(raw: SqlRow): BackendRow {
  const row = new Columns('SHOW BACKENDS', raw);
  return {
    id: row.text('BackendId'),
    host: row.text('IP'),
    heartbeat_port: row.number('HeartbeatPort'),
    be_port: row.number('BePort'),
    http_port: row.number('HttpPort'),
    brpc_port: row.number('BrpcPort'),
    last_start_time: row.textOrNull('LastStartTime'),
    last_heartbeat: row.textOrNull('LastHeartbeat'),
    alive: row.flag('Alive'),
    system_decommissioned: row.flag('SystemDecommissioned'),
    cluster_decommissioned: row.flag('ClusterDecommissioned'),
    tablet_num: row.number('TabletNum'),
    err_msg: row.text('ErrMsg'),
    version: row.textOrNull('Version'),
    location: row.textOr('Location', ''),
    raw,
  };
}

/**
 * The rows of SHOW FRONTENDS, of any release from 2.5 on.
 * @throws DeployError E_SQL_COLUMNS naming the column that is missing or cannot be read
 */
export const frontendRows = (rows: readonly SqlRow[]): FrontendRow[] => rows.map(frontend);

/**
 * The rows of SHOW BACKENDS, of any release from 2.5 on.
 * @throws DeployError E_SQL_COLUMNS naming the column that is missing or cannot be read
 */
export const backendRows = (rows: readonly SqlRow[]): BackendRow[] => rows.map(backend);

/**
 * `address:heartbeat_port` of the rows of SHOW COMPUTE NODES, of any release from 2.5 on.
 * @throws DeployError E_SQL_COLUMNS naming the column that is missing or cannot be read
 */
export const computeNodes = (rows: readonly SqlRow[]): string[] =>
  rows.map(raw => {
    const row = new Columns('SHOW COMPUTE NODES', raw);
    return `${row.text('IP')}:${row.number('HeartbeatPort')}`;
  });

/** Of the row `Total` of SHOW PROC '/statistic'; null for what is not there. */
export function tabletTotals(rows: readonly SqlRow[]): Pick<ClusterRows, 'unhealthy_tablets' | 'tablets' | 'replicas'> {
  const total = Object.entries(rows.find(row => Object.values(row).includes('Total')) ?? {});
  const count = (column: string): number | null => {
    const [, value = ''] = total.find(([name]) => name.toLowerCase() === column) ?? [];
    return /^\d+$/.test(value) ? Number(value) : null;
  };
  return {
    unhealthy_tablets: count('unhealthytabletnum'),
    tablets: count('tabletnum'),
    replicas: count('replicanum'),
  };
}
