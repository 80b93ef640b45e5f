import type { Code } from './code.ts';

export type Severity = 'error' | 'warning' | 'notice';

/** One finding about cluster.yaml, as data. Lines and columns count from 1, columns in UTF-16 units as editors do. */
export interface Diagnostic {
  readonly code: Code;
  readonly severity: Severity;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  /** Exclusive. */
  readonly endColumn: number;
  /** One sentence: what is wrong. */
  readonly message: string;
  /** One sentence: what to do. */
  readonly hint: string;
  /** Further places that the message speaks of. */
  readonly related?: readonly RelatedPlace[];
}

export interface RelatedPlace {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}
