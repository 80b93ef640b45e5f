import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import type { Request } from '../../../.github/actions/deploy/src/plan/situation.ts';
import { stepTitle } from '../../../.github/actions/deploy/src/plan/step.ts';
import { type HandMade, unknown, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { cluster, deployed, everything, withMachine } from './worlds.ts';

const desired = cluster([{}, {}, {}]);
const adopt: Request = { ...everything, intent: 'adopt' };

/** The cluster as a person would have made it: the same containers, without our labels and files. */
function byHand(change: (hand: HandMade) => HandMade = hand => hand): World {
  let world = deployed(desired);
  for (const { address } of desired.hosts) {
    world = withMachine(world, address, machine => ({
      ...machine,
      files: {},
      staged: [],
      marker: null,
      containers: [],
      strangers: machine.containers.map(one => `the container ${one.service} (${one.image})`),
      by_hand: machine.containers.map(one =>
        change({
          service: one.service,
          id: `${address}-${one.service}`,
          image: one.image,
          state: one.state,
          started_at: one.started_at,
          mounts: one.mounts,
          network: 'host',
          restart_policy: 'always',
          env: {},
          conf: '',
          conf_differs: [],
        }),
      ),
    }));
  }
  const backends = world.cluster.known
    ? world.cluster.value.backends.map(row => ({ ...row, be_port: 9060, http_port: 8040, brpc_port: 8060 }))
    : [];
  if (!world.cluster.known) throw new Error('no rows');
  return { ...world, cluster: { known: true, value: { ...world.cluster.value, backends } } };
}

describe('adopt', () => {
  it('takes over what equals the compiled definition, and restarts nobody', () => {
    const { waves, problems } = makePlan(desired, byHand(), adopt);
    expect(problems).toEqual([]);
    const kinds = waves.flatMap(wave => wave.steps.flatMap(step => step.operations.map(one => one.kind)));
    expect([...new Set(kinds)]).toEqual(['stage', 'adopt']);
    expect(waves.at(-1)?.steps.map(stepTitle)).toEqual([
      'adopt starrocks-fe on 10.0.0.1',
      'adopt starrocks-fe on 10.0.0.2',
      'adopt starrocks-fe on 10.0.0.3',
      'adopt starrocks-be on 10.0.0.1',
      'adopt starrocks-be on 10.0.0.2',
      'adopt starrocks-be on 10.0.0.3',
    ]);
  });

  it('leaves nothing for a deploy to do', () => {
    const before = byHand();
    const { waves } = makePlan(desired, before, adopt);
    expect(waves.length).toBeGreaterThan(0);
    expect(makePlan(desired, before, everything).problems[0]?.code).toBe('E_FOREIGN_STARROCKS');
  });

  it.each<[string, string, (hand: HandMade) => HandMade]>([
    ['its image', 'its image is other:1', hand => ({ ...hand, image: 'other:1' })],
    ['its network', 'its network is bridge', hand => ({ ...hand, network: 'bridge' })],
    ['where its data lies', 'and /opt/starrocks-ha/data', hand => ({ ...hand, mounts: {} })],
    ['that it stands still', 'it is exited', hand => ({ ...hand, state: 'exited' })],
    ['that it would not come back', 'its restart policy is no', hand => ({ ...hand, restart_policy: 'no' })],
    ['its conf', 'fe.conf: http_port is 1', hand => ({ ...hand, conf_differs: ['fe.conf: http_port is 1'] })],
  ])('takes over nothing while one differs in %s, and says it', (_what, said, change) => {
    const world = byHand(hand => (hand.id === '10.0.0.2-starrocks-fe' ? change(hand) : hand));
    const { waves, problems } = makePlan(desired, world, adopt);
    expect(waves).toEqual([]);
    expect(problems.map(problem => [problem.code, problem.host])).toEqual([['E_ADOPT', '10.0.0.2']]);
    expect(problems[0]?.message).toContain(said);
  });

  it('takes over nothing whose data belongs to another cluster, or that no row names', () => {
    const other = withMachine(byHand(), '10.0.0.3', machine => ({
      ...machine,
      be: { 'starrocks-be': { storage: 'whole', cluster_id: '999', member: null } },
    }));
    expect(makePlan(desired, other, adopt).waves).toEqual([]);
    const world = byHand();
    if (!world.cluster.known) throw new Error('no rows');
    const frontends = world.cluster.value.frontends.map(row =>
      row.host === '10.0.0.3' ? { ...row, host: 'db-3' } : row,
    );
    const named = { ...world, cluster: { known: true as const, value: { ...world.cluster.value, frontends } } };
    expect(makePlan(desired, named, adopt).problems[0]?.message).toContain('registered under a name');
  });

  it('takes over nothing while a machine is not reached, and names it', () => {
    const world = byHand();
    const away = { ...world, hosts: { ...world.hosts, '10.0.0.3': unknown('no route to host') } };
    const { waves, problems } = makePlan(desired, away, adopt);
    expect([waves, problems.map(problem => [problem.code, problem.host])]).toEqual([[], [['E_ADOPT', '10.0.0.3']]]);
    const resting = {
      ...desired,
      hosts: desired.hosts.map(host => ({ ...host, maintenance: host.address === '10.0.0.3' })),
    };
    expect(makePlan(resting, away, adopt).problems).toEqual([]);
  });

  it('takes over nothing while StarRocks runs under another name, and says which name is wanted', () => {
    const other = withMachine(byHand(), '10.0.0.2', machine => ({
      ...machine,
      strangers: ['the container fe1 (starrocks/fe-ubuntu:3.3.18)'],
      by_hand: [],
    }));
    const { waves, problems } = makePlan(desired, other, adopt);
    expect(waves).toEqual([]);
    expect(problems.map(({ code, host, message, hint }) => [code, host, message, hint.slice(0, 90)])).toEqual([
      [
        'E_ADOPT',
        '10.0.0.2',
        'StarRocks runs on 10.0.0.2 under a name that cannot be taken over: the container fe1 (starrocks/fe-ubuntu:3.3.18).',
        'Give the container the name of its service (`docker rename OLD starrocks-fe`, `starrocks-b',
      ],
    ]);
  });

  it('takes over nothing while no FE answers', () => {
    const { waves, problems } = makePlan(desired, { ...byHand(), cluster: unknown('no FE answers') }, adopt);
    expect([waves, problems.length > 0]).toEqual([[], true]);
  });
});
