import { describe, expect, it } from 'vitest';
import { apply } from '../../../.github/actions/deploy/src/plan/effects.ts';
import { next } from '../../../.github/actions/deploy/src/plan/next.ts';
import { unfold } from '../../../.github/actions/deploy/src/plan/plan.ts';
import type { Step } from '../../../.github/actions/deploy/src/plan/step.ts';
import type { World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { explore } from '../../../.github/actions/deploy/src/prove/explore.ts';
import { violations } from '../../../.github/actions/deploy/src/prove/invariants.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import {
  becomes,
  cluster,
  deployed,
  emptyWorld,
  everything,
  meets,
  stopped,
  withMachine,
  withRows,
} from '../plan/worlds.ts';

const replicas = { default_replication_num: 5 };
const five = cluster([{}, {}, {}, { fe: null }, { fe: null }], replicas);
const newer = cluster([{}, {}, {}, { fe: null }, { fe: null }], { ...replicas, version: '3.4.10' });

const withUnhealthy = (world: World, unhealthy_tablets: number): World =>
  withRows(world, rows => ({ ...rows, unhealthy_tablets }));

/** What the checker says of the planner's own way, without any fault. */
function expectNoStory(desired: ClusterJson, world: World): void {
  const { story } = explore(desired, world, everything, { faults: 0, limit: 10_000 });
  expect(story, story?.join('\n')).toBeNull();
}

describe('the checker finds nothing wrong', () => {
  it('with an upgrade where two BEs may be away', () => {
    expectNoStory(newer, meets(newer, deployed(five)));
  });

  it('with a downgrade of the same', () => {
    expectNoStory(five, meets(five, deployed(newer)));
  });

  it('with images that somebody numbers in a way of his own, and an FE that crashes', () => {
    const mine = {
      ...five,
      hosts: five.hosts.map(host => ({
        ...host,
        fe: host.fe === null ? null : { ...host.fe, image: 'mirror.example/fe:1.0.0' },
      })),
    };
    expect(explore(mine, emptyWorld(mine), everything, { faults: 1, limit: 20_000 }).story).toBeNull();
  });

  it('with an FE that joins beside a BE of the old release that was dropped by hand and leaves', () => {
    const was = cluster([{ be: 0 }, { be: 0 }, { be: 0 }, { be: 0 }, {}]);
    const wanted = cluster([{ be: 0 }, { be: 0 }, { be: 0 }, { be: 0 }, { be: 0 }], { version: '3.4.10' });
    const dropped = withRows(becomes(wanted, was), rows => ({
      ...rows,
      backends: rows.backends.filter(row => row.host !== '10.0.0.5'),
    }));
    const lost = withMachine(stopped(dropped, '10.0.0.4', 'starrocks-fe'), '10.0.0.4', machine => ({
      ...machine,
      fe: { ...machine.fe, meta: 'partial' },
    }));
    expectNoStory(wanted, lost);
  });

  it('with what is done while tablets are not whole', () => {
    const { waves } = unfold(newer, meets(newer, deployed(five)), everything);
    const told = waves.flatMap(({ meets: world }) => {
      let at = withUnhealthy(world, 7);
      const memory = { started: {}, unhealthy_before: 2, images_before: {} };
      // First they may be repaired; then comes what this is about.
      for (let turn = 0; turn < 3; turn += 1) {
        const decision = next({ desired: newer, world: at, request: everything, memory });
        if (decision.kind !== 'wave') return [];
        const wrong = violations(newer, { world: at, away: {}, unhealthy_before: 2 }, decision.steps);
        if (wrong.length > 0) return wrong;
        for (const operation of decision.steps.flatMap(step => step.operations)) at = apply(operation, newer, at);
      }
      return [];
    });
    expect(waves.length).toBeGreaterThan(10);
    expect(told).toEqual([]);
  });
});

describe('the checker names', () => {
  const world = () => meets(newer, deployed(five));
  const both = (['10.0.0.4', '10.0.0.5'] as const).map(
    (host): Step => ({
      ...{ action: 'upgrade', host, service: 'starrocks-be', reason: '', gates: [], outage: null },
      operations: [{ kind: 'activate', host, service: 'starrocks-be', expects: 'be-0-', digest: 'be-0--3.4.10' }],
    }),
  );

  it('two BEs that try a release together', () => {
    expect(violations(newer, { world: world(), away: {} }, both)).toContain(
      '2 BEs try 3.4.10 at once, and none has run it yet',
    );
  });

  it('a BE that is stopped while tablets are not whole', () => {
    const torn = withUnhealthy(world(), 7);
    expect(violations(newer, { world: torn, away: {}, unhealthy_before: 2 }, both.slice(0, 1))).toContain(
      'replicas are lost: 7 tablets are not whole, 2 were before',
    );
  });
});
