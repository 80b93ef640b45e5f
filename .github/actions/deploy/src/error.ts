/** What went wrong, as a person reads it: never a stack trace for something a person can mend. */
export interface Problem {
  /** Stable, `E_HOST_KEY_CHANGED`. */
  readonly code: `E_${string}`;
  /** Address of the machine it happened on, or null. */
  readonly host: string | null;
  /** What was being done, `observe`, `activate starrocks-be`. */
  readonly step: string | null;
  /** One sentence: what happened. */
  readonly message: string;
  /** One sentence: what to do next. */
  readonly hint: string;
  /** Lines that show it, the last ones of a container's log for one, secrets redacted. */
  readonly detail?: readonly string[];
}

/** The one error type of the Action. Anything else that is thrown is a defect of ours. */
export class DeployError extends Error {
  readonly problem: Problem;
  constructor(problem: Omit<Problem, 'host' | 'step'> & Partial<Pick<Problem, 'host' | 'step'>>) {
    super(problem.message);
    this.name = 'DeployError';
    this.problem = { host: null, step: null, ...problem };
  }
}
