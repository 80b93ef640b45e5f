import type { Wave } from './plan.ts';
import type { Action } from './step.ts';

/** One step in time, seconds after the first one of the plan. */
export interface Bar {
  readonly host: string | null;
  readonly service: string | null;
  readonly action: Action;
  readonly from: number;
  readonly to: number;
}

/**
 * Seconds from the command until the leader's rows show it: on real FEs a start takes 10 to 16, a join 7 to 15 more than
 * that, another leader 2 to 3, a heartbeat comes every 5; BEs with much data take longer. What nobody can foresee
 * (an upload, a pull, the tablets of a drain) is left out: 0.
 */
const SECONDS: Readonly<Record<Action, number>> = {
  prepare: 0,
  found: 16,
  join: 20,
  add: 10,
  start: 16,
  restart: 16,
  upgrade: 20,
  downgrade: 20,
  note: 0,
  hold: 1,
  resume: 1,
  image: 5,
  stop: 3,
  adopt: 1,
  drop: 1,
  drain: 1,
  undrain: 1,
  remove: 3,
  convert: 2,
  register: 6,
  label: 1,
  password: 1,
  aside: 1,
  refresh: 1,
  remember: 0,
};

/** When what is expected, if every step succeeds; steps of a wave run together, a wave begins when the one before ends. */
export function timeline(waves: readonly Pick<Wave, 'steps' | 'later'>[]): Bar[] {
  let from = 0;
  return waves
    .filter(wave => !wave.later)
    .flatMap(({ steps }) => {
      const bars = steps
        .filter(step => SECONDS[step.action] > 0)
        .map(({ host, service, action }): Bar => ({ host, service, action, from, to: from + SECONDS[action] }));
      from = Math.max(from, ...bars.map(bar => bar.to));
      return bars;
    });
}
