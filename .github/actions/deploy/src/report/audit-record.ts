import type { World } from '../plan/world.ts';
import type { Mode, RunOutcome, RunReport } from './run-report.ts';

type Rows = readonly Readonly<Record<string, string>>[];

/** One run that changed something, as it is kept on the machines and in the artifact. */
export interface AuditRecord {
  readonly format: 1;
  readonly cluster: string;
  readonly mode: Mode;
  readonly outcome: RunOutcome;
  /** ISO 8601. */
  readonly started: string;
  readonly ended: string;
  readonly run: string | null;
  readonly actor: string | null;
  readonly repository: string;
  readonly commit: string | null;
  readonly why: string | null;
  readonly plan_digest: string | null;
  readonly steps: readonly {
    readonly title: string;
    readonly outcome: string;
    readonly started: string | null;
    readonly ended: string | null;
  }[];
  readonly problems: readonly string[];
  /** One sentence each: an outage, a machine that could not be looked at, a lock that was freed. */
  readonly notes?: readonly string[];
  /** Rows of SHOW FRONTENDS and SHOW BACKENDS with StarRocks' own columns. */
  readonly before: { readonly frontends: Rows; readonly backends: Rows };
  readonly after: { readonly frontends: Rows; readonly backends: Rows };
}

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
