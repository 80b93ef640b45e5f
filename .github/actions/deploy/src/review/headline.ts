import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import type { HostRow, ReviewedWave } from './review.ts';

const SHOWN = 3;

/** What would happen in one sentence: `adds 192.168.1.13 as FE follower and BE; restarts nobody`. */
export function headline(
  base: ClusterJson | null,
  head: ClusterJson,
  hosts: readonly HostRow[],
  waves: readonly ReviewedWave[],
  settings: number,
): string {
  const steps = waves.flatMap(wave => wave.steps);
  if (base === null) {
    return `founds ${head.cluster} on ${counted(hosts.length, 'machine')}, with ${head.master_host} as its first FE`;
  }
  const added = hosts.filter(host => host.change === 'new');
  const gone = hosts.filter(host => host.change === 'gone');
  const restarts = steps.filter(step => step.action === 'restart');
  const refreshed = steps.filter(step => step.action === 'refresh').flatMap(step => step.host ?? []);
  const released = steps.filter(step => step.action === 'upgrade' || step.action === 'downgrade');
  const turned = steps.filter(step => step.action === 'convert').flatMap(step => step.host ?? []);
  const stays = new Set(head.hosts.map(host => host.address));
  const left = steps.flatMap(step =>
    (step.action === 'drain' || step.action === 'remove') && step.host !== null && stays.has(step.host)
      ? [`${step.service} from ${step.host}`]
      : [],
  );
  const labelled = steps.filter(step => step.action === 'label').flatMap(step => step.host ?? []);
  const parts = [
    ...added.slice(0, SHOWN).map(host => `adds ${host.address} as ${host.role.replaceAll(', ', ' and ')}`),
    ...(added.length > SHOWN ? [`adds ${added.length - SHOWN} more`] : []),
    ...(gone.length === 0 ? [] : [`removes ${listed(gone.map(host => host.address))}`]),
    ...(left.length === 0 ? [] : [`removes ${listed(left)}`]),
    ...(turned.length === 0 ? [] : [`changes the role of ${listed(turned)}`]),
    ...(released.length === 0 ? [] : [`${released[0]?.action}s ${nodesText(released)} to ${head.version}`]),
    ...(labelled.length === 0 ? [] : [`labels ${listed(labelled)}`]),
    ...(refreshed.length === 0 ? [] : [`changes files on ${listed(refreshed)}`]),
    ...(settings === 0 ? [] : [`changes ${counted(settings, 'setting')} of the deploy`]),
  ];
  if (parts.length === 0 && restarts.length === 0) return 'changes nothing on any machine';
  // Whoever changes its release restarts, as everybody knows.
  return [...parts, ...(released.length > 0 && restarts.length === 0 ? [] : [restartText(restarts)])].join('; ');
}

const restartText = (restarts: ReviewedWave['steps']): string =>
  `restarts ${restarts.length === 0 ? 'nobody' : nodesText(restarts)}`;

function nodesText(steps: ReviewedWave['steps']): string {
  const fe = steps.filter(step => step.service === 'starrocks-fe').length;
  const be = steps.length - fe;
  return [...(fe > 0 ? [counted(fe, 'FE')] : []), ...(be > 0 ? [counted(be, 'BE')] : [])].join(' and ');
}

const listed = (names: readonly string[]): string => {
  const unique = [...new Set(names)];
  return unique.length <= SHOWN
    ? unique.join(', ')
    : `${unique.slice(0, SHOWN).join(', ')} and ${unique.length - SHOWN} more`;
};

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;
