import type { DefinedError } from 'ajv';
import type { Code } from '../diagnostics/code.ts';
import type { Finding } from '../diagnostics/finding.ts';
import { nearest } from '../diagnostics/nearest.ts';
import { child, items, type Node } from '../source/node.ts';
import type { Span } from '../source/span.ts';
import { type SchemaKey, type SchemaNode, schemaKeys, typesOf } from './keys.ts';

/** Where the validator stopped, in the terms of cluster.yaml. */
interface Place {
  readonly node: Node;
  /** As a sentence names it: `` `ports` ``, `` an entry of `hosts` ``, `the file`. */
  readonly name: string;
  /** As in `SchemaKey.path`, '' for the file itself. */
  readonly path: string;
  readonly schema: SchemaNode;
}

/** The validator's error as a sentence about the file, at the place in the file. */
export function explainSchemaError(error: DefinedError, root: Node): Finding {
  const place = locate(error, root);
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(place, error.params.additionalProperty);
    case 'required':
      return missingKey(place, error.params.missingProperty);
    case 'type':
      return wrongType(place);
    case 'enum':
      return unknownValue(place);
    case 'pattern':
      return finding(
        'E_FORMAT',
        place,
        place.schema.patternErrorMessage ?? `\`${shown(place.node)}\` has the wrong form.`,
        example(place),
      );
    case 'minimum':
    case 'maximum':
      return outOfRange(place);
    case 'minItems':
      return finding('E_VALUE', place, `${capital(place.name)} is empty.`, example(place));
    default:
      return finding(
        'E_VALUE',
        place,
        `${capital(place.name)} is not valid: ${error.message ?? error.keyword}.`,
        example(place),
      );
  }
}

function locate(error: DefinedError, root: Node): Place {
  const steps = error.instancePath
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  let node: Node | undefined = root;
  let path = '';
  let name = 'the file';
  for (const step of steps) {
    if (node?.kind === 'list') {
      node = items(node)[Number(step)];
      name = `an entry of ${name}`;
      path += '[]';
    } else {
      node = child(node, step);
      name = `\`${step}\``;
      path = path === '' ? step : `${path}.${step}`;
    }
  }
  return { node: node ?? root, name, path, schema: (error.parentSchema ?? {}) as SchemaNode };
}

function finding(code: Code, place: Place, message: string, hint: string): Finding {
  return { code, at: place.node.at, message, hint };
}

function example(place: Place): string {
  const [first] = place.schema.examples ?? [];
  if (place.path === '') return 'Begin with `cluster`, `starrocks`, `master_host` and `hosts`.';
  return first === undefined ? 'Write one value.' : `For example \`${flow(first)}\`.`;
}

let everyKey: readonly SchemaKey[] | undefined;

function unknownKey(place: Place, key: string): Finding {
  everyKey ??= schemaKeys();
  const at: Span = (place.node.kind === 'map' ? place.node.entries.get(key)?.key : undefined) ?? place.node.at;
  const message = `${capital(place.name)} has no key \`${key}\`.`;
  const allowed = Object.keys(place.schema.properties ?? {});
  const elsewhere = everyKey.filter(other => other.name === key).map(other => other.owner);
  if (place.path === 'hosts[].ports' && elsewhere.includes('defaults.ports')) return portOfAllFes(key, at);
  const near = nearest(key, allowed);
  return { code: 'E_UNKNOWN_KEY', at, message, hint: hintForKey(key, elsewhere, near, allowed) };
}

const COMPUTE_NODES = new Set(['cn', 'compute_node', 'compute_nodes']);

