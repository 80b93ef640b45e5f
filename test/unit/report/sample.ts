import type { RunReport } from '../../../.github/actions/deploy/src/report/run-report.ts';
import { transcript } from '../starrocks/transcript.ts';

/** A deploy that changed one BE. */
export const report = (changes: Partial<RunReport> = {}): RunReport => ({
  ...{ format: 1, mode: 'deploy', cluster: 'analytics', version: '3.3.18', outcome: 'changed' },
  ...{ commit: '4f2a9c1', run: 'https://example.org/runs/7', plan_digest: 'sha256:abc' },
  hosts: [
    { address: '10.88.0.11', outcome: 'applied', why: 'restart', services: ['starrocks-be'] },
    { address: '10.88.0.12', outcome: 'unchanged', why: '', services: [] },
    { address: '10.88.0.13', outcome: 'maintenance', why: 'it is in maintenance', services: [] },
  ],
  steps: [
    {
      ...{ title: 'restart starrocks-be on 10.88.0.11', host: '10.88.0.11', service: 'starrocks-be' },
      ...{ reason: 'be.conf differs', outcome: 'done' },
      ...{ started: '2026-11-23T12:00:00.000Z', ended: '2026-11-23T12:00:12.345Z' },
    },
  ],
  ...{ findings: [], problems: [], dangers: [], waves: [], diagnoses: [], logs: [], approval: null, timeline: [] },
  rows: null,
  ...{ actor: 'ada', why: null, started: '2026-11-23T11:59:00.000Z', ended: '2026-11-23T12:00:13.000Z' },
  frontends: transcript('3.3/show-frontends.tsv'),
  backends: transcript('3.3/show-backends.tsv'),
  counters: { connections: 3, commands: 3 },
  ...changes,
});

/** The same with one text wherever text of others can stand. */
export const hostile = (text: string): RunReport => ({
  ...report(),
  ...{ cluster: text, version: text, commit: text, run: text, plan_digest: text, outcome: 'failed' },
  hosts: [{ address: text, outcome: 'failed', why: text, services: [text] }],
  steps: [{ title: text, host: text, service: text, reason: text, outcome: 'failed', started: null, ended: null }],
  findings: [{ kind: 'dead', severity: 'error', node: text, expected: text, found: text, hint: text }],
  problems: [{ code: 'E_SQL_REFUSED', host: text, step: text, message: text, hint: text, detail: [text, text] }],
  dangers: [text],
  rows: { changes: [{ row: text, before: text, after: text }], unchanged: 1 },
  timeline: [{ host: text, service: text, action: 'restart', from: 0, to: 16 }],
  ...{ actor: text, why: text },
  waves: [
    {
      title: text,
      steps: [{ title: text, reason: text }],
      impact: { down: [text], quorum: null, replicas: null, next_failure: text },
    },
  ],
  diagnoses: [{ node: text, code: 'D_UNKNOWN', seen: text, cause: text, todo: text }],
  frontends: [{ IP: text, ErrMsg: text }],
  backends: [{ [text]: text }],
  counters: { [text]: 1 },
});
