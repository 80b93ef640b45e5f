import { makePlan } from '../../.github/actions/deploy/src/plan/plan.ts';
import { explore } from '../../.github/actions/deploy/src/prove/explore.ts';
import { prove } from '../../.github/actions/deploy/src/prove/prove.ts';
import { cluster, deployed, everything, type HostSketch, meets } from '../unit/plan/worlds.ts';
import { checkWorlds } from '../worlds/check-worlds.ts';
import { median, seconds, shown } from './median.ts';

/** FEs without BEs and BEs without FEs, each with this conf. */
const nodes = (fes: number, bes: number, conf: string) =>
  cluster([
    ...Array.from({ length: fes }, (): HostSketch => ({ be: 0, fe_conf: conf })),
    ...Array.from({ length: bes }, (): HostSketch => ({ fe: null, be_conf: conf })),
  ]);

const WORLDS = 500;

/** A change of every conf: what two faults can lead to in 5 FE + 6 BE, and planning and proving 3 FE + 300 BE. */
export async function provePlans(): Promise<string[]> {
  const small = nodes(5, 6, 'x');
  const world = meets(small, deployed(nodes(5, 6, '')));
  const [one, two] = [1, 2].map(faults => explore(small, world, everything, { faults, limit: 1e6 }));
  const time = await seconds(3, () => explore(small, world, everything, { faults: 2, limit: 1e6 }));
  const large = nodes(3, 300, 'x');
  const wide = meets(large, deployed(nodes(3, 300, '')));
  const planned = await seconds(3, () => {
    prove(large, wide, everything, makePlan(large, wide, everything));
  });
  const worlds = await seconds(3, () => checkWorlds(1, WORLDS));
  return [
    `5 FE + 6 BE: ${one?.states} states with one fault, ${two?.states} with two, all of them: ${two?.exhaustive}`,
    `with two faults: ${shown(time)}`,
    `planning and proving 3 FE + 300 BE: ${shown(planned)}`,
    `simulated worlds per second, on one core: ${Math.round(WORLDS / median(worlds))}`,
  ];
}
