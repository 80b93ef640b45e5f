import { describe, expect, it } from 'vitest';
import { type Gate, holds } from '../../../.github/actions/deploy/src/plan/gates.ts';
import { next } from '../../../.github/actions/deploy/src/plan/next.ts';
import { view } from '../../../.github/actions/deploy/src/plan/situation.ts';
import { stepTitle } from '../../../.github/actions/deploy/src/plan/step.ts';
import { known, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { violations } from '../../../.github/actions/deploy/src/prove/invariants.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import { cluster, deployed, everything, type HostSketch, heardAt, meets, uploaded } from './worlds.ts';

const three: HostSketch[] = [{}, {}, {}];
const memory = { started: {}, unhealthy_before: null };

/** Thirteen seconds before the last beat. */
const late = (...keys: string[]) => Object.fromEntries(keys.map(key => [key, '2026-11-23 12:00:02']));

/** A deployed cluster of three, all files of `desired` uploaded. */
const met = (desired: ClusterJson, lates: Readonly<Record<string, string>>): World =>
  heardAt(uploaded(desired, meets(desired, deployed(cluster(three)))), '2026-11-23 12:00:15', lates);

/** What is done next, or why nothing is. */
function said(desired: ClusterJson, world: World): string {
  const decision = next({ desired, world, request: everything, memory });
  if (decision.kind === 'wave') return decision.steps.map(stepTitle).join(', ');
  return decision.kind === 'wait' ? `wait until ${decision.reason}` : decision.kind;
}

const gate = (one: Gate, world: World): string | null =>
  holds(one, view({ desired: cluster(three), world, request: everything, memory }));

describe('a node of which the leader hears nothing, though it is still called alive and answers by itself', () => {
  it.each([
    ['fe', 'starrocks-fe'],
    ['be', 'starrocks-be'],
  ])('keeps every other %s from being stopped', (kind, service) => {
    const desired = cluster([{}, { [`${kind}_conf`]: 'x' }, {}]);
    expect(said(desired, met(desired, late(`10.0.0.3/${service}`)))).toBe(
      `wait until the leader shows 10.0.0.3/${service} alive`,
    );
  });

  it('is not counted on by any gate', () => {
    const world = met(cluster(three), late('10.0.0.3/starrocks-fe', '10.0.0.3/starrocks-be'));
    expect(gate({ kind: 'quorum-without', node: '10.0.0.2/starrocks-fe' }, world)).toBe(
      'without 10.0.0.2 1 of 3 followers remain and 2 are needed: 10.0.0.3 cannot be counted on',
    );
    expect(gate({ kind: 'replicas-without', nodes: ['10.0.0.2/starrocks-be'] }, world)).toBe(
      '2 BEs would be away (10.0.0.3/starrocks-be, 10.0.0.2/starrocks-be) and 3 replicas allow 1',
    );
    expect(gate({ kind: 'others-healthy', nodes: ['10.0.0.2/starrocks-fe'] }, world)).toBe(
      '10.0.0.3/starrocks-fe is not healthy',
    );
  });

  it('is counted on within two beats, whatever a dead row says', () => {
    const world = met(cluster(three), { '10.0.0.3/starrocks-fe': '2026-11-23 12:00:03' });
    expect(gate({ kind: 'quorum-without', node: '10.0.0.2/starrocks-fe' }, world)).toBe(null);
    if (!world.cluster.known) throw new Error(world.cluster.reason);
    const [row] = world.cluster.value.backends;
    if (row === undefined) throw new Error('no BE');
    const dead = { ...row, host: '10.0.0.9', alive: false, last_heartbeat: '2026-11-23 12:59:59' };
    const backends = [...world.cluster.value.backends, dead];
    const clockSetBack = { ...world, cluster: known({ ...world.cluster.value, backends }) };
    expect(gate({ kind: 'others-healthy', nodes: ['10.0.0.9/starrocks-be'] }, clockSetBack)).toBe(null);
  });

  it.each([
    ['fe', 'starrocks-fe'],
    ['be', 'starrocks-be'],
  ])('is itself the first %s whose files are brought up to date', (kind, service) => {
    const desired = cluster(three.map(() => ({ [`${kind}_conf`]: 'x' })));
    expect(said(desired, met(desired, late(`10.0.0.3/${service}`)))).toBe(`restart ${service} on 10.0.0.3`);
  });

  it('is a loss to whoever checks a plan, if another one is stopped', () => {
    const desired = cluster([{}, { fe_conf: 'x', be_conf: 'x' }, {}]);
    const world = met(desired, {});
    const cutOff = met(desired, late('10.0.0.3/starrocks-fe', '10.0.0.3/starrocks-be'));
    const restart = (service: 'starrocks-fe' | 'starrocks-be') =>
      [world, cutOff].flatMap(at =>
        violations(desired, { world: at, away: {} }, [
          {
            action: 'restart',
            host: '10.0.0.2',
            service,
            reason: 'a test',
            operations: [{ kind: 'restart', host: '10.0.0.2', service, expects: '' }],
            gates: [],
            outage: null,
          },
        ]),
      );
    expect(restart('starrocks-fe')).toEqual([
      'the majority of followers is lost: 1 of 3 would be up, and 2 are needed',
    ]);
    expect(restart('starrocks-be')).toEqual(['replicas are lost: 2 BEs would be away, and replication allows 1']);
  });
});
