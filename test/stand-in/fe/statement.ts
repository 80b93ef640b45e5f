/** The statements that the stand-in knows. */
export type Statement =
  | { readonly kind: 'showFrontends' | 'showBackends' | 'showComputeNodes' | 'createImage' | 'nothing' }
  | { readonly kind: 'showProc'; readonly path: string }
  | { readonly kind: 'showConfig'; readonly pattern: string }
  | { readonly kind: 'setConfig'; readonly key: string; readonly value: string }
  | { readonly kind: 'select'; readonly column: string; readonly value: 'version' | 'build' | string }
  | { readonly kind: 'forwardToLeader'; readonly value: string }
  | { readonly kind: 'addFrontend' | 'dropFrontend'; readonly role: 'FOLLOWER' | 'OBSERVER'; readonly node: string }
  | { readonly kind: 'modifyFrontendHost' | 'modifyBackendHost'; readonly from: string; readonly to: string }
  | { readonly kind: 'addBackends' | 'dropBackends'; readonly type: NodeType; readonly nodes: readonly string[] }
  | { readonly kind: 'decommission' | 'cancelDecommission'; readonly nodes: readonly string[] }
  | { readonly kind: 'setLocation'; readonly node: string; readonly location: string }
  | { readonly kind: 'setPassword'; readonly user: string | null; readonly password: string }
  | { readonly kind: 'createUser'; readonly user: string; readonly password: string }
  | { readonly kind: 'grantRole'; readonly role: string; readonly user: string }
  | { readonly kind: 'grantOperate'; readonly user: string }
  | { readonly kind: 'setDefaultRole'; readonly user: string };

export type NodeType = 'backend' | 'compute node';

/** A statement that StarRocks does not understand either. */
export class SyntaxProblem extends Error {}

const str = `(?:"((?:[^"\\\\]|\\\\.)*)"|'((?:[^'\\\\]|\\\\.)*)')`;
const list = `((?:"[^"]*"|'[^']*')(?:\\s*,\\s*(?:"[^"]*"|'[^']*'))*)`;
const account = `(?:'([^']*)'|"([^"]*)"|(\\w+))(?:@(?:'[^']*'|"[^"]*"))?`;
const warehouse = `(?:\\s+(?:INTO|FROM)\\s+WAREHOUSE\\s+\\w+)?`;

