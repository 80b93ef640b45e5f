import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { type Action, RESTARTS, type Step } from '../plan/step.ts';
import type { HostRow } from './host-rows.ts';

const SHOWN = 3;

/** What would happen in one sentence: `adds 192.168.1.13 as FE follower and BE; restarts nobody`. */
export function headline(
  base: ClusterJson | null,
  head: ClusterJson,
  hosts: readonly HostRow[],
  steps: readonly Step[],
  { settings, trust }: { readonly settings: number; readonly trust: number },
): string {
  if (base === null) {
    return `founds ${head.cluster} on ${counted(hosts.length, 'machine')}, with ${head.master_host} as its first FE`;
  }
  const added = hosts.filter(host => host.change === 'new');
  const gone = hosts.filter(host => host.change === 'gone');
  const restarts = steps.filter(step => RESTARTS.has(step.action));
  const parts = [
    ...releaseText(base, head, steps),
    ...added.slice(0, SHOWN).map(host => `adds ${host.address} as ${host.role.replaceAll(', ', ' and ')}`),
    ...(added.length > SHOWN ? [`adds ${added.length - SHOWN} more`] : []),
    ...(gone.length === 0 ? [] : [`removes ${listed(gone.map(host => host.address))}`]),
    ...nodeTexts(steps, new Set([...added, ...gone].map(host => host.address))),
    ...hostText('labels', steps, 'label'),
    ...hostText('changes files on', steps, 'refresh'),
    ...(settings === 0 ? [] : [`changes ${counted(settings, 'setting')} of the deploy`]),
    ...(trust === 0 ? [] : ['changes which host keys are trusted']),
  ];
  const touched = new Set(steps.flatMap(step => step.host ?? []));
  if (parts.length > 0 || restarts.length > 0) return [...parts, restartText(restarts)].join('; ');
  return steps.length === 0 ? 'changes nothing on any machine' : `changes ${counted(touched.size, 'machine')}`;
}

function releaseText(base: ClusterJson, head: ClusterJson, steps: readonly Step[]): string[] {
  const verb = (['upgrade', 'downgrade'] as const).find(one => steps.some(step => step.action === one));
  return verb === undefined ? [] : [`${verb}s StarRocks from ${base.version} to ${head.version}`];
}

/** Nodes that come, go or change their role on machines that stay. */
function nodeTexts(all: readonly Step[], told: ReadonlySet<string>): string[] {
  const steps = all.filter(step => step.host !== null && !told.has(step.host));
  const nodes = (...actions: Action[]): string[] =>
    steps.filter(step => actions.includes(step.action)).map(step => `${step.service} on ${step.host}`);
  const converted = nodes('convert');
  const others = (names: readonly string[]): string[] => names.filter(name => !converted.includes(name));
  const clause = (verb: string, names: readonly string[], after = ''): string[] =>
    names.length === 0 ? [] : [`${verb} ${listed(names)}${after}`];
  return [
    ...clause('changes the role of', converted),
    ...clause('adds', others(nodes('join', 'add'))),
    ...clause('takes', others(nodes('remove', 'drop')), ' out'),
    ...clause('keeps', nodes('undrain')),
  ];
}

function hostText(verb: string, steps: readonly Step[], action: Action): string[] {
  const where = steps.filter(step => step.action === action).flatMap(step => step.host ?? []);
  return where.length === 0 ? [] : [`${verb} ${listed(where)}`];
}

function restartText(restarts: readonly Step[]): string {
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
