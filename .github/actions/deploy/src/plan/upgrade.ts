import type { Problem } from '../error.ts';
import type { Operation } from './operation.ts';
import { remembered } from './remembered.ts';
import { type Roll, type Rule, seen, step, towardsDefinition, wave } from './rule.ts';
import type { FeNode, Node, View } from './situation.ts';
import { reachable, running, unhealthyBefore, up } from './situation.ts';
import type { Next, Step } from './step.ts';
import { compareReleases, detour, releaseOf, releaseOfImage } from './version-path.ts';
import { type Switches, sameSwitches } from './world.ts';

/*
 * Another release for the whole cluster: BEs first on the way up, FEs first on the way down (StarRocks' documentation).
 * What is left to do is read from the rows and containers; how the switches were before lies on the FEs' machines.
 */

export interface VersionChange {
  readonly direction: 'upgrade' | 'downgrade';
  /** Of those that run, the release that is furthest from the wanted one. */
  readonly from: string;
}

/** What it runs, as far as anybody knows. The row of one that is silent tells of the container that it had before. */
const releaseAt = ({ row, container, answers }: Node): string | null => {
  const told = row?.version == null ? null : releaseOf(row.version);
  const tagged = container === null ? null : releaseOfImage(container.image);
  return answers === true ? (told ?? tagged) : (tagged ?? told);
};

/** It runs another release. A container of the wanted image whose row says the old one has not been heard of yet. */
export function versionDiffers(v: View, node: Node): boolean {
  if (node.container?.image === node.service.image) return false;
  const release = releaseAt(node);
  return release !== null && release !== v.desired.version;
}

const pending = <N extends Node>(v: View, nodes: readonly N[]): N[] => nodes.filter(node => versionDiffers(v, node));

/** What is still to be done of it; null: every node runs the wanted release. */
export const versionChange = remembered((v: View): VersionChange | null => {
  const releases = pending<Node>(v, [...v.frontends, ...v.backends])
    .map(node => releaseAt(node) ?? v.desired.version)
    .sort(compareReleases);
  const [lowest, highest] = [releases[0], releases.at(-1)];
  if (lowest === undefined || highest === undefined) return null;
  return compareReleases(lowest, v.desired.version) < 0
    ? { direction: 'upgrade', from: lowest }
    : { direction: 'downgrade', from: highest };
});

/** Is it this node's turn, or must it stay at its release until the others have changed theirs? */
export function mayChange(v: View, node: Node): boolean {
  const change = versionChange(v);
  if (change === null || !versionDiffers(v, node)) return true;
  const first = change.direction === 'upgrade' ? v.backends : v.frontends;
  return pending<Node>(v, first).length === 0 || first.some(one => one.key === node.key);
}

/** Everything that makes a change of the version impossible now: all of it at once. */
export function versionProblems(v: View): Problem[] {
  const change = versionChange(v);
  if (change === null) return [];
  const { version } = v.desired;
  const nodes = [...v.frontends, ...v.backends];
  const refuse = (code: Problem['code'], host: string | null, message: string, hint: string): Problem => ({
    ...{ code, host, step: 'plan', message, hint },
  });
  const both = pending<Node>(v, nodes).find(
    node => compareReleases(releaseAt(node) ?? version, version) > 0 && change.direction === 'upgrade',
  );
  if (both !== undefined) {
    const message = `cluster.yaml says ${version}; some nodes run ${change.from}, and ${both.key} runs ${releaseAt(both)}.`;
    return [refuse('E_VERSION_MIXED', both.host.address, message, 'Write the one or the other release first.')];
  }
  const way = detour(change.from, version);
  const path =
    way === null
      ? []
      : [refuse('E_VERSION_PATH', null, `${change.from} cannot become ${version}: ${way.why}.`, way.instead)];
  const part =
    v.request.hosts !== null || v.request.service !== null
      ? [
          refuse(
            'E_VERSION_PART',
            null,
            `${change.from} becomes ${version} on all machines in one order, not on some of them.`,
            'Deploy to all hosts and services.',
          ),
        ]
      : [];
  const away = v.desired.hosts
    .filter(host => v.world.hosts[host.address]?.known !== true)
    .map(host =>
      refuse(
        'E_VERSION_AWAY',
        host.address,
        `${change.from} is to become ${version}, and ${host.address} cannot be looked at: ${whyUnseen(v, host.address)}.`,
        'Bring it back first: the releases of all machines change in one order.',
      ),
    );
  return [
    ...path,
    ...part,
    ...away,
    ...alsoWanted(v).map(what =>
      refuse(
        'E_VERSION_AND_MORE',
        what.host,
        `${change.from} is to become ${version}, and ${what.does} besides.`,
        'Do the one, deploy, and then do the other.',
      ),
    ),
  ];
}

