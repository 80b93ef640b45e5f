import schema from '../cluster.schema.json' with { type: 'json' };
import { type Edit, readEdit, type WrittenEdit } from './edit-class.ts';

/** One key of cluster.yaml as the schema describes it. */
export interface SchemaKey {
  /** `defaults.ports.http_port`; entries of a list are `[]`: `hosts[].address`. */
  readonly path: string;
  /** The part behind the last dot. */
  readonly name: string;
  /** Path of the mapping that holds it, '' for the file itself. */
  readonly owner: string;
  readonly required: boolean;
  /** `string`, `integer`, `boolean`, `object`, `array`, or several of them. */
  readonly types: readonly string[];
  readonly values: readonly string[] | null;
  readonly description: string;
  /** In words or as YAML flow; null for a required key. */
  readonly default: string | null;
  readonly examples: readonly unknown[];
  /** What an edit does to a cluster that runs; null for a mapping that only holds other keys. */
  readonly edit: Edit | null;
}

/** Words for editors, for the README and for tests: they check nothing. */
export const annotations = ['patternErrorMessage', 'x-default', 'x-edit'];

export interface SchemaNode {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly 'x-default'?: string;
  readonly 'x-edit'?: WrittenEdit;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly patternErrorMessage?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
}

const definitions: Readonly<Record<string, SchemaNode>> = schema.definitions;

/** Follows a reference into `definitions`, the only place that this schema refers to. */
export function resolve(node: SchemaNode): SchemaNode {
  const name = node.$ref?.replace('#/definitions/', '');
  return name === undefined ? node : (definitions[name] ?? {});
}

/** Every key of cluster.yaml, in the order of the schema, owners before what they hold. */
export function schemaKeys(): SchemaKey[] {
  return keysOf(schema, '');
}

function keysOf(owner: SchemaNode, path: string): SchemaKey[] {
  return Object.entries(owner.properties ?? {}).flatMap(([name, reference]) => {
    const node = resolve(reference);
    const key = keyOf(owner, path, name, node);
    const item = node.items === undefined ? undefined : resolve(node.items);
    return [key, ...keysOf(node, key.path), ...(item === undefined ? [] : keysOf(item, `${key.path}[]`))];
  });
}

function keyOf(owner: SchemaNode, path: string, name: string, node: SchemaNode): SchemaKey {
  const required = owner.required?.includes(name) ?? false;
  return {
    path: path === '' ? name : `${path}.${name}`,
    name,
    owner: path,
    required,
    types: typesOf(node),
    values: node.enum ?? null,
    description: node.description ?? '',
    default: required ? null : (node['x-default'] ?? JSON.stringify(node.default)),
    examples: node.examples ?? [],
    edit: node['x-edit'] === undefined ? null : readEdit(node['x-edit']),
  };
}

export function typesOf(node: SchemaNode): readonly string[] {
  if (node.type === undefined) return [];
  return typeof node.type === 'string' ? [node.type] : node.type;
}
