import { EveryPosition } from '../faults/every-position.ts';
import { SCENARIOS } from '../faults/scenarios.ts';

const SECONDS = 180;

/** Runs of one scenario that are killed, one place after the other: how many in some minutes. */
export async function killedRuns(): Promise<string[]> {
  const scenario = SCENARIOS.find(one => one.name === 'config');
  if (scenario === undefined) throw new Error('there is no scenario config');
  const wanted = { change: null, at: null, cut: null, skip: 0, limitSeconds: SECONDS };
  const start = performance.now();
  const { tried, spots, failed, unmet, samples } = await new EveryPosition(
    scenario,
    '127.90.0',
    wanted,
    () => {},
  ).run();
  const minutes = (performance.now() - start) / 60_000;
  return [
    `changed conf of three machines: ${tried} of ${spots} kills in ${minutes.toFixed(1)} min, ${failed.length} failed, ${unmet.length} not met, ${samples} looks beside them`,
  ];
}
