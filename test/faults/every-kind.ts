import type { Kill } from './cutter.ts';
import type { Cut, Position } from './position.ts';
import { cutsAt } from './position.ts';
import type { Change } from './scenarios.ts';
import type { Stage } from './stage.ts';
import { type Trial, tryChange } from './trial.ts';

/**
 * Kills a change again and again, each of its runs at the first operation of a kind that was not yet cut in that way,
 * until a run meets nothing new and ends by itself.
 * @param covered `kind cut` of what was cut before; what is cut here is added
 */
export async function killAtEveryKind(stage: Stage, change: Change, covered: Set<string>): Promise<Trial> {
  const cover = (kills: readonly Kill[]) => {
    for (const { position, cut } of kills) covered.add(spot(position, cut));
  };
  const trial = await tryChange(stage, change, (position, kills) => {
    cover(kills);
    return cutsAt(position).find(cut => !covered.has(spot(position, cut))) ?? null;
  });
  cover(trial.kills);
  return trial;
}

export const spot = ({ kind }: Position, cut: Cut): string => `${kind}: ${cut}`;
