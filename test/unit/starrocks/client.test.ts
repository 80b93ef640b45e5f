import { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSql } from '../../../.github/actions/deploy/src/starrocks/client.ts';
import { SqlFailure } from '../../../.github/actions/deploy/src/starrocks/sql-failure.ts';
import { type FakeFe, fakeFe } from './fake-fe.ts';
import { transcript } from './transcript.ts';

let fe: FakeFe;
beforeEach(async () => {
  fe = await fakeFe();
});
afterEach(() => fe.close());

const secret = `p'w"\\d@1`;

const session = async (password: string | null = null, queryTimeoutMs = 5000) =>
  openSql(await fe.connect(), { user: 'root', password, queryTimeoutMs });

async function failureOf(work: Promise<unknown>): Promise<SqlFailure> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof SqlFailure) return error;
  throw new Error(`no SqlFailure: ${error}`);
}

test('rows come as text, columns in their order', async () => {
  const rows = transcript('3.5/show-frontends.tsv');
  fe.answer = () => rows;
  const sql = await session();
  expect(await sql.query('SHOW FRONTENDS')).toEqual(rows);
  expect(Object.keys((await sql.query('SHOW FRONTENDS'))[0] ?? {})).toEqual(Object.keys(rows[0] ?? {}));
  sql.close();
});

test('a statement without rows gives none', async () => {
  const sql = await session();
  expect(await sql.query('ALTER SYSTEM CREATE IMAGE')).toEqual([]);
  sql.close();
});

test('the right password logs in', async () => {
  fe.password = secret;
  fe.answer = () => [{ 1: '1' }];
  const sql = await session(secret);
  expect(await sql.query('SELECT 1')).toEqual([{ 1: '1' }]);
  sql.close();
});

test('a wrong password is told as what it is, and not repeated', async () => {
  fe.password = 'another';
  const error = await failureOf(session(secret));
  expect(error.fault).toBe('access-denied');
  expect(error.message).toBe("StarRocks answers: Access denied for user 'root' (using password: YES)");
  expect(JSON.stringify(error.problem)).not.toContain(secret);
});

test('what StarRocks refuses keeps its words', async () => {
  fe.answer = () => ({ error: 'FE with the same host: 127.0.0.13 already exists' });
  const sql = await session();
  const error = await failureOf(sql.query('ALTER SYSTEM ADD FOLLOWER "127.0.0.13:9010"'));
  expect(error.fault).toBe('already-exists');
  expect(error.problem).toMatchObject({
    code: 'E_SQL_CONFLICT',
    message: 'StarRocks answers: FE with the same host: 127.0.0.13 already exists',
  });
  // The session lives on after a refusal.
  fe.answer = () => 'ok';
  expect(await sql.query('SELECT 1')).toEqual([]);
  sql.close();
});

test('a SHOW that hangs ends at the limit, and the channel with it', async () => {
  fe.answer = () => 'hang';
  const stream = await fe.connect();
  const sql = await openSql(stream, { user: 'root', password: null, queryTimeoutMs: 50 });
  const error = await failureOf(sql.query('SHOW FRONTENDS'));
  expect(error.fault).toBe('timeout');
  expect(error.message).toBe('The FE did not answer SHOW FRONTENDS within 0.05 s.');
  expect(stream.destroyed).toBe(true);
});

test('a server that takes the connection and says nothing ends at the limit', async () => {
  const silent = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const error = await failureOf(openSql(silent, { user: 'root', password: null, queryTimeoutMs: 50 }));
  expect(error.fault).toBe('timeout');
  expect(silent.destroyed).toBe(true);
});

test('a connection cut in the middle of a statement fails that statement and the next, and nothing else', async () => {
  fe.answer = () => 'cut';
  const sql = await session();
  expect((await failureOf(sql.query('SHOW FRONTENDS'))).fault).toBe('closed');
  expect((await failureOf(sql.query('SHOW BACKENDS'))).fault).toBe('closed');
});

test('a channel that ends without closing does not wait for the limit', async () => {
  const stream = new Duplex({ read: () => undefined, write: (_c, _e, done) => done(), autoDestroy: false });
  const opening = failureOf(openSql(stream, { user: 'root', password: null, queryTimeoutMs: 10_000 }));
  stream.push(null);
  expect((await opening).fault).toBe('closed');
});

test('a password that StarRocks repeats in an error is struck out', async () => {
  fe.password = secret;
  fe.answer = () => ({ error: `Getting syntax error: No viable statement for input '${secret}'` });
  const sql = await session(secret);
  expect((await failureOf(sql.query('SELECT'))).message).toBe(
    "StarRocks answers: Getting syntax error: No viable statement for input '***'",
  );
  sql.close();
});