type Groups = readonly string[];
/** Groups that did not take part are left out: of `"a"` and `'a'` only one did. */
const grammar: readonly (readonly [pattern: string, make: (groups: Groups) => Statement])[] = [
  ['SHOW FRONTENDS', () => ({ kind: 'showFrontends' })],
  ['SHOW BACKENDS', () => ({ kind: 'showBackends' })],
  ['SHOW COMPUTE NODES', () => ({ kind: 'showComputeNodes' })],
  [`SHOW PROC ${str}`, ([path = '']) => ({ kind: 'showProc', path })],
  [`ADMIN SHOW FRONTEND CONFIG(?: LIKE ${str})?`, ([pattern = '%']) => ({ kind: 'showConfig', pattern })],
  [
    `ADMIN SET FRONTEND CONFIG \\( ?${str} ?= ?${str} ?\\)`,
    ([key = '', value = '']) => ({ kind: 'setConfig', key, value }),
  ],
  [
    `ALTER SYSTEM ADD (FOLLOWER|OBSERVER) ${str}`,
    ([role = '', node = '']) => ({ kind: 'addFrontend', role: feRole(role), node }),
  ],
  [
    `ALTER SYSTEM DROP (FOLLOWER|OBSERVER) ${str}`,
    ([role = '', node = '']) => ({ kind: 'dropFrontend', role: feRole(role), node }),
  ],
  [
    `ALTER SYSTEM MODIFY FRONTEND HOST ${str} TO ${str}`,
    ([from = '', to = '']) => ({ kind: 'modifyFrontendHost', from, to }),
  ],
  [
    `ALTER SYSTEM MODIFY BACKEND HOST ${str} TO ${str}`,
    ([from = '', to = '']) => ({ kind: 'modifyBackendHost', from, to }),
  ],
  [
    `ALTER SYSTEM MODIFY BACKEND ${str} SET \\( ?["']labels\\.location["'] ?= ?${str} ?\\)`,
    ([node = '', location = '']) => ({ kind: 'setLocation', node, location }),
  ],
  [
    `ALTER SYSTEM ADD (BACKEND|COMPUTE NODE) ${list}${warehouse}`,
    ([type = '', nodes = '']) => ({ kind: 'addBackends', type: nodeType(type), nodes: strings(nodes) }),
  ],
  [
    `ALTER SYSTEM DROP (BACKEND|COMPUTE NODE) ${list}${warehouse}(?: FORCE)?`,
    ([type = '', nodes = '']) => ({ kind: 'dropBackends', type: nodeType(type), nodes: strings(nodes) }),
  ],
  [`ALTER SYSTEM DECOMMISSION BACKEND ${list}`, ([nodes = '']) => ({ kind: 'decommission', nodes: strings(nodes) })],
  [`CANCEL DECOMMISSION BACKEND ${list}`, ([nodes = '']) => ({ kind: 'cancelDecommission', nodes: strings(nodes) })],
  ['ALTER SYSTEM CREATE IMAGE', () => ({ kind: 'createImage' })],
  [`SET PASSWORD = PASSWORD ?\\( ?${str} ?\\)`, ([password = '']) => ({ kind: 'setPassword', user: null, password })],
  [
    `SET PASSWORD FOR ${account} = PASSWORD ?\\( ?${str} ?\\)`,
    ([user = '', password = '']) => ({ kind: 'setPassword', user, password }),
  ],
  [
    `CREATE USER(?: IF NOT EXISTS)? ${account} IDENTIFIED BY ${str}`,
    ([user = '', password = '']) => ({ kind: 'createUser', user, password }),
  ],
  [`GRANT OPERATE ON SYSTEM TO(?: USER)? ${account}`, ([user = '']) => ({ kind: 'grantOperate', user })],
  [`GRANT ["']?(\\w+)["']? TO(?: USER)? ${account}`, ([role = '', user = '']) => ({ kind: 'grantRole', role, user })],
  [`SET DEFAULT ROLE ALL TO ${account}`, ([user = '']) => ({ kind: 'setDefaultRole', user })],
  ['SET(?: SESSION)? forward_to_leader ?= ?(\\w+)', ([value = '']) => ({ kind: 'forwardToLeader', value })],
  ['SELECT (\\d+)', ([value = '']) => ({ kind: 'select', column: value, value })],
  ['SELECT (?:version\\(\\)|@@version)', () => ({ kind: 'select', column: 'version()', value: 'version' })],
  ['SELECT current_version\\(\\)', () => ({ kind: 'select', column: 'current_version()', value: 'build' })],
  ['SELECT (@@[\\w.]+)(?: LIMIT 1)?', ([column = '']) => ({ kind: 'select', column, value: '' })],
  ['(?:SET (?:NAMES|SESSION|@@|[a-z_]+ ?=)|USE ).*', () => ({ kind: 'nothing' })],
];

const compiled = grammar.map(([pattern, make]) => {
  const text = pattern.replaceAll(' ?', '\\s*').replaceAll(' ', '\\s+');
  return [new RegExp(`^\\s*${text}\\s*;?\\s*$`, 'i'), make] as const;
});

/** Throws SyntaxProblem with StarRocks' text. */
export function parseStatement(sql: string): Statement {
  for (const [pattern, make] of compiled) {
    const match = pattern.exec(sql);
    if (match !== null) return make(match.slice(1).flatMap(group => (group === undefined ? [] : [unescaped(group)])));
  }
  throw new SyntaxProblem(noViableStatement(sql));
}

function noViableStatement(sql: string): string {
  const words = [...sql.matchAll(/\S+/g)];
  const at = words[1]?.index ?? words[0]?.index ?? 0;
  const input = sql.slice(words[0]?.index ?? 0, at + (words[1]?.[0] ?? words[0]?.[0] ?? '').length);
  return `Getting syntax error at line 1, column ${at}. Detail message: No viable statement for input '${input}'.`;
}

const unescaped = (text: string): string => text.replaceAll(/\\(.)/g, '$1');
const strings = (text: string): readonly string[] =>
  [...text.matchAll(/"([^"]*)"|'([^']*)'/g)].map(match => match[1] ?? match[2] ?? '');
const feRole = (text: string): 'FOLLOWER' | 'OBSERVER' => (text.toUpperCase() === 'OBSERVER' ? 'OBSERVER' : 'FOLLOWER');
const nodeType = (text: string): NodeType => (text.toUpperCase() === 'BACKEND' ? 'backend' : 'compute node');
