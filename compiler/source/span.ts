/** A stretch of cluster.yaml: offsets into its text, in UTF-16 units, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A value together with the place that a message about it shall point to. */
export interface Placed<T> {
  readonly value: T;
  readonly at: Span;
}
