import { describe, expect, it } from 'vitest';
import { converge, type Doing, type Fleet } from '../../../.github/actions/deploy/src/engine/converge.ts';
import { DeployError } from '../../../.github/actions/deploy/src/error.ts';
import { approvalOf } from '../../../.github/actions/deploy/src/plan/approval.ts';
import { effects } from '../../../.github/actions/deploy/src/plan/effects.ts';
import type { Operation } from '../../../.github/actions/deploy/src/plan/operation.ts';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { settle } from '../../../.github/actions/deploy/src/plan/settle.ts';
import type { World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { known } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import {
  becomes,
  cluster,
  deployed,
  emptyWorld,
  everything,
  meets,
  stopped,
  withBackends,
  withMachine,
} from '../plan/worlds.ts';

/** Machines that do what the planner's model says operations do. */
class ModelFleet implements Fleet {
  world: World;
  readonly done: Operation[] = [];
  readonly locked: ReadonlySet<string>;
  /** Called before each operation; what it returns is done instead. */
  before: (operation: Operation, count: number) => 'do' | 'fail' | 'cut off' = () => 'do';
  /** Do the rows show that a node has started again? */
  showsStarts = true;
  #restarts = 0;
  /** `host kind` → its latest start; `now` sorts before all of them. */
  readonly #starts = new Map<string, string>();
  readonly #desired: ClusterJson;

  constructor(desired: ClusterJson, world: World, locked = desired.hosts.map(host => host.address)) {
    this.#desired = desired;
    this.world = world;
    this.locked = new Set(locked);
  }

  look = async (): Promise<World> => {
    this.world = this.#withStarts(settle(this.#desired, this.world));
    return this.world;
  };

  run = async (operation: Operation): Promise<void> => {
    const what = this.before(operation, this.done.length);
    this.done.push(operation);
    const { done, cutOff } = effects(operation, this.#desired, this.world);
    if (what === 'do') {
      this.world = operation.kind === 'activate' ? this.#newerStart(operation, done) : done;
      return;
    }
    if (what === 'cut off') this.world = cutOff.at(-1) ?? this.world;
    throw new DeployError({ code: 'E_CONNECTION_LOST', message: 'The connection was lost.', hint: 'Deploy again.' });
  };

  logs = async (): Promise<string> => 'first line\nlast line\n';

  /** A restart shows as a newer StartTime with a heartbeat after it, and nothing else. */
  #newerStart({ host, service }: Extract<Operation, { kind: 'activate' }>, world: World): World {
    if (this.showsStarts)
      this.#starts.set(`${host} ${service === 'starrocks-fe' ? 'fe' : 'be'}`, `now ${++this.#restarts}`);
    return this.#withStarts(world);
  }

  #withStarts(world: World): World {
    if (!world.cluster.known) return world;
    const { value: rows } = world.cluster;
    return {
      ...world,
      cluster: known({
        ...rows,
        frontends: rows.frontends.map(row => {
          const time = this.#starts.get(`${row.host} fe`);
          return time === undefined ? row : { ...row, start_time: time, last_heartbeat: time };
        }),
        backends: rows.backends.map(row => {
          const time = this.#starts.get(`${row.host} be`);
          return time === undefined ? row : { ...row, last_start_time: time, last_heartbeat: time };
        }),
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

  it('lets what is in flight on other machines finish after a failure, and begins nothing more there', async () => {
    const fleet = new ModelFleet(three, emptyWorld(three));
    const { run } = fleet;
    const ended: string[] = [];
    fleet.run = async operation => {
      if (operation.kind === 'stage' && operation.host === '10.0.0.2') await new Promise(go => setTimeout(go, 20));
      if (operation.kind === 'stage' && operation.host === '10.0.0.1') fleet.before = () => 'fail';
      const failing = run(operation);
      fleet.before = () => 'do';
      await failing;
      ended.push(`${operation.kind} ${'host' in operation ? operation.host : ''}`);
    };
    const { problems } = await go(three, fleet);
    expect(problems.map(problem => problem.host)).toEqual(['10.0.0.1']);
    expect(ended).toContain('stage 10.0.0.2');
    expect(ended.filter(one => /activate|pull 10\.0\.0\.[12]/.test(one))).toEqual([]);
  });

  it('says what it waits for, also where that is no machine of its own', async () => {
    const desired = cluster([{}, {}, {}], { timeouts: { ...three.timeouts, drain: 1 } });
    const drained = withBackends(becomes(desired, cluster([{}, {}, {}, { fe: null }])), '10.0.0.4', {
      system_decommissioned: true,
      tablet_num: 5,
    });
    const fleet = new ModelFleet(desired, drained);
    fleet.look = async () => fleet.world;
    const told: [string | null, string | null][] = [];
    const leave = {
      approved: null,
      doing: ({ host, doing }: Parameters<Doing>[0]) => told.push([host, doing]),
      signal: never,
    };
    const { problems } = await converge(desired, fleet, drained, everything, leave);
    expect(problems).toEqual([]);
    expect(told).toContainEqual([null, 'waiting until no tablet is left on 10.0.0.4/starrocks-be']);
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

  it('says what it left running when that takes longer than a cancelled run may, and begins nothing more', async () => {
    const desired = cluster([{ be_conf: 'x', fe_conf: 'y' }, {}, {}]);
    const cancel = new AbortController();
    const fleet = new ModelFleet(desired, meets(desired, deployed(three)));
    const { run } = fleet;
    fleet.run = operation => {
      if (operation.kind !== 'activate') return run(operation);
      cancel.abort();
      return new Promise(() => undefined);
    };
    const begun = performance.now();
    const { records, problems } = await go(desired, fleet, cancel.signal);
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(records.map(({ title, outcome, ended }) => [title, outcome, ended === null])).toEqual([
      ['prepare 10.0.0.1', 'done', false],
      ['restart starrocks-be on 10.0.0.1', 'running', true],
    ]);
    expect(problems.map(({ code, host, step, message }) => [code, host, step, message])).toEqual([
      [
        'E_CANCELLED',
        '10.0.0.1',
        'restart starrocks-be on 10.0.0.1',
        'The run was cancelled in the middle of activate, which the machine goes on with under its lock.',
      ],
    ]);
  });

  it('ends soon after a cancellation though nobody answers its looks any more', async () => {
    const desired = cluster([{ be_conf: 'x' }, {}, {}]);
    const cancel = new AbortController();
    const fleet = new ModelFleet(desired, meets(desired, deployed(three)));
    fleet.showsStarts = false;
    const { look } = fleet;
    let looks = 0;
    fleet.look = () => {
      looks += 1;
      if (looks < 4) return look();
      cancel.abort();
      return new Promise(() => undefined);
    };
    const begun = performance.now();
    const { problems } = await go(desired, fleet, cancel.signal);
    expect(performance.now() - begun).toBeLessThan(6000);
    expect(problems.map(problem => problem.code)).toEqual(['E_CANCELLED']);
  });

  it('does what was approved and stops before what was not, and shows both', async () => {
    const desired = cluster([{ be_conf: 'x' }, { be_conf: 'x' }, {}]);
    const world = meets(desired, deployed(three));
    const whole = approvalOf(desired, makePlan(desired, world, everything));
    const approved = { ...whole, steps: whole.steps.filter(step => step.host === '10.0.0.1') };
    const fleet = new ModelFleet(desired, world);
    const leave = { approved, doing: quiet, signal: never };
    const { problems, records } = await converge(desired, fleet, world, everything, leave);
    expect(records.map(record => [record.title, record.outcome])).toEqual([
      ['prepare 10.0.0.1', 'done'],
      ['prepare 10.0.0.2', 'done'],
      ['restart starrocks-be on 10.0.0.1', 'done'],
    ]);
    expect(problems.map(problem => [problem.code, problem.detail])).toEqual([
      [
        'E_NOT_APPROVED',
        ['approved: restart starrocks-be on 10.0.0.1', 'not approved: restart starrocks-be on 10.0.0.2'],
      ],
    ]);
    expect(fleet.done.some(one => one.kind === 'activate' && one.host === '10.0.0.2')).toBe(false);
  });

  it('stops before a step that became necessary while it ran and that nobody approved', async () => {
    const desired = cluster([{ be_conf: 'x' }, {}, {}]);
    const world = meets(desired, deployed(three));
    const approved = approvalOf(desired, makePlan(desired, world, everything));
    const fleet = new ModelFleet(desired, world);
    fleet.before = operation => {
      if (operation.kind === 'stage') fleet.world = stopped(fleet.world, '10.0.0.3', 'starrocks-be');
      return 'do';
    };
    const leave = { approved, doing: quiet, signal: never };
    const { problems } = await converge(desired, fleet, world, everything, leave);
    expect(problems.map(problem => [problem.code, problem.detail?.at(-1)])).toEqual([
      ['E_NOT_APPROVED', 'not approved: start starrocks-be on 10.0.0.3'],
    ]);
    expect(fleet.done.filter(one => one.kind === 'activate')).toEqual([]);
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
        hint: 'Look why it ends again (`npm run repair -- logs`), and whether somebody else changes this cluster at the same time; then deploy again.',
      },
    ]);
    expect(records.length).toBe(5 * 3);
  });

  it.each(['starrocks-fe', 'starrocks-be'])(
    'waits for a %s that ends again and again, shows its log, and starts it not once more',
    async service => {
      const desired = cluster([{}, {}, {}], {
        timeouts: { ssh: 1, query: 1, pull: 1, fe_ready: 1, be_ready: 1, drain: 1, lock: 1 },
      });
      const dead = stopped(deployed(desired), '10.0.0.3', service);
      const ending = withMachine(dead, '10.0.0.3', machine => ({
        ...machine,
        containers: machine.containers.map(one => (one.service === service ? { ...one, state: 'restarting' } : one)),
      }));
      const fleet = new ModelFleet(desired, ending);
      fleet.look = async () => ending;
      const { problems } = await go(desired, fleet);
      expect(problems.map(problem => [problem.code, problem.detail?.at(0), problem.detail?.at(-1)])).toEqual([
        [
          'E_NOT_READY',
          `10.0.0.3/${service}: Alive=false; container restarting, healthy; the last lines of its log:`,
          'last line',
        ],
      ]);
      expect(fleet.done).toEqual([]);
    },
  );

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
    fleet.showsStarts = false;
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
