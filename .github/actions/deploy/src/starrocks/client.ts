import type { Duplex } from 'node:stream';
import { type Connection, createConnection } from 'mysql2';
import { redact } from '../report/redact.ts';
import { deadline } from './deadline.ts';
import type { SqlRow } from './rows.ts';
import { SqlFailure } from './sql-failure.ts';
import { classify } from './texts.ts';

export interface Credentials {
  readonly user: string;
  /** null: none. */
  readonly password: string | null;
  /** Limit of the login and of each statement, in milliseconds. */
  readonly queryTimeoutMs: number;
}

/** A logged-in session with one FE. */
export interface Sql {
  /**
   * Rows as text, columns in their order; none for a statement without rows.
   * @throws SqlFailure, after which a session that timed out or was cut stays closed
   */
  query(sql: string): Promise<SqlRow[]>;
  close(): void;
}

/** Only what the server itself answered carries a sqlMessage; all else happened on the way there. */
function failure(error: Error, secrets: readonly string[]): SqlFailure {
  const message = redact(error.message, secrets);
  return 'sqlMessage' in error
    ? new SqlFailure(classify(error.message), `StarRocks answers: ${message}`)
    : new SqlFailure('closed', `The connection to the FE ended: ${message}`);
}

/** Values as text and nothing else: types would turn ids into rounded numbers and times into the runner's zone. */
const asText = (field: { string(): string | null }): string => field.string() ?? 'NULL';

function ask(connection: Connection, sql: string, secrets: readonly string[]): Promise<SqlRow[]> {
  return new Promise((resolve, reject) => {
    connection.query({ sql, rowsAsArray: true, typeCast: asText }, (error, rows, fields) => {
      if (error !== null) return reject(failure(error, secrets));
      if (!Array.isArray(rows) || !Array.isArray(fields)) return resolve([]);
      const names = fields.map(field => field.name);
      const values = rows as unknown as readonly (readonly string[])[];
      resolve(values.map(row => Object.fromEntries(names.map((name, at) => [name, row[at] ?? 'NULL']))));
    });
  });
}

/**
 * Logs in over a stream that is connected to an FE's query_port. Text protocol only: StarRocks refuses prepared
 * statements outside SELECT. The password appears in no error.
 * @throws SqlFailure
 */
export async function openSql(stream: Duplex, { user, password, queryTimeoutMs }: Credentials): Promise<Sql> {
  const secrets = password === null ? [] : [password];
  const connection = createConnection({
    stream,
    user,
    ...(password === null ? {} : { password }),
    connectTimeout: 0,
    dateStrings: true,
  });
  const close = () => {
    connection.destroy();
    // mysql2 only half-closes: an FE that hangs would keep the channel for ever.
    stream.destroy();
  };
  // A channel may end without closing, and mysql2 would wait on for its answer.
  stream.once('end', () => stream.destroy());
  // For as long as the connection lives: an error that nobody listens to ends the process.
  connection.on('error', () => undefined);
  const bounded = <T>(work: Promise<T>, what: string): Promise<T> =>
    deadline(work, queryTimeoutMs, () => {
      close();
      return new SqlFailure('timeout', `The FE did not answer ${what} within ${queryTimeoutMs / 1000} s.`);
    });
  try {
    await bounded(loggedIn(connection, secrets), 'the login');
  } catch (error) {
    close();
    throw error;
  }
  const name = (sql: string) => redact(sql.startsWith('SET PASSWORD') ? 'SET PASSWORD' : sql, secrets);
  return { query: sql => bounded(ask(connection, sql, secrets), name(sql)), close };
}

function loggedIn(connection: Connection, secrets: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.once('connect', () => resolve());
    connection.once('error', error => reject(failure(error, secrets)));
  });
}