function whyUnseen(v: View, address: string): string {
  const answer = v.world.hosts[address];
  return answer === undefined || answer.known ? 'it was not asked' : answer.reason;
}

/** What else cluster.yaml asks for: it would be done with a cluster of two releases. */
function alsoWanted(v: View): { readonly host: string; readonly does: string }[] {
  const added = [...v.frontends, ...v.backends].filter(node => node.row === null && node.container === null);
  // While no leader says who is registered, whoever cannot be looked at may be.
  const leaving = [...v.leavingFrontends, ...v.leavingBackends].filter(node =>
    v.rows === null ? node.machine === null || node.container !== null : node.row !== null,
  );
  const turned = v.frontends.filter(
    node => node.row !== null && (node.row.role === 'OBSERVER') !== (node.service.role === 'observer'),
  );
  const says = (nodes: readonly Node[], does: string) =>
    nodes.map(node => ({ host: node.host.address, does: `${node.key} ${does}` }));
  if (v.rows === null) return says(leaving, 'is to leave');
  return [...says(added, 'is to be added'), ...says(leaving, 'is to leave'), ...says(turned, 'is to change its role')];
}

/** How a node comes to what is declared, another release included. */
export const towardsRelease =
  (v: View): Roll =>
  node => {
    const change = versionChange(v);
    if (change === null || !versionDiffers(v, node)) return towardsDefinition(node);
    const { operations } = towardsDefinition(node);
    const from = releaseAt(node) ?? change.from;
    const { host, expects } = seen(node);
    // A newer release may write what the older one cannot read: the way back.
    const copy: Operation = { kind: 'copyMetadata', host, expects, release: from };
    const before = node.service.kind === 'fe' ? [copy] : [];
    return {
      action: change.direction,
      reason: `${from} becomes ${v.desired.version}`,
      operations: [...before, ...operations],
    };
  };

/** None has tried the new release yet: one alone goes first. */
export function isTrial(v: View): boolean {
  return versionChange(v) !== null && v.backends.every(node => versionDiffers(v, node));
}

const OFF: Switches = {
  tablet_sched_max_scheduling_tablets: '0',
  tablet_sched_max_balancing_tablets: '0',
  tablet_sched_disable_balance: 'true',
  tablet_sched_disable_colocate_balance: 'true',
};

/** How the switches were before the first run began to change the version. */
const saved = (v: View): Switches | null =>
  v.frontends.map(node => node.machine?.fe.state.switches ?? null).find(one => one !== null) ?? null;

/** Some FE may still be told to balance nothing. */
export const balanceIsHeld = (v: View): boolean => saved(v) !== null;

/** On the machines of all FEs, so that whoever finishes a run that was killed can bring them back. */
export const saveSwitches: Rule = v => {
  if (versionChange(v) === null || v.backends.length === 0 || saved(v) !== null) return null;
  const now = v.world.switches[v.rows?.leader ?? ''];
  if (now === undefined) {
    const reason = 'the leader says how it balances tablets';
    return { kind: 'wait', reason, hosts: [], service: null, limit_seconds: v.desired.timeouts.query };
  }
  return wave(
    'write down how tablets are balanced',
    v.frontends.filter(reachable).map(node => writing(node, now, v.memory.unhealthy_before)),
  );
};

