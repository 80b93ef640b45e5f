import { describe, expect, it } from 'vitest';
import { type BackendRow, known, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { type Bounds, type Exploration, explore } from '../../../.github/actions/deploy/src/prove/explore.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import {
  addedAgain,
  becomes,
  cluster,
  deployed,
  emptyWorld,
  everything,
  type HostSketch,
  heardAt,
  meets,
  stopped,
  uploaded,
  withBackends,
  withMachine,
} from '../plan/worlds.ts';

const three: HostSketch[] = [{}, {}, {}];
const be: HostSketch = { fe: null };
const plain = cluster(three);
const changed = cluster(three.map(() => ({ fe_conf: 'x', be_conf: 'x' })));
const newer = cluster(three, { version: '3.4.10' });
const large = (): [ClusterJson, World] => {
  const sketches: HostSketch[] = [{ be: 0 }, { be: 0 }, {}, {}, {}, { fe: 'observer', be: 0 }];
  const to = cluster(sketches, { version: '3.4.10' });
  return [to, meets(to, deployed(cluster(sketches)))];
};
const grown = cluster([...three, {}]);
const leaves = (was: ClusterJson, now: ClusterJson, row: Partial<BackendRow> = {}): [ClusterJson, World] => [
  now,
  withBackends(becomes(now, was), '10.0.0.4', row),
];
const off = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].reduce(
  (world, host) => stopped(stopped(world, host, 'starrocks-fe'), host, 'starrocks-be'),
  deployed(plain),
);

const withoutStorage = (world: World, host: string): World =>
  withMachine(world, host, machine => ({
    ...machine,
    be: { 'starrocks-be': { storage: 'empty', cluster_id: null, member: 'new' } },
  }));

const droppedByHand = (world: World, host: string): World => {
  if (!world.cluster.known) throw new Error(world.cluster.reason);
  const rows = world.cluster.value;
  return { ...world, cluster: known({ ...rows, frontends: rows.frontends.filter(row => row.host !== host) }) };
};

/** FEs without BEs and BEs without FEs, each with this conf. */
const fiveAndSix = (conf: string) =>
  cluster([
    ...Array.from({ length: 5 }, (): HostSketch => ({ be: 0, fe_conf: conf })),
    ...Array.from({ length: 6 }, (): HostSketch => ({ fe: null, be_conf: conf })),
  ]);

const racks = (conf: string) =>
  cluster(
    [0, 1, 2, 3, 4].map(at => ({ be_conf: conf, location: `rack:${at < 3 ? 1 : 2}`, ...(at > 2 ? { fe: null } : {}) })),
    { default_replication_num: 5 },
  );

/** What is met, and how many states two faults lead to: fewer mean that something is not looked at any more. */
const SITUATIONS: readonly (readonly [what: string, states: number, ClusterJson, World])[] = [
  ['founds a cluster of three', 2122, plain, emptyWorld(plain)],
  ['has nothing to do', 395, plain, deployed(plain)],
  ['changes FEs and BEs', 3964, changed, meets(changed, deployed(plain))],
  ['changes five FEs and six BEs', 14802, fiveAndSix('x'), meets(fiveAndSix('x'), deployed(fiveAndSix('')))],
  ['changes BEs in two racks', 4665, racks('x'), meets(racks('x'), deployed(racks('')))],
  [
    'changes FEs and BEs while the leader does not hear of a machine',
    3806,
    changed,
    heardAt(uploaded(changed, meets(changed, deployed(plain))), '2026-11-23 12:00:15', {
      '10.0.0.3/starrocks-fe': '2026-11-23 12:00:02',
      '10.0.0.3/starrocks-be': '2026-11-23 12:00:02',
    }),
  ],
  ['grows by a machine', 3664, grown, meets(grown, deployed(plain))],
  ['starts a cluster that stands still', 985, plain, off],
  ['takes a BE out', 1425, ...leaves(cluster([...three, be]), plain, { tablet_num: 12 })],
  [
    'takes a BE out that drains already',
    1162,
    ...leaves(cluster([...three, be]), plain, { tablet_num: 12, system_decommissioned: true }),
  ],
  ['takes two BEs out', 2234, ...leaves(cluster([...three, be, be]), plain, { tablet_num: 12 })],
  [
    'is given a BE back that drains',
    745,
    cluster([...three, be]),
    withBackends(deployed(cluster([...three, be])), '10.0.0.4', { system_decommissioned: true }),
  ],
  [
    'gives a BE whose storage is gone a new row',
    1332,
    cluster([...three, be]),
    withoutStorage(stopped(deployed(cluster([...three, be])), '10.0.0.4', 'starrocks-be'), '10.0.0.4'),
  ],
  ['takes an FE out', 2672, ...leaves(cluster([...three, { be: 0 }]), plain)],
  ['takes two FEs out of five', 4957, ...leaves(cluster([...three, { be: 0 }, { be: 0 }]), plain)],
  [
    'makes an observer a follower',
    3135,
    ...leaves(cluster([...three, { fe: 'observer', be: 0 }]), cluster([...three, { be: 0 }])),
  ],
  [
    'makes a follower an observer',
    2502,
    ...leaves(cluster([...three, { be: 0 }]), cluster([...three, { fe: 'observer', be: 0 }])),
  ],
  ['replaces a machine by another', 4614, ...leaves(cluster([...three, be]), cluster([{}, {}, be, {}]))],
  ['upgrades', 13286, newer, meets(newer, deployed(plain))],
  ['downgrades', 15034, plain, meets(plain, deployed(newer))],
  ['finds an FE that somebody dropped', 1304, plain, droppedByHand(deployed(plain), '10.0.0.1')],
  ['finds an FE that somebody dropped and added again', 1149, plain, addedAgain(deployed(plain), '10.0.0.3')],
];

const TWO_FAULTS: Bounds = { faults: 2, limit: 200_000 };

/** Each search is asked twice: for what goes wrong, and for how far it has looked. */
const searched = new Map<string, Exploration>();
function search(what: string, desired: ClusterJson, world: World): Exploration {
  const found = searched.get(what) ?? explore(desired, world, everything, TWO_FAULTS);
  searched.set(what, found);
  return found;
}

describe('the planner does nothing wrong, whatever goes wrong in between, when it', () => {
  it.each(SITUATIONS)('%s', (what, _states, desired, world) => {
    const { story } = search(what, desired, world);
    expect(story, story?.join('\n')).toBeNull();
  });
});

describe('nothing is left out of the search when it', () => {
  it.each(SITUATIONS)('%s: %i states', (what, states, desired, world) => {
    expect(search(what, desired, world)).toMatchObject({ states, exhaustive: true });
  });

  it('upgrades five FEs and an observer, with one fault', () => {
    const [desired, world] = large();
    expect(explore(desired, world, everything, { faults: 1, limit: 200_000 })).toEqual({
      states: 1802,
      exhaustive: true,
      story: null,
    });
  });
});
