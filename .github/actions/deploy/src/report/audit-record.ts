import type { World } from '../plan/world.ts';
import type { AuditRecord, RunReport } from './run-report.ts';

export function auditRecord(report: RunReport, repository: string, before: World | null): AuditRecord {
  const rows = before?.cluster.known === true ? before.cluster.value : null;
  return {
    format: 1,
    cluster: report.cluster,
    mode: report.mode,
    outcome: report.outcome,
    started: report.started,
    ended: report.ended,
    run: report.run,
    actor: report.actor,
    repository,
    commit: report.commit,
    why: report.why,
    plan_digest: report.plan_digest,
    steps: report.steps.map(({ title, outcome, started, ended }) => ({ title, outcome, started, ended })),
    problems: report.problems.map(({ code, message }) => `${code}: ${message}`),
    notes: report.dangers,
    before: {
      frontends: rows?.frontends.map(row => row.raw) ?? [],
      backends: rows?.backends.map(row => row.raw) ?? [],
    },
    after: { frontends: report.frontends, backends: report.backends },
  };
}
