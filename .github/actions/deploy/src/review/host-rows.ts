import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { type Step, stepTitle } from '../plan/step.ts';

type HostChange = 'new' | 'changed' | 'unchanged' | 'gone' | 'maintenance';

export interface HostRow {
  readonly address: string;
  readonly change: HostChange;
  /** `FE follower, BE, BE`. */
  readonly role: string;
  /** `FE 8030 9020 9030 9010; BE 9060 8040 9050 8060 9070`. */
  readonly ports: string;
  /** What happens to it, one clause each. */
  readonly what: readonly string[];
}

export function hostRows(base: ClusterJson | null, head: ClusterJson, steps: readonly Step[]): HostRow[] {
  const before = new Map(base?.hosts.map(host => [host.address, host]));
  const rows = head.hosts.map((host): HostRow => {
    const what = whatHappens(steps, host.address);
    const isNew = !before.has(host.address);
    const change = isNew ? 'new' : host.maintenance ? 'maintenance' : what.length > 0 ? 'changed' : 'unchanged';
    return { address: host.address, change, role: roleText(host), ports: portText(host), what };
  });
  const gone = (base?.hosts ?? []).filter(host => !head.hosts.some(one => one.address === host.address));
  return [
    ...rows,
    ...gone.map(
      (host): HostRow => ({
        address: host.address,
        change: 'gone',
        role: roleText(host),
        ports: portText(host),
        what: whatHappens(steps, host.address),
      }),
    ),
  ];
}

const whatHappens = (steps: readonly Step[], address: string): string[] =>
  steps
    .filter(step => step.host === address && !SILENT.has(step.action))
    .map(step => `${stepTitle(step).replace(` on ${address}`, '')}: ${step.reason}`);

/** Of no interest to whoever approves: the upload before, and what machines note for themselves. */
const SILENT = new Set<Step['action']>(['prepare', 'remember', 'note']);

const roleText = (host: CompiledHost): string =>
  [...(host.fe === null ? [] : [`FE ${host.fe.role}`]), ...host.be.map(() => 'BE')].join(', ');

const portText = (host: CompiledHost): string =>
  [
    ...(host.fe === null ? [] : [`FE ${Object.values(host.fe.ports).join(' ')}`]),
    ...host.be.map(be => `BE ${Object.values(be.ports).join(' ')}`),
  ].join('; ');
