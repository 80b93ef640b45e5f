import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import type { ProbeAnswer } from '../observe/probe.ts';
import type { Node } from '../plan/situation.ts';
import type { World } from '../plan/world.ts';
import { causes } from './causes.ts';
import type { Diagnosis } from './diagnosis.ts';
import { type Evidence, evidenceOf, lineWith } from './evidence.ts';
import { lookAt, unhealthy } from './questions.ts';
import { ofMachine } from './unreached.ts';

/** More than this of one node is noise. */
const PER_NODE = 3;

/**
 * What ails every node that is not well, most likely cause first.
 * @param answers of the machines that were asked, by address
 */
export function diagnose(desired: ClusterJson, world: World, answers: ReadonlyMap<string, ProbeAnswer>): Diagnosis[] {
  const v = lookAt(desired, world);
  const sick = unhealthy(v);
  const machines = desired.hosts.flatMap(({ address, maintenance }) =>
    maintenance ? [] : (ofMachine(address, world.hosts[address]) ?? []),
  );
  const dark = new Set(machines.map(({ node }) => node));
  const nodes = sick.filter(node => !dark.has(node.host.address)).flatMap(node => ofNode(evidenceOf(v, node, answers)));
  return [...machines, ...nodes];
}

function ofNode(evidence: Evidence): Diagnosis[] {
  const { node } = evidence;
  const found = causes.flatMap(({ code, recognise, cause, todo }): Diagnosis[] => {
    const seen = recognise(evidence);
    return seen === null ? [] : [{ node: node.key, code, seen, cause, todo }];
  });
  return found.length > 0 ? found.slice(0, PER_NODE) : [unknownCause(evidence)];
}

function unknownCause({ node, error, log }: Evidence): Diagnosis {
  const row = node.row === null ? 'no row' : `Alive=${node.row.alive}${error === '' ? '' : `, ErrMsg: ${error}`}`;
  const line = lineWith(log, /ERROR|FATAL|Exception/) ?? '';
  return {
    node: node.key,
    code: 'D_UNKNOWN',
    seen: [row, containerText(node), line].filter(part => part !== '').join('; '),
    cause: 'None of the known causes shows its sign.',
    todo: 'Fetch its logs (`logs`) and look for the first ERROR.',
  };
}

const containerText = ({ container }: Node): string =>
  container === null ? 'no container' : `container ${container.state}, ${container.health}`;
