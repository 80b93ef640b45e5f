import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { unknown, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import {
  cluster,
  deployed,
  emptyWorld,
  everything,
  type HostSketch,
  meets,
  stopped,
  story,
  uploaded,
  withBackends,
} from './worlds.ts';

/** The last of the machines is in maintenance, so nobody has looked at it. */
const away = (sketches: readonly HostSketch[]): HostSketch[] =>
  sketches.map((sketch, index) => (index === sketches.length - 1 ? { ...sketch, maintenance: true } : sketch));

function unseen(world: World, address: string): World {
  const answers = Object.fromEntries(Object.entries(world.answers).filter(([key]) => !key.startsWith(`${address}/`)));
  return { ...world, answers, hosts: { ...world.hosts, [address]: unknown('it is in maintenance') } };
}

const three = [{}, {}, {}];

describe('a machine in maintenance', () => {
  it('is planned no step, though all that is compiled for it has changed', () => {
    const desired = cluster(away([{}, {}, { fe_conf: 'x', be_conf: 'y' }]));
    expect(story(desired, unseen(meets(desired, deployed(cluster(three))), '10.0.0.3'))).toEqual([]);
  });

  it('counts in the quorum: no other follower of three is stopped meanwhile', () => {
    const desired = cluster(away([{ fe_conf: 'x' }, {}, {}]));
    const world = unseen(meets(desired, deployed(cluster(three))), '10.0.0.3');
    const { problems, waves } = makePlan(desired, world, everything);
    expect(waves.flatMap(wave => wave.steps.map(step => step.action))).toEqual(['prepare']);
    expect(problems.map(problem => [problem.code, problem.message])).toEqual([
      [
        'E_GATE',
        'starrocks-fe on 10.0.0.1 cannot be restarted now: without 10.0.0.1 1 of 3 followers remain and 2 are needed: 10.0.0.3 cannot be counted on.',
      ],
    ]);
  });

  it('counts in the quorum: of five followers the other four may be restarted one by one', () => {
    const changed = { fe_conf: 'x' };
    const desired = cluster(away([changed, changed, changed, changed, changed]));
    const world = unseen(meets(desired, deployed(cluster([{}, {}, {}, {}, {}]))), '10.0.0.5');
    expect(
      story(desired, world)
        .flat()
        .filter(title => title.startsWith('restart')),
    ).toEqual([
      'restart starrocks-fe on 10.0.0.2',
      'restart starrocks-fe on 10.0.0.3',
      'restart starrocks-fe on 10.0.0.4',
      'restart starrocks-fe on 10.0.0.1',
    ]);
  });

  it('counts among the replicas: its BE is the one that may be away', () => {
    const desired = cluster(away([{ be_conf: 'y' }, {}, {}]));
    const world = unseen(meets(desired, deployed(cluster(three))), '10.0.0.3');
    const { problems } = makePlan(desired, world, everything);
    expect(problems.map(problem => [problem.code, problem.host, problem.message])).toEqual([
      [
        'E_GATE',
        '10.0.0.1',
        'starrocks-be on 10.0.0.1 cannot be restarted now: 2 BEs would be away (10.0.0.3/starrocks-be, 10.0.0.1/starrocks-be) and 3 replicas allow 1.',
      ],
    ]);
  });

  it.each([
    ['is waited for, and not in the way once it is empty', 4, [], ['restart BEs']],
    ['is not waited for where the others cannot take what it holds', 3, ['E_GATE'], []],
  ])('whose BE somebody drains %s', (_, count, codes, titles) => {
    const plain = Array.from({ length: count }, () => ({}));
    const last = `10.0.0.${count}`;
    const desired = cluster(away(plain.map((_, index) => (index === 0 ? { be_conf: 'y' } : {}))));
    const world = withBackends(unseen(uploaded(desired, meets(desired, deployed(cluster(plain)))), last), last, {
      system_decommissioned: true,
      tablet_num: 5,
    });
    const { waves, problems, draining } = makePlan(desired, world, everything);
    expect(problems.map(one => one.code)).toEqual(codes);
    expect(draining).toBe(codes.length === 0);
    expect(waves.map(wave => wave.title)).toEqual(titles);
  });

  it('keeps its rows: what is registered of it is neither unknown nor dropped', () => {
    const desired = cluster(away([...three, {}]));
    const world = unseen(meets(desired, deployed(cluster([...three, {}]))), '10.0.0.4');
    const still = stopped(deployed(cluster([...three, {}])), '10.0.0.4', 'starrocks-fe');
    expect(story(desired, { ...world, cluster: still.cluster })).toEqual([]);
  });

  it('forbids to found: it may carry the metadata of the cluster', () => {
    const desired = cluster(away(three));
    const { problems, waves } = makePlan(desired, unseen(emptyWorld(desired), '10.0.0.3'), everything);
    expect(waves.flatMap(wave => wave.steps.map(step => step.action))).toEqual(['prepare', 'prepare']);
    expect(problems.map(problem => [problem.code, problem.message])).toEqual([
      [
        'E_FOUNDING_REFUSED',
        "No leader answers, and no cluster is founded: 10.0.0.3 does not answer (it is in maintenance), so it may carry the cluster's metadata.",
      ],
    ]);
  });
});
