import type { Problem } from '../error.ts';
import type { Finding } from '../verify/finding.ts';

export type Mode = 'plan' | 'deploy' | 'verify' | 'status';

/**
 * How a run ended. `converged`: looked, and all is as declared. `unchanged`: a deploy that had nothing to do and
 * proved it. `changed`: a deploy that did what it planned and proved it. `differs`: a plan or a look that found
 * something to do. `refused`: stopped before the first change. `failed`: stopped after it, or could not look.
 */
export type RunOutcome = 'converged' | 'unchanged' | 'changed' | 'differs' | 'refused' | 'failed';

export type HostOutcome = 'applied' | 'unchanged' | 'failed' | 'not-reached' | 'maintenance' | 'planned';

export type StepOutcome = 'planned' | 'running' | 'done' | 'failed' | 'not-begun';

export interface HostReport {
  readonly address: string;
  readonly outcome: HostOutcome;
  /** One clause: why it failed, because of which host it was not reached, or what was done; '' when there is nothing. */
  readonly why: string;
  /** Services that this run touches. */
  readonly services: readonly string[];
}

/** In the order in which they were begun, or will be. */
export interface StepReport {
  readonly title: string;
  readonly host: string | null;
  readonly service: string | null;
  readonly reason: string;
  readonly outcome: StepOutcome;
  /** ISO 8601, null before it began. */
  readonly started: string | null;
  readonly ended: string | null;
}

/** One run as data: what the job summary, the terminal, the annotations and the JSON report all show. */
export interface RunReport {
  readonly format: 1;
  readonly mode: Mode;
  readonly cluster: string;
  /** StarRocks release. */
  readonly version: string;
  readonly commit: string | null;
  /** URL of the run, or user@machine of a terminal. */
  readonly run: string | null;
  readonly plan_digest: string | null;
  readonly outcome: RunOutcome;
  /** In the order of cluster.yaml. */
  readonly hosts: readonly HostReport[];
  readonly steps: readonly StepReport[];
  readonly findings: readonly Finding[];
  readonly problems: readonly Problem[];
  /** One sentence each: an outage, a leader that restarts, whatever a person should know before saying yes. */
  readonly dangers: readonly string[];
  /** Rows of SHOW FRONTENDS and SHOW BACKENDS with StarRocks' own columns; empty when nobody could be asked. */
  readonly frontends: readonly Readonly<Record<string, string>>[];
  readonly backends: readonly Readonly<Record<string, string>>[];
  /** Connections, commands, statements …: name → number. */
  readonly counters: Readonly<Record<string, number>>;
}
