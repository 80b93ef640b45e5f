import fc from 'fast-check';
import { judged } from './judged.ts';
import { type Recipe, recipe } from './recipe.ts';
import { SITUATIONS } from './situations.ts';

export interface Outcome {
  readonly runs: number;
  /** How many plans were for each situation. */
  readonly counts: Readonly<Record<string, number>>;
  readonly waves: number;
  readonly searched: number;
  /** The smallest recipe that goes wrong, and what; null: none does. */
  readonly failure: {
    readonly seed: number;
    readonly path: string;
    readonly what: string;
    readonly recipe: Recipe;
  } | null;
}

/** Plans and judges so many random worlds; the same seed gives the same worlds. */
export function checkWorlds(seed: number, numRuns: number): Outcome {
  const counts = Object.fromEntries(Object.keys(SITUATIONS).map(name => [name, 0]));
  let [runs, waves, searched] = [0, 0, 0];
  const property = fc.property(recipe, one => {
    const verdict = judged(one);
    for (const name of verdict.situations) counts[name] = (counts[name] ?? 0) + 1;
    runs += 1;
    waves += verdict.waves;
    searched += Number(verdict.searched);
    if (verdict.complaint !== null) throw new Error(verdict.complaint);
  });
  const details = fc.check(property, { seed, numRuns });
  const [shrunk] = details.counterexample ?? [];
  const failure =
    shrunk === undefined
      ? null
      : { seed, path: details.counterexamplePath ?? '', what: String(details.errorInstance), recipe: shrunk };
  return { runs, counts, waves, searched, failure };
}
