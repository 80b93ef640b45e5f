import { describe, expect, it } from 'vitest';
import { driftIssue, driftMarker } from '../../../.github/actions/deploy/src/report/drift-issue.ts';
import { hostileTexts } from '../review/hostile.ts';
import { hostile, report } from './sample.ts';

const clean = report({ mode: 'drift', outcome: 'converged', steps: [], hosts: [] });
const stopped = (host: string) => ({
  title: `start starrocks-be on ${host}`,
  host,
  service: 'starrocks-be',
  reason: 'its container is exited',
  outcome: 'planned' as const,
  started: null,
  ended: null,
});
const drifted = (...hosts: string[]) =>
  report({ mode: 'drift', outcome: 'differs', hosts: [], steps: hosts.map(stopped) });

describe('the drift issue', () => {
  it('is none when nothing differs', () => {
    expect(driftIssue(clean, null, '2026-01-01T00:00:00.000Z')).toBeNull();
  });

  it('remembers since when, marks what is new, and names what is gone', () => {
    const first = driftIssue(drifted('10.0.0.1', '10.0.0.2'), null, '2026-01-01T00:00:00.000Z');
    const second = driftIssue(drifted('10.0.0.2', '10.0.0.3'), first?.body ?? '', '2026-01-02T00:00:00.000Z');
    const rows = second?.body.split('\n').filter(line => line.startsWith('| ') && line.includes('a deploy would'));
    expect(rows).toEqual([
      '| 10.0.0.2 | a deploy would start starrocks-be on 10.0.0.2: its container is exited | 2026-01-01 00:00 |',
      '| 🆕 10.0.0.3 | a deploy would start starrocks-be on 10.0.0.3: its container is exited | 2026-01-02 00:00 |',
    ]);
    expect(second?.body).toContain('~~10.0.0.1 a deploy would start starrocks-be on 10.0.0.1');
  });

  it('is none for a cluster that is as declared but for a machine in maintenance, and does not name it otherwise', () => {
    const resting = {
      ...{ kind: 'dead' as const, severity: 'warning' as const, node: '10.0.0.9/starrocks-be' },
      ...{ expected: 'Alive true', found: 'Alive false', hint: 'End the maintenance.' },
    };
    const alone = report({ mode: 'drift', outcome: 'converged', steps: [], hosts: [], findings: [resting] });
    expect(driftIssue(alone, null, '2026-01-01T00:00:00.000Z')).toBeNull();
    const both = { ...drifted('10.0.0.1'), findings: [resting] };
    expect(driftIssue(both, null, '2026-01-01T00:00:00.000Z')?.body).not.toContain('10.0.0.9');
  });

  it('takes a thing whose numbers change for the same thing, and shows the newest numbers', () => {
    const drains = (left: number) =>
      report({
        ...{ mode: 'drift', outcome: 'draining', hosts: [] },
        steps: [{ ...stopped('10.0.0.1'), reason: `${left} reasons` }],
        findings: [
          {
            ...{ kind: 'draining', severity: 'warning', node: '10.0.0.8:9050', expected: 'no tablet' },
            ...{ found: `${left} tablets left`, hint: 'Wait.' },
          },
        ],
      });
    const first = driftIssue(drains(120), null, '2026-01-01T00:00:00.000Z');
    const second = driftIssue(drains(12), first?.body ?? '', '2026-01-02T00:00:00.000Z')?.body ?? '';
    expect(second).toContain(
      '| 10.0.0.8:9050 | draining: expected no tablet, found 12 tablets left | 2026-01-01 00:00 |',
    );
    expect(second).not.toMatch(/🆕|Gone since|120 /);
  });

  it('remembers hundreds of things, and what is gone of them', () => {
    const many = (from: number) =>
      drifted(...Array.from({ length: 600 }, (_, at) => `10.0.${(from + at) >> 8}.${(from + at) & 255}`));
    const first = driftIssue(many(0), null, '2026-01-01T00:00:00.000Z')?.body ?? '';
    const second = driftIssue(many(1), first, '2026-01-02T00:00:00.000Z')?.body ?? '';
    expect(Math.max(first.length, second.length)).toBeLessThanOrEqual(65_536);
    expect(second.match(/~~/g)?.length).toBe(2);
    expect(second).toContain('~~10.0.0.0 a deploy would start starrocks-be on 10.0.0.0~~');
    expect(second.match(/🆕 [\d.]+/g) ?? []).toEqual(second.includes('| 🆕 10.0.2.88 ') ? ['🆕 10.0.2.88'] : []);
    expect(second.match(/a deploy would/g)?.length).toBeGreaterThan(150);
  });

  it('forgets when somebody has spoilt its memory, and no more', () => {
    const spoilt = (driftIssue(drifted('10.0.0.1'), null, '2026-01-01T00:00:00.000Z')?.body ?? '').replace(
      /seen [^ ]+/,
      `seen ${Buffer.from('nonsense').toString('base64')}`,
    );
    expect(driftIssue(drifted('10.0.0.1'), spoilt, '2026-01-02T00:00:00.000Z')?.body).toContain('🆕 10.0.0.1');
  });

  it('links to the run that looked', () => {
    const run = 'https://github.com/acme/infra/actions/runs/42';
    const body = driftIssue({ ...drifted('10.0.0.1'), run }, null, '2026-01-01T00:00:00.000Z')?.body;
    expect(body).toContain(`, run [42](${run}).</sub>`);
  });

  it('tells all that is wrong with one machine, each under its own name', () => {
    const of = (...codes: ('E_UNDECLARED' | 'E_UNREACHABLE')[]) =>
      report({
        ...{ mode: 'drift', steps: [], findings: [] },
        hosts: [{ address: '10.0.0.9', outcome: 'failed', why: 'the first of them', services: [] }],
        problems: codes.map((code, at) => ({ code, host: '10.0.0.9', step: null, message: `No. ${at}`, hint: '' })),
      });
    const first = driftIssue(of('E_UNDECLARED', 'E_UNDECLARED'), null, '2026-01-01T00:00:00.000Z')?.body ?? '';
    expect(first.match(/^\| 10\.0\.0\.9 \| .* \|/gm)).toEqual([
      '| 10.0.0.9 | No. 0 | 2026-01-01 00:00 |',
      '| 10.0.0.9 | No. 1 | 2026-01-01 00:00 |',
    ]);
    const second = driftIssue(of('E_UNREACHABLE'), first, '2026-01-02T00:00:00.000Z')?.body;
    expect(second).toContain('| 🆕 10.0.0.9 | No. 0 |');
    expect(second).toContain('~~10.0.0.9 E&#95;UNDECLARED~~');
  });

  it('tells of machines that were not reached, strangers and wrong rows', () => {
    const text = driftIssue(
      report({
        mode: 'drift',
        steps: [],
        hosts: [{ address: '10.0.0.9', outcome: 'failed', why: 'no route to host', services: [] }],
        findings: [
          {
            kind: 'stranger',
            severity: 'warning',
            node: '10.0.0.8:9050',
            expected: 'no row',
            found: 'a BE',
            hint: 'Drop it.',
          },
        ],
      }),
      null,
      '2026-01-01T00:00:00.000Z',
    )?.body;
    expect(text).toContain('| 10.0.0.9 | no route to host |');
    expect(text).toContain('| 10.0.0.8:9050 | stranger: expected no row, found a BE |');
  });

  it.each(hostileTexts.map(text => [JSON.stringify(text.slice(0, 40)), text]))(
    'lets nobody forge a row, a mention or its memory: %s',
    (_name, text) => {
      const body = driftIssue(hostile(text), null, '2026-01-01T00:00:00.000Z')?.body ?? '';
      expect(body.length).toBeLessThanOrEqual(65_536);
      expect(body.startsWith(driftMarker('x').slice(0, 20))).toBe(true);
      expect(body).not.toMatch(/(^|[^\w])@[a-z]|<script|\| forged \| row/i);
      expect(body.match(/<!-- starrocks-ha:seen /g)?.length).toBe(1);
      // Its own memory is read back, and nothing else.
      expect(driftIssue(hostile(text), body, '2026-01-02T00:00:00.000Z')?.body).not.toContain('🆕');
    },
  );
});
