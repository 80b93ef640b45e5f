import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { servicesOf } from './place.ts';

/** Hosts of `before` with those of their services that `after` does not declare any more. */
export function leavingBetween(before: ClusterJson, after: ClusterJson): CompiledHost[] {
  return before.hosts.flatMap(host => {
    const now = after.hosts.find(one => one.address === host.address);
    const stays = new Set(now === undefined ? [] : servicesOf(now).map(one => one.name));
    const fe = host.fe === null || stays.has(host.fe.name) ? null : host.fe;
    const be = host.be.filter(one => !stays.has(one.name));
    return fe === null && be.length === 0 ? [] : [{ ...(now ?? host), fe, be }];
  });
}
