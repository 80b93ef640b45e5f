import { Ajv, type ValidateFunction } from 'ajv';
import contract from './cluster-json.schema.json' with { type: 'json' };
import { parseJson } from './read-cluster-json.ts';

/** What a compile needs of the cluster.json that an earlier one wrote, perhaps an earlier release of the compiler. */
export type Previous =
  | { readonly json: unknown; readonly problem: null }
  | { readonly json: undefined; readonly problem: { readonly line: number; readonly message: string } };

const { address, port, fePorts, bePorts } = contract.definitions;

/** The allocations, strictly; everything else may look as an earlier release left it. */
const schema = {
  type: 'object',
  required: ['format', 'fe_ports', 'hosts'],
  properties: {
    format: { const: 1 },
    fe_ports: { $ref: '#/definitions/fePorts' },
    hosts: {
      type: 'array',
      items: {
        type: 'object',
        required: ['address', 'be'],
        properties: {
          address,
          be: {
            type: 'array',
            items: {
              type: 'object',
              required: ['index', 'ports'],
              properties: { index: { type: 'integer' }, ports: { $ref: '#/definitions/bePorts' } },
            },
          },
        },
      },
    },
  },
  definitions: { port, fePorts, bePorts },
};

let validate: ValidateFunction | undefined;

/**
 * Reads the previous cluster.json. A broken one is a problem, not a missing one: without its allocations a running BE
 * could be given other ports.
 */
export function readPrevious(text: string | null): Previous {
  if (text === null) return { json: undefined, problem: null };
  const json = parseJson(text);
  if (json === undefined) return { json, problem: notJson(text) };
  validate ??= new Ajv({ strict: true, ownProperties: true }).compile(schema);
  if (validate(json)) return { json, problem: null };
  const [first] = validate.errors ?? [];
  const where = first?.instancePath ? `\`${first.instancePath}\`` : 'it';
  return {
    json: undefined,
    problem: { line: 1, message: `This is not what the compiler wrote: ${where} ${first?.message ?? 'is wrong'}.` },
  };
}

function notJson(text: string): { line: number; message: string } {
  const conflict = text.split('\n').findIndex(line => line.startsWith('<<<<<<< '));
  return conflict < 0
    ? { line: 1, message: 'This is no JSON.' }
    : { line: conflict + 1, message: 'A merge conflict is not resolved here.' };
}
