import { remembered } from './remembered.ts';

/** What a row says of the leader's asking. */
interface Beat {
  readonly alive: boolean;
  /** `YYYY-MM-DD HH:MM:SS` of the leader's clock, or null: it was never heard of. */
  readonly last_heartbeat: string | null;
}

/** The leader asks every 5 s and calls a node dead after about 20 s of silence: two beats missed, and some way to go. */
const UNHEARD_MS = 12_000;

/** Of the rows that are alive: a dead one keeps its last time, which a clock that was set back may never reach. */
export const newestHeartbeat = remembered((rows: readonly Beat[]): string | null => {
  let newest: string | null = null;
  for (const { alive, last_heartbeat } of rows) {
    if (alive && last_heartbeat !== null && (newest === null || last_heartbeat > newest)) newest = last_heartbeat;
  }
  return newest;
});

/**
 * Has the leader heard of others for a while, and not of this one? Both times are of the leader's clock. A node that is
 * cut off from the leader stays Alive for some 20 s and answers SELECT 1 all the time (seen on a real FE).
 * @param newest `newestHeartbeat` of all rows of its kind
 */
export function isUnheard({ last_heartbeat }: Beat, newest: string | null): boolean {
  // Most are of the same second, and a plan for many machines looks many times.
  if (last_heartbeat === null || newest === null || last_heartbeat === newest) return false;
  return milliseconds(newest) - milliseconds(last_heartbeat) > UNHEARD_MS;
}

/** NaN for the model's `now`, which is never older than anything. */
const milliseconds = (time: string): number => Date.parse(`${time.replace(' ', 'T')}Z`);
