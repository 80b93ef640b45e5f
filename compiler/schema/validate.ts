import { Ajv, type DefinedError, type ValidateFunction } from 'ajv';
import schema from '../cluster.schema.json' with { type: 'json' };
import type { Finding } from '../diagnostics/finding.ts';
import { type Node, plain } from '../source/node.ts';
import { explainSchemaError } from './explain.ts';
import { annotations } from './keys.ts';

let compiled: ValidateFunction | undefined;

/** Everything about which the file and the schema disagree, at its place. */
export function validate(root: Node): Finding[] {
  compiled ??= compileSchema();
  if (compiled(plain(root))) return [];
  // allErrors and verbose are set, and the schema has no keywords of its own that could fail.
  return ((compiled.errors ?? []) as DefinedError[]).map(error => explainSchemaError(error, root));
}

function compileSchema(): ValidateFunction {
  const ajv = new Ajv({
    allErrors: true,
    verbose: true,
    strict: true,
    allowUnionTypes: true,
    strictTypes: true,
    ownProperties: true,
  });
  ajv.addVocabulary(annotations);
  return ajv.compile(schema);
}
