/** One node or machine that is not as it should be: what was seen, the most likely cause, and what to do next. */
export interface Diagnosis {
  /** `address/service`, the address of a machine, or `cluster`. */
  readonly node: string;
  /** Stable, `D_WRONG_HELPER`. */
  readonly code: `D_${string}`;
  /** The sign by which it was recognised, in the words of whoever said it, secrets redacted. */
  readonly seen: string;
  /** One sentence. */
  readonly cause: string;
  /** One sentence: the next thing to do. */
  readonly todo: string;
}
