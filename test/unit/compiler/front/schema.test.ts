import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import schema from '../../../../compiler/cluster.schema.json' with { type: 'json' };
import { annotations, resolve, type SchemaNode, schemaKeys } from '../../../../compiler/schema/keys.ts';

/** Every subschema with its path, references followed. */
function nodes(node: SchemaNode, path: string): [string, SchemaNode][] {
  const here = resolve(node);
  const inner = Object.entries(here.properties ?? {}).flatMap(([name, property]) => nodes(property, `${path}.${name}`));
  return [[path, here], ...inner, ...(here.items === undefined ? [] : nodes(here.items, `${path}[]`))];
}

const all = nodes(schema, 'file');

describe('the schema', () => {
  it('is draft-07, and closed: a slip in a key is an error in every editor', () => {
    expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
    const open = all.filter(([, node]) => node.properties !== undefined && !('additionalProperties' in node));
    expect(open).toEqual([]);
  });

  it('describes every key, with a default where one may leave it out', () => {
    for (const key of schemaKeys()) {
      expect(key.description, key.path).toMatch(/^\S.*[.?]$/s);
      expect(key.required || key.default !== undefined, `default of ${key.path}`).toBe(true);
    }
  });

  it('has examples that it accepts itself, and defaults too', () => {
    const ajv = new Ajv({ strict: true, allowUnionTypes: true });
    ajv.addVocabulary(annotations);
    for (const [path, node] of all) {
      const validate = ajv.compile({ ...node, definitions: schema.definitions });
      if (path !== 'file') expect(node.examples?.length ?? 0, `examples of ${path}`).toBeGreaterThan(0);
      for (const example of node.examples ?? [])
        expect([path, example, validate(example)]).toEqual([path, example, true]);
      if (node.default !== undefined)
        expect([path, node.default, validate(node.default)]).toEqual([path, node.default, true]);
    }
  });

  it('has few keys at the top, and the same ones for one host and for all', () => {
    const keysIn = (owner: string) =>
      schemaKeys()
        .filter(key => key.owner === owner)
        .map(({ name }) => name);
    expect(keysIn('')).toEqual([
      'cluster',
      'starrocks',
      'master_host',
      'hosts',
      'defaults',
      'images',
      'default_replication_num',
      'kafka_host',
      'allow_outage',
      'timeouts',
    ]);
    expect(keysIn('hosts[]')).toEqual(['address', 'maintenance', ...keysIn('defaults')]);
    expect(keysIn('defaults.ports')).toEqual(expect.arrayContaining(keysIn('hosts[].ports')));
  });
});
