import { passwordHash } from '../wire/mysql-packets.ts';
import { addBackend, addFrontend, type Backend, type ClusterState, type User } from './cluster-state.ts';
import type { HostPort } from './host-port.ts';
import { newName } from './metadata.ts';
import { analyzing, SqlError } from './sql-error.ts';
import type { Statement } from './statement.ts';

/** What a statement does to the state on the leader; throws SqlError with StarRocks' refusals. */
export function alter(
  state: ClusterState,
  statement: Statement,
  nodes: readonly HostPort[],
  by: { readonly user: string; readonly leader: string },
): ClusterState {
  const [node] = nodes;
  switch (statement.kind) {
    case 'addFrontend':
      return node === undefined ? state : addFe(state, node, statement.role);
    case 'dropFrontend':
      return node === undefined ? state : dropFe(state, node, statement.role, by.leader);
    case 'modifyFrontendHost':
      return refuseNewFeHost(state, statement.from, statement.to, by.leader);
    case 'modifyBackendHost':
      return modifyBackendHost(state, statement.from, statement.to);
    case 'addBackends':
      return nodes.reduce((sum, { host, port }) => addBe(sum, host, port, statement.type), state);
    case 'dropBackends':
      return nodes.reduce((sum, target) => dropBe(sum, target, statement.type), state);
    case 'decommission':
    case 'cancelDecommission':
      return nodes.reduce((sum, target) => decommission(sum, target, statement.kind === 'decommission'), state);
    case 'setLocation':
      return node === undefined ? state : setLocation(state, node, statement.location);
    default:
      return alterUser(state, statement, by.user);
  }
}

const sameNode = (be: Backend, node: HostPort): boolean => be.host === node.host && be.heartbeat_port === node.port;
const name = (node: HostPort): string => `${node.host}:${node.port}`;

function addFe(state: ClusterState, { host, port }: HostPort, role: 'FOLLOWER' | 'OBSERVER'): ClusterState {
  if (state.frontends.some(fe => fe.host === host)) throw new SqlError(`FE with the same host: ${host} already exists`);
  return addFrontend(state, newName(host, port), host, port, role);
}

function dropFe(state: ClusterState, node: HostPort, role: string, leader: string): ClusterState {
  const found = state.frontends.find(fe => fe.host === node.host && fe.edit_log_port === node.port);
  if (found?.host === leader) throw new SqlError('can not drop current master node.');
  if (found === undefined) throw new SqlError(`frontend does not exist[${name(node)}]`);
  if (found.role !== role) throw new SqlError(`${role} does not exist[${name(node)}]`);
  return { ...state, frontends: state.frontends.filter(fe => fe !== found) };
}

function refuseNewFeHost(state: ClusterState, from: string, to: string, leader: string): never {
  const isAddress = (host: string): boolean => /^[\d.]+$/.test(host);
  if (isAddress(from) && isAddress(to)) throw analyzing("Can't change ip to ip");
  if (from === leader) throw new SqlError('can not modify current master node.');
  if (!state.frontends.some(fe => fe.host === from)) throw new SqlError(`frontend [${from}] not found`);
  throw new SqlError(`frontend with host [${to}] already exists `);
}

function modifyBackendHost(state: ClusterState, from: string, to: string): ClusterState {
  if (!state.backends.some(be => be.host === from)) throw new SqlError(`backend [${from}] not found`);
  return { ...state, backends: state.backends.map(be => (be.host === from ? { ...be, host: to } : be)) };
}

function addBe(state: ClusterState, host: string, port: number, kind: Backend['kind']): ClusterState {
  const same = state.backends.find(be => sameNode(be, { host, port }));
  if (same !== undefined) {
    const what = same.kind === 'backend' ? 'Backend' : 'Compute node';
    throw new SqlError(`${what} already exists with same host ${host} and port ${port}`);
  }
  return addBackend(state, host, port, kind);
}

function dropBe(state: ClusterState, node: HostPort, kind: Backend['kind']): ClusterState {
  if (!state.backends.some(be => be.kind === kind && sameNode(be, node))) {
    throw new SqlError(`${kind} does not exists[${name(node)}]`);
  }
  return { ...state, backends: state.backends.filter(be => !sameNode(be, node)) };
}

function decommission(state: ClusterState, node: HostPort, decommissioned: boolean): ClusterState {
  if (!state.backends.some(be => sameNode(be, node))) throw new SqlError(`Backend does not exist[${name(node)}]`);
  return { ...state, backends: state.backends.map(be => (sameNode(be, node) ? { ...be, decommissioned } : be)) };
}

function setLocation(state: ClusterState, node: HostPort, location: string): ClusterState {
  if (location !== '' && !/^\s*[a-z_0-9]+\s*:\s*[a-z_0-9]+\s*$/i.test(location)) {
    throw new SqlError(`invalid location format: ${location}, should be like: 'key:val'.`);
  }
  if (!state.backends.some(be => sameNode(be, node))) throw new SqlError(`backend [${name(node)}] not found`);
  return { ...state, backends: state.backends.map(be => (sameNode(be, node) ? { ...be, location } : be)) };
}

function alterUser(state: ClusterState, statement: Statement, by: string): ClusterState {
  switch (statement.kind) {
    case 'setPassword':
      return withUser(state, statement.user ?? by, user => ({
        ...user,
        password_hash: passwordHash(statement.password),
      }));
    case 'createUser': {
      const password_hash = passwordHash(statement.password);
      const user: User = { password_hash, roles: [], roles_active: false, operate: false };
      if (statement.user in state.users) {
        throw new SqlError(`Operation CREATE USER failed for '${statement.user}'@'%' : user already exists`, 1396);
      }
      return { ...state, users: { ...state.users, [statement.user]: user } };
    }
    case 'grantRole':
      return withUser(state, statement.user, user => ({ ...user, roles: [...user.roles, statement.role] }));
    case 'grantOperate':
      return withUser(state, statement.user, user => ({ ...user, operate: true }));
    case 'setDefaultRole':
      return withUser(state, statement.user, user => ({ ...user, roles_active: true }));
    default:
      return state;
  }
}

function withUser(state: ClusterState, name: string, change: (user: User) => User): ClusterState {
  const user = state.users[name];
  if (user === undefined) throw analyzing(`cannot find user '${name}'@'%'`);
  return { ...state, users: { ...state.users, [name]: change(user) } };
}
