import type { Problem } from '../error.ts';
import type { Gate } from './gates.ts';
import type { Operation } from './operation.ts';
import { leftBehind } from './place.ts';
import type { BeNode, Node, View } from './situation.ts';
import { running, staleFiles, unhealthyBefore, up } from './situation.ts';
import type { Next, Step } from './step.ts';

/** Says what is next, or null: then the following rule is asked. */
export type Rule = (v: View) => Next | null;

export const wave = (title: string, steps: readonly Step[]): Next | null =>
  steps.length > 0 ? { kind: 'wave', title, steps } : null;

export const step = (
  node: Node,
  action: Step['action'],
  reason: string,
  operations: readonly Operation[],
  gates: readonly Gate[] = [],
): Step => ({
  action,
  host: node.host.address,
  service: node.service.name,
  reason,
  operations,
  gates,
  outage: null,
});

export const activate = (node: Node): Operation => ({
  kind: 'activate',
  host: node.host.address,
  service: node.service.name,
  expects: node.container?.digest ?? null,
  digest: node.service.digest,
});

export const addBackend = (node: BeNode): Operation => ({
  kind: 'sql',
  statement: {
    kind: 'addBackend',
    host: node.host.address,
    port: node.service.ports.heartbeat_service_port,
  },
});

/** How a node that is rolled comes back. */
export type Roll = (node: Node) => Pick<Step, 'action' | 'reason' | 'operations'>;

export const towardsDefinition: Roll = node => ({
  action: 'restart',
  reason: whatDiffers(node),
  operations: [activate(node)],
});

/** Its own files by name; without any, it is how Compose runs it. And what it will be without. */
function whatDiffers({ host, service, machine, container }: Node): string {
  const stale = new Set(machine === null ? [] : staleFiles(host, machine));
  const own = host.files.filter(file => file.service === service.name && stale.has(file.path)).map(file => file.path);
  const left = container === null ? [] : leftBehind(service, container);
  const without = left.length === 0 ? '' : `; without ${left.join(' and ')} from now on, where no tablet is`;
  if (own.length === 0) return `its definition differs${without}`;
  return `${own.join(', ')} ${own.length === 1 ? 'differs' : 'differ'}${without}`;
}

export const asItIs: Roll = node => ({
  action: 'restart',
  reason: 'somebody asked for it',
  operations: [asBefore(node)],
});

export const restartStep = (node: Node, roll: Roll, gates: readonly Gate[], outage: string | null): Step => {
  const { action, reason, operations } = roll(node);
  return { ...step(node, action, reason, operations, gates), outage };
};

/** The container that was seen of it. */
export const seen = (node: Node) => ({
  host: node.host.address,
  service: node.service.name,
  expects: node.container?.digest ?? '',
});

/** With the definition that it has. */
export const asBefore = (node: Node): Operation => ({ kind: 'restart', ...seen(node) });

export const stop = (node: Node): Operation => ({ kind: 'stop', ...seen(node) });

export const removeContainer = (node: Node): Operation => ({ kind: 'removeContainer', ...seen(node) });

/** A gate that other nodes' recovery will open is waited for; one that nobody works on stops the run. */
export function notYet(v: View, node: Node, reason: string, limit: number, what = 'restarted'): Next {
  const recovering = [...v.frontends, ...v.backends].filter(
    other => other.machine !== null && running(other) && other.row !== null && !up(other, v.memory),
  );
  const healing = (v.rows?.unhealthy_tablets ?? 0) > unhealthyBefore(v);
  if (recovering.length > 0 || healing) {
    return {
      kind: 'wait',
      reason: `${node.key} may be ${what}`,
      hosts: recovering.map(other => other.host.address),
      service: null,
      limit_seconds: limit,
    };
  }
  return blocked(
    node,
    'E_GATE',
    `${node.service.name} on ${node.host.address} cannot be ${what} now: ${reason}.`,
    'Repair the nodes that are named, then deploy again.',
  );
}

export const blocked = (node: Node, code: Problem['code'], message: string, hint: string): Next => ({
  kind: 'blocked',
  problems: [{ code, host: node.host.address, step: 'plan', message, hint }],
});
