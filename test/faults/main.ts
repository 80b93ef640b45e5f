/**
 * `npm run faults`: every scenario is killed at every operation, in every way. One scenario after the other in each of
 * `--jobs` lanes. `--scenario`, `--change`, `--at` and `--cut` choose; a failure prints the words that replay it.
 */
import { parseArgs } from 'node:util';
import { EveryPosition, type Tally } from './every-position.ts';
import { CUTS, type Cut, positionText } from './position.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', multiple: true, default: [] },
    change: { type: 'string' },
    at: { type: 'string' },
    cut: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    /** So many of each change were tried by a run that was broken off: the order is the same. */
    skip: { type: 'string', default: '0' },
    /** Seconds a scenario; what is left then is not tried, and said so. */
    limit: { type: 'string', default: '86400' },
  },
});

const write = (line: string) => void process.stdout.write(`${line}\n`);

function cutOf(text: string | undefined): Cut | null {
  if (text === undefined) return null;
  const cut = CUTS.find(one => one === text);
  if (cut === undefined) throw new Error(`--cut is one of ${CUTS.join(', ')}`);
  return cut;
}

function chosen(names: readonly string[]): Scenario[] {
  const strange = names.find(name => SCENARIOS.every(one => one.name !== name));
  if (strange !== undefined)
    throw new Error(`there is no scenario ${strange}, but ${SCENARIOS.map(one => one.name).join(', ')}`);
  return SCENARIOS.filter(one => names.length === 0 || names.includes(one.name));
}

function summary({ scenario, positions, spots, tried, unmet, failed, samples }: Tally): void {
  const operations = [...positions].map(([name, met]) => `${name} ${met.length}`).join(', ');
  write(
    `${scenario.name}: operations: ${operations}; ${tried} of ${spots} kills tried, ${unmet.length} not met, ${failed.length} failed, ${samples} looks`,
  );
  for (const { spot, change, failures } of failed) {
    const where = spot === null ? '' : ` --at '${positionText(spot.position)}' --cut ${spot.cut}`;
    write(`  npm run faults -- --scenario ${scenario.name} --change '${change.name}'${where}`);
    for (const failure of failures) write(`    ${failure}`);
  }
}

async function main(): Promise<void> {
  const wanted = {
    change: values.change ?? null,
    at: values.at ?? null,
    cut: cutOf(values.cut),
    skip: Number(values.skip),
    limitSeconds: Number(values.limit),
  };
  const queue = chosen(values.scenario);
  const tallies: Tally[] = [];
  const lane = async (network: string) => {
    for (let scenario = queue.shift(); scenario !== undefined; scenario = queue.shift()) {
      const { name } = scenario;
      tallies.push(await new EveryPosition(scenario, network, wanted, line => write(`[${name}] ${line}`)).run());
    }
  };
  // Networks of this process alone: two programs may run side by side.
  const jobs = Array.from({ length: Number(values.jobs) }, (_, index) =>
    lane(`127.${100 + index}.${process.pid % 250}`),
  );
  await Promise.all(jobs);
  write('');
  for (const tally of tallies) summary(tally);
  const failed = tallies.reduce((sum, one) => sum + one.failed.length, 0);
  const tried = tallies.reduce((sum, one) => sum + one.tried, 0);
  const spots = tallies.reduce((sum, one) => sum + one.spots, 0);
  write(`${tried} of ${spots} kills tried, ${failed} failed`);
  // What was not tried is not proved.
  process.exitCode = failed > 0 || tried < spots || spots === 0 ? 1 : 0;
}

await main();
