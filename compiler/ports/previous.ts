import type { BePorts, FePorts } from '../contract/cluster-json.ts';
import { type BePortName, bePortNames, fePortNames } from './names.ts';

/** The ports that the previous cluster.json gave away, the only thing of it that the compiler reads. */
export interface Allocations {
  readonly fe: Partial<FePorts>;
  /** By {@link beKey}. */
  readonly be: ReadonlyMap<string, Partial<BePorts>>;
}

export const beKey = (address: string, index: number): string => `${address}/${index}`;

/**
 * Reads allocations from a previous cluster.json of any age or state: what does not look like a port is no allocation.
 * @param previous parsed JSON, or undefined where there is none
 */
export function readAllocations(previous: unknown): Allocations {
  const be = new Map<string, Partial<BePorts>>();
  for (const host of list(field(previous, 'hosts'))) {
    const address = field(host, 'address');
    for (const service of list(field(host, 'be'))) {
      const index = field(service, 'index');
      if (typeof address !== 'string' || typeof index !== 'number') continue;
      be.set(beKey(address, index), portsOf(field(service, 'ports'), bePortNames));
    }
  }
  return { fe: portsOf(field(previous, 'fe_ports'), fePortNames), be };
}

function portsOf<Name extends keyof FePorts | BePortName>(
  value: unknown,
  names: readonly Name[],
): Partial<Record<Name, number>> {
  const ports: Partial<Record<Name, number>> = {};
  for (const name of names) {
    const port = field(value, name);
    if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65535) ports[name] = port;
  }
  return ports;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
