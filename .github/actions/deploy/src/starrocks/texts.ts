/** What an error text of StarRocks, or of the way to it, means for the one who sent the statement. */
export type Fault =
  | 'access-denied'
  | 'no-privilege'
  | 'already-exists'
  | 'does-not-exist'
  | 'leader-protected'
  /** Done on the FE that was asked and on others, but not on all. */
  | 'partly'
  /** The metadata lock is taken; the same statement may be sent again. */
  | 'busy'
  /** The FE that was asked found no leader to forward to: an election, or no majority. */
  | 'no-leader'
  | 'timeout'
  | 'closed'
  | 'refused';

/**
 * In order: the first that matches wins. Numbers are of no use: StarRocks sends 1064 for nearly everything, and the
 * number of a missing privilege changed three times. Texts: fe-core NodeMgr, SystemInfoService, SystemHandler, and
 * what real FEs answered.
 */
const texts: readonly (readonly [Fault, RegExp])[] = [
  ['access-denied', /access denied for user/i],
  ['no-privilege', /access denied|\bprivilege/i],
  ['busy', /failed to acquire globalstatemgr lock|frontend name already exists/i],
  ['already-exists', /already exists?\b/i],
  ['leader-protected', /can not (?:drop|modify) current master node/i],
  ['partly', /set config for fe\[/i],
  ['does-not-exist', /does not exists?\b|\bnot found\b/i],
  [
    'no-leader',
    /socket is closed by peer|connection refused|connection reset|broken pipe|connect timed out|read timed out|sockettimeoutexception|connectexception|noroutetohost|ttransportexception|internal error processing forward|commit policy: simple_majority|insufficientreplicas|unknownmaster|no leader|not ready/i,
  ],
];

/** What an error text that StarRocks sent means. Texts that nobody knows are `refused`. */
export function classify(message: string): Fault {
  return texts.find(([, text]) => text.test(message))?.[0] ?? 'refused';
}

/** Whether the same look may find something else a moment later, without anybody doing anything. */
export const passes = (fault: Fault): boolean =>
  fault === 'busy' || fault === 'no-leader' || fault === 'timeout' || fault === 'closed';
