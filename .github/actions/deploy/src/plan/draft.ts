import { type FeData, type HostWorld, type Known, known, type World } from './world.ts';

/** Records that nobody else sees yet: one of hundreds of hosts is dear to copy, and need not be for each change. */
const drafts = new WeakSet<World['hosts']>();

/** `work` on a world whose hosts are copied once; what it hands out meanwhile must not be kept. */
export function drafted(world: World, work: (draft: World) => World): World {
  const hosts = { ...world.hosts };
  drafts.add(hosts);
  const done = work({ ...world, hosts });
  drafts.delete(hosts);
  return done;
}

export function withMachines(
  hosts: World['hosts'],
  changed: readonly (readonly [address: string, machine: HostWorld])[],
): World['hosts'] {
  if (changed.length === 0) return hosts;
  const after: Record<string, Known<HostWorld>> = drafts.has(hosts) ? hosts : { ...hosts };
  for (const [address, machine] of changed) after[address] = known(machine);
  return after;
}

/** A machine that does not answer stays as unknown as it is. */
export function onHost(world: World, address: string, change: (machine: HostWorld) => HostWorld): World {
  const answer = world.hosts[address];
  if (answer?.known !== true) return world;
  return { ...world, hosts: withMachines(world.hosts, [[address, change(answer.value)]]) };
}

export const withFe = (machine: HostWorld, change: (fe: FeData) => FeData): HostWorld => ({
  ...machine,
  fe: change(machine.fe),
});
