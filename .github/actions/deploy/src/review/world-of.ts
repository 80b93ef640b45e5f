import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { freshMachine, freshWorld } from '../plan/fresh-world.ts';
import { leavingBetween } from '../plan/leaving.ts';
import { unfold } from '../plan/plan.ts';
import { convergeAll } from '../plan/situation.ts';
import { known, unknown, type World } from '../plan/world.ts';

/** Machines that run exactly what `base` says, healthy, with the founding FE as leader. */
function running(base: ClusterJson): World {
  // A machine in maintenance runs all the same.
  const hosts = base.hosts.map(host => ({ ...host, maintenance: false }));
  return unfold({ ...base, hosts }, freshWorld(base), convergeAll).end;
}

/** What a deploy of `head` would meet if the machines match `base`; new machines are fresh. */
export function worldOf(base: ClusterJson | null, head: ClusterJson): World {
  if (base === null) return maintained(head, freshWorld(head));
  const before = running(base);
  const fresh = known(freshMachine(Number.POSITIVE_INFINITY));
  const leaving = leavingBetween(base, head);
  const addresses = new Set([...head.hosts, ...leaving].map(host => host.address));
  const hosts = [...addresses].map(address => [address, before.hosts[address] ?? fresh]);
  return maintained(head, { ...before, leaving, hosts: Object.fromEntries(hosts) });
}

const maintained = (head: ClusterJson, world: World): World => ({
  ...world,
  hosts: {
    ...world.hosts,
    ...Object.fromEntries(
      head.hosts.filter(host => host.maintenance).map(host => [host.address, unknown('it is in maintenance')]),
    ),
  },
});
