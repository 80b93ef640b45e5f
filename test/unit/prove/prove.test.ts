import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { unknown } from '../../../.github/actions/deploy/src/plan/world.ts';
import { violations } from '../../../.github/actions/deploy/src/prove/invariants.ts';
import { prove } from '../../../.github/actions/deploy/src/prove/prove.ts';
import { cluster, deployed, emptyWorld, everything, meets, stopped, withMachine } from '../plan/worlds.ts';

const three = cluster([{}, {}, {}]);
const changed = cluster([{}, {}, {}].map(() => ({ fe_conf: 'x', be_conf: 'x' })));
const world = meets(changed, deployed(three));
const large = (conf: string) =>
  cluster([{}, {}, {}, ...Array.from({ length: 20 }, () => ({ fe: null, be_conf: conf }))]);
const met = meets(large('x'), deployed(large('')));

describe('a plan', () => {
  it('is proved with a fault at each of its moments before anybody runs it', () => {
    expect(prove(changed, world, everything, makePlan(changed, world, everything))).toEqual({
      extent: 'all 271 states that it and one fault can lead to',
      problem: null,
    });
  });

  it('of a large cluster is proved wave by wave', () => {
    const found = prove(large('x'), met, everything, makePlan(large('x'), met, everything));
    expect(found).toEqual({
      extent: '21 waves, without a fault in between: 26 nodes have too many of them',
      problem: null,
    });
  });

  it('that goes wrong is refused with its story: two BEs at once where one may be away', () => {
    const [upload, first, second] = makePlan(large('x'), met, everything).waves;
    if (upload === undefined || first === undefined || second === undefined) throw new Error('too short');
    const together = { ...first, steps: [...first.steps, ...second.steps] };
    expect(prove(large('x'), met, everything, { waves: [upload, together] }).problem).toEqual({
      code: 'E_PLAN_UNSAFE',
      host: null,
      step: 'prove',
      message:
        'The plan was left alone, because it could go wrong: replicas are lost: 2 BEs would be away, and replication allows 1.',
      hint: 'This is a defect of this tool: report it with these lines. Nothing was touched.',
      detail: ['1. restart BEs', '2. replicas are lost: 2 BEs would be away, and replication allows 1'],
    });
  });

  it('that stops the cluster is not, for that is what was asked for', () => {
    expect(prove(three, deployed(three), { ...everything, intent: 'stop' }, { waves: [] }).extent).toBeNull();
  });

  it('that takes two followers at once would be named', () => {
    const steps = makePlan(changed, world, everything).waves.flatMap(wave => wave.steps);
    const frontends = steps.filter(step => step.action === 'restart' && step.service === 'starrocks-fe');
    expect(violations(changed, { world, away: {} }, frontends)).toEqual([
      'the majority of followers is lost: 0 of 3 would be up, and 2 are needed',
    ]);
  });

  it('that founds again where the only FE was a member and lost its metadata would be named', () => {
    const alone = cluster([{}]);
    const lost = withMachine(stopped(deployed(alone), '10.0.0.1', 'starrocks-fe'), '10.0.0.1', machine => ({
      ...machine,
      fe: { ...machine.fe, meta: 'empty', cluster_id: null },
    }));
    const steps = makePlan(alone, emptyWorld(alone), everything).waves.flatMap(wave => wave.steps);
    const met = { world: { ...lost, cluster: unknown('no FE answers') }, away: {} };
    expect(
      violations(
        alone,
        met,
        steps.filter(step => step.action === 'found'),
      ),
    ).toEqual(['found the cluster on 10.0.0.1: an FE with empty metadata and nobody to join founds a second cluster']);
  });
});
