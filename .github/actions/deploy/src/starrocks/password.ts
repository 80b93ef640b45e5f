import type { Duplex } from 'node:stream';
import { escape as sqlLiteral } from 'mysql2';
import { DeployError } from '../error.ts';
import { redact } from '../report/redact.ts';
import { openSql, type Sql } from './client.ts';
import { closedPort } from './closed-port.ts';
import { SqlFailure } from './sql-failure.ts';

/** How root reaches one FE. */
export interface SqlAccess {
  /** A new stream to the FE's query_port; closed by the one who logs in over it. */
  readonly connect: () => Promise<Duplex>;
  /** The password that root has or is to have; null or '': none. */
  readonly password: string | null;
  /** Limit of the login and of each statement, in milliseconds. */
  readonly timeoutMs: number;
}

export interface Login {
  readonly sql: Sql;
  /** A password is wanted, and root could log in with none. */
  readonly root_open: boolean;
}

/**
 * Logs in as root: with the wanted password, else with none, as root has none on a cluster just founded.
 * @throws DeployError E_PASSWORD_WRONG, E_PASSWORD_MISSING, or a SqlFailure that is not about the password
 */
export async function login(access: SqlAccess): Promise<Login> {
  const wanted = access.password || null;
  const first = await attempt(access, wanted);
  if (first !== null) return { sql: first, root_open: false };
  if (wanted === null) throw passwordMissing();
  const open = await attempt(access, null);
  if (open === null) throw passwordWrong();
  return { sql: open, root_open: true };
}

/** null: the FE denies the access. */
async function attempt({ connect, timeoutMs }: SqlAccess, password: string | null): Promise<Sql | null> {
  try {
    return await openSql(await connect(), { user: 'root', password, queryTimeoutMs: timeoutMs });
  } catch (error) {
    if (error instanceof SqlFailure && error.fault === 'access-denied') return null;
    if (closedPort(error)) throw new SqlFailure('closed', "The FE's query_port is closed.");
    throw error;
  }
}

/**
 * Gives root its password, on all FEs at once. Only root itself may.
 * @throws DeployError without the statement, which StarRocks quotes in some of its errors
 */
export async function setRootPassword(sql: Sql, password: string): Promise<void> {
  const literal = sqlLiteral(password);
  try {
    await sql.query(`SET PASSWORD = PASSWORD(${literal})`);
  } catch (error) {
    if (!(error instanceof SqlFailure)) throw error;
    throw new SqlFailure(error.fault, redact(error.message, [password, literal.slice(1, -1)]));
  }
}

const passwordMissing = () =>
  new DeployError({
    code: 'E_PASSWORD_MISSING',
    message: 'root of StarRocks has a password, and this run was given none.',
    hint: 'Set starrocks.password in cluster.yaml, and give the run that environment variable or secret.',
  });

const passwordWrong = () =>
  new DeployError({
    code: 'E_PASSWORD_WRONG',
    message: 'root of StarRocks has another password than the one this run was given.',
    hint: "Correct the secret, or change root's password to it with SET PASSWORD in a mysql client.",
  });

/** Whether nothing but another password helps: the same on every FE of a cluster. */
export const aboutPassword = (error: unknown): error is DeployError =>
  error instanceof DeployError && /^E_PASSWORD_/.test(error.problem.code);
