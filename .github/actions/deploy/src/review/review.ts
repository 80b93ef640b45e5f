import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import type { Problem } from '../error.ts';
import { type Impact, impacts } from '../plan/impact.ts';
import { makePlan } from '../plan/plan.ts';
import { type RowContract, rowContract } from '../plan/row-contract.ts';
import { convergeAll } from '../plan/situation.ts';
import { type Step, stepTitle } from '../plan/step.ts';
import { type Bar, timeline } from '../plan/timeline.ts';
import { type FileChange, fileChanges } from './file-changes.ts';
import { headline } from './headline.ts';
import { type SettingChange, settingChanges } from './setting-changes.ts';
import { worldOf } from './world-of.ts';

/** Two states of generated/ and what lies between them. */
export interface Sides {
  /** null: there is no cluster yet. */
  readonly base: ClusterJson | null;
  readonly head: ClusterJson;
  /** Texts by path below generated/. */
  readonly baseFiles: ReadonlyMap<string, string>;
  readonly headFiles: ReadonlyMap<string, string>;
}

export type HostChange = 'new' | 'changed' | 'unchanged' | 'gone' | 'maintenance';

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

export interface ReviewedWave {
  readonly title: string;
  readonly steps: readonly Pick<Step, 'action' | 'host' | 'service' | 'reason' | 'outage'>[];
  readonly impact: Impact | null;
}

/** What a pull request would do, if the machines match its base. */
export interface Review {
  readonly cluster: string;
  readonly headline: string;
  /** Nothing would be done to any machine, and a deploy would go as it goes now. */
  readonly nothing: boolean;
  readonly hosts: readonly HostRow[];
  readonly waves: readonly ReviewedWave[];
  readonly rows: RowContract;
  /** When what is expected. */
  readonly timeline: readonly Bar[];
  /** One sentence each. */
  readonly dangers: readonly string[];
  /** Why a deploy would refuse it. */
  readonly problems: readonly Problem[];
  readonly settings: readonly SettingChange[];
  readonly changes: readonly FileChange[];
  readonly digest: string;
}

/** @param trust what a change of the trusted host keys means, one sentence each */
export function review(sides: Sides, trust: readonly string[] = []): Review {
  const { base, head, baseFiles, headFiles } = sides;
  const world = worldOf(base, head);
  const plan = makePlan(head, world, convergeAll);
  const impact = impacts(head, plan);
  const waves = plan.waves.map(({ title, steps }, at) => ({ title, steps, impact: impact[at] ?? null }));
  const hosts = hostRows(
    base,
    head,
    waves.flatMap(wave => wave.steps),
  );
  const changes = fileChanges(baseFiles, headFiles);
  const settings = settingChanges(base, head);
  const idle = waves.length === 0 && plan.problems.length === 0 && hosts.every(host => host.change !== 'gone');
  return {
    cluster: head.cluster,
    headline:
      plan.problems.length > 0
        ? refused(plan.problems)
        : headline(base, head, hosts, waves, { settings: settings.length, trust: trust.length }),
    nothing: idle && settings.length === 0 && trust.length === 0,
    hosts,
    waves,
    rows: rowContract(world, plan.end),
    timeline: timeline(plan.waves),
    dangers: [...trust, ...settings.flatMap(setting => setting.danger ?? []), ...dangers(waves, hosts)],
    problems: plan.problems,
    settings,
    changes,
    digest: plan.digest,
  };
}

const refused = ([first, ...others]: readonly Problem[]): string =>
  `would be refused: ${first?.message.replace(/\.$/, '')}${others.length === 0 ? '' : `, and ${others.length} more`}`;

function hostRows(base: ClusterJson | null, head: ClusterJson, steps: readonly Step[]): HostRow[] {
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

export const roleText = (host: CompiledHost): string =>
  [...(host.fe === null ? [] : [`FE ${host.fe.role}`]), ...host.be.map(() => 'BE')].join(', ');

const portText = (host: CompiledHost): string =>
  [
    ...(host.fe === null ? [] : [`FE ${Object.values(host.fe.ports).join(' ')}`]),
    ...host.be.map(be => `BE ${Object.values(be.ports).join(' ')}`),
  ].join('; ');

function dangers(waves: readonly ReviewedWave[], hosts: readonly HostRow[]): string[] {
  const steps = waves.flatMap(wave => wave.steps);
  const outages = steps.flatMap(step =>
    step.outage === null ? [] : [`${stepTitle(step)} takes an outage of ${step.outage}.`],
  );
  const gone = hosts.filter(host => host.change === 'gone');
  const removed =
    gone.length === 0
      ? []
      : [
          `${gone.map(host => host.address).join(', ')} leave the cluster: BEs once they are drained, which may take days; their data stays on the machines.`,
        ];
  const away = new Set(gone.map(host => host.address));
  const drained = steps.filter(step => step.action === 'drain' && step.host !== null && !away.has(step.host));
  const drains =
    drained.length === 0
      ? []
      : [
          `${drained.map(step => `${step.service} on ${step.host}`).join(', ')} will be taken out once their tablets are on other BEs, which may take days.`,
        ];
  const leads = waves.some(wave => wave.title === 'restart the leader')
    ? ['The leader restarts: writes and DDL pause for some seconds while another FE is elected.']
    : [];
  const released = steps.some(step => step.action === 'upgrade' || step.action === 'downgrade')
    ? [
        'The release changes: try it on a cluster that nobody needs first. Going back is a revert, and what the newer release has written the older one may not read.',
      ]
    : [];
  return [...outages, ...removed, ...drains, ...released, ...leads];
}
