import type { Gate } from './gates.ts';
import { roleDiffers } from './leave.ts';
import { activate, asBefore, blocked, restartStep, step, wave } from './rule.ts';
import type { Node, View } from './situation.ts';
import { arriving, current, down, keptRunning, reachable, storageIsLost } from './situation.ts';
import type { Next, Step } from './step.ts';
import { mayChange, towardsRelease, versionDiffers } from './upgrade.ts';

/** It is down, and nothing has been done yet that it could come up by. */
export const canBeStarted = (node: Node): boolean =>
  reachable(node) && down(node) && !arriving(node) && (!keptRunning(node) || !current(node));

export const needsJoin = ({ machine, service }: Node): boolean => service.kind === 'fe' && machine?.fe.meta === 'empty';

export function startFrontendsThatAreDown(v: View): Next | null {
  const asleep = v.frontends.filter(node => !needsJoin(node) && !roleDiffers(node) && canBeStarted(node));
  const bare = asleep.find(node => node.container === null && tooEarly(v, node));
  if (bare !== undefined) return awaitsRelease(v, bare);
  return wave(
    'start FEs that are down',
    asleep.flatMap(node => startStep(v, node)),
  );
}

/** Its turn to change its release has not come. */
export const tooEarly = (v: View, node: Node): boolean => versionDiffers(v, node) && !mayChange(v, node);

/**
 * One whose release changes waits for its turn, and runs as it was until then; without its container it has nothing to
 * run as, and comes up with the new one when its turn has come.
 */
function startStep(v: View, node: Node): Step[] {
  const gates: Gate[] = [{ kind: 'already-down', node: node.key }];
  if (!versionDiffers(v, node)) return [step(node, 'start', whyDown(node), [activate(node)], gates)];
  if (tooEarly(v, node)) return startAsBefore(v, node, gates);
  return node.container === null ? [restartStep(node, towardsRelease(v), gates, null)] : [];
}

export const startAsBefore = (v: View, node: Node, gates: readonly Gate[]): Step[] =>
  keptRunning(node) || v.memory.started[node.key] !== undefined
    ? []
    : [step(node, 'start', whyDown(node), [asBefore(node)], gates)];

export const whyDown = (node: Node): string =>
  keptRunning(node)
    ? 'it does not answer, and its files differ'
    : `its container is ${node.container?.state ?? 'missing'}`;

/** It would join with a release whose turn has not come, and the old one is not there any more. */
export const awaitsRelease = (v: View, node: Node): Next =>
  blocked(
    node,
    'E_VERSION_AND_MORE',
    `${node.key} has lost its container${needsJoin(node) ? ' and its metadata' : ''} while the cluster becomes ${v.desired.version}.`,
    'Write the release that the others run, deploy, and then write the new one again.',
  );

export function startBackendsThatAreDown(v: View): Next | null {
  const asleep = v.backends.filter(
    node => node.row !== null && node.container !== null && !storageIsLost(node) && canBeStarted(node),
  );
  return wave(
    'start BEs that are down',
    asleep.flatMap(node => startStep(v, node)),
  );
}
