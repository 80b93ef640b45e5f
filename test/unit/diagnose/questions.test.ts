import { describe, expect, it } from 'vitest';
import { logQuestions, questions } from '../../../.github/actions/deploy/src/diagnose/questions.ts';
import { unknown } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { CompiledHost } from '../../../compiler/contract/cluster-json.ts';
import { BE, desired, FE, healthy, worldWith } from './sick.ts';

/** Questions as a person would list them, without the logs. */
const asked = (world: typeof healthy): Record<string, string[]> =>
  Object.fromEntries(
    [...questions(desired, world)].map(([address, all]) => [
      address,
      all.flatMap(one => {
        if (one.kind === 'tcp') return [`tcp ${one.address}:${one.port}`];
        return one.kind === 'container' ? [`container ${one.service}`] : one.kind === 'machine' ? ['machine'] : [];
      }),
    ]),
  );

const logged = (host: CompiledHost): CompiledHost => {
  const log = (name: string) => ({ use: 'log' as const, host: `/srv/log/${name}`, container: '/opt/starrocks/log' });
  return {
    ...host,
    fe: host.fe === null ? null : { ...host.fe, folders: [log('fe')] },
    be: host.be.map(be => ({ ...be, folders: [log('be')] })),
  };
};

describe('questions', () => {
  it('are none where all is well', () => {
    expect(asked(healthy)).toEqual({});
  });

  it('about an FE go to it and to the leader, each about the way to the other', () => {
    expect(asked(worldWith(FE, {}))).toEqual({
      '10.0.0.1': ['tcp 10.0.0.2:9010', 'tcp 10.0.0.2:8030'],
      '10.0.0.2': [
        'machine',
        'container starrocks-fe',
        'tcp 10.0.0.1:9010',
        'tcp 10.0.0.1:8030',
        'tcp 10.0.0.1:9020',
        'tcp 10.0.0.1:9030',
      ],
    });
  });

  it('about a BE go to it and to the leader, each about the way to the other', () => {
    expect(asked(worldWith(BE, {}))).toEqual({
      '10.0.0.1': ['tcp 10.0.0.2:9050', 'tcp 10.0.0.2:9060'],
      '10.0.0.2': ['machine', 'container starrocks-be', 'tcp 10.0.0.1:9030', 'tcp 10.0.0.1:9020'],
    });
  });

  it('never go over a machine that was not reached', () => {
    const world = worldWith(FE, {});
    const away = { ...world, hosts: { ...world.hosts, '10.0.0.1': unknown('it is off') } };
    expect(asked(away)['10.0.0.2']).toContain('tcp 10.0.0.3:9010');
    expect(JSON.stringify(asked(away)['10.0.0.2'])).not.toContain('10.0.0.1');
  });
});

describe('the logs of a machine', () => {
  const [first] = desired.hosts;
  if (first === undefined) throw new Error('there is a host');

  it('are those of the containers and StarRocks’ own', () => {
    const names = logQuestions(logged(first), null).map(one => (one.kind === 'file' ? one.path : one.kind));
    expect(names).toEqual([
      'log',
      '/srv/log/fe/fe.log',
      '/srv/log/fe/fe.warn.log',
      '/srv/log/fe/fe.out',
      'log',
      '/srv/log/be/be.INFO',
      '/srv/log/be/be.WARNING',
      '/srv/log/be/be.out',
    ]);
  });

  it('are those of the one service that was asked for', () => {
    const all = logQuestions(logged(first), 'starrocks-be');
    expect(all.map(one => (one.kind === 'file' ? one.name : one.kind))).toEqual([
      'log',
      'starrocks-be/be.INFO',
      'starrocks-be/be.WARNING',
      'starrocks-be/be.out',
    ]);
  });
});
