import { describe, expect, it } from 'vitest';
import { type Lockable, lockHosts } from '../../../.github/actions/deploy/src/engine/lock.ts';
import { type LockOwner, unknown, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import { cluster, deployed, emptyMachine, emptyWorld } from '../plan/worlds.ts';

const owner = (run: string): LockOwner => ({
  run,
  actor: 'ada',
  commit: '0123456789abcdef0123456789abcdef01234567',
  since: '2026-01-02T03:04:05.000Z',
});

/** Who holds which machine, whichever run asks. */
class Locks {
  readonly held = new Map<string, string>();
  /** `take`, `busy` and `give` with their machines, in order. */
  readonly said: string[] = [];

  /** What one run sees of the machines. */
  of(run: string): Lockable {
    return {
      open: async ({ address }) => ({
        lock: async () => {
          const holder = this.held.get(address);
          if (holder !== undefined && holder !== run) {
            this.said.push(`busy ${address}`);
            return { locked: false, owner: owner(holder) };
          }
          this.held.set(address, run);
          this.said.push(`take ${address}`);
          return { locked: true, machine: emptyMachine() };
        },
      }),
      release: async address => {
        if (this.held.get(address) !== run) return;
        this.held.delete(address);
        this.said.push(`give ${address}`);
      },
    };
  }
}

const never = new AbortController().signal;
const quiet = () => undefined;

function lock(locks: Locks, desired: ClusterJson, world: World, touched: readonly string[], limit = 0) {
  return lockHosts(locks.of('mine'), desired, world, touched, limit, quiet, never);
}

const silent = (world: World, ...addresses: readonly string[]): World => ({
  ...world,
  hosts: { ...world.hosts, ...Object.fromEntries(addresses.map(address => [address, unknown('connection refused')])) },
});

const last = (...parts: readonly number[]): string[] => parts.map(part => `10.0.0.${part}`);

describe('a run that changes something', () => {
  const five = cluster([{}, {}, {}, {}, {}, { fe: null }]);

  it('locks a majority of the FE machines, by address, and what it touches', async () => {
    const locks = new Locks();
    const seen = await lock(locks, five, deployed(five), last(5, 6));
    expect([...locks.held.keys()]).toEqual(last(1, 2, 3, 5, 6));
    expect(Object.keys(seen)).toEqual(last(1, 2, 3, 5, 6));
  });

  it('takes addresses as numbers, so that every run has the same order', async () => {
    const twelve = cluster(
      Array.from({ length: 12 }, (_, index) => ({ fe: index < 9 ? null : ('follower' as const) })),
    );
    const swapped = { ...twelve, hosts: twelve.hosts.toReversed(), master_host: '10.0.0.10' };
    const locks = new Locks();
    await lock(locks, swapped, deployed(swapped), last(9, 2));
    expect([...locks.held.keys()].slice(0, 2)).toEqual(last(10, 11));
    expect([...locks.held.keys()].slice(2).sort()).toEqual(last(2, 9));
  });

  it('locks every FE machine before the first bootstrap: nobody has met anybody yet', async () => {
    const locks = new Locks();
    await lock(locks, five, emptyWorld(five), last(1));
    expect([...locks.held.keys()]).toEqual(last(1, 2, 3, 4, 5));
  });

  it('passes over FE machines that are down, as long as the others are a majority of all', async () => {
    const locks = new Locks();
    await lock(locks, five, silent(deployed(five), ...last(1, 2)), last(3));
    expect([...locks.held.keys()]).toEqual(last(3, 4, 5));
  });

  it('does not begin with fewer, and locks nobody', async () => {
    const locks = new Locks();
    await expect(lock(locks, five, silent(deployed(five), ...last(1, 2, 3)), last(4))).rejects.toMatchObject({
      problem: {
        code: 'E_NO_MAJORITY',
        step: 'lock',
        message: '2 of 5 FE hosts can be reached, and a run that changes anything locks a majority of them.',
        hint: 'Bring more FE hosts up, or see why they do not answer.',
      },
    });
    expect(locks.said).toEqual([]);
  });
});

describe('a machine that another run holds', () => {
  const three = cluster([{}, {}, {}, { fe: null }]);

  it('makes the run give back all that it took, and say who has it', async () => {
    const locks = new Locks();
    locks.held.set('10.0.0.4', 'https://github.com/o/r/actions/runs/7');
    await expect(lock(locks, three, deployed(three), last(4))).rejects.toMatchObject({
      problem: {
        code: 'E_LOCKED',
        host: '10.0.0.4',
        message:
          '10.0.0.4 is locked by https://github.com/o/r/actions/runs/7 (ada, commit 0123456789ab, since 2026-01-02T03:04:05.000Z), and 0 s of waiting are over.',
      },
    });
    expect(locks.said).toEqual(['take 10.0.0.1', 'take 10.0.0.2', 'busy 10.0.0.4', 'give 10.0.0.1', 'give 10.0.0.2']);
  });

  it('keeps the run from everything behind it', async () => {
    const locks = new Locks();
    locks.held.set('10.0.0.1', 'other');
    await expect(lock(locks, three, deployed(three), last(4))).rejects.toThrow('10.0.0.1 is locked by other');
    expect(locks.said).toEqual(['busy 10.0.0.1']);
  });

  it('is waited for, while it is told whose it is', async () => {
    const locks = new Locks();
    locks.held.set('10.0.0.2', 'other');
    const told: string[] = [];
    const freed = (host: string, by: LockOwner | null) => {
      told.push(`${host} ${by?.run}`);
      locks.held.delete('10.0.0.2');
    };
    await lockHosts(locks.of('mine'), three, deployed(three), [], 60, freed, never);
    expect(told).toEqual(['10.0.0.2 other']);
    expect([...locks.held]).toEqual([
      ['10.0.0.1', 'mine'],
      ['10.0.0.2', 'mine'],
    ]);
  });

  it('is not waited for by a run that is cancelled', async () => {
    const locks = new Locks();
    locks.held.set('10.0.0.2', 'other');
    const cancelled = AbortSignal.abort();
    const waiting = lockHosts(locks.of('mine'), three, deployed(three), [], 60, quiet, cancelled);
    await expect(waiting).rejects.toThrow('10.0.0.2 is locked by other');
    expect([...locks.held]).toEqual([['10.0.0.2', 'other']]);
  });

  it('lets two runs that meet go on one after the other, though neither sees all that the other sees', async () => {
    const locks = new Locks();
    const inside: string[] = [];
    const most: number[] = [];
    const go = async (run: string, world: World, touched: readonly string[]) => {
      await lockHosts(locks.of(run), three, world, touched, 60, quiet, never);
      inside.push(run);
      most.push(inside.length);
      await new Promise(resolve => setImmediate(resolve));
      inside.pop();
      for (const address of last(1, 2, 3, 4)) await locks.of(run).release(address);
    };
    const world = deployed(three);
    await Promise.all([go('one', silent(world, '10.0.0.1'), last(4)), go('other', silent(world, '10.0.0.3'), last(1))]);
    expect(most).toEqual([1, 1]);
    expect([...locks.held]).toEqual([]);
  });
});
