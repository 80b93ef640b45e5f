import type { Diagnosis } from '../diagnose/diagnosis.ts';
import type { Problem } from '../error.ts';
import type { Approval } from '../plan/approval.ts';
import type { Impact } from '../plan/impact.ts';
import type { RowContract } from '../plan/row-contract.ts';
import type { Bar } from '../plan/timeline.ts';
import type { Finding } from '../verify/finding.ts';

/** Modes that observe the machines, and modes that may change them. `status` is `verify` in a terminal. */
export const MODES = [
  'plan',
  'deploy',
  'verify',
  'status',
  'restart',
  'register',
  'drop',
  'stop',
  'start',
  'adopt',
  'diagnose',
  'logs',
  'unlock',
  'drift',
] as const;

export type Mode = (typeof MODES)[number];

/**
 * How a run ended. `converged`: looked, and all is as declared. `unchanged`: a deploy that had nothing to do and
 * proved it. `changed`: a deploy that did what it planned and proved it. `differs`: a plan or a look that found
 * something to do. `superseded`: main moved on since the approval; nothing was touched. `locked`:
 * another run changes the cluster at this moment, so what differs says nothing. `draining`: tablets still leave a BE that
 * is removed; a later run finishes that. `refused`: stopped before the first change. `failed`: stopped after it, or could not look.
 */
export type RunOutcome =
  | 'superseded'
  | 'locked'
  | 'converged'
  | 'unchanged'
  | 'changed'
  | 'differs'
  | 'draining'
  | 'refused'
  | 'failed';

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

/** The last lines of one log of one machine, secrets redacted. */
export interface LogText {
  /** Path below the folder of logs: `192.168.1.10/starrocks-fe/fe.log`. */
  readonly name: string;
  readonly text: string;
}

/** Order, reason and effect of one wave, for whoever approves it. */
export interface WaveReport {
  readonly title: string;
  readonly steps: readonly { readonly title: string; readonly reason: string }[];
  readonly impact: Impact | null;
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
  readonly actor: string | null;
  /** Why, as whoever started it by hand wrote. */
  readonly why: string | null;
  /** ISO 8601. */
  readonly started: string;
  readonly ended: string;
  readonly plan_digest: string | null;
  /** What a deploy of exactly this may be given as its approval; null when nothing was planned. */
  readonly approval: Approval | null;
  readonly outcome: RunOutcome;
  /** What is, or was, to be done; [] when nothing was planned. */
  readonly waves: readonly WaveReport[];
  /** What becomes, or was to become, of the cluster's rows; null when nothing is to be done. */
  readonly rows: RowContract | null;
  /** When what is expected; [] once something was done. */
  readonly timeline: readonly Bar[];
  /** Most likely causes of what is not healthy; [] when nobody asked or all is well. */
  readonly diagnoses: readonly Diagnosis[];
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
  /** What was asked for with `logs`; [] otherwise. */
  readonly logs: readonly LogText[];
  /** Connections, commands, statements …: name → number. */
  readonly counters: Readonly<Record<string, number>>;
  /** What is kept of a run that changed something. */
  readonly record?: AuditRecord;
}

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
