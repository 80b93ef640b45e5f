import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import schema from './cluster-json.schema.json' with { type: 'json' };
import type { ClusterJson } from './cluster-json.ts';

export type ClusterJsonReading =
  | { readonly cluster: ClusterJson; readonly problems?: never }
  /** Sentences; at least one. */
  | { readonly cluster: null; readonly problems: readonly string[] };

let validate: ValidateFunction<ClusterJson> | undefined;

/**
 * Reads a cluster.json of this format.
 * @param text the whole file
 * @returns the contract, or what is wrong with the text; it throws nothing
 */
export function readClusterJson(text: string): ClusterJsonReading {
  const parsed = parseJson(text);
  if (parsed === undefined) return { cluster: null, problems: ['It is no JSON.'] };
  const format = typeof parsed === 'object' && parsed !== null && 'format' in parsed ? parsed.format : undefined;
  if (typeof format === 'number' && format !== 1) {
    return { cluster: null, problems: [`It has format ${format}, and this program reads format 1.`] };
  }
  validate ??= new Ajv({ strict: true, ownProperties: true }).compile<ClusterJson>(schema);
  if (!validate(parsed)) return { cluster: null, problems: (validate.errors ?? []).map(problem) };
  return duplicates(parsed) ?? { cluster: parsed };
}

/** The parsed text, or undefined (which JSON cannot say) when it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const problem = ({ instancePath, message }: ErrorObject): string =>
  `\`${instancePath === '' ? '/' : instancePath}\` ${message ?? 'is wrong'}.`;

/** Two entries for one address would be two plans for one machine. */
function duplicates({ hosts }: ClusterJson): ClusterJsonReading | null {
  const seen = new Set<string>();
  const twice = hosts.filter(({ address }) => seen.size === seen.add(address).size).map(({ address }) => address);
  return twice.length === 0
    ? null
    : { cluster: null, problems: twice.map(address => `${address} stands in it twice.`) };
}
