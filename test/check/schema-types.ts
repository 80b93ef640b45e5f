/**
 * The types of cluster.yaml, made from the schema: run this file to write them, a test compares them.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compile, type JSONSchema } from 'json-schema-to-typescript';

export const schemaPath = 'compiler/cluster.schema.json';
export const typesPath = 'compiler/schema/cluster-yaml.d.ts';

/** The declarations that `compiler/schema/cluster-yaml.d.ts` shall hold. */
export async function schemaTypes(): Promise<string> {
  const schema: JSONSchema = JSON.parse(await readFile(schemaPath, 'utf8'));
  const bannerComment = '/** Made from cluster.schema.json by test/check/schema-types.ts: do not edit. */';
  return compile(schema, 'ClusterYaml', { bannerComment, additionalProperties: false, style: { singleQuote: true } });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(typesPath, await schemaTypes());
