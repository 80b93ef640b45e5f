import { describe, expect, it } from 'vitest';
import { converge, type Fleet } from '../../../.github/actions/deploy/src/engine/converge.ts';
import { DeployError } from '../../../.github/actions/deploy/src/error.ts';
import { effects, settle } from '../../../.github/actions/deploy/src/plan/effects.ts';
import type { Operation } from '../../../.github/actions/deploy/src/plan/operation.ts';
import type { World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { known } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import { cluster, deployed, emptyWorld, everything, meets } from '../plan/worlds.ts';

/** Machines that do what the planner's model says operations do. */
class ModelFleet implements Fleet {
  world: World;
  readonly done: Operation[] = [];
  readonly locked: ReadonlySet<string>;
  /** Called before each operation; what it returns is done instead. */
  before: (operation: Operation, count: number) => 'do' | 'fail' | 'cut off' = () => 'do';
  #restarts = 0;
  readonly #desired: ClusterJson;

  constructor(desired: ClusterJson, world: World, locked = desired.hosts.map(host => host.address)) {
    this.#desired = desired;
    this.world = world;
    this.locked = new Set(locked);
  }

  look = async (): Promise<World> => {
    this.world = settle(this.#desired, this.world);
    return this.world;
  };

  run = async (operation: Operation): Promise<void> => {
    const what = this.before(operation, this.done.length);
    this.done.push(operation);
    const { done, cutOff } = effects(operation, this.#desired, this.world);
    if (what === 'do') {
      this.world = operation.kind === 'activate' ? this.#newerStart(operation.host, done) : done;
      return;
    }
    if (what === 'cut off') this.world = cutOff.at(-1) ?? this.world;
    throw new DeployError({ code: 'E_CONNECTION_LOST', message: 'The connection was lost.', hint: 'Deploy again.' });
  };

  logs = async (): Promise<string> => 'first line\nlast line\n';

  /** A restart shows as a newer StartTime with a heartbeat after it, and nothing else. */
  #newerStart(host: string, world: World): World {
    if (!world.cluster.known) return world;
    const time = `2026-01-01 00:00:0${++this.#restarts}`;
    const { value: rows } = world.cluster;
    return {
      ...world,
      cluster: known({
        ...rows,
        frontends: rows.frontends.map(row =>
          row.host === host ? { ...row, start_time: time, last_heartbeat: time } : row,
        ),
        backends: rows.backends.map(row =>
          row.host === host ? { ...row, last_start_time: time, last_heartbeat: time } : row,
        ),
      }),
    };
  }
}

const quiet = () => undefined;
const never = new AbortController().signal;
const go = (desired: ClusterJson, fleet: ModelFleet, signal = never) =>
  converge(desired, fleet, fleet.world, everything, { approved: null, doing: quiet, signal });

const three = cluster([{}, {}, {}]);

describe('converge', () => {
  it('brings fresh machines to a cluster, and then finds nothing to do', async () => {
    const fleet = new ModelFleet(three, emptyWorld(three));
    const { problems, world } = await go(three, fleet);
    expect(problems).toEqual([]);
    expect(world.cluster.known && world.cluster.value.frontends.map(row => row.role)).toEqual([
      'LEADER',
      'FOLLOWER',
      'FOLLOWER',
    ]);
    const count = fleet.done.length;
    expect((await go(three, fleet)).records).toEqual([]);
    expect(fleet.done.length).toBe(count);
  });

  it('converges when run again after any operation has failed, before or in the middle of it', async () => {
    const total = await operationsOf();
    for (let at = 0; at < total; at += 1) {
      for (const how of ['fail', 'cut off'] as const) {
        const fleet = new ModelFleet(three, emptyWorld(three));
        fleet.before = (_operation, count) => (count === at ? how : 'do');
        const first = await go(three, fleet);
        expect(first.problems.map(problem => problem.code)).toEqual(['E_CONNECTION_LOST']);
        const again = await go(three, fleet);
        expect([at, how, again.problems]).toEqual([at, how, []]);
        expect(fleet.done.filter(one => one.kind === 'activate' && one.host === '10.0.0.1').length).toBeLessThan(5);
      }
    }
  });

  it('starts nothing new after a failure, and tells what was not begun', async () => {
    const fleet = new ModelFleet(three, emptyWorld(three));
    fleet.before = operation => (operation.kind === 'activate' ? 'fail' : 'do');
    const { records } = await go(three, fleet);
    expect(records.map(record => [record.title, record.outcome])).toEqual([
      ['prepare 10.0.0.1', 'done'],
      ['prepare 10.0.0.2', 'done'],
      ['prepare 10.0.0.3', 'done'],
      ['found the cluster on 10.0.0.1', 'failed'],
    ]);
  });

  it('begins no step after a cancellation', async () => {
    const cancel = new AbortController();
    const fleet = new ModelFleet(three, emptyWorld(three));
    fleet.before = operation => {
      if (operation.kind === 'stage') cancel.abort();
      return 'do';
    };
    const { problems } = await go(three, fleet, cancel.signal);
    expect(problems.map(problem => problem.code)).toEqual(['E_CANCELLED']);
    expect(fleet.done.some(operation => operation.kind === 'activate')).toBe(false);
  });

  it('begins no operation of a step that is under way when it is cancelled', async () => {
    const cancel = new AbortController();
    const fleet = new ModelFleet(three, emptyWorld(three));
    fleet.before = operation => {
      if (operation.kind === 'writeState') cancel.abort();
      return 'do';
    };
    const { problems } = await go(three, fleet, cancel.signal);
    expect(problems.map(problem => problem.code)).toEqual(['E_CANCELLED']);
    expect(fleet.done.at(-1)?.kind).toBe('writeState');
  });

  it('ends when what it does has no effect, and says what', async () => {
    const fleet = new ModelFleet(three, emptyWorld(three));
    fleet.run = async operation => {
      fleet.done.push(operation);
    };
    const { problems, records } = await go(three, fleet);
    expect(problems).toEqual([
      {
        code: 'E_NO_EFFECT',
        host: null,
        step: 'upload the files and pull the images',
        message: 'What this run did 5 times has not lasted: upload the files and pull the images.',
        hint: 'See who else changes this cluster at the same time, then deploy again.',
      },
    ]);
    expect(records.length).toBe(5 * 3);
  });

  it('touches no machine whose lock it does not hold', async () => {
    const desired = cluster([{}, { be_conf: 'x' }, {}]);
    const fleet = new ModelFleet(desired, meets(desired, deployed(three)), ['10.0.0.1']);
    const { problems } = await go(desired, fleet);
    expect(problems.map(problem => problem.code)).toEqual(['E_PLAN_CHANGED']);
    expect(fleet.done).toEqual([]);
  });

  it('waits after a restart until the row shows a newer start, though Alive stays true', async () => {
    const desired = cluster([{ be_conf: 'x' }, { be_conf: 'x' }, {}], {
      timeouts: { ssh: 1, query: 1, pull: 1, fe_ready: 1, be_ready: 1, drain: 1, lock: 1 },
    });
    const fleet = new ModelFleet(desired, deployed(three));
    const frozen = fleet.run;
    fleet.run = async operation => {
      const rows = fleet.world.cluster;
      await frozen(operation);
      fleet.world = { ...fleet.world, cluster: rows };
    };
    const { problems } = await go(desired, fleet);
    expect(problems.map(problem => [problem.code, problem.detail?.at(-1)])).toEqual([['E_NOT_READY', 'last line']]);
    expect(fleet.done.filter(operation => operation.kind === 'activate').length).toBe(1);
  });
});

async function operationsOf(): Promise<number> {
  const fleet = new ModelFleet(three, emptyWorld(three));
  await go(three, fleet);
  return fleet.done.length;
}
