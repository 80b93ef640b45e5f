import { describe, expect, it } from 'vitest';
import { makePlan, unfold } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { unknown, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import {
  becomes,
  cluster,
  deployed,
  everything,
  meets,
  rowsOf,
  stopped,
  story,
  uploaded,
  withBackends,
  withMachine,
  withRows,
} from './worlds.ts';

const four = cluster([{}, {}, {}, { fe: null }]);
const three = cluster([{}, {}, {}]);

const withTablets = (world: World, host: string, tablet_num: number): World =>
  withRows(world, rows => ({
    ...rows,
    backends: rows.backends.map(row => (row.host === host ? { ...row, tablet_num } : row)),
  }));

describe('a BE whose storage is gone', () => {
  const all = cluster([{}, {}, {}, {}]);
  const lost = (tablets: number, unhealthy: number | null = 0, world = deployed(all)): World => {
    const dead = withTablets(stopped(world, '10.0.0.4', 'starrocks-be'), '10.0.0.4', tablets);
    const emptied = withMachine(dead, '10.0.0.4', machine => ({
      ...machine,
      be: { 'starrocks-be': { storage: 'empty', cluster_id: null, member: 'new' } },
    }));
    return withRows(emptied, rows => ({ ...rows, unhealthy_tablets: unhealthy }));
  };

  const cutOff = (world: World): World => ({
    ...world,
    hosts: { ...world.hosts, '10.0.0.3': unknown('cut off') },
  });

  it('waits for another one that is down, which is started first', () => {
    expect(story(all, lost(0, 0, stopped(deployed(all), '10.0.0.3', 'starrocks-be')))).toEqual([
      ['start starrocks-be on 10.0.0.3'],
      ['remove starrocks-be on 10.0.0.4'],
      ['add starrocks-be on 10.0.0.4'],
    ]);
  });

  it('begins anew under a new row when no tablet misses it', () => {
    const world = lost(0);
    const { waves, end } = unfold(all, world, everything);
    expect(waves.map(wave => wave.steps.map(step => step.operations.map(one => one.kind)))).toEqual([
      [['stop', 'retire', 'sql']],
      [['activate', 'sql']],
    ]);
    expect(rowsOf(end).backends.map(row => [row.host, row.alive])).toContainEqual(['10.0.0.4', true]);
    expect(makePlan(all, end, everything).waves).toEqual([]);
  });

  it.each([
    ['while tablets count on it', lost(3)],
    ['while some tablet is not whole', lost(0, 2)],
    ['while nobody knows whether tablets are whole', lost(0, null)],
    [
      'where the others are too few for every replica',
      cutOff(lost(0, 0, stopped(deployed(all), '10.0.0.3', 'starrocks-be'))),
    ],
  ])('is refused %s', (_when, world) => {
    const { waves, problems } = makePlan(all, world, everything);
    expect([waves, problems.map(one => one.code)]).toEqual([[], ['E_STORAGE_LOST']]);
  });
});

describe('a BE that leaves', () => {
  it('is drained, and removed with its row last of all', () => {
    const world = withTablets(becomes(three, four), '10.0.0.4', 12);
    const { waves, end } = unfold(three, world, everything);
    expect(waves.map(wave => wave.steps.map(step => step.operations.map(one => one.kind)))).toEqual([
      [['writeDrain', 'sql']],
      [['stop', 'removeContainer', 'retire', 'sql']],
    ]);
    expect(story(three, world)).toEqual([['drain starrocks-be on 10.0.0.4'], ['remove starrocks-be on 10.0.0.4']]);
    expect(rowsOf(end).backends.map(row => row.host)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  });

  it('is waited for without hindering anybody, and not dropped while it holds a tablet', () => {
    const draining = withBackends(withTablets(becomes(three, four), '10.0.0.4', 12), '10.0.0.4', {
      system_decommissioned: true,
      alive: false,
    });
    // With two BEs away, nobody can take its tablets.
    const stuck = stopped(draining, '10.0.0.3', 'starrocks-be');
    const without = { ...stuck, hosts: { ...stuck.hosts, '10.0.0.3': unknown('cut off') } };
    const { waves, problems, open } = unfold(three, without, everything);
    expect([waves, problems, open]).toEqual([[], [], true]);
  });

  it('stays when too few others are up for every replica', () => {
    const world = stopped(becomes(three, four), '10.0.0.3', 'starrocks-be');
    const cut = { ...world, hosts: { ...world.hosts, '10.0.0.3': unknown('cut off') } };
    expect(makePlan(three, cut, everything).problems.map(one => one.code)).toEqual(['E_GATE']);
  });

  it('stays when its data does not fit on the others', () => {
    const sized = (used: string) =>
      withRows(withTablets(becomes(three, four), '10.0.0.4', 12), rows => ({
        ...rows,
        backends: rows.backends.map(row => ({
          ...row,
          raw: { DataUsedCapacity: row.host === '10.0.0.4' ? used : '1.000 TB', AvailCapacity: '100.000 GB' },
        })),
      }));
    const { problems } = makePlan(three, sized('301.000 GB'), everything);
    expect(problems.map(one => [one.code, one.message])).toEqual([
      [
        'E_GATE',
        'starrocks-be on 10.0.0.4 cannot be removed now: 301.0 GB of data would have to fit into the 300.0 GB that are free on the other BEs.',
      ],
    ]);
    expect(makePlan(three, sized('299.000 GB'), everything).problems).toEqual([]);
  });

  it('stays when cluster.yaml names it again', () => {
    const draining = withBackends(deployed(four), '10.0.0.4', { system_decommissioned: true });
    expect(story(four, draining)).toEqual([['cancel the drain of starrocks-be on 10.0.0.4']]);
    const cut = { ...draining, hosts: { ...draining.hosts, '10.0.0.4': unknown('cut off') } };
    expect(story(four, cut)).toEqual([]);
    expect(unfold(four, draining, everything).end.hosts['10.0.0.4']).toMatchObject({
      value: { be: { 'starrocks-be': expect.not.objectContaining({ drain: expect.anything() }) } },
    });
  });

  describe('that is empty', () => {
    const changed = (default_replication_num: number) =>
      cluster([{}, {}, {}, { fe: null, be_conf: 'x' }], { default_replication_num });
    const drained = (world: World): World =>
      withBackends(withTablets(world, '10.0.0.4', 0), '10.0.0.4', { system_decommissioned: true });
    const expected = [['restart starrocks-be on 10.0.0.4'], ['cancel the drain of starrocks-be on 10.0.0.4']];

    it('restarts before it takes tablets again, though another one is away', () => {
      const desired = changed(3);
      const down = stopped(uploaded(desired, meets(desired, deployed(four))), '10.0.0.3', 'starrocks-be');
      const cut = { ...down, hosts: { ...down.hosts, '10.0.0.3': unknown('cut off') } };
      expect(story(desired, drained(cut))).toEqual(expected);
    });

    it('restarts without an outage, though each tablet has one replica', () => {
      const desired = changed(1);
      expect(story(desired, drained(uploaded(desired, meets(desired, deployed(four)))))).toEqual(expected);
    });
  });

  it('of a machine that is gone is removed by SQL alone', () => {
    const world = becomes(three, four);
    const gone = { ...world, hosts: { ...world.hosts, '10.0.0.4': unknown('cut off') } };
    const { waves } = unfold(three, gone, everything);
    expect(waves.flatMap(wave => wave.steps).map(step => step.operations.map(one => one.kind))).toEqual([
      ['sql'],
      ['sql'],
    ]);
  });

  it('is drained first when nobody else may restart while its machine is silent', () => {
    const other = cluster([{ be_conf: 'x' }, {}, {}]);
    const world = withTablets(becomes(other, four), '10.0.0.4', 12);
    const answers = Object.entries(world.answers).filter(([key]) => !key.startsWith('10.0.0.4/'));
    const hosts = { ...world.hosts, '10.0.0.4': unknown('cut off') };
    const gone = { ...world, hosts, answers: Object.fromEntries(answers) };
    expect(story(other, gone).slice(1)).toEqual([
      ['drain starrocks-be on 10.0.0.4'],
      ['restart starrocks-be on 10.0.0.1'],
      ['remove starrocks-be on 10.0.0.4'],
    ]);
  });

  it('does not hide that the others take an outage', () => {
    const [two, one] = [
      cluster([{}, { fe: null }], { default_replication_num: 1 }),
      cluster([{ be_conf: 'x' }], { default_replication_num: 1 }),
    ];
    const world = withTablets(becomes(one, two), '10.0.0.2', 12);
    const answers = Object.entries(world.answers).filter(([key]) => !key.startsWith('10.0.0.2/'));
    const hosts = { ...world.hosts, '10.0.0.2': unknown('cut off') };
    const { problems } = makePlan(one, { ...world, hosts, answers: Object.fromEntries(answers) }, everything);
    expect(problems.map(({ code }) => code)).toEqual(['E_OUTAGE']);
    const allowed = { ...one, allow_outage: true };
    expect(story(allowed, { ...world, hosts, answers: Object.fromEntries(answers) }).slice(1)).toEqual([
      ['drain starrocks-be on 10.0.0.2'],
      ['remove starrocks-be on 10.0.0.2'],
      ['restart starrocks-be on 10.0.0.1'],
    ]);
  });

  it('is drained with one other at the same time, not more', () => {
    const six = cluster([{}, {}, {}, { fe: null }, { fe: null }, { fe: null }]);
    const world = withTablets(becomes(three, six), '10.0.0.4', 1);
    expect(makePlan(three, world, everything).waves[0]?.steps.map(step => step.host)).toEqual(['10.0.0.4', '10.0.0.5']);
  });

  it('of a host that stays goes alone', () => {
    const two = cluster([{ be: 2 }, {}, {}]);
    expect(story(three, becomes(three, two))).toEqual([
      ['drain starrocks-be-1 on 10.0.0.1'],
      ['remove starrocks-be-1 on 10.0.0.1'],
    ]);
  });

  it('leaves its container behind for the next run when somebody dropped it by hand', () => {
    const two = cluster([{ be: 2 }, {}, {}]);
    const world = becomes(three, two);
    const dropped = withRows(world, rows => ({
      ...rows,
      backends: rows.backends.filter(row => row.heartbeat_port !== 9051),
    }));
    expect(story(three, dropped)[0]).toEqual(['remove starrocks-be-1 on 10.0.0.1']);
  });
});

describe('an FE that leaves', () => {
  const five = cluster([{}, {}, {}, { be: 0 }, { be: 0 }]);

  const forgotten = [1, 2, 3].map(at => `write down the FEs on 10.0.0.${at}`);

  it('is stopped, and dropped once the quorum holds without it, one by one', () => {
    expect(story(three, becomes(three, five))).toEqual([
      ['stop starrocks-fe on 10.0.0.4'],
      ['remove starrocks-fe on 10.0.0.4'],
      ['stop starrocks-fe on 10.0.0.5'],
      ['remove starrocks-fe on 10.0.0.5'],
      forgotten,
    ]);
  });

  it('has its metadata moved aside and its container removed before its row goes', () => {
    const { waves } = unfold(three, becomes(three, five), everything);
    expect(waves[1]?.steps[0]?.operations.map(one => one.kind)).toEqual([
      'stop',
      'asideMetadata',
      'removeContainer',
      'sql',
    ]);
  });

  it('goes last when it leads, after another one was elected', () => {
    const was = withRows(becomes(three, five), rows => ({
      ...rows,
      leader: '10.0.0.4',
      frontends: rows.frontends.map(row => ({
        ...row,
        role: row.host === '10.0.0.4' ? ('LEADER' as const) : ('FOLLOWER' as const),
      })),
    }));
    expect(story(three, was)).toEqual([
      ['stop starrocks-fe on 10.0.0.5'],
      ['remove starrocks-fe on 10.0.0.5'],
      ['stop starrocks-fe on 10.0.0.4'],
      ['remove starrocks-fe on 10.0.0.4'],
      forgotten,
    ]);
  });

  it('stays when the others would be no majority', () => {
    const world = stopped(becomes(three, cluster([{}, {}, {}, { be: 0 }])), '10.0.0.3', 'starrocks-fe');
    const cut = { ...world, hosts: { ...world.hosts, '10.0.0.3': unknown('cut off') } };
    const { waves, problems } = makePlan(three, cut, everything);
    expect([waves, problems.map(one => one.code)]).toEqual([[], ['E_GATE']]);
  });

  it('votes until the others have restarted, while another one is away', () => {
    const five = cluster([{}, {}, {}, {}, {}]);
    const four = cluster([{ fe_conf: 'x' }, {}, {}, {}]);
    const world = becomes(four, five);
    const answers = Object.entries(world.answers).filter(([key]) => !key.startsWith('10.0.0.3/'));
    const hosts = { ...world.hosts, '10.0.0.3': unknown('cut off') };
    expect(story(four, { ...world, hosts, answers: Object.fromEntries(answers) }).slice(1, 4)).toEqual([
      ['restart starrocks-fe on 10.0.0.1'],
      ['stop starrocks-fe on 10.0.0.5'],
      ['remove starrocks-fe on 10.0.0.5'],
    ]);
  });

  it('does not leave one behind alone', () => {
    const { waves, problems } = makePlan(
      cluster([{}, { fe: null }, { fe: null }]),
      becomes(cluster([{}, { fe: null }, { fe: null }]), cluster([{}, {}, { fe: null }])),
      everything,
    );
    expect([waves, problems.map(one => one.code)]).toEqual([[], ['E_GATE']]);
  });

  it('votes until the others have restarted, where they could not be spared without it', () => {
    const two = cluster([{ fe_conf: 'x' }, { fe_conf: 'x' }, { fe: null }]);
    const world = uploaded(two, becomes(two, three));
    expect(story(two, world).slice(0, 4)).toEqual([
      ['restart starrocks-fe on 10.0.0.2'],
      ['restart starrocks-fe on 10.0.0.1'],
      ['stop starrocks-fe on 10.0.0.3'],
      ['remove starrocks-fe on 10.0.0.3'],
    ]);
  });

  it('whose machine is gone is dropped once the leader has not heard of it', () => {
    const world = becomes(three, cluster([{}, {}, {}, { be: 0 }]));
    const cut = { ...world, hosts: { ...world.hosts, '10.0.0.4': unknown('cut off') } };
    expect(makePlan(three, cut, everything).problems.map(one => one.code)).toEqual(['E_UNREACHABLE']);
    const silent = withRows(cut, rows => ({
      ...rows,
      frontends: rows.frontends.map(row => (row.host === '10.0.0.4' ? { ...row, alive: false } : row)),
    }));
    expect(story(three, silent)).toEqual([['remove starrocks-fe on 10.0.0.4'], forgotten]);
  });

  it('says which machine nobody reaches, where that forbids another one to leave', () => {
    const two = cluster([{}, {}, { fe: null }]);
    const world = becomes(two, cluster([{}, {}, { fe: null }, { be: 0 }, { be: 0 }]));
    const lost = unknown('cut off');
    const cut = {
      ...world,
      hosts: { ...world.hosts, '10.0.0.5': lost },
      answers: { ...world.answers, '10.0.0.5/starrocks-fe': lost },
    };
    const { problems } = makePlan(two, cut, everything);
    expect(problems.map(one => [one.code, one.host])).toEqual([['E_UNREACHABLE', '10.0.0.5']]);
  });

  it('is joined by its successor first', () => {
    const before = cluster([{}, {}, {}, { fe: null }]);
    const after = cluster([{}, {}, { fe: null }, {}]);
    const titles = story(after, becomes(after, before)).flat();
    expect(titles.indexOf('join starrocks-fe on 10.0.0.4')).toBeLessThan(
      titles.indexOf('stop starrocks-fe on 10.0.0.3'),
    );
    expect(titles).toContain('remove starrocks-fe on 10.0.0.3');
  });
});

describe('an FE whose role changes', () => {
  const observing = cluster([{}, {}, {}, { fe: 'observer' }]);
  const voting = cluster([{}, {}, {}, {}]);

  it('leaves and joins again with its metadata aside, either way', () => {
    const [to, from] = [becomes(voting, observing), becomes(observing, voting)];
    const order = [
      ['stop starrocks-fe on 10.0.0.4'],
      ['take starrocks-fe on 10.0.0.4 out, to change its role'],
      ['join starrocks-fe on 10.0.0.4'],
    ];
    expect(story(voting, to).slice(0, 3)).toEqual(order);
    expect(story(observing, from).slice(0, 3)).toEqual(order);
    const { end } = unfold(observing, from, everything);
    expect(rowsOf(end).frontends.map(row => row.role)).toEqual(['LEADER', 'FOLLOWER', 'FOLLOWER', 'OBSERVER']);
  });

  it('waits for another leader when it leads', () => {
    const after = cluster([{ fe: 'observer' }, {}, {}, {}], { master_host: '10.0.0.2' });
    const titles = story(after, becomes(after, voting)).flat();
    expect(titles.slice(0, 3)).toEqual([
      'stop starrocks-fe on 10.0.0.1',
      'take starrocks-fe on 10.0.0.1 out, to change its role',
      'join starrocks-fe on 10.0.0.1',
    ]);
  });
});

describe('an FE that somebody dropped by hand', () => {
  it('never starts with the metadata of its old name', () => {
    const world = withRows(deployed(three), rows => ({
      ...rows,
      frontends: rows.frontends.filter(row => row.host !== '10.0.0.3'),
    }));
    expect(story(three, world)).toEqual([['move the metadata on 10.0.0.3 aside'], ['join starrocks-fe on 10.0.0.3']]);
  });
});

describe('followers that have lost their metadata', () => {
  const wiped = (world: World, address: string): World =>
    withMachine(stopped(world, address, 'starrocks-fe'), address, machine => ({
      ...machine,
      fe: { ...machine.fe, meta: 'empty', cluster_id: null },
    }));

  it('join again one by one while the intact ones are a majority', () => {
    expect(story(three, wiped(deployed(three), '10.0.0.2'))).toEqual([['join starrocks-fe on 10.0.0.2']]);
  });

  it('do not when they were the majority, though a leader answers', () => {
    const world = wiped(wiped(deployed(three), '10.0.0.2'), '10.0.0.3');
    expect(makePlan(three, world, everything).problems.map(one => one.code)).toEqual(['E_MAJORITY_LOST']);
  });

  it('keep what a join that was cut off has left of it, until they may join again', () => {
    const cutOff = withMachine(stopped(deployed(three), '10.0.0.3', 'starrocks-fe'), '10.0.0.3', machine => ({
      ...machine,
      fe: { ...machine.fe, state: { ...machine.fe.state, joining: true } },
    }));
    expect(story(three, cutOff)).toEqual([['move the metadata on 10.0.0.3 aside'], ['join starrocks-fe on 10.0.0.3']]);
    const away = { ...cutOff, hosts: { ...cutOff.hosts, '10.0.0.1': unknown('it is in maintenance') } };
    const world = { ...away, answers: { ...away.answers, '10.0.0.1/starrocks-fe': unknown('not asked') } };
    const { waves, problems } = makePlan(three, world, everything);
    expect([waves, problems.map(one => one.code)]).toEqual([[], ['E_MAJORITY_LOST']]);
    expect(problems[0]?.message).toContain('has metadata of a join that was cut off and does not join again: 1 of 3');
  });

  it('are not replaced by a new cluster when nobody leads', () => {
    const two = wiped(wiped(deployed(three), '10.0.0.2'), '10.0.0.3');
    const world = { ...two, cluster: unknown('no leader') };
    const { waves, problems } = makePlan(three, world, everything);
    expect([waves, problems.map(one => [one.code, one.hint.includes('bdbje_reset_election_group')])]).toEqual([
      [],
      [['E_MAJORITY_LOST', true]],
    ]);
  });
});
