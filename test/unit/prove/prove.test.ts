import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { violations } from '../../../.github/actions/deploy/src/prove/invariants.ts';
import { prove } from '../../../.github/actions/deploy/src/prove/prove.ts';
import { cluster, deployed, everything, meets } from '../plan/worlds.ts';

const three = cluster([{}, {}, {}]);
const changed = cluster([{}, {}, {}].map(() => ({ fe_conf: 'x', be_conf: 'x' })));
const world = meets(changed, deployed(three));

describe('a plan', () => {
  it('is proved with a fault at each of its moments before anybody runs it', () => {
    expect(prove(changed, world, everything, makePlan(changed, world, everything))).toEqual({
      states: 207,
      exhaustive: true,
      problem: null,
    });
  });

  it('of a large cluster is proved wave by wave', () => {
    const large = (conf: string) =>
      cluster([{}, {}, {}, ...Array.from({ length: 20 }, () => ({ fe: null, be_conf: conf }))]);
    const met = meets(large('x'), deployed(large('')));
    const found = prove(large('x'), met, everything, makePlan(large('x'), met, everything));
    expect(found).toEqual({ states: 21, exhaustive: false, problem: null });
  });

  it('that stops the cluster is not, for that is what was asked for', () => {
    expect(prove(three, deployed(three), { ...everything, intent: 'stop' }, { waves: [] }).states).toBe(0);
  });

  it('that takes two followers at once would be named', () => {
    const steps = makePlan(changed, world, everything).waves.flatMap(wave => wave.steps);
    const frontends = steps.filter(step => step.action === 'restart' && step.service === 'starrocks-fe');
    expect(violations(changed, { world, away: {} }, frontends)).toEqual([
      'the majority of followers is lost: 0 of 3 would be up, and 2 are needed',
    ]);
  });
});
