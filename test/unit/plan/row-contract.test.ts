import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { rowContract } from '../../../.github/actions/deploy/src/plan/row-contract.ts';
import { known, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import { becomes, cluster, deployed, emptyWorld, everything, meets } from './worlds.ts';

const three = cluster([{}, {}, {}]);
const contract = (desired: ClusterJson, world: World) => rowContract(world, makePlan(desired, world, everything).end);

describe('the rows that a plan leads to', () => {
  it('are all new in a first bootstrap', () => {
    const { changes, unchanged } = contract(three, emptyWorld(three));
    expect(unchanged).toBe(0);
    expect(changes.slice(2, 4)).toEqual([
      { row: 'FE 10.0.0.3:9010', before: null, after: 'follower, 3.3.18' },
      { row: 'BE 10.0.0.1:9050', before: null, after: 'backend, 3.3.18' },
    ]);
    expect(changes.length).toBe(6);
  });

  it('are as before when nodes restart, whatever build of the release their rows tell', () => {
    const world = deployed(three);
    if (!world.cluster.known) throw new Error(world.cluster.reason);
    const frontends = world.cluster.value.frontends.map(row => ({ ...row, version: '3.3.18-0fee310' }));
    const told = { ...world, cluster: known({ ...world.cluster.value, frontends }) };
    const desired = cluster([{ fe_conf: 'x' }, { be_conf: 'x' }, {}]);
    expect(contract(desired, meets(desired, told))).toEqual({ changes: [], unchanged: 6 });
  });

  it('tell who comes, who goes and what becomes of a role', () => {
    const was = cluster([{}, {}, {}, { be: 0 }, {}]);
    const desired = { ...cluster([{}, {}, {}, { fe: 'observer', be: 0 }]) };
    expect(contract(desired, becomes(desired, was))).toEqual({
      changes: [
        { row: 'FE 10.0.0.4:9010', before: 'follower, 3.3.18', after: 'observer, 3.3.18' },
        { row: 'FE 10.0.0.5:9010', before: 'follower, 3.3.18', after: null },
        { row: 'BE 10.0.0.5:9050', before: 'backend, 3.3.18', after: null },
      ],
      unchanged: 6,
    });
  });

  it('tell another release of every node', () => {
    const desired = cluster([{}, {}, {}], { version: '3.3.19' });
    const { changes, unchanged } = contract(desired, meets(desired, deployed(three)));
    expect(unchanged).toBe(0);
    expect(changes.map(change => [change.before, change.after])).toEqual([
      ...Array.from({ length: 3 }, () => ['follower, 3.3.18', 'follower, 3.3.19']),
      ...Array.from({ length: 3 }, () => ['backend, 3.3.18', 'backend, 3.3.19']),
    ]);
  });
});
