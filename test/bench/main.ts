/**
 * `npm run bench [-- NAME …]`: the project's figures, as ratios and counts of one run. Nothing here is asserted.
 */
import { bootstrapLab } from './bootstrap-lab.ts';
import { bootstrapSandbox } from './bootstrap-sandbox.ts';
import { compileMany } from './compile-many.ts';
import { deployFiles } from './deploy-files.ts';
import { killedRuns } from './killed-runs.ts';
import { planMany } from './plan-many.ts';
import { provePlans } from './prove-plans.ts';

const benches: Readonly<Record<string, () => Promise<string[]>>> = {
  compile: compileMany,
  plan: planMany,
  prove: provePlans,
  files: deployFiles,
  kills: killedRuns,
  'bootstrap-lab': bootstrapLab,
  'bootstrap-sandbox': bootstrapSandbox,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter(name => benches[name] === undefined);
if (unknown.length > 0) throw new Error(`no bench is called ${unknown.join(', ')}: ${Object.keys(benches).join(', ')}`);
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`${name}\n`);
  for (const line of await bench()) process.stdout.write(`  ${line}\n`);
}
