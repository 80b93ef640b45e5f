import { expect, test } from 'vitest';
import { publishDrift } from '../../../.github/actions/deploy/src/engine/drift.ts';
import { duration, verdict } from '../../../.github/actions/deploy/src/report/verdict.ts';
import { report } from './sample.ts';

const hosts = (...outcomes: ('failed' | 'not-reached' | 'applied' | 'planned')[]) =>
  outcomes.map((outcome, at) => ({ address: `10.88.0.${at}`, outcome, why: '', services: [] }));

test('a run in one sentence', () => {
  expect(verdict(report({ outcome: 'unchanged' }))).toBe(
    'analytics is as declared: 3 FEs and 3 BEs registered and alive, nothing to do.',
  );
  expect(verdict(report({ outcome: 'differs', hosts: hosts('planned', 'applied') }))).toBe(
    'analytics differs: 1 step on 1 of 2 hosts.',
  );
  const problems = [{ code: 'E_X' as const, host: '10.88.0.1', step: null, message: 'It is down.', hint: 'Start it.' }];
  expect(verdict(report({ outcome: 'refused', problems }))).toBe('analytics was left alone: 10.88.0.1: It is down.');
  expect(verdict(report({ outcome: 'failed', problems, hosts: hosts('failed', 'not-reached', 'failed') }))).toBe(
    'analytics failed: 2 failed, 1 not reached. 10.88.0.1: It is down.',
  );
});

test('a look at a cluster that a run changes says so, and the drift issue is left as it is', async () => {
  const locked = report({ mode: 'drift', outcome: 'locked' });
  expect(verdict(locked)).toBe('analytics was not looked at: a run changes it at this moment.');
  const nobody = { GITHUB_REPOSITORY: 'acme/infra', GITHUB_API_URL: 'http://127.0.0.1:1' };
  expect(await publishDrift(locked, 'token', nobody)).toBe(
    'The issue is left as it is: a run changes the cluster at this moment.',
  );
  expect(await publishDrift(report({ mode: 'drift', outcome: 'failed' }), 'token', nobody)).toBe(
    'The issue is left as it is: the cluster could not be looked at.',
  );
});

test('a failure that only verify found tells the first error', () => {
  const finding = { node: null, expected: 'one leader', found: 'none', hint: '' };
  const findings = [
    { kind: 'silent', severity: 'warning', ...finding, node: 'x' },
    { kind: 'no-leader', severity: 'error', ...finding },
  ] as const;
  expect(verdict(report({ outcome: 'failed', findings }))).toContain(
    'The cluster: no-leader, expected one leader, found none.',
  );
});

test('durations', () => {
  expect([400, 9999, 12_345, 59_999, 65_000, 3_600_000].map(duration)).toEqual([
    ...['0.4s', '9.9s', '12s', '59s', '1m 05s', '60m 00s'],
  ]);
  expect(duration(Number.NaN)).toBe('');
});
