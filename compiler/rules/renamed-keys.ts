import type { Finding } from '../diagnostics/finding.ts';
import type { Entry, Node } from '../source/node.ts';
import type { Span } from '../source/span.ts';

/** Names of before, or of StarRocks' own past, → today's, by the key of the mapping that holds them ('' the file itself). */
const renamed: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map([
  ['', new Map([['replication_num', 'default_replication_num']])],
  [
    'ports',
    new Map([
      ['webserver_port', 'be_http_port'],
      ['heartbeat_port', 'heartbeat_service_port'],
    ]),
  ],
]);

/** The same file with today's names, so that an old one still means what it meant, and a warning for each old name. */
export function renameKeys(root: Node): { root: Node; findings: Finding[] } {
  const findings: Finding[] = [];
  return { root: rename(root, '', findings), findings };
}

function rename(node: Node, owner: string, findings: Finding[]): Node {
  if (node.kind === 'scalar') return node;
  if (node.kind === 'list') return { ...node, items: node.items.map(item => rename(item, '[]', findings)) };
  const entries = new Map<string, Entry>();
  for (const [name, { key, value }] of node.entries) {
    const today = renamed.get(owner)?.get(name) ?? name;
    const twin = today === name ? undefined : node.entries.get(today);
    if (twin !== undefined) findings.push(twice(name, today, key, twin.key));
    else if (today !== name) findings.push(oldName(name, today, key));
    if (twin === undefined) entries.set(today, { key, value: rename(value, name, findings) });
  }
  return { ...node, entries };
}

const oldName = (name: string, today: string, at: Span): Finding => ({
  code: 'W_RENAMED_KEY',
  at,
  message: `\`${name}\` is now called \`${today}\`.`,
  hint: `Write \`${today}\`.`,
});

const twice = (name: string, today: string, at: Span, other: Span): Finding => ({
  code: 'E_DUPLICATE_KEY',
  at,
  message: `\`${name}\` is the old name of \`${today}\`, which is written too.`,
  hint: `Keep \`${today}\`.`,
  related: [{ at: other, message: `\`${today}\` is written here` }],
});

/** The old name of a port, where it has one: an old file is edited at the key that stands in it. */
export function oldNameOf(port: string): string | undefined {
  return [...(renamed.get('ports') ?? [])].find(([, today]) => today === port)?.[0];
}
