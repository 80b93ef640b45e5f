import { describe, it } from 'vitest';
import { labAvailable } from './available.ts';

const availability = await labAvailable();

/**
 * A suite that needs real hosts. Where a lab cannot run it is shown as skipped, with the reason in its name; with
 * `LAB=required` it fails instead, so that nothing left out can look green.
 */
export function describeInLab(name: string, tests: () => void): void {
  if (availability.ok) return void describe(name, tests);
  if (process.env['LAB'] !== 'required') return void describe.skip(`${name} (no lab here: ${availability.why})`, tests);
  const { why } = availability;
  describe(name, () => {
    it('has the lab that LAB=required asks for', () => {
      throw new Error(`no lab can run here: ${why}; .ci/run installs what it needs`);
    });
  });
}
