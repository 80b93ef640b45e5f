import type { ServiceName } from '../contract/cluster-json.ts';
import type { Host } from '../model/cluster.ts';
import { composeServices, composeText, shapeOf } from './compose.ts';
import { sha256 } from './sha256.ts';

export interface Shape {
  readonly text: string;
  /** The definition of each service as JSON, without the label that carries its digest. */
  readonly services: readonly { readonly name: ServiceName; readonly definition: string }[];
}

/** What many hosts have in common, made once per shape and hashed once per text: thousands of hosts have few shapes. */
export class Shared {
  readonly #shapes = new Map<string, Shape>();
  readonly #digests = new Map<string, string>();

  shape(host: Host): Shape {
    return remembered(this.#shapes, shapeOf(host), () => {
      const services = composeServices(host);
      return {
        text: composeText(services),
        services: services.map(([name, service]) => ({ name, definition: definitionOf(service) })),
      };
    });
  }

  /** Of a text that other hosts have too: each is kept in memory. */
  sha256(text: string): string {
    return remembered(this.#digests, text, () => sha256(text));
  }
}

/** The label carries the digest, so the digest cannot cover it. */
const definitionOf = (service: object): string =>
  JSON.stringify(service, (key, value) => (key === 'starrocks-ha.digest' ? undefined : value));

function remembered<T>(map: Map<string, T>, key: string, make: () => T): T {
  const there = map.get(key);
  if (there !== undefined) return there;
  const made = make();
  map.set(key, made);
  return made;
}
