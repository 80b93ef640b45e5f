import { describe, expect, it } from 'vitest';
import { impacts } from '../../../.github/actions/deploy/src/plan/impact.ts';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import { cluster, deployed, everything, type HostSketch, meets, stopped } from './worlds.ts';

/** What restarting BEs takes away, wave by wave. */
const told = (was: ClusterJson, now: ClusterJson, world = meets(now, deployed(was))) => {
  const plan = makePlan(now, world, everything);
  const found = impacts(now, plan);
  return plan.waves.flatMap(({ title }, at) =>
    title === 'restart BEs' ? [[found[at]?.replicas?.left, found[at]?.next_failure ?? null]] : [],
  );
};

const of = (sketches: readonly HostSketch[], conf: string, replicas: number): ClusterJson =>
  cluster(
    sketches.map((sketch, at) => ({ ...(at < 3 ? {} : { fe: null }), ...sketch, be_conf: conf })),
    { default_replication_num: replicas },
  );

const rack = (name: string): HostSketch => ({ location: `rack:${name}` });

describe('what is left of a tablet in the worst case', () => {
  it('is one replica less for one BE, and a further failure stops writes to some', () => {
    const hosts = [{}, {}, {}];
    expect(told(of(hosts, '', 3), of(hosts, 'x', 3))[0]).toEqual([
      2,
      'One more BE down could stop writes to tablets with 1 of 3 replicas left.',
    ]);
  });

  it('is one replica less for two BEs of one location, when there are as many locations as replicas', () => {
    const hosts = [rack('a'), rack('b'), rack('c'), rack('d'), rack('e'), rack('e')];
    const waves = told(of(hosts, '', 5), of(hosts, 'x', 5));
    expect(waves).toContainEqual([4, null]);
    expect(waves.every(([left]) => left === 4)).toBe(true);
  });

  it('is two replicas less for two BEs where labels say nothing of them', () => {
    const hosts = [{}, {}, {}, {}, {}, {}];
    expect(told(of(hosts, '', 5), of(hosts, 'x', 5))[0]).toEqual([
      3,
      'One more BE down could stop writes to tablets with 2 of 5 replicas left.',
    ]);
  });

  it('counts a machine once, however many BEs of it are away', () => {
    const hosts = [{ be: 2 }, {}, {}, {}, {}];
    expect(told(of(hosts, '', 5), of(hosts, 'x', 5))[0]?.[0]).toBe(4);
    const twins = of([{ be: 2 }, { be: 1 }, {}, {}, {}], '', 3);
    const world = stopped(deployed(twins), '10.0.0.1', 'starrocks-be');
    const plan = { waves: [{ title: 'look', steps: [], meets: world }] };
    expect(impacts(twins, plan)[0]?.replicas).toEqual({ away: 2, allowed: 1, left: 2, all: 3 });
  });
});
