import { buildName } from '../process/release.ts';
import { alter } from './alter.ts';
import { emptyState, type User } from './cluster-state.ts';
import { pushConfig } from './config-push.ts';
import { forwardToLeader } from './forward.ts';
import type { FrontendProcess } from './frontend-process.ts';
import { type HostPort, readHostPort } from './host-port.ts';
import { pushImage } from './image-push.ts';
import { NoMajority } from './replication.ts';
import { backendRows, computeNodeRows, frontendRows, statisticRows, type Table, type Viewer } from './rows.ts';
import { SqlError } from './sql-error.ts';
import { parseStatement, type Statement, SyntaxProblem } from './statement.ts';
import { countTablets } from './tablets.ts';

/** null: OK without rows. */
export type Result = Table | null;

/** One client's session on one FE. */
export interface Session {
  readonly fe: FrontendProcess;
  readonly user: string;
  forward_to_leader: boolean;
}

const local: ReadonlySet<Statement['kind']> = new Set(['showConfig', 'select', 'forwardToLeader', 'nothing']);

/** Runs one statement where StarRocks runs it: here, or on the leader. Throws SqlError. */
export async function execute(session: Session, sql: string): Promise<Result> {
  const statement = parse(sql);
  authorize(session, statement);
  const nodes = await Promise.all(nodesOf(statement).map(readHostPort));
  const here = local.has(statement.kind) || (statement.kind === 'showProc' && !session.forward_to_leader);
  if (here) return answerHere(session, statement);
  const { fe, user } = session;
  return fe.replication.isLeader ? lead(fe, user, statement, nodes) : forwardToLeader(fe, user, sql);
}

/** What a forwarded statement does on the leader. */
export async function executeForwarded(fe: FrontendProcess, user: string, sql: string): Promise<Result> {
  const statement = parse(sql);
  return lead(fe, user, statement, await Promise.all(nodesOf(statement).map(readHostPort)));
}

function parse(sql: string): Statement {
  try {
    return parseStatement(sql);
  } catch (error) {
    if (error instanceof SyntaxProblem) throw new SqlError(error.message);
    throw error;
  }
}

function nodesOf(statement: Statement): readonly string[] {
  if ('nodes' in statement) return statement.nodes;
  return 'node' in statement ? [statement.node] : [];
}

function answerHere(session: Session, statement: Statement): Result {
  const { fe } = session;
  switch (statement.kind) {
    case 'showProc':
      return proc(fe, statement.path);
    case 'showConfig':
      return {
        columns: ['Key', 'AliasNames', 'Value', 'Type', 'IsMutable', 'Comment'],
        rows: fe.config.rows(statement.pattern),
      };
    case 'select':
      return { columns: [statement.column], rows: [[selected(fe, statement.value)]] };
    case 'forwardToLeader':
      session.forward_to_leader = /^(true|1|on)$/i.test(statement.value);
      return null;
    default:
      return null;
  }
}

function selected(fe: FrontendProcess, value: string): string {
  if (value === 'version') return serverVersion(fe.release);
  return value === 'build' ? buildName(fe.release) : value;
}

/** mysql_server_version of Config.java. */
export const serverVersion = (release: string): string => (/^([12]|3\.[0-3])\./.test(release) ? '5.1.0' : '8.0.33');

async function lead(
  fe: FrontendProcess,
  user: string,
  statement: Statement,
  nodes: readonly HostPort[],
): Promise<Result> {
  const state = fe.replication.state ?? emptyState;
  switch (statement.kind) {
    case 'showFrontends':
      return frontendRows(state, viewer(fe));
    case 'showBackends':
      return backendRows(state, fe.release);
    case 'showComputeNodes':
      return computeNodeRows(state, fe.release);
    case 'showProc':
      return proc(fe, statement.path);
    case 'setConfig':
      await pushConfig(fe, statement.key, statement.value);
      return null;
    case 'createImage':
      await pushImage(fe);
      return null;
    default:
      await write(fe, user, statement, nodes);
      return null;
  }
}

async function write(
  fe: FrontendProcess,
  user: string,
  statement: Statement,
  nodes: readonly HostPort[],
): Promise<void> {
  const by = { user, leader: fe.me.host };
  try {
    await fe.replication.change(state => alter(state, statement, nodes, by));
  } catch (error) {
    throw error instanceof NoMajority ? new SqlError(error.message) : error;
  }
}

function proc(fe: FrontendProcess, path: string): Table {
  const state = fe.replication.state ?? emptyState;
  const name = path.replace(/^\/+|\/+$/g, '');
  if (name === 'frontends') return frontendRows(state, viewer(fe));
  if (name === 'backends') return backendRows(state, fe.release);
  if (name === 'compute_nodes') return computeNodeRows(state, fe.release);
  const { tablets, replicas, unhealthy } = countTablets(state);
  if (name === 'statistic') return statisticRows(tablets, replicas, unhealthy);
  throw new SqlError(`Unknown proc node path: ${path}. msg: Proc path '${path}' doesn't exist`);
}

function viewer(fe: FrontendProcess): Viewer {
  const { replication, me, config } = fe;
  return {
    release: fe.release,
    cluster_id: me.cluster_id,
    host: me.host,
    http_port: config.port('http_port'),
    journal_index: replication.position.index,
    leader: replication.inTouch ? (replication.leader?.host ?? null) : null,
  };
}

type Privilege = 'OPERATE' | 'NODE';

/** NODE is for root and cluster_admin; OPERATE can be granted by itself (AuthorizerStmtVisitor.java). */
function authorize(session: Session, statement: Statement): void {
  const user = session.fe.replication.state?.users[session.user];
  const isAdmin = (role: string): boolean =>
    role === 'root' || (role === 'cluster_admin' && user?.roles_active === true);
  const has: Readonly<Record<Privilege, boolean>> = {
    OPERATE: user?.operate === true,
    NODE: user?.roles.some(isAdmin) === true,
  };
  const needed = privileges(statement);
  if (needed.length > 0 && !needed.some(privilege => has[privilege])) throw denied(user, needed);
}

/** Any one of them is enough; none is needed when the list is empty. */
function privileges(statement: Statement): readonly Privilege[] {
  switch (statement.kind) {
    case 'select':
    case 'nothing':
    case 'forwardToLeader':
      return [];
    case 'setPassword':
      return statement.user === null ? [] : ['NODE'];
    case 'showFrontends':
    case 'showBackends':
    case 'showComputeNodes':
      return ['OPERATE', 'NODE'];
    case 'showProc':
    case 'showConfig':
    case 'setConfig':
      return ['OPERATE'];
    default:
      return ['NODE'];
  }
}

function denied(user: User | undefined, needed: readonly Privilege[]): SqlError {
  const roles = user?.roles.join(', ') ?? '';
  const [current, inactive] = user?.roles_active === true ? [roles, 'NONE'] : ['NONE', roles];
  const need = `you need (at least one of) the ${needed.join(',')} privilege(s) on SYSTEM for this operation`;
  const advice =
    'Please ask the admin to grant permission(s) or try activating existing roles using <set [default] role>';
  const text = `Access denied; ${need}. ${advice}. Current role(s): [${current}]. Inactivated role(s): [${inactive}].`;
  return new SqlError(text, 5203, '42000');
}
