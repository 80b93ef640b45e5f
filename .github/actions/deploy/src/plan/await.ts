import type { ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import type { Node, View } from './situation.ts';
import { ailingBackends, arriving, current, keptRunning, reachable, running, up } from './situation.ts';
import type { Next } from './step.ts';

const awaitNodes = (nodes: readonly Node[], service: ServiceName, limit: number): Next | null => {
  if (nodes.length === 0) return null;
  const names = nodes.map(node => node.key).join(', ');
  return {
    kind: 'wait',
    reason: `the leader shows ${names} alive`,
    hosts: nodes.map(node => node.host.address),
    service,
    limit_seconds: limit,
  };
};

export function awaitFrontends(v: View): Next | null {
  const coming = v.frontends.filter(
    node => reachable(node) && keptRunning(node) && awaited(v, node) && !up(node, v.memory),
  );
  return awaitNodes(coming, 'starrocks-fe', v.desired.timeouts.fe_ready);
}

/** Nothing is left to be done to it but to see it come up. */
const awaited = (v: View, node: Node): boolean =>
  current(node) || arriving(node) || v.memory.started[node.key] !== undefined;

/** What this run started itself, whatever its definition. */
export function awaitStarted(v: View): Next | null {
  const coming = [...v.frontends, ...v.backends].filter(
    node => v.memory.started[node.key] !== undefined && keptRunning(node) && node.row !== null && !up(node, v.memory),
  );
  const [first] = coming;
  if (first === undefined) return null;
  const limit = first.service.kind === 'fe' ? v.desired.timeouts.fe_ready : v.desired.timeouts.be_ready;
  return awaitNodes(coming, first.service.name, limit);
}

/** A row that was never heard of belongs to a node that was just added, by this run or by whoever ran before. */
export function awaitRegistered(v: View): Next | null {
  const coming = [...v.frontends, ...v.backends].filter(
    node => reachable(node) && running(node) && node.row !== null && node.row.last_heartbeat === null,
  );
  const [first] = coming;
  return first === undefined ? null : awaitNodes(coming, first.service.name, v.desired.timeouts.fe_ready);
}

export function awaitBackends(v: View): Next | null {
  const coming = ailingBackends(v).filter(node => reachable(node) && keptRunning(node) && awaited(v, node));
  const [first] = coming;
  return first === undefined ? null : awaitNodes(coming, first.service.name, v.desired.timeouts.be_ready);
}
