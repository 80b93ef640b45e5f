import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ClusterRows, type Known, known, type Switches, unknown } from '../plan/world.ts';
import type { Sql } from '../starrocks/client.ts';
import { closedPort } from '../starrocks/closed-port.ts';
import { deadline } from '../starrocks/deadline.ts';
import { aboutPassword, login } from '../starrocks/password.ts';
import { backendRows, computeNodes, frontendRows, tabletTotals } from '../starrocks/rows.ts';
import { SqlFailure } from '../starrocks/sql-failure.ts';
import { readSwitches } from '../starrocks/switches.ts';

/** A machine and the way to a port on it, through its own SSH connection. */
export interface Ask {
  readonly address: string;
  /** @throws when the port is closed, or the connection does not forward */
  readonly forward: (host: string, port: number) => Promise<Duplex>;
}

export interface AskOptions {
  readonly password: string | null;
  /** Limit of everything that is asked of one node, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * What the leader says, through the first FE that gets an answer from it: one asked after the other, each within the
 * limit, because SHOW hangs where an FE has lost its leader.
 * @returns unknown, with what each FE said, when none brings rows
 * @throws DeployError E_PASSWORD_WRONG or E_PASSWORD_MISSING when that is why
 */
export async function observeCluster(
  ask: readonly Ask[],
  { query_port, ...options }: AskOptions & { readonly query_port: number },
): Promise<Known<ClusterRows>> {
  const reasons: string[] = [];
  let leaderless: ClusterRows | null = null;
  let password: unknown = null;
  for (const fe of ask) {
    try {
      const rows = await bounded(fe, query_port, options, connect => clusterRows(fe.address, connect, options));
      if (rows.leader !== null) return known(rows);
      leaderless ??= rows;
      reasons.push(`${fe.address}: none of its rows says LEADER`);
    } catch (error) {
      if (aboutPassword(error)) password ??= error;
      reasons.push(`${fe.address}: ${clause(error)}`);
    }
  }
  // 3.3.0 to 3.3.3 show no LEADER at all: the rows are the leader's all the same.
  if (leaderless !== null) return known(leaderless);
  if (password !== null) throw password;
  return unknown(
    reasons.length === 0 ? 'no FE could be asked' : `no FE brought the leader's rows (${reasons.join('; ')})`,
  );
}

/**
 * Does this node answer by itself? FE: `SELECT 1` on its own query_port. BE: `GET /api/health` on its be_http_port.
 * A closed port or silence within the limit is a no; no way to the machine is unknown. Says nothing about quorum: an FE
 * that lost its leader still answers (seen).
 */
export async function probe(kind: 'fe' | 'be', ask: Ask, port: number, options: AskOptions): Promise<Known<boolean>> {
  try {
    return known(
      await bounded(ask, port, options, connect =>
        kind === 'fe' ? answersSql(connect, options) : answersHttp(connect, ask.address, port),
      ),
    );
  } catch (error) {
    if (error instanceof NoWay) return unknown(`no way to ${ask.address}:${port}: ${error.message}`);
    return known(false);
  }
}

/** What this FE allows its tablet scheduler, or null: it does not answer, or root may not see it. */
export async function observeSwitches(ask: Ask, port: number, options: AskOptions): Promise<Switches | null> {
  try {
    return await bounded(ask, port, options, async connect => readSwitches((await login({ connect, ...options })).sql));
  } catch {
    return null;
  }
}

/** The SSH connection itself failed: nothing was learnt about the node. */
class NoWay extends Error {}

type Connect = () => Promise<Duplex>;

/** Runs `look` within the limit and leaves no stream behind, not even one that arrives after it. */
async function bounded<T>(
  { address, forward }: Ask,
  port: number,
  { timeoutMs }: AskOptions,
  look: (connect: Connect) => Promise<T>,
): Promise<T> {
  const streams: Duplex[] = [];
  let over = false;
  const connect = async () => {
    const stream = await forward(address, port).catch(error => {
      throw closedPort(error) ? new SqlFailure('closed', `${address}:${port} is closed`) : new NoWay(clause(error));
    });
    // A stream that is cut while nobody reads it must not end the process.
    stream.on('error', () => undefined);
    if (over) stream.destroy();
    streams.push(stream);
    return stream;
  };
  const late = () => new SqlFailure('timeout', `no answer within ${timeoutMs / 1000} s`);
  try {
    return await deadline(look(connect), timeoutMs, late);
  } finally {
    over = true;
    for (const stream of streams) stream.destroy();
  }
}

const clause = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trim().replace(/\.$/, '');

async function clusterRows(asked: string, connect: Connect, options: AskOptions): Promise<ClusterRows> {
  const { sql, root_open } = await login({ connect, ...options });
  const frontends = frontendRows(await sql.query('SHOW FRONTENDS'));
  // In an election the answer may be empty instead of an error (seen).
  if (frontends.length === 0) throw new SqlFailure('no-leader', 'SHOW FRONTENDS came back empty');
  const backends = backendRows(await sql.query('SHOW BACKENDS'));
  const compute_nodes = computeNodes(await sql.query('SHOW COMPUTE NODES'));
  const leader = frontends.find(row => row.role === 'LEADER')?.host ?? null;
  const totals = await totalsOf(sql, asked === leader, options);
  return { asked, leader, frontends, backends, compute_nodes, ...totals, root_open };
}

/** null for each where the user may not see it: it needs OPERATE, which SHOW FRONTENDS does not. */
async function totalsOf(
  sql: Sql,
  isLeader: boolean,
  { timeoutMs }: AskOptions,
): Promise<ReturnType<typeof tabletTotals>> {
  const look = async () => {
    // SHOW PROC is answered by the FE that is asked, and a follower may lag.
    if (!isLeader) await sql.query('SET forward_to_leader = true');
    return tabletTotals(await sql.query("SHOW PROC '/statistic'"));
  };
  // It walks over every tablet: slow, it must not take the rows along that are already here.
  return deadline(look(), timeoutMs / 4, () => new SqlFailure('timeout', 'slow')).catch(() => tabletTotals([]));
}

async function answersSql(connect: Connect, options: AskOptions): Promise<boolean> {
  try {
    const { sql } = await login({ connect, ...options });
    return (await sql.query('SELECT 1')).length === 1;
  } catch (error) {
    // Refusing a password takes an FE that is up.
    if (aboutPassword(error)) return true;
    throw error;
  }
}

const healthLimit = 64 * 1024;

async function answersHttp(connect: Connect, host: string, port: number): Promise<boolean> {
  const stream = await connect();
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path: '/api/health', createConnection: () => stream }, response => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', chunk => {
        body += chunk;
        if (body.length > healthLimit) stream.destroy();
      });
      response.on('end', () => resolve(response.statusCode === 200 && /"status"\s*:\s*"OK"/i.test(body)));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}
