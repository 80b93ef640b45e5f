import type { ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { refuseDifferent, takeOver } from './adopt.ts';
import type { Gate } from './gates.ts';
import { holds, majority, replicasAway } from './gates.ts';
import {
  awaitDrains,
  cancelDrains,
  changeRoles,
  drainBackends,
  leaveDeadBackends,
  removeBackends,
  removeDeadFrontends,
  removeFrontends,
  removeLeftovers,
  replaceLostBackends,
  roleDiffers,
  untilEmpty,
} from './leave.ts';
import type { Operation } from './operation.ts';
import { byHost } from './place.ts';
import { refusals, unsafe } from './refusals.ts';
import {
  dropUndeclared,
  registerBackends,
  startBackendsAsTheyAre,
  startFrontendsAsTheyAre,
  stopChosen,
} from './repair.ts';
import {
  activate,
  addBackend,
  asBefore,
  asItIs,
  blocked,
  notYet,
  type Roll,
  type Rule,
  step,
  stop,
  wave,
} from './rule.ts';
import type { BeNode, FeNode, Intent, Node, Situation, View } from './situation.ts';
import {
  ailingBackends,
  arriving,
  current,
  down,
  drainedEmpty,
  keptRunning,
  members,
  peersFor,
  reachable,
  running,
  stale,
  staleFiles,
  storageIsLost,
  unfinished,
  up,
  view,
} from './situation.ts';
import type { Next, Step } from './step.ts';
import {
  balanceIsHeld,
  bringBalanceBack,
  bringBalanceBackAtEnd,
  holdBalance,
  isTrial,
  makeImage,
  mayChange,
  saveSwitches,
  towardsRelease,
  versionChange,
  versionDiffers,
} from './upgrade.ts';
import { namedOtherwise } from './world.ts';

/**
 * What is to be done next, from one observation: pure, so that a plan can be shown before anybody runs it and a killed
 * run is repaired by asking again. The first rule that has something to say decides.
 */
export function next(situation: Situation): Next {
  const v = view(situation);
  for (const rule of ORDERS[situation.request.intent]) {
    const decision = rule(v);
    if (decision !== null) return decision;
  }
  return { kind: 'done' };
}

const CONVERGE: readonly Rule[] = [
  refuse,
  prepare,
  // No leader answers.
  setPartialMetadataOfFounderAside,
  found,
  refuseLostMajority,
  coldStart,
  awaitLeader,
  // A leader answers.
  setRootPassword,
  cancelDrains,
  setUnusableMetadataAside,
  setMetadataOfDroppedAside,
  startFrontendsThatAreDown,
  registerFrontends,
  awaitFrontends,
  joinFrontend,
  replaceLostBackends,
  startBackendsThatAreDown,
  addBackends,
  awaitBackends,
  removeDeadFrontends,
  restartWhileEnoughVote,
  changeRoles,
  removeLeftovers,
  removeFrontends,
  setLocations,
  leaveDeadBackends,
  saveSwitches,
  holdBalance,
  makeImage,
  drainWhatIsInTheWay,
  rollOut,
  bringBalanceBackAtEnd,
  refreshFiles,
  rememberPeers,
  removeBackends,
  drainBackends,
  awaitDrains,
];

/** Each verb of repair does its own thing and nothing that a deploy would do besides. */
const ORDERS: Readonly<Record<Intent, readonly Rule[]>> = {
  converge: CONVERGE,
  restart: [refuseUnsafe, awaitLeader, awaitStarted, restartAgain],
  register: [refuseUnsafe, awaitLeader, awaitRegistered, registerFrontends, registerBackends],
  drop: [refuseUnsafe, awaitLeader, dropUndeclared],
  stop: [refuseUnsafe, stopChosen],
  start: [refuseUnsafe, startFrontendsAsTheyAre, awaitLeaderOfStarted, startBackendsAsTheyAre, awaitStarted],
  adopt: [refuseUnsafe, refuseDifferent, prepare, takeOver],
  rebalance: [awaitLeaderToBalance, bringBalanceBack],
};

function refuse(v: View): Next | null {
  const problems = refusals(v);
  return problems.length > 0 ? { kind: 'blocked', problems } : null;
}

function refuseUnsafe(v: View): Next | null {
  const problems = unsafe(v);
  return problems.length > 0 ? { kind: 'blocked', problems } : null;
}

/** Uploads and pulls everywhere before anything is touched anywhere: a failed one can never leave a service down. */
function prepare(v: View): Next | null {
  const chosen = [...v.frontends, ...v.backends].filter(reachable);
  const hosts = new Set(chosen.filter(lacksSomething).map(node => node.host));
  if (hosts.size === 0) return null;
  const there = byHost(chosen, node => node.host.address);
  const steps = v.desired.hosts.flatMap((host): Step[] => {
    const nodes = there.get(host.address) ?? [];
    const machine = nodes[0]?.machine;
    if (machine === null || machine === undefined || !hosts.has(host)) return [];
    const stale = staleFiles(host, machine);
    const changing = nodes.filter(node => !current(node) || !running(node));
    const images = [...new Set(changing.map(node => node.service.image))].filter(image => !machine.images[image]);
    const upload = (stale.length > 0 || changing.some(node => !current(node))) && !machine.staged.includes(host.digest);
    if (images.length === 0 && !upload) return [];
    return [
      {
        action: 'prepare',
        host: host.address,
        service: null,
        reason: [
          ...(upload ? [`${stale.length} files differ`] : []),
          ...images.map(image => `${image} is not there`),
        ].join(', '),
        operations: [
          ...(upload
            ? [
                {
                  kind: 'stage' as const,
                  host: host.address,
                  digest: host.digest,
                },
              ]
            : []),
          ...images.map(image => ({
            kind: 'pull' as const,
            host: host.address,
            image,
          })),
        ],
        gates: [],
        outage: null,
      },
    ];
  });
  return wave('upload the files and pull the images', steps);
}

/** Of what its next start needs, as far as it alone can tell. */
function lacksSomething(node: Node): boolean {
  const { host, service, machine } = node;
  if (machine === null) return false;
  const changes = !current(node);
  if ((changes || !running(node)) && !machine.images[service.image]) return true;
  return !machine.staged.includes(host.digest) && (changes || staleFiles(host, machine).length > 0);
}

const founderOf = (v: View): FeNode | undefined =>
  v.frontends.find(node => node.host.address === v.desired.master_host);

/** A founding that was killed midway: nobody else ever had metadata, so it may be founded again. */
function setPartialMetadataOfFounderAside(v: View): Next | null {
  const founder = founderOf(v);
  if (v.rows !== null || founder === undefined || !reachable(founder)) return null;
  const fe = founder.machine?.fe;
  if (fe?.meta !== 'partial' || !fe.state.founding || fe.state.member !== null || arriving(founder)) return null;
  if (v.memory.started[founder.key] !== undefined) return null;
  const gate: Gate = { kind: 'nothing-founded', founder: founder.host.address };
  if (holds(gate, v) !== null) return null;
  return wave('clear away a founding that was cut off', [asideStep(founder, 'founding was cut off', [gate])]);
}

function found(v: View): Next | null {
  if (v.rows !== null) return null;
  const gate: Gate = {
    kind: 'nothing-founded',
    founder: v.desired.master_host,
  };
  const trace = holds(gate, v);
  const founder = founderOf(v);
  if (trace !== null) {
    const somebody = v.frontends.some(
      node => node.container !== null || (node.machine !== null && node.machine.fe?.meta !== 'empty'),
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
function refuseLostMajority(v: View): Next | null {
  if (v.rows !== null) return null;
  const voters = v.frontends.filter(node => {
    const fe = node.machine?.fe;
    return node.service.role === 'follower' && (fe === null || fe === undefined || fe.state.member !== null);
  });
  const wiped = voters.filter(node => node.machine?.fe?.meta === 'empty');
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
function coldStart(v: View): Next | null {
  if (v.rows !== null) return null;
  const asleep = v.frontends.filter(node => node.machine?.fe?.meta === 'whole' && votes(node) && canBeStarted(node));
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
  (machine?.fe?.role ?? service.role.toUpperCase()) === 'FOLLOWER';

function awaitLeader(v: View): Next | null {
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

function setRootPassword(v: View): Next | null {
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

function asideStep(node: FeNode, reason: string, gates: readonly Gate[]): Step {
  const aside: Operation = { kind: 'asideMetadata', host: node.host.address, reason };
  const operations = node.container === null ? [aside] : [stop(node), aside];
  return step(node, 'aside', reason, operations, gates);
}

/** Metadata of a join that was cut off is seen to crash for ever: it goes aside, and the FE joins again, if it may. */
function setUnusableMetadataAside(v: View): Next | null {
  const [first] = v.frontends.filter(
    node => reachable(node) && unfinished(node) && !arriving(node) && v.memory.started[node.key] === undefined,
  );
  if (first === undefined) return null;
  const joins: Gate = { kind: 'intact-majority', node: first.key };
  const why = holds(joins, v);
  if (why !== null) return lostMajority(first, why);
  const gates: Gate[] = [{ kind: 'already-down', node: first.key }, joins];
  return wave('clear away a join that was cut off', [asideStep(first, 'join was cut off', gates)]);
}

/** Somebody dropped it by hand: with the metadata of its old name it never becomes ready again (seen). */
function setMetadataOfDroppedAside(v: View): Next | null {
  const [first] = v.frontends.filter(node => {
    const fe = node.machine?.fe;
    if (!reachable(node) || fe?.meta !== 'whole' || fe.state.joining) return false;
    return node.row === null || namedOtherwise(fe, node.row);
  });
  if (first === undefined) return null;
  const gates: Gate[] = [{ kind: 'not-a-member', node: first.key }];
  return wave('clear away what a dropped FE knew', [asideStep(first, 'dropped', gates)]);
}

/** It is down, and nothing has been done yet that it could come up by. */
const canBeStarted = (node: Node): boolean =>
  reachable(node) && down(node) && !arriving(node) && (!keptRunning(node) || !current(node));

const needsJoin = ({ machine, service }: Node): boolean => service.kind === 'fe' && machine?.fe.meta === 'empty';

function startFrontendsThatAreDown(v: View): Next | null {
  const asleep = v.frontends.filter(node => !needsJoin(node) && !roleDiffers(node) && canBeStarted(node));
  const bare = asleep.find(node => node.container === null && tooEarly(v, node));
  if (bare !== undefined) return awaitsRelease(v, bare);
  return wave(
    'start FEs that are down',
    asleep.flatMap(node => startStep(v, node)),
  );
}

/** Its turn to change its release has not come. */
const tooEarly = (v: View, node: Node): boolean => versionDiffers(v, node) && !mayChange(v, node);

/**
 * One whose release changes waits for its turn, and runs as it was until then; without its container it has nothing to
 * run as, and comes up with the new one when its turn has come.
 */
function startStep(v: View, node: Node): Step[] {
  const gates: Gate[] = [{ kind: 'already-down', node: node.key }];
  if (!versionDiffers(v, node)) return [step(node, 'start', whyDown(node), [activate(node)], gates)];
  if (tooEarly(v, node)) return startAsBefore(v, node, gates);
  return node.container === null ? [restartStep(node, towardsRelease(v), gates, null)] : [];
}

const startAsBefore = (v: View, node: Node, gates: readonly Gate[]): Step[] =>
  keptRunning(node) || v.memory.started[node.key] !== undefined
    ? []
    : [step(node, 'start', whyDown(node), [asBefore(node)], gates)];

const whyDown = (node: Node): string =>
  keptRunning(node)
    ? 'it does not answer, and its files differ'
    : `its container is ${node.container?.state ?? 'missing'}`;

/** Runs but nobody registered it: an earlier run died in between, or the machine does not know the password. */
function registerFrontends(v: View): Next | null {
  const lost = v.frontends.filter(node => reachable(node) && node.row === null && running(node) && current(node));
  const [first] = lost;
  if (first === undefined) return null;
  return wave('register an FE', [step(first, 'register', 'it runs and is not registered', [addFrontend(first)])]);
}

const addFrontend = (node: FeNode): Operation => ({
  kind: 'sql',
  statement: {
    kind: node.service.role === 'observer' ? 'addObserver' : 'addFollower',
    host: node.host.address,
    port: node.service.ports.edit_log_port,
  },
});

const awaitNodes = (nodes: readonly Node[], service: ServiceName, limit: number): Next | null => {
  if (nodes.length === 0) return null;
  const names = nodes.map(node => node.key).join(', ');
  return {
    kind: 'wait',
    reason: `the leader shows ${names} alive`,
    hosts: nodes.map(node => node.host.address),
    service,
    limit_seconds: limit,
  };
};

function awaitFrontends(v: View): Next | null {
  const coming = v.frontends.filter(
    node => reachable(node) && keptRunning(node) && awaited(v, node) && !up(node, v.memory),
  );
  return awaitNodes(coming, 'starrocks-fe', v.desired.timeouts.fe_ready);
}

/** Nothing is left to be done to it but to see it come up. */
const awaited = (v: View, node: Node): boolean =>
  current(node) || arriving(node) || v.memory.started[node.key] !== undefined;

/** What this run started itself, whatever its definition. */
function awaitStarted(v: View): Next | null {
  const coming = [...v.frontends, ...v.backends].filter(
    node => v.memory.started[node.key] !== undefined && keptRunning(node) && node.row !== null && !up(node, v.memory),
  );
  const [first] = coming;
  if (first === undefined) return null;
  const limit = first.service.kind === 'fe' ? v.desired.timeouts.fe_ready : v.desired.timeouts.be_ready;
  return awaitNodes(coming, first.service.name, limit);
}

/** A row that was never heard of belongs to a node that was just added, by this run or by whoever ran before. */
function awaitRegistered(v: View): Next | null {
  const coming = [...v.frontends, ...v.backends].filter(
    node => reachable(node) && running(node) && node.row !== null && node.row.last_heartbeat === null,
  );
  const [first] = coming;
  return first === undefined ? null : awaitNodes(coming, first.service.name, v.desired.timeouts.fe_ready);
}

/** Where nothing was switched off there is nothing to wait for. */
function awaitLeaderToBalance(v: View): Next | null {
  return balanceIsHeld(v) ? awaitLeader(v) : null;
}

/** Only where an FE runs: whoever starts BEs alone has none to wait for. */
function awaitLeaderOfStarted(v: View): Next | null {
  return v.frontends.some(running) ? awaitLeader(v) : null;
}

/** One at a time: each new follower changes what a majority is. */
function joinFrontend(v: View): Next | null {
  const waiting = v.frontends.filter(
    node => reachable(node) && !roleDiffers(node) && needsJoin(node) && (node.container === null || down(node)),
  );
  const order = [
    ...waiting.filter(node => node.service.role === 'follower'),
    ...waiting.filter(node => node.service.role === 'observer'),
  ];
  const [first] = order;
  if (first === undefined) return null;
  const host = first.host.address;
  const early = tooEarly(v, first);
  if (early && first.container === null) return awaitsRelease(v, first);
  const operations: Operation[] = [
    { kind: 'writeState', host, peers: peersFor(v, host) },
    early ? asBefore(first) : activate(first),
    addFrontend(first),
  ];
  if (first.row === null) return wave('join an FE', [step(first, 'join', 'it is new', operations)]);
  const gate: Gate = { kind: 'intact-majority', node: first.key };
  const why = holds(gate, v);
  if (why !== null) return lostMajority(first, why);
  const reason = 'its metadata is empty: it joins again under its name';
  return wave('join an FE', [step(first, 'join', reason, operations, [gate])]);
}

const lostMajority = (node: FeNode, why: string): Next =>
  blocked(
    node,
    'E_MAJORITY_LOST',
    `${node.key} has ${needsJoin(node) ? 'lost its metadata' : 'metadata of a join that was cut off'} and does not join again: ${why}.`,
    'Bring up the followers that still have theirs, then deploy again; with none left, follow StarRocks’ metadata recovery by hand.',
  );

/** It would join with a release whose turn has not come, and the old one is not there any more. */
const awaitsRelease = (v: View, node: Node): Next =>
  blocked(
    node,
    'E_VERSION_AND_MORE',
    `${node.key} has lost its container${needsJoin(node) ? ' and its metadata' : ''} while the cluster becomes ${v.desired.version}.`,
    'Write the release that the others run, deploy, and then write the new one again.',
  );

function startBackendsThatAreDown(v: View): Next | null {
  const asleep = v.backends.filter(
    node => node.row !== null && node.container !== null && !storageIsLost(node) && canBeStarted(node),
  );
  return wave(
    'start BEs that are down',
    asleep.flatMap(node => startStep(v, node)),
  );
}

function addBackends(v: View): Next | null {
  const missing = v.backends.filter(
    node => reachable(node) && !storageIsLost(node) && (node.row === null || node.container === null),
  );
  const early = missing.filter(node => tooEarly(v, node));
  const [lost] = early.filter(node => node.container === null);
  if (lost !== undefined) return awaitsRelease(v, lost);
  return wave(
    'add BEs',
    missing.map(node => {
      const start = startOf(v, node);
      const action = start.length === 0 ? 'register' : 'add';
      const reason = node.row === null ? 'it is not registered' : 'its container is missing';
      return step(node, action, reason, [...start, ...(node.row === null ? [addBackend(node)] : [])]);
    }),
  );
}

/** A machine without an FE knows only the founding one, which may be down when its first BE looks for the cluster. */
function introduce(v: View, node: BeNode): Operation[] {
  const { host } = node;
  if (host.fe !== null) return [];
  const peers = peersFor(v, host.address);
  const { missing, gone } = peersDiffer(v, node, peers);
  return missing.length + gone.length === 0 ? [] : [{ kind: 'writeState', host: host.address, peers }];
}

/** One that exists keeps its release until it is rolled: then tablets are not balanced, and its turn has come. */
function startOf(v: View, node: BeNode): Operation[] {
  if (versionDiffers(v, node) && node.container !== null) return keptRunning(node) ? [] : [asBefore(node)];
  return keptRunning(node) && current(node) ? [] : [...introduce(v, node), activate(node)];
}

function awaitBackends(v: View): Next | null {
  const coming = ailingBackends(v).filter(node => reachable(node) && keptRunning(node) && awaited(v, node));
  const [first] = coming;
  return first === undefined ? null : awaitNodes(coming, first.service.name, v.desired.timeouts.be_ready);
}

function setLocations(v: View): Next | null {
  const differ = v.backends.filter(
    node =>
      node.selected && node.row !== null && node.host.location !== null && node.row.location !== node.host.location,
  );
  return wave(
    'set location labels',
    differ.map(node => {
      const statement = {
        kind: 'setLocation' as const,
        host: node.host.address,
        port: node.service.ports.heartbeat_service_port,
        location: node.host.location ?? '',
      };
      return step(node, 'label', `its location is ${node.host.location}`, [{ kind: 'sql', statement }]);
    }),
  );
}

const restartStep = (node: Node, roll: Roll, gates: readonly Gate[], outage: string | null): Step => {
  const { action, reason, operations } = roll(node);
  return { ...step(node, action, reason, operations, gates), outage };
};

/**
 * The others may need the vote of one that leaves to restart one after the other: while a voter is away, and where so few
 * stay that none of them could be spared.
 */
function restartWhileEnoughVote(v: View): Next | null {
  const away = members(v).some(node => node.row !== null && !reachable(node) && !up(node, v.memory));
  const staying = v.frontends.filter(node => node.service.role === 'follower').length;
  const fewer = v.leavingFrontends.some(node => node.row !== null) || v.frontends.some(roleDiffers);
  if (!fewer || !(away || staying - 1 < majority(staying))) return null;
  const due = v.frontends.filter(node => stale(node) && !roleDiffers(node));
  const decision = rollFrontends(v, due, towardsRelease(v));
  return decision?.kind === 'blocked' ? null : decision;
}

/** What forbids to restart a BE may be one that leaves and does not answer: that one is drained before, not after. */
function drainWhatIsInTheWay(v: View): Next | null {
  if (v.leavingBackends.every(node => up(node, v.memory))) return null;
  const roll = rollBackends(v, v.backends.filter(stale), towardsRelease(v));
  // An outage is no smaller without it.
  if (roll?.kind !== 'blocked' || roll.problems[0]?.code !== 'E_GATE') return null;
  const decision = removeBackends(v) ?? drainBackends(v) ?? awaitDrains(v);
  return decision?.kind === 'blocked' ? null : decision;
}

/** BEs before FEs; only a downgrade goes the other way round. */
function rollOut(v: View): Next | null {
  const roll = towardsRelease(v);
  const backends = () => rollBackends(v, v.backends.filter(stale), roll);
  const frontends = () => rollFrontends(v, v.frontends.filter(stale), roll);
  return versionChange(v)?.direction === 'downgrade' ? (frontends() ?? backends()) : (backends() ?? frontends());
}

/** Every chosen node once. What this run has restarted is remembered, because nothing else tells it from the rest. */
function restartAgain(v: View): Next | null {
  const due = (node: Node) =>
    reachable(node) && node.container !== null && v.memory.started[node.key] === undefined && node.row !== null;
  return rollBackends(v, v.backends.filter(due), asItIs) ?? rollFrontends(v, v.frontends.filter(due), asItIs);
}

/** Whoever is down anyway, then whoever cannot be counted on: their turn must not wait for themselves. */
const sick = (v: View, node: Node): number => (down(node) ? 2 : up(node, v.memory) ? 0 : 1);

/** As many at once as replicas allow, all of one location; what is not missed or not well anyway goes first. */
function rollBackends(v: View, differ: readonly BeNode[], roll: Roll): Next | null {
  const rank = (node: BeNode): number => (drainedEmpty(node) ? 3 : sick(v, node));
  const [first] = differ.toSorted((a, b) => rank(b) - rank(a));
  if (first === undefined) return null;
  const width = isTrial(v) ? 1 : Math.max(1, replicasAway(v.desired.default_replication_num));
  const alike = differ.filter(node => node !== first && node.host.location === first.host.location);
  const gateOf = (nodes: readonly BeNode[]): Gate => ({ kind: 'replicas-without', nodes: nodes.map(node => node.key) });
  // Fewer together where others are away already.
  const widths = [first, ...alike].slice(0, width).map((_, less) => [first, ...alike].slice(0, width - less));
  const together = widths.find(nodes => holds(gateOf(nodes), v) === null) ?? [first];
  const gate = gateOf(together);
  if (replicasAway(v.desired.default_replication_num) === 0 && !drainedEmpty(first)) {
    return takeOutage(
      v,
      first,
      roll,
      `data whose replicas lie on ${first.key}, with ${v.desired.default_replication_num} of each tablet`,
    );
  }
  const reason = holds(gate, v);
  if (reason === null)
    return wave(
      'restart BEs',
      together.map(node => restartStep(node, roll, [gate], null)),
    );
  return untilEmpty(v, drainsUnseen(v)) ?? notYet(v, first, reason, v.desired.timeouts.be_ready);
}

/**
 * On machines that nobody can look at, so that the drain is not cancelled: once empty, they are missed by nobody. Where
 * the others cannot take what they hold, they never will be.
 */
function drainsUnseen(v: View): BeNode[] {
  const draining = v.backends.filter(
    node => !reachable(node) && node.row?.system_decommissioned === true && node.row.tablet_num > 0,
  );
  return holds({ kind: 'backends-without', nodes: draining.map(node => node.key) }, v) === null ? draining : [];
}

/** Observers, then followers one by one, the leader last: found again before each, because it may have moved. */
function rollFrontends(v: View, differ: readonly FeNode[], roll: Roll): Next | null {
  const leader = v.rows?.leader;
  const rank = (node: FeNode) => {
    if (node.host.address === leader && !down(node)) return 2;
    const ill = sick(v, node);
    return ill > 0 ? -ill : node.row?.role === 'OBSERVER' ? 0 : 1;
  };
  const [first] = differ.toSorted((a, b) => rank(a) - rank(b));
  if (first === undefined) return null;
  const last = first.host.address === leader;
  const quorum: Gate = { kind: 'quorum-without', node: first.key };
  const gates: Gate[] = last ? [quorum] : [quorum, { kind: 'leader-elsewhere', address: first.host.address }];
  const followers = v.rows?.frontends.filter(row => row.role !== 'OBSERVER').length ?? 0;
  if (first.service.role === 'follower' && followers - 1 < majority(followers)) {
    return takeOutage(v, first, roll, 'the whole cluster: without this FE no majority of followers remains');
  }
  const reason = holds(quorum, v);
  if (reason === null)
    return wave(last ? 'restart the leader' : 'restart an FE', [restartStep(first, roll, gates, null)]);
  return notYet(v, first, reason, v.desired.timeouts.fe_ready);
}

/** A step that cannot be done without one, whatever the order. */
function takeOutage(v: View, node: Node, roll: Roll, what: string): Next | null {
  const gate: Gate = down(node)
    ? { kind: 'already-down', node: node.key }
    : { kind: 'others-healthy', nodes: [node.key] };
  if (!v.desired.allow_outage && !down(node)) {
    return blocked(
      node,
      'E_OUTAGE',
      `Restarting ${node.service.name} on ${node.host.address} takes an outage of ${what}.`,
      'Write `allow_outage: true` into cluster.yaml if that is acceptable now, or add machines first.',
    );
  }
  const reason = holds(gate, v);
  if (reason !== null) return notYet(v, node, reason, v.desired.timeouts.fe_ready);
  return wave('restart with an outage', [restartStep(node, roll, [gate], down(node) ? null : what)]);
}

/** Files that no running service has to be restarted for: identity keys, app.env. */
function refreshFiles(v: View): Next | null {
  const steps = v.desired.hosts.flatMap((host): Step[] => {
    const answer = v.world.hosts[host.address];
    const selected = !host.maintenance && (v.request.hosts === null || v.request.hosts.has(host.address));
    if (!selected || answer?.known !== true) return [];
    const paths = staleFiles(host, answer.value);
    if (paths.length === 0) return [];
    return [
      {
        action: 'refresh',
        host: host.address,
        service: null,
        reason: `${paths.join(', ')} differ`,
        operations: [{ kind: 'refresh', host: host.address, digest: host.digest }],
        gates: [],
        outage: null,
      },
    ];
  });
  return wave('refresh files, restarting nothing', steps);
}

/** So that an FE which loses its metadata still finds the others when the founding host is down. */
function rememberPeers(v: View): Next | null {
  const steps = v.frontends.filter(reachable).flatMap((node): Step[] => {
    const peers = peersFor(v, node.host.address);
    const { missing, gone } = peersDiffer(v, node, peers);
    if (missing.length + gone.length === 0) return [];
    const reasons = [
      ...(missing.length > 0 ? [`it has not met ${missing.join(', ')}`] : []),
      ...(gone.length > 0 ? [`${gone.join(', ')} left`] : []),
    ];
    return [step(node, 'remember', reasons.join(', '), [{ kind: 'writeState', host: node.host.address, peers }])];
  });
  return wave('write down which FEs exist', steps);
}

/** One that left must be forgotten as well: another cluster may answer at its address one day. */
function peersDiffer(v: View, { machine }: Node, peers: readonly string[]): { missing: string[]; gone: string[] } {
  const remembered = machine?.fe?.state.peers ?? [];
  const members = new Set(v.rows?.frontends.map(row => row.host));
  return {
    missing: peers.filter(peer => !remembered.includes(peer)),
    gone: remembered.filter(peer => !members.has(peer)),
  };
}