const writing = (node: FeNode, switches: Switches | null, unhealthy: number | null): Step =>
  step(node, 'note', switches === null ? 'they are as they were' : 'they change while the version does', [
    { kind: 'writeSwitches', host: node.host.address, switches, unhealthy },
  ]);

/**
 * A BE that restarts is no reason to copy its tablets elsewhere. An FE that has restarted, or one that was down when the
 * others were told, is told again; tablets that are not whole are repaired before the next node is touched.
 */
export const holdBalance: Rule = v => {
  const before = saved(v);
  if (versionChange(v) === null || before === null) return null;
  const silent = v.frontends.filter(
    node => up(node, v.memory) && v.world.switches[node.host.address] === undefined && reachable(node),
  );
  if (silent.length > 0) {
    const hosts = silent.map(node => node.host.address);
    const reason = `${hosts.join(', ')} say how they balance tablets`;
    return { kind: 'wait', reason, hosts, service: 'starrocks-fe', limit_seconds: v.desired.timeouts.query };
  }
  const name = 'tablet_sched_max_scheduling_tablets';
  const healing = (v.rows?.unhealthy_tablets ?? 0) > unhealthyBefore(v);
  const wanted = healing ? { ...OFF, [name]: before[name] } : OFF;
  return switchTo(v, 'hold', wanted, healing ? 'let tablets be repaired' : 'switch tablet balancing and cloning off');
};

function switchTo(v: View, action: 'hold' | 'resume', wanted: Switches, title: string): Next | null {
  if (Object.values(v.world.switches).every(one => sameSwitches(one, wanted))) return null;
  const operations: Operation[] = [{ kind: 'sql', statement: { kind: 'setSwitches', switches: wanted } }];
  return wave(title, [{ action, host: null, service: null, reason: title, operations, gates: [], outage: null }]);
}

/** Seen, not assumed: one that runs and says nothing may still balance nothing. One that stands still forgets by itself. */
const isAsBefore = (v: View, node: FeNode, before: Switches): boolean => {
  const now = v.world.switches[node.host.address];
  return now === undefined ? !running(node) : sameSwitches(now, before);
};

/** Always the last word, of the next run too when this one is killed. */
export const bringBalanceBack: Rule = v => {
  const before = saved(v);
  if (before === null) return null;
  const told = switchTo(v, 'resume', before, 'switch tablet balancing and cloning back');
  if (told !== null) return told;
  const written = v.frontends.filter(
    node => reachable(node) && node.machine?.fe.state.switches != null && isAsBefore(v, node, before),
  );
  return wave(
    'tablets are balanced as before',
    written.map(node => writing(node, null, null)),
  );
};

export const bringBalanceBackAtEnd: Rule = v => (versionChange(v) === null ? bringBalanceBack(v) : null);

/** The metadata as a file on every FE: a newer release that cannot replay the journal begins there. */
export const makeImage: Rule = v => {
  if (pending(v, v.frontends).length === 0 || !pending(v, v.frontends).some(node => mayChange(v, node))) return null;
  const { images_before } = v.memory;
  if (images_before === undefined) {
    const reason = 'before the first FE changes its release';
    const operations: Operation[] = [{ kind: 'sql', statement: { kind: 'createImage' } }];
    return wave('write the metadata as an image', [
      { action: 'image', host: null, service: null, reason, operations, gates: [], outage: null },
    ]);
  }
  const behind = pending(v, v.frontends).filter(node => {
    const before = images_before[node.host.address];
    return before !== undefined && up(node, v.memory) && (node.machine?.fe.image ?? -1) <= (before ?? -1);
  });
  if (behind.length === 0) return null;
  const names = behind.map(node => node.host.address);
  const reason = `the new image of the metadata is on ${names.join(', ')}`;
  return { kind: 'wait', reason, hosts: names, service: 'starrocks-fe', limit_seconds: v.desired.timeouts.fe_ready };
};
