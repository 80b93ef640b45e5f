import { DeployError } from '../error.ts';
import type { Statement } from '../plan/operation.ts';
import { SWITCHES, type Switches } from '../plan/world.ts';

/** Those about one node. */
export type NodeStatement = Extract<Statement, { readonly host: string }>;

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const label = /^[A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+$/;

function refuse(what: string, value: string): never {
  throw new DeployError({
    code: 'E_SQL_VALUE',
    message: `${JSON.stringify(value)} is not ${what}, so it is not sent to StarRocks.`,
    hint: 'Compile generated/ again from cluster.yaml: it was edited by hand or is damaged.',
  });
}

/** `"a:p"` as ALTER SYSTEM takes it. Nothing but digits and dots gets in, so that nothing can leave the quotes. */
function node(host: string, port: number): string {
  if (!ipv4.test(host)) refuse('an IPv4 address', host);
  if (!Number.isInteger(port) || port < 1 || port > 65535) refuse('a port', String(port));
  return `"${host}:${port}"`;
}

/**
 * One text a key, which is all that StarRocks takes at once.
 * @throws DeployError E_SQL_VALUE for a value that is neither a number nor a truth
 */
export const switchTexts = (switches: Switches): string[] =>
  SWITCHES.map(key => {
    const value = switches[key];
    if (!/^(?:\d{1,9}|true|false)$/.test(value)) refuse('a number, true or false', value);
    return `ADMIN SET FRONTEND CONFIG ("${key}" = "${value}")`;
  });

/**
 * The text of a statement, one node each: a list would stay half done when one of its nodes fails.
 * @throws DeployError E_SQL_VALUE for an address, port or label that is none
 */
export function statementText(statement: NodeStatement): string {
  const where = node(statement.host, statement.port);
  switch (statement.kind) {
    case 'addFollower':
      return `ALTER SYSTEM ADD FOLLOWER ${where}`;
    case 'addObserver':
      return `ALTER SYSTEM ADD OBSERVER ${where}`;
    case 'addBackend':
      return `ALTER SYSTEM ADD BACKEND ${where}`;
    case 'dropFollower':
      return `ALTER SYSTEM DROP FOLLOWER ${where}`;
    case 'dropObserver':
      return `ALTER SYSTEM DROP OBSERVER ${where}`;
    case 'dropBackend':
      return `ALTER SYSTEM DROP BACKEND ${where}`;
    case 'decommissionBackend':
      return `ALTER SYSTEM DECOMMISSION BACKEND ${where}`;
    case 'cancelDecommission':
      return `CANCEL DECOMMISSION BACKEND ${where}`;
    case 'setLocation':
      if (!label.test(statement.location)) refuse('a location label like rack:r1', statement.location);
      return `ALTER SYSTEM MODIFY BACKEND ${where} SET ("labels.location" = "${statement.location}")`;
  }
}
