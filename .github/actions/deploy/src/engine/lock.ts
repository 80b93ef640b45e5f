import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import type { Session } from '../host/session.ts';
import { majority } from '../plan/gates.ts';
import { type HostWorld, type Known, known, type LockOwner, type World } from '../plan/world.ts';

const PAUSE_MS = 1000;

/** Machines that were reached, as far as a lock needs them. */
export interface Lockable {
  open(host: CompiledHost): Promise<Pick<Session, 'lock'>>;
  /** Gives the machine's lock back, held or not. */
  release(address: string): Promise<void>;
}

/**
 * Locks a majority of the FE hosts, so that two runs can never both go on, then every host that the plan touches: all
 * or none. Before the first bootstrap nobody has met anybody, so all FE hosts are locked.
 * @returns what the locked machines look like under the lock
 * @throws DeployError E_LOCKED with who holds it, once `limitSeconds` are over
 */
export async function lockHosts(
  machines: Lockable,
  cluster: ClusterJson,
  world: World,
  touched: readonly string[],
  limitSeconds: number,
  waiting: (host: string, owner: LockOwner | null) => void,
  signal: AbortSignal,
): Promise<World['hosts']> {
  const { arbiters, rest } = wanted(cluster, world, touched);
  const end = performance.now() + limitSeconds * 1000;
  for (;;) {
    const seen: Record<string, Known<HostWorld>> = {};
    const busy =
      (await lockAll(machines, arbiters, 'one by one', seen)) ?? (await lockAll(machines, rest, 'together', seen));
    if (busy === null) return seen;
    await Promise.all([...arbiters, ...rest].map(host => machines.release(host.address)));
    waiting(busy.host.address, busy.owner);
    if (performance.now() >= end || signal.aborted) throw locked(busy, limitSeconds);
    // Two runs that gave way to each other at the same moment must not do so for ever.
    await sleep(PAUSE_MS * (0.5 + Math.random()));
  }
}

interface Busy {
  readonly host: CompiledHost;
  readonly owner: LockOwner | null;
}

const byAddress = (a: CompiledHost, b: CompiledHost): number => numeric(a.address) - numeric(b.address);
const numeric = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

function wanted(
  cluster: ClusterJson,
  world: World,
  touched: readonly string[],
): { arbiters: CompiledHost[]; rest: CompiledHost[] } {
  const frontends = cluster.hosts.filter(host => host.fe !== null).sort(byAddress);
  const reached = frontends.filter(host => world.hosts[host.address]?.known === true);
  const needed = world.cluster.known ? majority(frontends.length) : frontends.length;
  const enough = world.cluster.known ? needed : Math.max(majority(frontends.length), reached.length);
  if (reached.length < majority(frontends.length)) {
    throw new DeployError({
      code: 'E_NO_MAJORITY',
      step: 'lock',
      message: `${reached.length} of ${frontends.length} FE hosts can be reached, and a run that changes anything locks a majority of them.`,
      hint: 'Bring more FE hosts up, or see why they do not answer.',
    });
  }
  const arbiters = reached.slice(0, enough);
  const leaving = world.leaving.filter(
    ({ address }) => world.hosts[address]?.known === true && !cluster.hosts.some(host => host.address === address),
  );
  const rest = [...cluster.hosts, ...leaving]
    .filter(host => touched.includes(host.address) && !arbiters.includes(host))
    .sort(byAddress);
  return { arbiters, rest };
}

/**
 * Arbiters one by one, in the order of their addresses, so that of two runs that meet one has them all. The rest together:
 * nobody waits while holding (whoever finds one taken gives everything back), so no order is needed against a deadlock,
 * and thirty machines would cost thirty round trips. Two runs whose FE lists share no majority still share what they touch.
 */
async function lockAll(
  machines: Lockable,
  hosts: readonly CompiledHost[],
  how: 'one by one' | 'together',
  seen: Record<string, Known<HostWorld>>,
): Promise<Busy | null> {
  if (how === 'together') {
    const busy = await Promise.all(hosts.map(host => lockOne(machines, host, seen)));
    return busy.find(one => one !== null) ?? null;
  }
  for (const host of hosts) {
    const busy = await lockOne(machines, host, seen);
    if (busy !== null) return busy;
  }
  return null;
}

async function lockOne(
  machines: Lockable,
  host: CompiledHost,
  seen: Record<string, Known<HostWorld>>,
): Promise<Busy | null> {
  const session = await machines.open(host);
  const answer = await session.lock();
  if (!answer.locked) return { host, owner: answer.owner };
  seen[host.address] = known(answer.machine);
  return null;
}

function locked({ host, owner }: Busy, limitSeconds: number): DeployError {
  const who =
    owner === null
      ? 'another run'
      : `${owner.run} (${owner.actor}, commit ${owner.commit.slice(0, 12) || 'none'}, since ${owner.since})`;
  return new DeployError({
    code: 'E_LOCKED',
    host: host.address,
    step: 'lock',
    message: `${host.address} is locked by ${who}, and ${limitSeconds} s of waiting are over.`,
    hint: 'Let that run end, or cancel it: its lock is free when it is gone and what it had begun has finished.',
  });
}
