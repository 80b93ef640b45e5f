import { expect, test } from 'vitest';
import { classify, passes } from '../../../.github/actions/deploy/src/starrocks/texts.ts';
import { refusal } from './transcript.ts';

test.each([
  ['ALTER SYSTEM ADD FOLLOWER "10.88.0.13:9010"', 'already-exists'],
  ['ALTER SYSTEM ADD BACKEND "10.88.0.13:9050"', 'already-exists'],
  ['ALTER SYSTEM DROP FOLLOWER "10.88.0.13:9010"', 'leader-protected'],
  ['ALTER SYSTEM DROP FOLLOWER "10.88.0.99:9010"', 'does-not-exist'],
  ['ALTER SYSTEM DROP BACKEND "10.88.0.99:9050"', 'does-not-exist'],
  ['ALTER SYSTEM DECOMMISSION BACKEND "10.88.0.99:9050"', 'does-not-exist'],
  ['ALTER SYSTEM ADD BACKEND "nohost:9050"', 'refused'],
  ['ALTER SYSTEM ADD BACKEND "10.88.0.11"', 'refused'],
  ['SHOW NOTHING', 'refused'],
])('what a real FE said to %s is understood', (statement, fault) => {
  expect(classify(refusal(statement) ?? 'it succeeded')).toBe(fault);
});

test.each([
  ["Access denied for user 'root' (using password: YES)", 'access-denied'],
  ['Access denied; you need (at least one of) the OPERATE privilege(s) on SYSTEM for this operation', 'no-privilege'],
  ['Unexpected exception: Failed to acquire globalStateMgr lock. Try again', 'busy'],
  ['frontend name already exists 10.0.0.1_9010_1. Try again', 'busy'],
  ['Same backend already exists[10.0.0.1:9050]', 'already-exists'],
  ['Socket is closed by peer', 'no-leader'],
  ['java.net.ConnectException: Connection refused', 'no-leader'],
  ['java.net.SocketTimeoutException: Connect timed out', 'no-leader'],
  ['Internal error processing forward', 'no-leader'],
  ['Commit policy: SIMPLE_MAJORITY required 1 replica. But none were active with this master', 'no-leader'],
  ["invalid location format: bad label, should be like: 'key:val'.", 'refused'],
])('%s', (message, fault) => {
  expect(classify(message)).toBe(fault);
});

test('a lock, an election, silence and a cut pass; a refusal does not', () => {
  expect((['busy', 'no-leader', 'timeout', 'closed'] as const).map(passes)).toEqual([true, true, true, true]);
  expect((['access-denied', 'already-exists', 'refused'] as const).map(passes)).toEqual([false, false, false]);
});
