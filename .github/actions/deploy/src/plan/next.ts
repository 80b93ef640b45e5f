import { refuseDifferent, takeOver } from './adopt.ts';
import { awaitBackends, awaitFrontends, awaitRegistered, awaitStarted } from './await.ts';
import {
  addBackends,
  joinFrontend,
  registerFrontends,
  setMetadataOfDroppedAside,
  setUnusableMetadataAside,
} from './join.ts';
import {
  awaitLeader,
  awaitLeaderOfStarted,
  awaitLeaderToBalance,
  coldStart,
  found,
  refuseLostMajority,
  setPartialMetadataOfFounderAside,
  setRootPassword,
} from './leader.ts';
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
} from './leave.ts';
import { refreshFiles, rememberPeers, setLocations } from './live.ts';
import { prepare } from './prepare.ts';
import { refusals, unsafe } from './refusals.ts';
import {
  dropUndeclared,
  registerBackends,
  startBackendsAsTheyAre,
  startFrontendsAsTheyAre,
  stopChosen,
} from './repair.ts';
import { drainWhatIsInTheWay, restartAgain, restartWhileEnoughVote, rollOut } from './roll.ts';
import type { Rule } from './rule.ts';
import type { Intent, Situation, View } from './situation.ts';
import { view } from './situation.ts';
import { startBackendsThatAreDown, startFrontendsThatAreDown } from './start.ts';
import type { Next } from './step.ts';
import { bringBalanceBack, bringBalanceBackAtEnd, holdBalance, makeImage, saveSwitches } from './upgrade.ts';

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
