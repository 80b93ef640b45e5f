import { describe, expect, it } from 'vitest';
import { approvalOf, beyond } from '../../../.github/actions/deploy/src/plan/approval.ts';
import { impacts } from '../../../.github/actions/deploy/src/plan/impact.ts';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { stepTitle } from '../../../.github/actions/deploy/src/plan/step.ts';
import type { World } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import { cluster, deployed, everything, meets, stopped } from './worlds.ts';

const before = cluster([{}, {}, {}]);
const changed = cluster([{ be_conf: 'new' }, { be_conf: 'new' }, {}]);

const planOf = (desired: ClusterJson, world: World) => makePlan(desired, world, everything);
const stepsOf = (desired: ClusterJson, world: World) => planOf(desired, world).waves.flatMap(wave => wave.steps);

describe('what was approved', () => {
  const approval = approvalOf(changed, planOf(changed, deployed(before)));

  it('names services, actions and new digests, and not who leads or what runs now', () => {
    expect(approval.steps).toEqual([
      { host: '10.0.0.1', service: 'starrocks-be', action: 'restart', digest: 'be-0-new', outage: null },
      { host: '10.0.0.2', service: 'starrocks-be', action: 'restart', digest: 'be-0-new', outage: null },
    ]);
    const down = stopped(deployed(before), '10.0.0.1', 'starrocks-fe');
    expect(approvalOf(changed, planOf(changed, down)).tree).toBe(approval.tree);
  });

  it('covers any part of it: another run has done the rest', () => {
    const [, ...rest] = stepsOf(changed, deployed(before)).filter(step => step.action === 'restart');
    expect(beyond(approval, changed, rest)).toEqual([]);
  });

  it('covers a start where a restart was approved: the node has died meanwhile', () => {
    const steps = stepsOf(changed, stopped(deployed(before), '10.0.0.1', 'starrocks-be'));
    expect(steps.map(stepTitle)).toContain('start starrocks-be on 10.0.0.1');
    expect(beyond(approval, changed, steps)).toEqual([]);
  });

  it('does not cover another service, another digest, or another machine', () => {
    const more = cluster([{ be_conf: 'newer', fe_conf: 'x' }, { be_conf: 'new' }, {}]);
    expect(beyond(approval, more, stepsOf(more, deployed(before))).map(stepTitle)).toEqual([
      'restart starrocks-be on 10.0.0.1',
      'restart starrocks-fe on 10.0.0.1',
    ]);
    const stranger = stopped(deployed(before), '10.0.0.3', 'starrocks-be');
    expect(beyond(approval, changed, stepsOf(changed, stranger)).map(stepTitle)).toEqual([
      'start starrocks-be on 10.0.0.3',
    ]);
  });

  const renamed = (desired: ClusterJson, changes: object): ClusterJson => ({
    ...desired,
    hosts: desired.hosts.map((host, at) => (at === 0 ? { ...host, ...changes } : host)),
  });
  const ssh = (changes: object): ClusterJson =>
    renamed(changed, { ssh: { ...(changed.hosts[0]?.ssh ?? {}), ...changes } });

  it.each<[string, ClusterJson]>([
    ['a location label', renamed(changed, { location: 'rack:r9' })],
    ['maintenance', renamed(changed, { maintenance: true })],
    ['the user of SSH', ssh({ user: 'mallory' })],
    ['the port of SSH', ssh({ port: 2222 })],
    ['the machine that SSH reaches', ssh({ host: '10.9.9.9' })],
    ['a pinned host key', ssh({ host_key: 'SHA256:other' })],
    ['a bastion', ssh({ bastion: { host: 'jump', port: 22, user: 'root', host_key: null } })],
    ['allow_outage', { ...changed, allow_outage: true }],
    ['a timeout', { ...changed, timeouts: { ...changed.timeouts, drain: 1 } }],
    ['the variable of the password', { ...changed, password_env: 'STARROCKS_PASSWORD' }],
  ])('has another tree for another %s, which stands in no file of a host', (_what, other) => {
    expect(approvalOf(other, planOf(changed, deployed(before))).tree).not.toBe(approval.tree);
  });

  it('covers an outage only when that was shown, and the same step without one as well', () => {
    const small = (fe_conf: string) => cluster([{ fe_conf }], { allow_outage: true, default_replication_num: 1 });
    const [was, desired] = [small(''), small('x')];
    const steps = stepsOf(desired, deployed(was));
    const outages = steps.flatMap(step => step.outage ?? []);
    expect(outages.length).toBe(1);
    const shown = approvalOf(desired, planOf(desired, deployed(was)));
    const quiet = steps.map(step => ({ ...step, outage: null }));
    expect([beyond(shown, desired, steps), beyond(shown, desired, quiet)]).toEqual([[], []]);
    const unseen = approvalOf(desired, { digest: '', waves: [{ steps: quiet }] });
    expect(beyond(unseen, desired, steps).map(step => step.outage)).toEqual(outages);
  });

  it('has another tree for another generated/, and the same digest for the same plan', () => {
    const other = cluster([{ be_conf: 'new' }, { be_conf: 'new' }, { app: 'x' }]);
    expect(approvalOf(other, planOf(other, deployed(before))).tree).not.toBe(approval.tree);
    expect(planOf(changed, deployed(before)).digest).toBe(approval.digest);
  });
});

describe('what a wave takes away', () => {
  it('counts followers and replicas while each node is down', () => {
    const desired = cluster([{ fe_conf: 'x' }, { be_conf: 'y' }, {}]);
    const plan = planOf(desired, deployed(before));
    const told = impacts(desired, plan);
    expect(plan.waves.map((wave, at) => [wave.title, told[at]])).toEqual([
      [
        'upload the files and pull the images',
        {
          down: [],
          quorum: { up: 3, needed: 2, all: 3 },
          replicas: { away: 0, allowed: 1, left: 3, all: 3 },
          next_failure: null,
        },
      ],
      [
        'restart BEs',
        {
          down: ['10.0.0.2/starrocks-be'],
          quorum: { up: 3, needed: 2, all: 3 },
          replicas: { away: 1, allowed: 1, left: 2, all: 3 },
          next_failure: 'One more BE down could stop writes to tablets with 1 of 3 replicas left.',
        },
      ],
      [
        'restart the leader',
        {
          down: ['10.0.0.1/starrocks-fe'],
          quorum: { up: 2, needed: 2, all: 3 },
          replicas: { away: 0, allowed: 1, left: 3, all: 3 },
          next_failure: 'One more FE down would leave no leader until one is back.',
        },
      ],
    ]);
  });

  it('takes nothing away by adding a machine', () => {
    const grown = cluster([{}, {}, {}, {}]);
    const world = meets(grown, deployed(before));
    expect(impacts(grown, planOf(grown, world)).flatMap(impact => impact.down)).toEqual([]);
  });
});
