import { Ajv, type ValidateFunction } from 'ajv';
import contract from './cluster-json.schema.json' with { type: 'json' };
import type { CompiledHost } from './cluster-json.ts';
import { parseJson } from './read-cluster-json.ts';

let validate: ValidateFunction<CompiledHost> | undefined;

/**
 * One host of a cluster.json that an earlier commit holds; its other parts may look as an earlier release left them.
 * @returns null when that host is not in it, or cannot be read
 */
export function readHost(text: string, address: string): CompiledHost | null {
  const json = parseJson(text);
  const hosts = typeof json === 'object' && json !== null && 'hosts' in json ? json.hosts : null;
  if (!Array.isArray(hosts)) return null;
  const host: unknown = hosts.find(one => one?.address === address);
  const { definitions } = contract;
  validate ??= new Ajv({ strict: true, ownProperties: true }).compile<CompiledHost>({
    ...definitions.host,
    definitions,
  });
  return validate(host) ? host : null;
}
