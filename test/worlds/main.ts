/**
 * `npm run worlds -- --runs 1000000 --seed N`: random worlds on all cores. Ends with 1 when a plan is wrong, or when one
 * of the situations was met too rarely.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import type { Outcome } from './check-worlds.ts';

const { values } = parseArgs({ options: { runs: { type: 'string' }, seed: { type: 'string' } } });
const wanted = Number(values.runs ?? 10_000);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
if (!Number.isSafeInteger(wanted) || wanted < 1 || !Number.isSafeInteger(seed)) {
  throw new Error('--runs and --seed take whole numbers');
}

/** Small enough that all cores end together, and that a slice can be repeated by hand. */
const SLICE = 2000;
const slices = Array.from({ length: Math.ceil(wanted / SLICE) }, (_, at) => ({
  seed: seed + at,
  runs: Math.min(SLICE, wanted - at * SLICE),
}));

const folder = mkdtempSync(join(tmpdir(), 'starrocks-ha-worlds-'));
const program = join(folder, 'worker.mjs');
await build({
  ...{ entryPoints: [join(import.meta.dirname, 'worker.ts')], outfile: program },
  ...{ bundle: true, platform: 'node', format: 'esm', logLevel: 'error' },
});

const began = performance.now();
const outcomes: Outcome[] = [];
process.stdout.write(`${wanted} worlds, seed ${seed}\n`);
await Promise.all(Array.from({ length: Math.min(availableParallelism(), slices.length) }, work));
rmSync(folder, { recursive: true });
process.exitCode = report();

/** One thread, that takes slices as long as there are any and nothing is wrong. */
function work(): Promise<void> {
  const worker = new Worker(program);
  return new Promise((done, failed) => {
    const next = () => {
      const slice = outcomes.some(one => one.failure !== null) ? undefined : slices.shift();
      if (slice !== undefined) return worker.postMessage(slice);
      worker.terminate().then(() => done(), failed);
    };
    worker.on('error', failed);
    worker.on('message', (outcome: Outcome) => {
      outcomes.push(outcome);
      if (outcomes.length % 10 === 0) process.stderr.write(`${outcomes.length * SLICE} worlds\n`);
      next();
    });
    next();
  });
}

function report(): number {
  const sum = (of: (one: Outcome) => number) => outcomes.reduce((all, one) => all + of(one), 0);
  const runs = sum(one => one.runs);
  const seconds = (performance.now() - began) / 1000;
  const names = Object.keys(outcomes[0]?.counts ?? {});
  const counts = names.map(name => [name, sum(one => one.counts[name] ?? 0)] as const);
  const rare = counts.filter(([, count]) => count < runs / 1000);
  const lines = [
    `${runs} worlds in ${seconds.toFixed(1)} s: ${Math.round(runs / seconds)} worlds/s, ${sum(one => one.waves)} waves`,
    `${sum(one => one.searched)} refusals looked into by brute force`,
    ...counts.map(([name, count]) => `${String(count).padStart(9)}  ${name}`),
    ...rare.map(([name, count]) => `too rare: ${name} (${count})`),
    ...outcomes.flatMap(({ failure }) =>
      failure === null
        ? []
        : [`WRONG: seed ${failure.seed}, path ${failure.path}: ${failure.what}`, JSON.stringify(failure.recipe)],
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return rare.length > 0 || outcomes.some(one => one.failure !== null) ? 1 : 0;
}
