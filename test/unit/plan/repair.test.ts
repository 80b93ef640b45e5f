import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import type { Intent, Request } from '../../../.github/actions/deploy/src/plan/situation.ts';
import { stepTitle } from '../../../.github/actions/deploy/src/plan/step.ts';
import {
  type BackendRow,
  type FrontendRow,
  known,
  unknown,
  type World,
} from '../../../.github/actions/deploy/src/plan/world.ts';
import { prove } from '../../../.github/actions/deploy/src/prove/prove.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import { cluster, deployed, meets, stopped } from './worlds.ts';

const three = [{}, {}, {}];
const desired = cluster(three);

const request = (intent: Intent, more: Partial<Request> = {}): Request => ({
  hosts: null,
  service: null,
  intent,
  ...more,
});

/** Waves in order, each a list of titles; the codes of what forbids it at the end. */
function told(of: ClusterJson, world: World, wanted: Request): string[][] {
  const { waves, problems } = makePlan(of, world, wanted);
  return [
    ...waves.map(wave => wave.steps.map(stepTitle)),
    ...(problems.length > 0 ? [problems.map(problem => problem.code)] : []),
  ];
}

function withRows(
  world: World,
  change: {
    frontends?: (rows: FrontendRow[]) => FrontendRow[];
    backends?: (rows: BackendRow[]) => BackendRow[];
    leader?: string;
  },
): World {
  if (!world.cluster.known) throw new Error('no rows');
  const rows = world.cluster.value;
  const frontends = change.frontends?.([...rows.frontends]) ?? rows.frontends;
  const backends = change.backends?.([...rows.backends]) ?? rows.backends;
  return { ...world, cluster: known({ ...rows, frontends, backends, leader: change.leader ?? rows.leader }) };
}

const leadBy = (world: World, address: string): World =>
  withRows(world, {
    leader: address,
    frontends: rows => rows.map(row => ({ ...row, role: row.host === address ? 'LEADER' : 'FOLLOWER' })),
  });

describe('restart', () => {
  it('takes every node once: BEs one by one, followers one by one, the live leader last', () => {
    expect(told(desired, leadBy(deployed(desired), '10.0.0.2'), request('restart'))).toEqual([
      ['restart starrocks-be on 10.0.0.1'],
      ['restart starrocks-be on 10.0.0.2'],
      ['restart starrocks-be on 10.0.0.3'],
      ['restart starrocks-fe on 10.0.0.1'],
      ['restart starrocks-fe on 10.0.0.3'],
      ['restart starrocks-fe on 10.0.0.2'],
    ]);
  });

  it('keeps to the chosen service of the chosen hosts, and restarts what is there, not what cluster.yaml says now', () => {
    const changed = cluster([{ be_conf: 'new' }, {}, {}]);
    const wanted = request('restart', { hosts: new Set(['10.0.0.1']), service: 'starrocks-be' });
    const { waves } = makePlan(changed, deployed(desired), wanted);
    expect(waves.flatMap(wave => wave.steps.flatMap(step => step.operations))).toEqual([
      { kind: 'restart', host: '10.0.0.1', service: 'starrocks-be', expects: 'be-0-' },
    ]);
  });

  it('refuses a follower while another one is down', () => {
    const world = stopped(deployed(desired), '10.0.0.3', 'starrocks-fe');
    const wanted = request('restart', { hosts: new Set(['10.0.0.2']), service: 'starrocks-fe' });
    expect(told(desired, world, wanted)).toEqual([['E_GATE']]);
  });

  it('refuses the only FE without allow_outage', () => {
    const one = cluster([{}], { default_replication_num: 1 });
    expect(told(one, deployed(one), request('restart', { service: 'starrocks-fe' }))).toEqual([['E_OUTAGE']]);
  });
});

describe('register', () => {
  it('adds what runs and has no row, and restarts nobody', () => {
    const world = withRows(deployed(desired), { backends: rows => rows.filter(row => row.host !== '10.0.0.2') });
    expect(told(desired, world, request('register'))).toEqual([['register starrocks-be on 10.0.0.2']]);
  });

  it('adds FEs one by one, each in the role that cluster.yaml gives it, before the BEs', () => {
    const five = cluster([{}, {}, {}, {}, { fe: 'observer' }]);
    const lost = ['10.0.0.4', '10.0.0.5'];
    const world = withRows(deployed(five), {
      frontends: rows => rows.filter(row => !lost.includes(row.host)),
      backends: rows => rows.filter(row => !lost.includes(row.host)),
    });
    expect(told(five, world, request('register'))).toEqual([
      ['register starrocks-fe on 10.0.0.4'],
      ['register starrocks-fe on 10.0.0.5'],
      ['register starrocks-be on 10.0.0.4', 'register starrocks-be on 10.0.0.5'],
    ]);
    const statements = makePlan(five, world, request('register')).waves.flatMap(wave =>
      wave.steps.flatMap(step => step.operations.flatMap(one => (one.kind === 'sql' ? [one.statement.kind] : []))),
    );
    expect(statements).toEqual(['addFollower', 'addObserver', 'addBackend', 'addBackend']);
  });

  it('has nothing to do where every node has a row, whatever else differs', () => {
    expect(told(cluster([{ be_conf: 'new' }, {}, {}]), deployed(desired), request('register'))).toEqual([]);
  });
});

