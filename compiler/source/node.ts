import type { Placed, Span } from './span.ts';

/** cluster.yaml as plain data in which every key and value knows its place. Aliases are resolved, tags do not exist. */
export type Node = ScalarNode | MapNode | ListNode;

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly at: Span;
  readonly value: string | number | boolean | null;
  /** As it is written: `1.10` and 9223372036854775807 are more than their numbers. */
  readonly source: string;
}

export interface MapNode {
  readonly kind: 'map';
  readonly at: Span;
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  readonly key: Span;
  readonly value: Node;
}

export interface ListNode {
  readonly kind: 'list';
  readonly at: Span;
  readonly items: readonly Node[];
}

/** The value of a key, or undefined where the node is no mapping or lacks the key. */
export function child(node: Node | undefined, key: string): Node | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.value : undefined;
}

export function items(node: Node | undefined): readonly Node[] {
  return node?.kind === 'list' ? node.items : [];
}

/** What stands there when it is text; anything else is the schema's business to report. */
export function text(node: Node | undefined): Placed<string> | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? { value: node.value, at: node.at } : undefined;
}

export function integer(node: Node | undefined): Placed<number> | undefined {
  return node?.kind === 'scalar' && Number.isSafeInteger(node.value)
    ? { value: Number(node.value), at: node.at }
    : undefined;
}

export function truth(node: Node | undefined): Placed<boolean> | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'boolean' ? { value: node.value, at: node.at } : undefined;
}

/** The same as JavaScript values, for the schema's validator. */
export function plain(node: Node): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plain);
  // No prototype: a key `__proto__` in the file must stay a key.
  const object: Record<string, unknown> = Object.create(null);
  for (const [key, entry] of node.entries) object[key] = plain(entry.value);
  return object;
}
