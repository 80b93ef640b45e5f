/** What a run costs, counted where it happens. */
export interface Counters {
  /** SSH connections, bastions' included. */
  connections: number;
  /** Commands and session requests that were answered, after authentication. */
  exchanges: number;
  /** Channels forwarded for SQL and health questions. */
  forwards: number;
  /** Session requests by operation. */
  readonly operations: Record<string, number>;
}

export const counting = (): Counters => ({ connections: 0, exchanges: 0, forwards: 0, operations: {} });
