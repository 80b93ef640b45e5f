import { describe, expect, it } from 'vitest';
import { withFe } from '../../../.github/actions/deploy/src/plan/draft.ts';
import { holds } from '../../../.github/actions/deploy/src/plan/gates.ts';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { view } from '../../../.github/actions/deploy/src/plan/situation.ts';
import { known, unknown, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { becomes, cluster, deployed, everything, meets, stopped, story, withMachine, withRows } from './worlds.ts';

const withoutBackendRow = (world: World, host: string): World =>
  withRows(world, rows => ({ ...rows, backends: rows.backends.filter(row => row.host !== host) }));

const wiped = (world: World, host: string): World =>
  withMachine(stopped(world, host, 'starrocks-fe'), host, machine =>
    withFe(machine, fe => ({ ...fe, meta: 'empty', cluster_id: null })),
  );

/** Its machine does not answer; what the leader says of it is as before. */
const cut = (world: World, host: string, service: string): World => ({
  ...world,
  hosts: { ...world.hosts, [host]: unknown('cut off') },
  answers: { ...world.answers, [`${host}/${service}`]: unknown('cut off') },
});

const first = (lines: string[][], text: string): number =>
  lines.findIndex(line => line.some(one => one.startsWith(text)));

describe('what is in the way of others goes first', () => {
  it('an FE that lost its metadata, before another one changes its role', () => {
    const was = cluster([{}, {}, {}, {}]);
    const now = cluster([{}, {}, {}, { fe: 'observer' }]);
    const world = wiped(meets(now, deployed(was)), '10.0.0.2');
    const lines = story(now, world);
    expect(lines.flat().filter(line => line.startsWith('E_'))).toEqual([]);
    expect(first(lines, 'join starrocks-fe on 10.0.0.2')).toBeLessThan(first(lines, 'stop starrocks-fe on 10.0.0.4'));
  });

  it('a dead FE that leaves, before another one changes its role', () => {
    const was = cluster([{}, {}, {}, {}]);
    const now = cluster([{}, {}, { fe: 'observer' }]);
    const world = stopped(becomes(now, was), '10.0.0.4', 'starrocks-fe');
    const lines = story(now, world);
    expect(first(lines, 'remove starrocks-fe on 10.0.0.4')).toBe(0);
    expect(first(lines, 'take starrocks-fe on 10.0.0.3 out')).toBeGreaterThan(0);
  });

  it('a dead BE that leaves, before others are restarted', () => {
    const was = cluster([{}, {}, {}, { fe: null }]);
    const now = cluster([{ be_conf: 'x' }, { be_conf: 'x' }, { be_conf: 'x' }]);
    const world = stopped(becomes(now, was), '10.0.0.4', 'starrocks-be');
    const lines = story(now, world);
    expect(lines.flat().filter(line => line.startsWith('E_'))).toEqual([]);
    expect(first(lines, 'remove starrocks-be on 10.0.0.4')).toBeLessThan(first(lines, 'restart starrocks-be'));
  });
});

describe('BEs that may be away together', () => {
  it('are fewer while another one is away', () => {
    const five = (conf: string) =>
      cluster(
        [{}, {}, {}, {}, { fe: null }].map((host, at) => ({ ...host, be_conf: at === 4 ? '' : conf })),
        {
          default_replication_num: 5,
        },
      );
    const world = cut(
      stopped(meets(five('x'), deployed(five(''))), '10.0.0.5', 'starrocks-be'),
      '10.0.0.5',
      'starrocks-be',
    );
    const restarts = story(five('x'), world).filter(line => line[0]?.startsWith('restart starrocks-be'));
    expect(restarts.map(line => line.length)).toEqual([1, 1, 1, 1]);
  });
});

describe('a BE that nobody registered', () => {
  const was = cluster([{}, {}, {}]);
  const newer = cluster([{}, {}, {}], { version: '3.4.10' });

  it('is registered as it is while the release changes, and gets the new one in its turn', () => {
    const lines = story(newer, withoutBackendRow(meets(newer, deployed(was)), '10.0.0.2'));
    expect(first(lines, 'register starrocks-be on 10.0.0.2')).toBeLessThan(first(lines, 'switch tablet balancing off'));
    expect(lines.flat()).toContain('upgrade starrocks-be on 10.0.0.2');
  });

  it('is started as it was before a downgrade of the FEs', () => {
    const silent = stopped(meets(was, deployed(newer)), '10.0.0.2', 'starrocks-be');
    const { waves } = makePlan(was, withoutBackendRow(silent, '10.0.0.2'), everything);
    const added = waves.find(wave => wave.title === 'add BEs')?.steps[0];
    expect(added?.operations.map(one => one.kind)).toEqual(['restart', 'sql']);
  });

  it('that lost its container waits for the release that the FEs run', () => {
    const bare = withMachine(meets(was, deployed(newer)), '10.0.0.2', machine => ({
      ...machine,
      containers: machine.containers.filter(one => one.service !== 'starrocks-be'),
    }));
    const world = { ...bare, answers: { ...bare.answers, '10.0.0.2/starrocks-be': known(false) } };
    expect(makePlan(was, world, everything).problems.map(one => one.code)).toEqual(['E_VERSION_AND_MORE']);
  });
});

describe('an FE that lost its container while the release changes', () => {
  const was = cluster([{}, {}, {}]);
  const newer = cluster([{}, {}, {}], { version: '3.4.10' });
  const bare = (from: typeof was, to: typeof was) => {
    const world = withMachine(meets(to, deployed(from)), '10.0.0.2', machine => ({
      ...machine,
      containers: machine.containers.filter(one => one.service !== 'starrocks-fe'),
    }));
    return { ...world, answers: { ...world.answers, '10.0.0.2/starrocks-fe': known(false) } };
  };

  it('waits for the BEs, because nothing of its old release is there to run', () => {
    const prepared = ['prepare 10.0.0.1', 'prepare 10.0.0.2', 'prepare 10.0.0.3'];
    expect(story(newer, bare(was, newer))).toEqual([prepared, ['E_VERSION_AND_MORE']]);
  });

  it('comes up with the new one when its turn has come, its metadata copied before', () => {
    const { waves, problems } = makePlan(was, bare(newer, was), everything);
    const steps = waves.flatMap(wave => wave.steps).filter(step => step.service === 'starrocks-fe');
    expect(problems).toEqual([]);
    expect(steps[0]).toMatchObject({ action: 'downgrade', host: '10.0.0.2' });
    expect(steps[0]?.operations.map(one => one.kind)).toEqual(['copyMetadata', 'activate']);
  });
});

describe('an FE that leaves', () => {
  it('as an observer is no question of a majority', () => {
    const was = cluster([{}, { fe: 'observer' }, {}]);
    const now = cluster([{}, { fe: null }, {}]);
    const world = cut(becomes(now, was), '10.0.0.3', 'starrocks-fe');
    expect(story(now, world)).toEqual([['stop starrocks-fe on 10.0.0.2'], ['remove starrocks-fe on 10.0.0.2']]);
  });

  it('is not dropped by fewer than a majority of all who vote now', () => {
    const was = cluster([{}, {}]);
    const now = cluster([{}, { fe: null }]);
    const world = stopped(becomes(now, was), '10.0.0.2', 'starrocks-fe');
    const v = view({ desired: now, world, request: everything, memory: { started: {}, unhealthy_before: null } });
    expect(holds({ kind: 'frontend-gone', node: '10.0.0.2/starrocks-fe' }, v)).toBe(
      '1 of the other 1 followers are up and 2 are needed',
    );
  });
});
