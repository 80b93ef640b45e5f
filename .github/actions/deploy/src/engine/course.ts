import type { CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import type { Problem } from '../error.ts';
import type { Approval } from '../plan/approval.ts';
import type { Plan } from '../plan/plan.ts';
import type { Request } from '../plan/situation.ts';
import type { World } from '../plan/world.ts';
import type { LogText, Mode, RunOutcome, RunReport } from '../report/run-report.ts';
import type { Finding } from '../verify/finding.ts';
import type { Doing, StepRecord } from './converge.ts';
import type { Desired } from './desired.ts';
import type { MachinesOptions } from './machines.ts';
import type { Provenance } from './provenance.ts';

export interface RunOptions {
  readonly mode: Mode;
  readonly desired: Desired;
  readonly provenance: Provenance;
  /** The compiled folder of this run. */
  readonly generated: string;
  /** Folder of the clone, for questions to git. */
  readonly clone: string;
  /** Commit at the head of main at this moment, or null where that cannot be asked. */
  readonly headOfMain: () => Promise<string | null>;
  readonly request: Request;
  /** What may be done, or null for whatever is found necessary. */
  readonly approved: Approval | null;
  /** Why, as whoever started it wrote. */
  readonly why: string | null;
  /** A run that shows what it would do and changes nothing. */
  readonly dryRun: boolean;
  readonly connection: MachinesOptions['connection'];
  readonly password: string | null;
  readonly parallelism: number;
  readonly doing: Doing;
  readonly signal: AbortSignal;
  /** Hears of a run right before its first step, in case that nothing more is heard of it. */
  readonly begins?: (report: RunReport) => Promise<void>;
  /** Values that no output may show. */
  readonly secrets: readonly string[];
  readonly counters?: () => Readonly<Record<string, number>>;
}

/** What a run has found out and done so far. */
export interface Course {
  readonly started: Date;
  before: World | null;
  world: World | null;
  plan: Plan | null;
  records: readonly StepRecord[];
  /** Machines whose lock was freed. */
  freed: readonly CompiledHost[];
  problems: Problem[];
  findings: readonly Finding[];
  diagnoses: readonly Diagnosis[];
  logs: readonly LogText[];
  /** One sentence each, for whoever reads the report. */
  notes: string[];
  /** It said by itself how it ended; null: what it found and did says it. */
  ended: RunOutcome | null;
}
