import type { BePorts, ClusterJson, FePorts } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import type { Occupied } from './occupied.ts';

interface Wanted {
  readonly fe: Partial<FePorts>;
  readonly be: { readonly address: string; readonly index: number; readonly ports: Partial<BePorts> }[];
}

/**
 * The next free port above each taken one: BE ports per host, FE ports for all FEs alike.
 * @throws DeployError E_FE_PORT_TAKEN, E_NO_FREE_PORT
 */
export function freePorts(cluster: ClusterJson, fresh: readonly Occupied[]): Wanted {
  const carriers = fresh.filter(({ host }) => host.fe !== null);
  // One deployed FE holds its ports, and all FEs share them: then nothing can move.
  const fixed = carriers.length < cluster.hosts.filter(host => host.fe !== null).length;
  const used = new Set(cluster.hosts.flatMap(host => host.be.flatMap(be => Object.values(be.ports))));
  const fe: Record<string, number> = {};
  for (const [name, port] of Object.entries(cluster.fe_ports)) {
    const taken = (candidate: number) => carriers.some(one => one.taken.has(candidate));
    if (!taken(port)) continue;
    if (fixed) throw fixedPort(name, port);
    fe[name] = nextFree(
      port,
      candidate =>
        taken(candidate) || used.has(candidate) || Object.values({ ...cluster.fe_ports, ...fe }).includes(candidate),
    );
  }
  const fePorts = new Set(Object.values({ ...cluster.fe_ports, ...fe }));
  const be = fresh.flatMap(({ host, taken }) => {
    const own = new Set(host.be.flatMap(one => Object.values(one.ports)));
    return host.be.flatMap(one => {
      const moved: Record<string, number> = {};
      for (const [name, port] of Object.entries(one.ports)) {
        if (!taken.has(port)) continue;
        moved[name] = nextFree(port, candidate => taken.has(candidate) || own.has(candidate) || fePorts.has(candidate));
        own.add(moved[name]);
      }
      return Object.keys(moved).length === 0 ? [] : [{ address: host.address, index: one.index, ports: moved }];
    });
  });
  return { fe, be };
}

const HIGHEST = 65_535;

function nextFree(port: number, taken: (candidate: number) => boolean): number {
  for (let candidate = port + 1; candidate <= HIGHEST; candidate += 1) if (!taken(candidate)) return candidate;
  throw new DeployError({
    code: 'E_NO_FREE_PORT',
    message: `No port above ${port} is free.`,
    hint: 'Choose the ports yourself.',
  });
}

const fixedPort = (name: string, port: number): DeployError =>
  new DeployError({
    code: 'E_FE_PORT_TAKEN',
    message: `${name} ${port} is taken on a machine that is new, and FEs that are deployed already use it: all FEs share their ports.`,
    hint: 'Stop the program that holds it there, or give that machine no FE (`fe: none`).',
  });
