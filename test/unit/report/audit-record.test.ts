import { describe, expect, it } from 'vitest';
import { known, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { auditRecord } from '../../../.github/actions/deploy/src/report/audit-record.ts';
import { cluster, deployed } from '../plan/worlds.ts';
import { report } from './sample.ts';

const declared = cluster([{}, {}, {}]);
const live = deployed(declared);
/** Rows as StarRocks shows them, of a cluster that had one node fewer then. */
const before = (): World => {
  if (!live.cluster.known) throw new Error('the model always knows');
  const { value } = live.cluster;
  const frontends = value.frontends.slice(0, 2).map(row => ({ ...row, raw: { IP: row.host, Alive: 'true' } }));
  const backends = value.backends.slice(0, 1).map(row => ({ ...row, raw: { IP: row.host, Alive: 'false' } }));
  return { ...live, cluster: known({ ...value, frontends, backends }) };
};

describe('the record of a run', () => {
  it('tells who, when, why, from which commit and plan, every step with its times, and the rows before and after', () => {
    const told = report({
      ...{ mode: 'restart', why: 'it felt slow', run: 'https://github.com/acme/infra/actions/runs/7' },
      ...{ dangers: ['One warning.'], plan_digest: 'abc', commit: 'f00', outcome: 'failed' },
      problems: [{ code: 'E_NOT_READY', host: '10.88.0.11', step: 'wait', message: 'It is not ready.', hint: 'Wait.' }],
    });
    expect(auditRecord(told, 'acme/infra', before())).toEqual({
      format: 1,
      cluster: told.cluster,
      mode: 'restart',
      outcome: 'failed',
      started: '2026-11-23T11:59:00.000Z',
      ended: '2026-11-23T12:00:13.000Z',
      run: 'https://github.com/acme/infra/actions/runs/7',
      actor: 'ada',
      repository: 'acme/infra',
      commit: 'f00',
      why: 'it felt slow',
      plan_digest: 'abc',
      steps: [
        {
          title: 'restart starrocks-be on 10.88.0.11',
          outcome: 'done',
          started: '2026-11-23T12:00:00.000Z',
          ended: '2026-11-23T12:00:12.345Z',
        },
      ],
      problems: ['E_NOT_READY: It is not ready.'],
      notes: ['One warning.'],
      before: {
        frontends: [
          { IP: '10.0.0.1', Alive: 'true' },
          { IP: '10.0.0.2', Alive: 'true' },
        ],
        backends: [{ IP: '10.0.0.1', Alive: 'false' }],
      },
      after: { frontends: told.frontends, backends: told.backends },
    });
    expect(told.frontends.length).toBe(3);
  });

  it('has no rows of a cluster that nobody could ask', () => {
    expect(auditRecord(report(), '', null).before).toEqual({ frontends: [], backends: [] });
  });
});
