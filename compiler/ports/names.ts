import schema from '../cluster.schema.json' with { type: 'json' };
import type { BePorts, FePorts } from '../contract/cluster-json.ts';

export type FePortName = keyof FePorts;
export type BePortName = keyof BePorts;

export const fePortNames = ['http_port', 'rpc_port', 'query_port', 'edit_log_port'] as const satisfies FePortName[];
export const bePortNames = [
  'be_port',
  'be_http_port',
  'heartbeat_service_port',
  'brpc_port',
  'starlet_port',
] as const satisfies BePortName[];

const described = schema.definitions.ports.properties;

/** StarRocks' own defaults, as the schema documents them. */
export const defaultPort = (name: FePortName | BePortName): number => described[name].default;
