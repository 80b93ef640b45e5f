import { releaseOf } from './version-path.ts';
import type { BackendRow, FrontendRow, World } from './world.ts';

/** One row of SHOW FRONTENDS or SHOW BACKENDS that a plan adds, changes or takes away. */
export interface RowChange {
  /** `FE 10.0.0.1:9010`, `BE 10.0.0.1:9050`: by the port that is part of its identity. */
  readonly row: string;
  /** Its role, release and location, and whether it is drained; null: there is none. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface RowContract {
  readonly changes: readonly RowChange[];
  /** So many rows are afterwards as they were before; a restart is nothing that they show. */
  readonly unchanged: number;
}

/** What becomes of the cluster's rows, if every step of a plan succeeds. */
export function rowContract(before: World, after: World): RowContract {
  const [was, is] = [rowsOf(before), rowsOf(after)];
  const changes = [...new Set([...was.keys(), ...is.keys()])]
    .map((row): RowChange => ({ row, before: was.get(row) ?? null, after: is.get(row) ?? null }))
    .filter(change => change.before !== change.after);
  return { changes, unchanged: [...is].filter(([row, text]) => was.get(row) === text).length };
}

const rowsOf = ({ cluster }: World): ReadonlyMap<string, string> =>
  new Map(
    cluster.known
      ? [
          ...cluster.value.frontends.map(row => [`FE ${row.host}:${row.edit_log_port}`, frontend(row)] as const),
          ...cluster.value.backends.map(row => [`BE ${row.host}:${row.heartbeat_port}`, backend(row)] as const),
        ]
      : [],
  );

/** Whom followers elect is theirs to say. */
const frontend = ({ role, version }: FrontendRow): string =>
  listed([role === 'OBSERVER' ? 'observer' : 'follower', release(version)]);

const backend = ({ version, location, system_decommissioned }: BackendRow): string =>
  listed(['backend', release(version), location, system_decommissioned ? 'drained' : null]);

/** A row tells the commit of its build besides. */
const release = (version: string | null): string | null => (version === null ? null : releaseOf(version));

const listed = (parts: readonly (string | null)[]): string =>
  parts.filter(part => part !== null && part !== '').join(', ');
