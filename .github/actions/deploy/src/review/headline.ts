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
  const labelled = steps.filter(step => step.action === 'label').flatMap(step => step.host ?? []);
  const parts = [
    ...added.slice(0, SHOWN).map(host => `adds ${host.address} as ${host.role.replaceAll(', ', ' and ')}`),
    ...(added.length > SHOWN ? [`adds ${added.length - SHOWN} more`] : []),
    ...(gone.length === 0 ? [] : [`removes ${listed(gone.map(host => host.address))}`]),
    ...(labelled.length === 0 ? [] : [`labels ${listed(labelled)}`]),
    ...(refreshed.length === 0 ? [] : [`changes files on ${listed(refreshed)}`]),
    ...(settings === 0 ? [] : [`changes ${counted(settings, 'setting')} of the deploy`]),
  ];
  if (parts.length === 0 && restarts.length === 0) return 'changes nothing on any machine';
  return [...parts, restartText(restarts)].join('; ');
}

function restartText(restarts: ReviewedWave['steps']): string {
  if (restarts.length === 0) return 'restarts nobody';
  const fe = restarts.filter(step => step.service === 'starrocks-fe').length;
  const be = restarts.length - fe;
  const kinds = [...(fe > 0 ? [counted(fe, 'FE')] : []), ...(be > 0 ? [counted(be, 'BE')] : [])];
  return `restarts ${kinds.join(' and ')}`;
}

const listed = (names: readonly string[]): string => {
  const unique = [...new Set(names)];
  return unique.length <= SHOWN
    ? unique.join(', ')
    : `${unique.slice(0, SHOWN).join(', ')} and ${unique.length - SHOWN} more`;
};

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;
