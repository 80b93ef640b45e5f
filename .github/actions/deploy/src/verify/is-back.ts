import type { BackendRow, FrontendRow } from '../plan/world.ts';

/**
 * Whether an FE that was restarted is back: the leader's row is alive and joined, with a StartTime newer than before
 * and a heartbeat since. Alive alone stays true through a whole restart (seen). Times are compared as the cluster
 * prints them, never with the runner's clock.
 * @param before its row before the step, or null when it had none
 */
export function feIsBack(before: FrontendRow | null, after: FrontendRow | null): boolean {
  if (after === null || !after.join) return false;
  return isBack(after.alive, before?.start_time ?? null, after.start_time, after.last_heartbeat);
}

/** The same for a BE, by LastStartTime. */
export function beIsBack(before: BackendRow | null, after: BackendRow | null): boolean {
  if (after === null) return false;
  return isBack(after.alive, before?.last_start_time ?? null, after.last_start_time, after.last_heartbeat);
}

function isBack(alive: boolean, before: string | null, start: string | null, heartbeat: string | null): boolean {
  if (!alive || start === null || heartbeat === null) return false;
  // Times have whole seconds: a heartbeat may carry the second of the start it reports.
  return (before === null || start > before) && heartbeat >= start;
}
