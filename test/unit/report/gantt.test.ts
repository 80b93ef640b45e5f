import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { timeline } from '../../../.github/actions/deploy/src/plan/timeline.ts';
import { bars, gantt } from '../../../.github/actions/deploy/src/report/gantt.ts';
import { becomes, cluster, deployed, everything, meets } from '../plan/worlds.ts';

const three = cluster([{}, {}, {}]);
const changed = cluster([{ be_conf: 'x' }, { fe_conf: 'x' }, {}]);
const planned = timeline(makePlan(changed, meets(changed, deployed(three)), everything).waves);

describe('the expected time of a plan', () => {
  it('puts waves one after the other, and leaves out what nobody can foresee', () => {
    expect(planned).toEqual([
      { host: '10.0.0.1', service: 'starrocks-be', action: 'restart', from: 0, to: 16 },
      { host: '10.0.0.2', service: 'starrocks-fe', action: 'restart', from: 16, to: 32 },
    ]);
    const drained = makePlan(three, becomes(three, cluster([{}, {}, {}, { fe: null }])), everything);
    expect(timeline(drained.waves).map(bar => bar.action)).toEqual(['drain']);
  });

  it('is drawn for a pull request', () => {
    expect(gantt(planned)).toEqual([
      '%%{init: {"gantt": {"leftPadding": 130}}}%%',
      'gantt',
      '  dateFormat YYYY-MM-DD HH:mm:ss',
      '  axisFormat %M:%S',
      '  section 10.0.0.1',
      '  restart starrocks-be :2000-01-01 00:00:00, 16s',
      '  section 10.0.0.2',
      '  restart starrocks-fe :2000-01-01 00:00:16, 16s',
    ]);
  });

  it('names each machine once, with all that happens there, whatever comes between', () => {
    const bar = (host: string | null, from: number) =>
      ({ host, service: null, action: 'hold', from, to: from + 9 }) as const;
    expect(gantt([bar('10.0.0.1', 0), bar(null, 9), bar('10.0.0.1', 3600)])?.slice(3)).toEqual([
      '  axisFormat %H:%M',
      '  section 10.0.0.1',
      '  hold :2000-01-01 00:00:00, 9s',
      '  hold :2000-01-01 01:00:00, 9s',
      '  section cluster',
      '  switch tablet balancing off :2000-01-01 00:00:09, 9s',
    ]);
  });

  it('is drawn for a terminal', () => {
    expect(bars(planned).slice(1)).toEqual([
      `10.0.0.1 starrocks-be  ${'█'.repeat(20)}${' '.repeat(20)}  0:00–0:16 restart`,
      `10.0.0.2 starrocks-fe  ${' '.repeat(20)}${'█'.repeat(20)}  0:16–0:32 restart`,
    ]);
  });

  it('is not drawn where there is nothing, or too much for a drawing', () => {
    const many = Array.from({ length: 61 }, () => planned).flat();
    expect([gantt([]), gantt(many), bars([]), bars(many)]).toEqual([null, null, [], []]);
  });

  it('takes nothing into a drawing that could leave its place', () => {
    const poisoned = gantt([{ host: 'a:1\n```', service: null, action: 'stop', from: 0, to: 3 }]) ?? [];
    expect(poisoned.slice(4)).toEqual(['  section a1', '  stop :2000-01-01 00:00:00, 3s']);
  });
});
