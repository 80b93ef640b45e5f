import type { Gate } from './gates.ts';
import { holds, majority } from './gates.ts';
import { asideStep } from './join.ts';
import { activate, blocked, step, wave } from './rule.ts';
import type { FeNode, View } from './situation.ts';
import { arriving, current, keptRunning, reachable, running } from './situation.ts';
import { canBeStarted, startAsBefore, whyDown } from './start.ts';
import type { Next } from './step.ts';
import { balanceIsHeld, versionDiffers } from './upgrade.ts';

const founderOf = (v: View): FeNode | undefined =>
  v.frontends.find(node => node.host.address === v.desired.master_host);

/** A founding that was killed midway: nobody else ever had metadata, so it may be founded again. */
export function setPartialMetadataOfFounderAside(v: View): Next | null {
  const founder = founderOf(v);
  if (v.rows !== null || founder === undefined || !reachable(founder)) return null;
  const fe = founder.machine?.fe;
  if (fe?.meta !== 'partial' || !fe.state.founding || fe.state.member !== null || arriving(founder)) return null;
  if (v.memory.started[founder.key] !== undefined) return null;
  const gate: Gate = { kind: 'nothing-founded', founder: founder.host.address };
  if (holds(gate, v) !== null) return null;
  return wave('clear away a founding that was cut off', [asideStep(founder, 'founding was cut off', [gate])]);
}

export function found(v: View): Next | null {
  if (v.rows !== null) return null;
  const gate: Gate = {
    kind: 'nothing-founded',
    founder: v.desired.master_host,
  };
  const trace = holds(gate, v);
  const founder = founderOf(v);
  if (trace !== null) {
    const somebody = v.frontends.some(
      node => node.container !== null || (node.machine !== null && node.machine.fe.meta !== 'empty'),
    );
    return somebody ? null : blockedFounding(v, trace);
  }
  if (founder === undefined || !reachable(founder)) {
    return blockedFounding(v, `${v.desired.master_host} is not among the chosen hosts`);
  }
  if (arriving(founder) || (keptRunning(founder) && current(founder))) return null;
  return wave('found the cluster', [step(founder, 'found', 'no FE exists yet', [activate(founder)], [gate])]);
}

const blockedFounding = (v: View, reason: string): Next => ({
  kind: 'blocked',
  problems: [
    {
      code: 'E_FOUNDING_REFUSED',
      host: v.desired.master_host,
      step: 'found',
      message: `No leader answers, and no cluster is founded: ${reason}.`,
      hint: 'A second cluster would take the first one’s machines: bring every machine up, mount its disks, or move old data away by hand, then deploy to all hosts.',
    },
  ],
});

/** A few members cannot elect anybody, and wiped ones have nobody to learn from: only a person can choose what is true. */
export function refuseLostMajority(v: View): Next | null {
  if (v.rows !== null) return null;
  const voters = v.frontends.filter(node => {
    const fe = node.machine?.fe;
    return node.service.role === 'follower' && (fe === undefined || fe.state.member !== null);
  });
  const wiped = voters.filter(node => node.machine?.fe.meta === 'empty');
  const [first] = wiped;
  if (first === undefined || voters.length - wiped.length >= majority(voters.length)) return null;
  const names = wiped.map(node => node.host.address).join(', ');
  return blocked(
    first,
    'E_MAJORITY_LOST',
    `No leader answers, and ${wiped.length} of ${voters.length} followers have lost their metadata: ${names}.`,
    'Bring their disks back. If they are lost: follow StarRocks’ metadata recovery by hand (start the FE with the newest journal once with bdbje_reset_election_group = true in fe.conf, take that line out again), then deploy: the others join it again.',
  );
}

/**
 * After a full stop, FEs open their ports only when a majority is up: all of them together, never one by one. Only
 * initialised ones: an empty one could not join before a leader answers. Observers elect nobody and come after it.
 */
export function coldStart(v: View): Next | null {
  if (v.rows !== null) return null;
  const asleep = v.frontends.filter(node => node.machine?.fe.meta === 'whole' && votes(node) && canBeStarted(node));
  return wave(
    'start all followers together, because no leader answers',
    asleep.flatMap(node => {
      const gates: Gate[] = [{ kind: 'already-down', node: node.key }];
      if (!versionDiffers(v, node)) return [step(node, 'start', whyDown(node), [activate(node)], gates)];
      // A cold start and another release at once would leave no way back.
      return startAsBefore(v, node, gates);
    }),
  );
}

/** By its own metadata: cluster.yaml may want another role of it already. */
const votes = ({ machine, service }: FeNode): boolean =>
  (machine?.fe.role ?? service.role.toUpperCase()) === 'FOLLOWER';

export function awaitLeader(v: View): Next | null {
  if (v.rows !== null) return null;
  const awake = v.frontends.filter(node => keptRunning(node) && node.machine !== null);
  const why = v.world.cluster.known ? '' : v.world.cluster.reason;
  if (awake.length > 0) {
    return {
      kind: 'wait',
      reason: 'a leader answers',
      hosts: awake.map(node => node.host.address),
      service: 'starrocks-fe',
      limit_seconds: v.desired.timeouts.fe_ready,
    };
  }
  return {
    kind: 'blocked',
    problems: [
      {
        code: 'E_NO_LEADER',
        host: null,
        step: 'plan',
        message: `No FE of ${v.desired.cluster} answers, and none can be started: ${why}.`,
        hint: 'Bring back the machines that carry FE metadata; with a majority lost for good, follow StarRocks’ metadata recovery by hand.',
      },
    ],
  };
}

export function setRootPassword(v: View): Next | null {
  if (v.rows?.root_open !== true) return null;
  return wave("set root's password", [
    {
      action: 'password',
      host: null,
      service: null,
      reason: 'root still has none',
      operations: [{ kind: 'sql', statement: { kind: 'setRootPassword' } }],
      gates: [],
      outage: null,
    },
  ]);
}

/** Where nothing was switched off there is nothing to wait for. */
export function awaitLeaderToBalance(v: View): Next | null {
  return balanceIsHeld(v) ? awaitLeader(v) : null;
}

/** Only where an FE runs: whoever starts BEs alone has none to wait for. */
export function awaitLeaderOfStarted(v: View): Next | null {
  return v.frontends.some(running) ? awaitLeader(v) : null;
}
