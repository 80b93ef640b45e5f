import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import type { Problem } from '../error.ts';
import { type Impact, impacts } from '../plan/impact.ts';
import { makePlan } from '../plan/plan.ts';
import { type RowContract, rowContract } from '../plan/row-contract.ts';
import { convergeAll } from '../plan/situation.ts';
import { type Step, stepTitle } from '../plan/step.ts';
import { type Bar, timeline } from '../plan/timeline.ts';
import { type FileChange, fileChanges } from './file-changes.ts';
import { headline } from './headline.ts';
import { type HostRow, hostRows } from './host-rows.ts';
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
  const steps = waves.flatMap(wave => wave.steps);
  const hosts = hostRows(base, head, steps);
  const changes = fileChanges(baseFiles, headFiles);
  const settings = settingChanges(base, head);
  const idle = waves.length === 0 && plan.problems.length === 0 && hosts.every(host => host.change !== 'gone');
  return {
    cluster: head.cluster,
    headline:
      plan.problems.length > 0
        ? refused(plan.problems)
        : headline(base, head, hosts, steps, { settings: settings.length, trust: trust.length }),
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
