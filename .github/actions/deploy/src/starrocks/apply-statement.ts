import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError } from '../error.ts';
import type { Statement } from '../plan/operation.ts';
import { isAt, sameSwitches } from '../plan/world.ts';
import type { Sql } from './client.ts';
import { login, type SqlAccess, setRootPassword } from './password.ts';
import { backendRows, frontendRows } from './rows.ts';
import { SqlFailure } from './sql-failure.ts';
import { type NodeStatement, statementText, switchTexts } from './statements.ts';
import { readSwitches } from './switches.ts';
import { type Fault, passes } from './texts.ts';

/** How long it is tried again; 0: once. */
export interface Patience {
  readonly limitMs: number;
  readonly pauseMs: number;
}

/** An election takes 2 to 3 s after a stop, 40 to 50 s after a cut (seen). */
const electionGap: Patience = { limitMs: 90_000, pauseMs: 500 };

/** What SHOW says of a statement's effect. */
type Look = { readonly there: true } | { readonly there: false; readonly conflict: string | null };

const there: Look = { there: true };
const absent: Look = { there: false, conflict: null };
const conflict = (what: string): Look => ({ there: false, conflict: what });

/**
 * Brings one statement about: looks, acts, looks again. It is done only when SHOW says so: an answer may get lost, and
 * "already exists" is also said of a node that exists differently. Tries again while the metadata lock is taken or no FE
 * leads.
 * @returns 'already' when there was nothing to do
 * @throws DeployError when SHOW contradicts it, StarRocks refuses, or patience ends
 */
export async function applyStatement(
  access: SqlAccess,
  statement: Statement,
  { limitMs, pauseMs }: Patience = electionGap,
): Promise<'done' | 'already'> {
  const end = performance.now() + limitMs;
  let sent = false;
  let acted = false;
  for (;;) {
    try {
      const { sql, root_open } = await login(access);
      try {
        const before = await look(sql, root_open, statement, acted);
        if (before.there) return sent ? 'done' : 'already';
        if (before.conflict !== null) throw conflicting(before.conflict);
        sent = true;
        await act(sql, access, statement);
        acted = true;
      } finally {
        sql.close();
      }
      if (await agrees(access, statement)) return 'done';
      if (performance.now() >= end) throw disagreeing(statement);
    } catch (error) {
      if (!(error instanceof SqlFailure && passes(error.fault)) || performance.now() >= end) throw error;
    }
    await sleep(pauseMs);
  }
}

/** Over a new login: only that tells whether root's password is the new one. */
async function agrees(access: SqlAccess, statement: Statement): Promise<boolean> {
  const { sql, root_open } = await login(access);
  try {
    const after = await look(sql, root_open, statement, true);
    if (!after.there && after.conflict !== null) throw conflicting(after.conflict);
    return after.there;
  } finally {
    sql.close();
  }
}

async function act(sql: Sql, access: SqlAccess, statement: Statement): Promise<void> {
  switch (statement.kind) {
    case 'setRootPassword':
      if (access.password) await setRootPassword(sql, access.password);
      return;
    case 'setSwitches':
      // It fails while one FE is down, and yet takes effect on the others (seen): what each FE then says decides.
      for (const text of switchTexts(statement.switches)) await tolerating(sql, text, 'partly');
      return;
    case 'createImage':
      await sql.query('ALTER SYSTEM CREATE IMAGE');
      return;
    default:
      // Somebody else was quicker, the node's own script for one: SHOW decides.
      await tolerating(sql, statementText(statement), 'already-exists');
  }
}

async function tolerating(sql: Sql, text: string, fault: Fault): Promise<void> {
  try {
    await sql.query(text);
  } catch (error) {
    if (!(error instanceof SqlFailure && error.fault === fault)) throw error;
  }
}

async function look(sql: Sql, rootOpen: boolean, statement: Statement, acted: boolean): Promise<Look> {
  switch (statement.kind) {
    case 'setRootPassword':
      return rootOpen ? absent : there;
    case 'setSwitches':
      // This FE having the values says nothing of the others.
      return acted && sameSwitches(await readSwitches(sql), statement.switches) ? there : absent;
    case 'createImage':
      // No SHOW tells of it; whoever waits for the files does.
      return acted ? there : absent;
    case 'addFollower':
    case 'addObserver':
      return lookForFrontend(sql, statement);
    case 'addBackend':
      return (await backendAt(sql, statement)) === undefined ? absent : there;
    case 'dropFollower':
    case 'dropObserver': {
      const rows = frontendRows(await sql.query('SHOW FRONTENDS'));
      return rows.some(row => row.host === statement.host && row.edit_log_port === statement.port) ? absent : there;
    }
    case 'dropBackend':
      return (await backendAt(sql, statement)) === undefined ? there : absent;
    case 'decommissionBackend': {
      // Its row goes when nothing is left on it: gone is as good as leaving.
      const row = await backendAt(sql, statement);
      return row === undefined || row.system_decommissioned ? there : absent;
    }
    case 'cancelDecommission': {
      const row = await backendAt(sql, statement);
      if (row === undefined) return conflict(`no BE ${statement.host}:${statement.port} is registered any more`);
      return row.system_decommissioned ? absent : there;
    }
    case 'setLocation': {
      const row = await backendAt(sql, statement);
      if (row === undefined) return conflict(`no BE ${statement.host}:${statement.port} is registered`);
      return row.location === statement.location ? there : absent;
    }
  }
}

async function backendAt(sql: Sql, node: NodeStatement) {
  return backendRows(await sql.query('SHOW BACKENDS')).find(row => isAt(row, node));
}

async function lookForFrontend(sql: Sql, { kind, host, port }: NodeStatement): Promise<Look> {
  const row = frontendRows(await sql.query('SHOW FRONTENDS')).find(candidate => candidate.host === host);
  if (row === undefined) return absent;
  // StarRocks allows one FE per host and ignores the port when it says "already exists".
  if (row.edit_log_port !== port)
    return conflict(`the FE ${host} is registered with edit_log_port ${row.edit_log_port}`);
  if ((row.role === 'OBSERVER') !== (kind === 'addObserver'))
    return conflict(`the FE ${host} is registered as ${row.role}`);
  return there;
}

const conflicting = (what: string) =>
  new DeployError({
    code: 'E_SQL_CONFLICT',
    message: `SHOW disagrees with the plan: ${what}.`,
    hint: 'Run the plan again and see what it says of this node; nothing was dropped.',
  });

const disagreeing = (statement: Statement) =>
  new DeployError({
    code: 'E_SQL_NOT_DONE',
    message: `StarRocks took ${statement.kind} without an error, and SHOW does not show it.`,
    hint: 'See whether two clusters answer under these addresses, then run again.',
  });
