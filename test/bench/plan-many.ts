import { makePlan } from '../../.github/actions/deploy/src/plan/plan.ts';
import { cluster, deployed, emptyWorld, everything } from '../unit/plan/worlds.ts';
import { seconds, shown } from './median.ts';

/** Planning for 3 FE + 300 BE: the first bootstrap, one changed BE, and a rollout over all of them. */
export async function planMany(): Promise<string[]> {
  const sketch = (conf: string, index: number) => ({ fe: index < 3 ? ('follower' as const) : null, be_conf: conf });
  const hosts = Array.from({ length: 300 }, (_, index) => index);
  const plain = cluster(hosts.map(index => sketch('', index)));
  const one = cluster(hosts.map(index => sketch(index === 7 ? 'changed' : '', index)));
  const all = cluster(hosts.map(index => sketch('changed', index)));
  const running = deployed(plain);
  return [
    `first bootstrap: ${shown(await seconds(5, () => makePlan(plain, emptyWorld(plain), everything)))}`,
    `nothing to do: ${shown(await seconds(5, () => makePlan(plain, running, everything)))}`,
    `one changed BE: ${shown(await seconds(5, () => makePlan(one, running, everything)))}`,
    `a rollout over 300 BEs, one by one: ${shown(await seconds(3, () => makePlan(all, running, everything)))}`,
  ];
}
