import type { Backend, ClusterState } from './cluster-state.ts';
import type { FeConfig } from './fe-config.ts';

/**
 * Tablets of the whole cluster (STANDIN_TABLETS), three replicas each where there are three BEs. Only numbers are kept:
 * a BE holds at most one replica of a tablet, so at most this many.
 */
const total = Number(process.env['STANDIN_TABLETS'] ?? '30');
const movesPerRound = Math.max(1, Math.ceil(total / 4));

const holdsReplicas = (be: Backend): boolean => be.kind === 'backend' && be.alive && !be.decommissioned;

export interface Tablets {
  readonly tablets: number;
  readonly replicas: number;
  readonly unhealthy: number;
}

export function countTablets(state: ClusterState): Tablets {
  const whole = sum(state.backends.filter(holdsReplicas));
  const replicas = sum(state.backends);
  const wanted = total * Math.min(3, state.backends.filter(be => be.kind === 'backend').length);
  return replicas === 0
    ? { tablets: 0, replicas: 0, unhealthy: 0 }
    : { tablets: total, replicas, unhealthy: Math.min(total, Math.max(0, wanted - whole)) };
}

/**
 * One round of the tablet scheduler on the leader: new replicas where some are missing, moves away from decommissioned
 * BEs and from BEs dead for longer than the repair delay, balancing; and the rows of BEs that are drained go.
 */
export function moveTablets(state: ClusterState, config: FeConfig, isGone: (be: Backend) => boolean): ClusterState {
  const counts = new Map(state.backends.map(be => [be.id, be.tablets]));
  const hosts = state.backends.filter(holdsReplicas);
  const cloning = config.get('tablet_sched_max_scheduling_tablets') !== '0';
  if (cloning && hosts.length > 0) {
    const leaving = state.backends.filter(be => be.tablets > 0 && (isGone(be) || (be.decommissioned && be.alive)));
    for (const be of leaving) move(counts, [be], hosts, movesPerRound);
    const missing = total * Math.min(3, hosts.length) - [...counts.values()].reduce((a, b) => a + b, 0);
    place(counts, hosts, sum(state.backends) === 0 ? missing : Math.min(missing, movesPerRound));
    if (balances(config)) balance(counts, hosts);
  }
  const moved = state.backends.map(be => ({ ...be, tablets: counts.get(be.id) ?? be.tablets }));
  const keep = config.get('drop_backend_after_decommission') !== 'true';
  return { ...state, backends: moved.filter(be => keep || !be.decommissioned || be.tablets > 0) };
}

const sum = (backends: readonly Backend[]): number => backends.reduce((all, be) => all + be.tablets, 0);

const balances = (config: FeConfig): boolean =>
  config.get('tablet_sched_disable_balance') !== 'true' && config.get('tablet_sched_max_balancing_tablets') !== '0';

type Counts = Map<number, number>;

function emptiest(counts: Counts, hosts: readonly Backend[]): Backend | undefined {
  const room = hosts.filter(be => (counts.get(be.id) ?? 0) < total);
  return room.sort((a, b) => (counts.get(a.id) ?? 0) - (counts.get(b.id) ?? 0))[0];
}

function place(counts: Counts, hosts: readonly Backend[], replicas: number): void {
  for (let i = 0; i < replicas; i++) {
    const target = emptiest(counts, hosts);
    if (target === undefined) return;
    counts.set(target.id, (counts.get(target.id) ?? 0) + 1);
  }
}

function move(counts: Counts, from: readonly Backend[], to: readonly Backend[], limit: number): void {
  for (const be of from) {
    for (let i = 0; i < limit && (counts.get(be.id) ?? 0) > 0; i++) {
      if (emptiest(counts, to) === undefined) return;
      place(counts, to, 1);
      counts.set(be.id, (counts.get(be.id) ?? 0) - 1);
    }
  }
}

function balance(counts: Counts, hosts: readonly Backend[]): void {
  const average = hosts.reduce((all, be) => all + (counts.get(be.id) ?? 0), 0) / hosts.length;
  for (const be of hosts) {
    const excess = Math.floor((counts.get(be.id) ?? 0) - average);
    const others = hosts.filter(other => (counts.get(other.id) ?? 0) < Math.floor(average));
    move(counts, [be], others, Math.min(excess, movesPerRound));
  }
}