describe('a BE that holds nothing', () => {
  const four = cluster([{}, {}, {}, { fe: null }]);
  const world = (change: Partial<BackendRow>): World =>
    withRows(meets(desired, deployed(four)), {
      backends: rows => rows.map(row => (row.host === '10.0.0.4' ? { ...row, tablet_num: 0, ...change } : row)),
    });

  it('is dropped when it is dead, and the proof of the plan agrees', () => {
    const dead = world({ alive: false });
    expect(told(desired, dead, request('drop'))).toEqual([['drop starrocks-be on 10.0.0.4']]);
    const plan = makePlan(desired, dead, request('drop'));
    expect(prove(desired, dead, request('drop'), plan).problem).toBeNull();
  });

  it('is not dropped while it runs undrained: tablets could come to it meanwhile', () => {
    expect(told(desired, world({ alive: true, system_decommissioned: false }), request('drop'))).toEqual([
      ['E_STILL_RUNS'],
    ]);
  });
});

describe('drop', () => {
  const four = cluster([{}, {}, {}, {}]);
  const dead = (world: World): World =>
    withRows(world, {
      frontends: rows => rows.map(row => (row.host === '10.0.0.4' ? { ...row, alive: false } : row)),
      backends: rows => rows.map(row => (row.host === '10.0.0.4' ? { ...row, alive: false } : row)),
    });
  const left = (): World => meets(desired, deployed(four));

  it('drops the rows that cluster.yaml does not name, the FE first', () => {
    expect(told(desired, dead(left()), request('drop'))).toEqual([
      ['drop starrocks-fe on 10.0.0.4'],
      ['drop starrocks-be on 10.0.0.4'],
    ]);
  });

  it('refuses a declared host, and says what to do', () => {
    const { problems, waves } = makePlan(desired, dead(left()), request('drop', { hosts: new Set(['10.0.0.2']) }));
    expect([waves, problems.map(problem => [problem.code, problem.hint])]).toEqual([
      [],
      [['E_DECLARED', 'Take it out of cluster.yaml first.']],
    ]);
  });

  it.each<[string, string, (world: World) => World]>([
    ['the leader', 'E_LEADER', world => leadBy(world, '10.0.0.4')],
    ['an FE that still runs', 'E_STILL_RUNS', world => world],
    [
      'an FE without which no majority is up',
      'E_QUORUM',
      world =>
        withRows(dead(world), {
          frontends: rows => rows.map(row => (row.host === '10.0.0.1' ? row : { ...row, alive: false })),
        }),
    ],
    [
      'a BE that holds tablets',
      'E_TABLETS',
      world =>
        withRows(dead(world), {
          backends: rows => rows.map(row => (row.host === '10.0.0.4' ? { ...row, tablet_num: 3 } : row)),
        }),
    ],
    [
      'a BE without which too few are alive',
      'E_REPLICAS',
      world =>
        withRows(dead(world), {
          backends: rows => rows.map(row => (row.host === '10.0.0.3' ? { ...row, alive: false } : row)),
        }),
    ],
  ])('refuses %s, and drops nothing else meanwhile', (_what, code, change) => {
    const { problems, waves } = makePlan(desired, change(left()), request('drop'));
    expect([waves, problems.map(problem => problem.code)]).toEqual([[], expect.arrayContaining([code])]);
  });
});

describe('stop', () => {
  it('stops a whole cluster: BEs, the other FEs, the leader', () => {
    expect(told(desired, leadBy(deployed(desired), '10.0.0.3'), request('stop'))).toEqual([
      ['stop starrocks-be on 10.0.0.1', 'stop starrocks-be on 10.0.0.2', 'stop starrocks-be on 10.0.0.3'],
      ['stop starrocks-fe on 10.0.0.1', 'stop starrocks-fe on 10.0.0.2'],
      ['stop starrocks-fe on 10.0.0.3'],
    ]);
  });

  it('stops one host, BE before FE', () => {
    expect(told(desired, deployed(desired), request('stop', { hosts: new Set(['10.0.0.2']) }))).toEqual([
      ['stop starrocks-be on 10.0.0.2'],
      ['stop starrocks-fe on 10.0.0.2'],
    ]);
  });

  it('refuses a second host when that would cost quorum or replicas', () => {
    const world = stopped(stopped(deployed(desired), '10.0.0.3', 'starrocks-be'), '10.0.0.3', 'starrocks-fe');
    const at = (service: 'starrocks-be' | 'starrocks-fe') =>
      told(desired, world, request('stop', { hosts: new Set(['10.0.0.2']), service }));
    expect([at('starrocks-be'), at('starrocks-fe')]).toEqual([[['E_GATE']], [['E_GATE']]]);
  });

  it('refuses to take away the only replica', () => {
    const single = cluster(three, { default_replication_num: 1 });
    const wanted = request('stop', { hosts: new Set(['10.0.0.2']), service: 'starrocks-be' });
    expect(told(single, deployed(single), wanted)).toEqual([['E_OUTAGE']]);
  });
});

describe('start', () => {
  it('starts all FEs together when no leader answers, then the BEs, with what they had', () => {
    let world = deployed(desired);
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) {
      for (const service of ['starrocks-be', 'starrocks-fe']) world = stopped(world, address, service);
    }
    const dark = { ...world, cluster: unknown('no FE answers') };
    const changed = cluster(three.map(() => ({ be_conf: 'new' })));
    const plan = makePlan(changed, dark, request('start'));
    expect(plan.waves.map(wave => wave.steps.map(stepTitle))).toEqual([
      ['start starrocks-fe on 10.0.0.1', 'start starrocks-fe on 10.0.0.2', 'start starrocks-fe on 10.0.0.3'],
      ['start starrocks-be on 10.0.0.1', 'start starrocks-be on 10.0.0.2', 'start starrocks-be on 10.0.0.3'],
    ]);
    const kinds = plan.waves.flatMap(wave => wave.steps.flatMap(step => step.operations.map(one => one.kind)));
    expect(new Set(kinds)).toEqual(new Set(['restart']));
  });

  it('leaves alone what runs', () => {
    expect(told(desired, deployed(desired), request('start'))).toEqual([]);
  });
});
