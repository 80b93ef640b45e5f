import type { ProbeAnswer, Reach } from '../observe/probe.ts';
import type { Node, View } from '../plan/situation.ts';
import { shortened } from '../report/visible.ts';
import { type Route, routes } from './questions.ts';

/** All that is known of one node that is not well. */
export interface Evidence {
  readonly v: View;
  readonly node: Node;
  /** ErrMsg of its row, '' when there is none. */
  readonly error: string;
  /** null: the machine was not asked, or gave no answer. */
  readonly answer: ProbeAnswer | null;
  /** Lines of the service's logs since it was last up, newest last. */
  readonly log: string;
  /** Routes the node lives on, with what was found. */
  readonly routes: readonly (Route & { readonly found: Reach })[];
}

export function evidenceOf(v: View, node: Node, answers: ReadonlyMap<string, ProbeAnswer>): Evidence {
  const answer = answers.get(node.host.address) ?? null;
  const mine = (answer?.logs ?? []).filter(log => log.name.startsWith(`${node.service.name}/`));
  return {
    v,
    node,
    error: shortened(node.row?.err_msg ?? '', 300),
    answer,
    log: mine.map(log => sinceUp(log.text)).join('\n'),
    routes: routes(v, node).map(route => ({
      ...route,
      found: answers.get(route.from)?.reach[`${route.to}:${route.port}`] ?? 'unknown',
    })),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const colours = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;

/** What came before it was last up tells of troubles that are over: its own first join, for one. */
function sinceUp(text: string): string {
  const lines = text.replace(colours, '').split('\n');
  return lines.slice(lines.findLastIndex(line => UP.test(line)) + 1).join('\n');
}

/** StarRocksFE; starrocks_be.cpp and the thrift server of its heartbeat_service_port, the last that it opens. */
const UP = /\b(?:FE|BE) started successfully|heartbeat has started listening port|HeartBeat Service started correctly/;

/** The last line that shows the sign, at a length that a table bears. */
export function lineWith(text: string, sign: RegExp): string | null {
  const line = text.split('\n').findLast(one => sign.test(one));
  return line === undefined ? null : line.trim().slice(0, 300);
}
