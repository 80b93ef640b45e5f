import { checkSummary } from '../../.github/actions/deploy/src/report/check-text.ts';
import { comment } from '../../.github/actions/deploy/src/report/comment.ts';
import { driftIssue } from '../../.github/actions/deploy/src/report/drift-issue.ts';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { summary } from '../../.github/actions/deploy/src/report/summary.ts';
import { review } from '../../.github/actions/deploy/src/review/review.ts';
import { report } from '../unit/report/sample.ts';
import { sides, three, yaml } from '../unit/review/sides.ts';

export const context = { commit: '4f2a9c1d0b7e'.padEnd(40, '0'), base: '91c0ffee1234'.padEnd(40, '0') };

const conf = 'defaults: { be_conf: { load_process_max_memory_limit_percent: "5" } }\n';
const one = 'default_replication_num: 1\n';
const alone = `${one}allow_outage: true\n`;
const both = `${alone}defaults: { fe_conf: { qe_max_connection: "2048" }, be_conf: { load_process_max_memory_limit_percent: "5" } }\n`;
const thirty = Array.from({ length: 30 }, (_, at) => `192.168.1.${10 + at}`).map((address, at) =>
  at < 3 ? address : `{ address: ${address}, fe: none }`,
);

export const growth = review(sides(yaml(three), yaml([...three, '192.168.1.13'], conf)));

const plan = (base: string | null, head: string, warnings: readonly string[] = []): string =>
  comment(review(sides(base, head)), { ...context, warnings });

/** A deploy that stopped: a follower did not come back, the machine behind it was not reached for that. */
const failed: RunReport = report({
  outcome: 'failed',
  hosts: [
    { address: '10.88.0.11', outcome: 'applied', why: 'restart', services: ['starrocks-be'] },
    { address: '10.88.0.12', outcome: 'failed', why: 'starrocks-fe was not ready in time', services: ['starrocks-fe'] },
    { address: '10.88.0.13', outcome: 'not-reached', why: 'because of 10.88.0.12', services: ['starrocks-fe'] },
  ],
  steps: [
    ...report().steps,
    {
      ...{ title: 'restart starrocks-fe on 10.88.0.12', host: '10.88.0.12', service: 'starrocks-fe' },
      ...{ reason: 'conf/fe/fe.conf differs', outcome: 'failed' },
      ...{ started: '2026-11-23T12:00:13.000Z', ended: '2026-11-23T12:05:13.000Z' },
    },
    {
      ...{ title: 'restart starrocks-fe on 10.88.0.13', host: '10.88.0.13', service: 'starrocks-fe' },
      ...{ reason: 'conf/fe/fe.conf differs', outcome: 'not-begun', started: null, ended: null },
    },
  ],
  dangers: ['The leader restarts: writes and DDL pause for some seconds while another FE is elected.'],
  problems: [
    {
      ...{ code: 'E_FE_NOT_READY', host: '10.88.0.12', step: 'restart starrocks-fe on 10.88.0.12' },
      ...{ message: 'It was not ready within 300 s.', hint: 'Mend the conf in cluster.yaml and merge again.' },
      detail: ['com.starrocks.common.InvalidConfException: no such env variable: NOPE', 'StarRocksFE start failed'],
    },
  ],
  diagnoses: [
    {
      ...{ node: '10.88.0.12/starrocks-fe', code: 'D_CONF', seen: 'no such env variable: NOPE' },
      ...{ cause: 'The conf names an environment variable that does not exist.', todo: 'Correct it and deploy.' },
    },
  ],
  findings: [
    {
      ...{ kind: 'dead', severity: 'error', node: '10.88.0.12/starrocks-fe', expected: 'Alive=true' },
      ...{ found: 'Alive=false', hint: 'See the causes above.' },
    },
  ],
});

const drifted: RunReport = report({
  ...{ mode: 'drift', outcome: 'differs', steps: [] },
  hosts: [{ address: '10.88.0.13', outcome: 'failed', why: 'no route to host', services: [] }],
  findings: [
    {
      ...{ kind: 'stranger', severity: 'warning', node: '10.88.0.19:9050', expected: 'no such node' },
      ...{ found: 'a BE that nobody declared', hint: 'Run `drop`.' },
    },
  ],
});

const stale = checkSummary(
  {
    diagnostics: [],
    differences: [{ path: 'hosts/192.168.1.10/conf/be/be.conf', kind: 'outdated' }],
    patch: '--- a/generated/hosts/192.168.1.10/conf/be/be.conf\n+++ b/generated/…\n@@ -1 +1 @@\n-a = 1\n+a = 2\n',
  },
  'cluster.yaml',
  'generated',
);

/** What people get to see, in markdown. */
export const pages = {
  'first cluster': plan(null, yaml(three)),
  'growth of a machine': plan(yaml(three), yaml([...three, '192.168.1.13'])),
  'config change with an outage': plan(yaml(['192.168.1.10'], alone), yaml(['192.168.1.10'], both)),
  upgrade: plan(yaml(three), yaml(three).replace('3.3.18', '3.4.10')),
  'thirty hosts': plan(yaml(thirty), yaml(thirty, conf)),
  'nothing to do': plan(yaml(three), yaml(three)),
  'machines that leave': plan(yaml([...three, '192.168.1.13', '192.168.1.14']), yaml(three)),
  refused: plan(yaml(['192.168.1.10'], one), yaml(['192.168.1.10'], one + conf), [
    'generated/ is stale: run npm run compile.',
  ]),
  'deploy that succeeded': summary(report()),
  'deploy that failed': summary(failed),
  'drift issue': driftIssue(drifted, null, '2026-11-23T12:00:00.000Z')?.body ?? '',
  'stale generated': stale,
} as const;
