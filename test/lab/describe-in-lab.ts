import { describe, it } from 'vitest';
import { labAvailable } from './available.ts';

const availability = await labAvailable();
// The names of skipped suites are shown by some reporters only.
if (!availability.ok) console.warn(`The tests on real hosts cannot run here: ${availability.why}`);

/**
 * A suite that needs real hosts. Where a lab cannot run it is skipped, and the reason is printed; with
 * `LAB=required` it fails instead, so that nothing left out can look green.
 */
export function describeInLab(name: string, tests: () => void): void {
  if (availability.ok) return void describe(name, tests);
  if (process.env['LAB'] !== 'required') return void describe.skip(name, tests);
  const { why } = availability;
  describe(name, () => {
    it('has the lab that LAB=required asks for', () => {
      throw new Error(`no lab can run here: ${why}; .ci/run installs what it needs`);
    });
  });
}

/**
 * Suites of this kind run side by side, the tests of each in their order: `describe.sequential` itself, whatever it lies
 * in, waits for the suite before it.
 */
export function describeSideBySide(name: string, tests: () => void): void {
  describe.concurrent(name, () => void describe.sequential('in order', tests));
}
