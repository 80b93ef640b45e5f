import type { BeService, CompiledHost, FeService } from '../../../../../compiler/contract/cluster-json.ts';
import { remembered } from './remembered.ts';
import { type Container, nodeKey } from './world.ts';

/** A service of a host, whether or not anything of it exists. */
export interface Place<S = FeService | BeService> {
  readonly host: CompiledHost;
  readonly service: S;
  readonly key: string;
}

export interface Places {
  readonly frontends: readonly Place<FeService>[];
  readonly backends: readonly Place<BeService>[];
  readonly all: readonly Place[];
  readonly frontendsOf: ByHost<Place<FeService>>;
  readonly backendsOf: ByHost<Place<BeService>>;
}

export type ByHost<T> = ReadonlyMap<string, readonly T[]>;

/** The FE first, where there is one. */
export const servicesOf = ({ fe, be }: CompiledHost): readonly (FeService | BeService)[] =>
  fe === null ? be : [fe, ...be];

/** Where a BE's data lies in its container: be/storage, be/storage-1 … */
export const isStorage = (path: string): boolean => /\/be\/storage(-\d+)?$/.test(path);

/** Storage that the container has and the service is not to have any more, as folders of the machine. */
export const leftBehind = ({ folders }: FeService | BeService, { mounts }: Container): string[] =>
  Object.entries(mounts)
    .filter(([path]) => isStorage(path) && !folders.some(folder => folder.container === path))
    .map(([, folder]) => folder);

export const placesOf = remembered((hosts: readonly CompiledHost[]): Places => {
  const at = <S extends FeService | BeService>(host: CompiledHost, service: S): Place<S> => ({
    ...{ host, service },
    key: nodeKey(host.address, service.name),
  });
  const frontends = hosts.flatMap(host => (host.fe === null ? [] : [at(host, host.fe)]));
  const backends = hosts.flatMap(host => host.be.map(be => at(host, be)));
  return {
    ...{ frontends, backends },
    all: [...frontends, ...backends],
    frontendsOf: byHost(frontends, place => place.host.address),
    backendsOf: byHost(backends, place => place.host.address),
  };
});

export function byHost<T>(all: readonly T[], hostOf: (one: T) => string): ByHost<T> {
  const found = new Map<string, T[]>();
  for (const one of all) {
    const host = hostOf(one);
    const there = found.get(host);
    if (there === undefined) found.set(host, [one]);
    else there.push(one);
  }
  return found;
}
