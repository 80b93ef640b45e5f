import { describe, expect, it } from 'vitest';
import { effects } from '../../../.github/actions/deploy/src/plan/effects.ts';
import { settle } from '../../../.github/actions/deploy/src/plan/settle.ts';
import { unknown } from '../../../.github/actions/deploy/src/plan/world.ts';
import { becomes, cluster, deployed, stopped } from './worlds.ts';

describe('what a cluster does by itself', () => {
  it('is not led by an observer, and observers are no majority', () => {
    const desired = cluster([{}, { fe: 'observer' }, { fe: 'observer' }]);
    const off = stopped(deployed(desired), '10.0.0.1', 'starrocks-fe');
    expect(settle(desired, { ...off, cluster: unknown('nobody leads') }).cluster.known).toBe(false);
  });

  it('lets nodes that leave keep the release that they run', () => {
    const now = cluster([{}, {}, {}], { version: '3.4.10' });
    const { cluster: found } = settle(now, becomes(now, cluster([{}, {}, {}, {}])));
    if (!found.known) throw new Error(found.reason);
    const { frontends, backends } = found.value;
    const versions = [...frontends, ...backends].filter(row => row.host === '10.0.0.4').map(row => row.version);
    expect(versions).toEqual(['3.3.18', '3.3.18']);
  });
});

describe('a statement that is cut off', () => {
  it('may have switched tablet balancing off on some FEs only', () => {
    const three = cluster([{}, {}, {}]);
    const world = deployed(three);
    const [before] = Object.values(world.switches);
    if (before === undefined) throw new Error('no FE has switches');
    const switches = { ...before, tablet_sched_disable_balance: 'true' };
    const { cutOff } = effects({ kind: 'sql', statement: { kind: 'setSwitches', switches } }, three, world);
    const off = cutOff.map(one => Object.values(one.switches).filter(it => it.tablet_sched_disable_balance === 'true'));
    expect(off.map(all => all.length)).toEqual([0, 1, 2]);
  });
});