function hintForKey(
  key: string,
  elsewhere: readonly string[],
  near: string | undefined,
  allowed: readonly string[],
): string {
  const [owner] = elsewhere;
  if (key === '<<') return 'Merge keys are YAML 1.1: what all hosts share belongs into `defaults`.';
  if (COMPUTE_NODES.has(key)) return 'Compute nodes are not supported: a machine runs an FE, BEs, or both.';
  if (owner === '') return `\`${key}\` belongs to the top level of the file.`;
  if (owner !== undefined) return `\`${key}\` belongs into \`${owner}\`.`;
  if (near !== undefined) return `Did you mean \`${near}\`?`;
  return `There ${allowed.length === 1 ? 'is' : 'are'} ${allowed.map(name => `\`${name}\``).join(', ')}.`;
}

function portOfAllFes(key: string, at: Span): Finding {
  return {
    code: 'E_PORT_PLACE',
    at,
    message: `\`${key}\` is a port of the FEs, which is the same on all of them, and stands here at one host.`,
    hint: `Write \`${key}\` under \`defaults.ports\`.`,
  };
}

function missingKey(place: Place, key: string): Finding {
  everyKey ??= schemaKeys();
  const path = place.path === '' ? key : `${place.path}.${key}`;
  const [first] = everyKey.find(other => other.path === path)?.examples ?? [];
  const value = first === undefined ? '…' : flow(first);
  return finding('E_MISSING_KEY', place, `${capital(place.name)} lacks \`${key}\`.`, `Add \`${key}: ${value}\`.`);
}

/** YAML flow, of the values that stand in the schema's examples. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${key}: ${flow(inner)}`)
    .join(', ')} }`;
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: '`true` or `false`',
  object: 'a mapping',
  array: 'a list',
};

function wrongType(place: Place): Finding {
  const types = typesOf(place.schema);
  const { patternErrorMessage } = place.schema;
  const wanted = types.map(type => typeNames[type] ?? type).join(' or ');
  const { node, name } = place;
  if (node.kind === 'scalar' && node.value === null)
    return finding('E_TYPE', place, `${capital(name)} has no value.`, example(place));
  // `be` is text and yet one word only: there the schema's own sentence says more than its types.
  const wide = types.includes('object') && types.length > 1;
  const message = (wide ? patternErrorMessage : undefined) ?? `${capital(name)} is ${wanted}, not ${kindOf(node)}.`;
  return finding('E_TYPE', place, message, hintForType(types, place));
}

function kindOf(node: Node): string {
  if (node.kind === 'map') return 'a mapping';
  if (node.kind === 'list') return 'a list';
  if (typeof node.value === 'string') return `the text \`${shown(node)}\``;
  return typeof node.value === 'number' ? `the number ${node.value}` : `\`${node.value}\``;
}

function hintForType(types: readonly string[], place: Place): string {
  const value = place.node.kind === 'scalar' ? place.node.value : undefined;
  if (types.includes('boolean') && typeof value === 'string') {
    const yes = /^(yes|on|y|1|true)$/i.test(value);
    const no = /^(no|off|n|0|false)$/i.test(value);
    if (yes || no) return `In YAML 1.2 this is written \`${yes}\`.`;
  }
  if (types.includes('integer') && typeof value === 'string' && /^\d+$/.test(value))
    return `Write ${value} without quotes.`;
  return example(place);
}

function unknownValue(place: Place): Finding {
  const allowed = place.schema.enum ?? [];
  const value = shown(place.node);
  const near = nearest(value, allowed);
  const list = allowed.map(name => `\`${name}\``).join(', ');
  const hint = near === undefined ? `Write one of ${list}.` : `Did you mean \`${near}\`? There are ${list}.`;
  return finding('E_VALUE', place, `${capital(place.name)} cannot be \`${value}\`.`, hint);
}

function outOfRange(place: Place): Finding {
  const { minimum = 0, maximum = 0 } = place.schema;
  const none = place.path.endsWith('be.count') && shown(place.node) === '0';
  return finding(
    'E_RANGE',
    place,
    `${capital(place.name)} is ${shown(place.node)}, outside ${minimum} to ${maximum}.`,
    none ? 'A machine without a BE has `be: none`.' : `Write a number from ${minimum} to ${maximum}.`,
  );
}

function shown(node: Node): string {
  if (node.kind !== 'scalar') return node.kind;
  const value = String(node.value);
  return value.length > 60 ? `${value.slice(0, 57)}…` : value;
}

const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
