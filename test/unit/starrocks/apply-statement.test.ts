import { afterEach, beforeEach, expect, test } from 'vitest';
import { applyStatement } from '../../../.github/actions/deploy/src/starrocks/apply-statement.ts';
import type { SqlRow } from '../../../.github/actions/deploy/src/starrocks/rows.ts';
import { type Answer, type FakeFe, fakeFe } from './fake-fe.ts';
import { transcript } from './transcript.ts';

let fe: FakeFe;
let rows: { frontends: SqlRow[]; backends: SqlRow[] };
/** What the next ALTERs are answered, before the FE does as it is told. */
let troubles: Answer[];

beforeEach(async () => {
  rows = { frontends: transcript('3.3/show-frontends.tsv'), backends: transcript('3.3/show-backends.tsv') };
  troubles = [];
  fe = await fakeFe(sql => {
    if (sql === 'SHOW FRONTENDS') return rows.frontends;
    if (sql === 'SHOW BACKENDS') return rows.backends;
    return troubles.shift() ?? obey(sql);
  });
});
afterEach(() => fe.close());

const added = transcript('3.3/show-frontends-just-added.tsv')[0] ?? {};

function obey(sql: string): Answer {
  if (sql === 'ALTER SYSTEM ADD FOLLOWER "10.88.0.97:9010"') rows.frontends.unshift(added);
  const label = /MODIFY BACKEND "10.88.0.11:9050" SET \("labels.location" = "(.*)"\)/.exec(sql)?.[1];
  if (label !== undefined) rows.backends[0] = { ...rows.backends[0], Location: label };
  if (sql.startsWith('SET PASSWORD')) fe.password = 'wanted';
  return 'ok';
}

const access = (password: string | null = null) => ({ connect: fe.connect, password, timeoutMs: 2000 });
const once = { limitMs: 0, pauseMs: 0 };
const patient = { limitMs: 10_000, pauseMs: 1 };
const addFollower = { kind: 'addFollower', host: '10.88.0.97', port: 9010 } as const;
const altered = () => fe.statements.filter(sql => !sql.startsWith('SHOW'));

test('a new follower is added once and seen in SHOW', async () => {
  expect(await applyStatement(access(), addFollower, once)).toBe('done');
  expect(fe.statements).toEqual(['SHOW FRONTENDS', 'ALTER SYSTEM ADD FOLLOWER "10.88.0.97:9010"', 'SHOW FRONTENDS']);
});

test('what SHOW already has is not sent', async () => {
  expect(await applyStatement(access(), { kind: 'addBackend', host: '10.88.0.11', port: 9050 }, once)).toBe('already');
  expect(await applyStatement(access(), { ...addFollower, host: '10.88.0.13' }, once)).toBe('already');
  expect(altered()).toEqual([]);
});

test('"already exists" is believed when SHOW agrees', async () => {
  fe.answer = sql => {
    if (sql === 'SHOW FRONTENDS') return rows.frontends;
    rows.frontends.unshift(added);
    return { error: 'FE with the same host: 10.88.0.97 already exists' };
  };
  expect(await applyStatement(access(), addFollower, once)).toBe('done');
});

test('"already exists" is not believed when SHOW does not agree', async () => {
  troubles = [{ error: 'FE with the same host: 10.88.0.97 already exists' }];
  await expect(applyStatement(access(), addFollower, once)).rejects.toMatchObject({
    problem: { code: 'E_SQL_NOT_DONE' },
  });
});

test('an OK is not believed when SHOW does not agree', async () => {
  troubles = ['ok'];
  await expect(applyStatement(access(), addFollower, once)).rejects.toMatchObject({
    problem: { code: 'E_SQL_NOT_DONE', message: expect.stringContaining('addFollower') },
  });
});

test.each([
  ['an observer where a follower is wanted', { Role: 'OBSERVER' }, 'registered as OBSERVER'],
  ['another edit_log_port', { EditLogPort: '9011' }, 'registered with edit_log_port 9011'],
])('%s is a conflict, and nothing is sent', async (_, values, message) => {
  rows.frontends.push({ ...added, ...values });
  await expect(applyStatement(access(), addFollower, patient)).rejects.toMatchObject({
    problem: { code: 'E_SQL_CONFLICT', message: expect.stringContaining(message) },
  });
  expect(altered()).toEqual([]);
});

test('a taken metadata lock, an election and a lost answer are waited out', async () => {
  troubles = [
    { error: 'Unexpected exception: Failed to acquire globalStateMgr lock. Try again' },
    { error: 'Socket is closed by peer' },
    'cut',
  ];
  expect(await applyStatement(access(), addFollower, patient)).toBe('done');
  expect(altered()).toHaveLength(4);
});

test('a statement whose answer was lost is not sent again when SHOW has its effect', async () => {
  fe.answer = sql => {
    if (sql === 'SHOW FRONTENDS') return rows.frontends;
    rows.frontends.unshift(added);
    return 'cut';
  };
  expect(await applyStatement(access(), addFollower, patient)).toBe('done');
  expect(altered()).toHaveLength(1);
});

test('a refusal is told at once', async () => {
  troubles = [{ error: 'Getting analyzing error. Detail message: Invalid host port: x.' }];
  await expect(applyStatement(access(), addFollower, patient)).rejects.toMatchObject({
    problem: { code: 'E_SQL_REFUSED', message: expect.stringContaining('Invalid host port') },
  });
  expect(altered()).toHaveLength(1);
});

test('without patience left the last reason is told', async () => {
  troubles = [{ error: 'Failed to acquire globalStateMgr lock. Try again' }];
  await expect(applyStatement(access(), addFollower, once)).rejects.toMatchObject({ problem: { code: 'E_SQL_BUSY' } });
});

test('a location is set on a BE that is registered, and on no other', async () => {
  const label = { kind: 'setLocation', host: '10.88.0.11', port: 9050, location: 'rack:r1' } as const;
  expect(await applyStatement(access(), label, once)).toBe('done');
  expect(await applyStatement(access(), label, once)).toBe('already');
  await expect(applyStatement(access(), { ...label, host: '10.88.0.99' }, once)).rejects.toMatchObject({
    problem: { code: 'E_SQL_CONFLICT', message: expect.stringContaining('no BE 10.88.0.99:9050 is registered') },
  });
});

test("root's password is set while it has none, and proved by a login with it", async () => {
  expect(await applyStatement(access('wanted'), { kind: 'setRootPassword' }, once)).toBe('done');
  expect(altered()).toEqual(["SET PASSWORD = PASSWORD('wanted')"]);
  expect(await applyStatement(access('wanted'), { kind: 'setRootPassword' }, once)).toBe('already');
});

test('no connection is left behind', async () => {
  await applyStatement(access(), addFollower, once);
  await expect.poll(fe.open).toBe(0);
});
