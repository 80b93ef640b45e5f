import { isMap, isScalar, isSeq, type Node, type Pair, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import type { BePorts, FePorts } from '../contract/cluster-json.ts';
import { oldNameOf } from '../rules/renamed-keys.ts';

/** Ports to write into cluster.yaml: those of all FEs, and those of BE instances. */
export interface WantedPorts {
  readonly fe: Partial<FePorts>;
  readonly be: readonly { readonly address: string; readonly index: number; readonly ports: Partial<BePorts> }[];
}

/** Values to be laid over a mapping of the file; a list is given by the positions that change. */
type Tree = number | { readonly [key: string]: Tree } | ReadonlyMap<number, Tree>;

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** A shape of the file that cannot be edited in place, such as an alias that other hosts share. */
class Unplaceable extends Error {}

/**
 * Writes ports into cluster.yaml by replacing and inserting characters: comments, order and formatting stay.
 * @param text a cluster.yaml that compiles
 * @returns the new text, and the addresses (`defaults` for the FEs) whose ports a person has to write
 */
export function rewritePorts(text: string, wanted: WantedPorts): { text: string; unplaced: string[] } {
  const root = parseDocument(text, { version: '1.2' }).contents;
  if (!isMap(root)) return { text, unplaced: ['defaults', ...wanted.be.map(({ address }) => address)] };
  const edits: Edit[] = [];
  const unplaced: string[] = [];
  const attempt = (where: string, edit: () => Edit[]): void => {
    try {
      edits.push(...edit());
    } catch (error) {
      if (!(error instanceof Unplaceable)) throw error;
      unplaced.push(where);
    }
  };
  if (Object.keys(wanted.fe).length > 0)
    attempt('defaults', () => overlay(root, { defaults: { ports: wanted.fe } }, text, 'master_host'));
  const hosts = valueAt(root, 'hosts');
  for (const [address, tree] of treesByAddress(wanted))
    attempt(address, () => editHost(root, hosts, address, tree, text));
  return { text: apply(edits, text), unplaced };
}

function treesByAddress(wanted: WantedPorts): Map<string, { [key: string]: Tree }> {
  const trees = new Map<string, { [key: string]: Tree }>();
  for (const { address, index, ports } of wanted.be) {
    if (Object.keys(ports).length === 0) continue;
    const tree = trees.get(address) ?? {};
    trees.set(address, tree);
    if (index === 0) {
      tree['ports'] = ports;
      continue;
    }
    const instances = new Map(instancesOf(tree['be']));
    instances.set(index, { ports });
    tree['be'] = { instances };
  }
  return trees;
}

const instancesOf = (be: Tree | undefined): ReadonlyMap<number, Tree> =>
  typeof be === 'object' && 'instances' in be && be['instances'] instanceof Map ? be['instances'] : new Map();

function editHost(root: YAMLMap, hosts: unknown, address: string, tree: { [key: string]: Tree }, text: string): Edit[] {
  const entry = isSeq(hosts) ? hosts.items.find(item => addressOf(item) === address) : undefined;
  // A list at the host would hide the one in `defaults`, with the folders that stand there.
  const defaults = valueAt(root, 'defaults');
  const be = isMap(entry) ? valueAt(entry, 'be') : undefined;
  const own = isMap(be) && be.has('instances');
  if ('be' in tree && !own && isMap(defaults) && defaults.hasIn(['be', 'instances'])) throw new Unplaceable();
  if (isMap(entry)) return overlay(entry, tree, text);
  if (!isScalar(entry)) throw new Unplaceable();
  const [from, to] = rangeOf(entry);
  return [{ from, to, text: `{ address: ${address}, ${flowEntries(tree)} }` }];
}

function addressOf(item: unknown): unknown {
  if (isScalar(item)) return item.value;
  return isMap(item) ? item.get('address') : undefined;
}

/** @param after the key behind which a new entry of a block mapping goes; otherwise it becomes the last */
function overlay(map: YAMLMap, tree: { readonly [key: string]: Tree }, text: string, after?: string): Edit[] {
  const edits: Edit[] = [];
  const missing: [string, Tree][] = [];
  for (const [key, value] of Object.entries(tree)) {
    const pair = pairOf(map, key) ?? pairOf(map, oldNameOf(key) ?? key);
    if (pair === undefined) missing.push([key, value]);
    else edits.push(...replace(pair, value, text));
  }
  if (missing.length > 0) edits.push(insertEntries(map, missing, text, after));
  return edits;
}

function replace(pair: Pair, value: Tree, text: string): Edit[] {
  const node = pair.value;
  if (isMap(node) && typeof value === 'object' && !(value instanceof Map)) return overlay(node, asRecord(value), text);
  if (isSeq(node) && value instanceof Map) return overlayList(node, value, text);
  if (!isScalar(node)) throw new Unplaceable();
  const [from, to] = rangeOf(node);
  if (typeof value === 'object' && node.value !== null) throw new Unplaceable();
  return [{ from, to, text: `${from === to && text.charAt(from - 1) === ':' ? ' ' : ''}${flow(value)}` }];
}

const asRecord = (value: object): { readonly [key: string]: Tree } => value as { readonly [key: string]: Tree };

function overlayList(list: YAMLSeq, wanted: ReadonlyMap<number, Tree>, text: string): Edit[] {
  const edits: Edit[] = [];
  const added: string[] = [];
  const last = Math.max(...wanted.keys());
  for (let index = 0; index <= last; index += 1) {
    const value = wanted.get(index);
    const item = list.items[index];
    if (index >= list.items.length) added.push(value === undefined ? '{}' : flow(value));
    else if (value !== undefined && isMap(item)) edits.push(...overlay(item, asRecord(Object(value)), text));
    else if (value !== undefined) throw new Unplaceable();
  }
  if (added.length > 0) edits.push(insertItems(list, added, text));
  return edits;
}

function insertEntries(map: YAMLMap, entries: readonly [string, Tree][], text: string, after?: string): Edit {
  const written = entries.map(([key, value]) => `${key}: ${flow(value)}`);
  const [first] = map.items;
  if (map.flow === true || first === undefined) return insertFlow(map, written, text);
  const previous = (after === undefined ? undefined : pairOf(map, after)) ?? map.items.at(-1) ?? first;
  return insertLines(endOfPair(previous), columnOf(rangeOf(first.key)[0], text), written, text);
}

function insertItems(list: YAMLSeq, items: readonly string[], text: string): Edit {
  const last = list.items.at(-1);
  if (list.flow === true || last === undefined) return insertFlow(list, items, text);
  const dash = text.lastIndexOf('-', rangeOf(list.items[0])[0]);
  return insertLines(
    endOfNode(last),
    columnOf(dash, text),
    items.map(item => `- ${item}`),
    text,
  );
}

/** Behind the last element, or between the brackets. */
function insertFlow(collection: YAMLMap | YAMLSeq, written: readonly string[], text: string): Edit {
  const close = rangeOf(collection)[1] - 1;
  const last = collection.items.at(-1);
  if (last === undefined) return { from: close, to: close, text: ` ${written.join(', ')} ` };
  const end = isPair(last) ? endOfPair(last) : endOfNode(last);
  const comma = text.slice(end, close).trimStart().startsWith(',');
  const at = comma ? text.indexOf(',', end) + 1 : end;
  return { from: at, to: at, text: comma ? ` ${written.join(', ')},` : `, ${written.join(', ')}` };
}

const isPair = (item: unknown): item is Pair => typeof item === 'object' && item !== null && 'key' in item;

/** On lines of their own, below the line (and its comment) that holds `end`. */
function insertLines(end: number, column: number, written: readonly string[], text: string): Edit {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = written.map(line => `${' '.repeat(column)}${line}`).join(newline);
  if (text.charAt(end - 1) === '\n') return { from: end, to: end, text: `${lines}${newline}` };
  const feed = text.indexOf('\n', end);
  if (feed < 0) return { from: text.length, to: text.length, text: `${newline}${lines}` };
  return { from: feed + 1, to: feed + 1, text: `${lines}${newline}` };
}

function endOfPair(pair: Pair): number {
  return pair.value === null ? rangeOf(pair.key)[1] : endOfNode(pair.value);
}

function endOfNode(node: unknown): number {
  const last = isMap(node) || isSeq(node) ? node.items.at(-1) : undefined;
  if ((isMap(node) || isSeq(node)) && node.flow !== true && last !== undefined)
    return isPair(last) ? endOfPair(last) : endOfNode(last);
  return rangeOf(node)[1];
}

const columnOf = (offset: number, text: string): number => offset - text.lastIndexOf('\n', offset - 1) - 1;

const pairOf = (map: YAMLMap, key: string): Pair | undefined =>
  map.items.find(pair => isScalar(pair.key) && pair.key.value === key);

const valueAt = (map: YAMLMap, key: string): unknown => pairOf(map, key)?.value;

function rangeOf(node: unknown): readonly [number, number] {
  const range = (node as Node | undefined)?.range;
  if (range === undefined || range === null) throw new Unplaceable();
  return [range[0], range[1]];
}

function flow(tree: Tree): string {
  if (typeof tree === 'number') return String(tree);
  if (tree instanceof Map) {
    const items = Array.from({ length: Math.max(...tree.keys()) + 1 }, (_, index) => tree.get(index));
    return `[${items.map(item => (item === undefined ? '{}' : flow(item))).join(', ')}]`;
  }
  return `{ ${flowEntries(asRecord(tree))} }`;
}

const flowEntries = (tree: { readonly [key: string]: Tree }): string =>
  Object.entries(tree)
    .map(([key, value]) => `${key}: ${flow(value)}`)
    .join(', ');

/** From the end of the file to its beginning; of two insertions at one place the first found, the deeper one, comes first. */
function apply(edits: readonly Edit[], text: string): string {
  let result = text;
  for (const { from, to, text: inserted } of edits.toReversed().toSorted((a, b) => b.from - a.from)) {
    result = result.slice(0, from) + inserted + result.slice(to);
  }
  return result;
}
