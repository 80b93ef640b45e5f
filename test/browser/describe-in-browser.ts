import { describe, it } from 'vitest';
import { hasBrowser } from './browser.ts';

const available = hasBrowser();
if (!available) console.warn('The pages cannot be looked at here: there is no chromium');

/** A suite that needs a browser: skipped where there is none, and failed there with `LAB=required`. */
export function describeInBrowser(name: string, tests: () => void): void {
  if (available) return void describe(name, tests);
  if (process.env['LAB'] !== 'required') return void describe.skip(name, tests);
  describe(name, () => {
    it('has the browser that LAB=required asks for', () => {
      throw new Error('there is no chromium; .ci/run installs it');
    });
  });
}
