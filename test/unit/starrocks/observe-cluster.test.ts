import { createServer, type Server } from 'node:http';
import { Duplex } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { type Ask, observeCluster, probe } from '../../../.github/actions/deploy/src/observe/cluster.ts';
import { type Answer, dial, type FakeFe, fakeFe } from './fake-fe.ts';
import { transcript } from './transcript.ts';

const closing: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function fe(answer?: (sql: string) => Answer): Promise<FakeFe> {
  const started = await fakeFe(answer ?? leaderRows);
  closing.push(() => started.close());
  return started;
}

const frontends = transcript('3.3/show-frontends.tsv');
const statistic = [
  { DbId: '10001', UnhealthyTabletNum: '0' },
  { DbId: 'Total', UnhealthyTabletNum: '4' },
];

function leaderRows(sql: string): Answer {
  if (sql === 'SHOW FRONTENDS') return frontends;
  if (sql === 'SHOW BACKENDS') return transcript('3.3/show-backends.tsv');
  if (sql === 'SHOW COMPUTE NODES') return [];
  if (sql === "SHOW PROC '/statistic'") return statistic;
  return 'ok';
}

const ask = (address: string, { port }: { readonly port: number }): Ask => ({ address, forward: () => dial(port) });
const refused = { address: '10.88.0.19', forward: () => Promise.reject(Object.assign(new Error('x'), { reason: 2 })) };
const options = { query_port: 9030, password: null, timeoutMs: 5000 };

test('one FE that reaches the leader is enough', async () => {
  const follower = await fe();
  const rows = await observeCluster([ask('10.88.0.12', follower)], options);
  expect(rows).toMatchObject({
    known: true,
    value: { asked: '10.88.0.12', leader: '10.88.0.13', compute_nodes: [], unhealthy_tablets: 4, root_open: false },
  });
  expect(rows.known && rows.value.frontends.map(row => row.host)).toEqual(['10.88.0.13', '10.88.0.12', '10.88.0.11']);
  expect(rows.known && rows.value.backends).toHaveLength(3);
});

test('the tablet statistic is asked of the leader, for a follower may lag', async () => {
  const follower = await fe();
  await observeCluster([ask('10.88.0.12', follower)], options);
  expect(follower.statements).toContain('SET forward_to_leader = true');
  const leader = await fe();
  await observeCluster([ask('10.88.0.13', leader)], options);
  expect(leader.statements).toEqual([
    'SHOW FRONTENDS',
    'SHOW BACKENDS',
    'SHOW COMPUTE NODES',
    "SHOW PROC '/statistic'",
  ]);
});

test('the connection is made to the FE itself on its query_port', async () => {
  const one = await fe();
  const asked: unknown[] = [];
  const forward = (...to: [string, number]) => {
    asked.push(to);
    return dial(one.port);
  };
  await observeCluster([{ address: '10.88.0.12', forward }], options);
  expect(asked).toEqual([['10.88.0.12', 9030]]);
});

test.each<[string, (sql: string) => Answer]>([
  ['hangs, as SHOW does without a leader', () => 'hang'],
  ['has lost the majority', () => ({ error: 'java.net.ConnectException: Connection refused' })],
  ['is in an election and answers with nothing', () => []],
  ['cuts the connection', () => 'cut'],
])('an FE that %s is passed over', async (_, answer) => {
  const bad = await fe(answer);
  const good = await fe();
  const rows = await observeCluster([ask('10.88.0.11', bad), ask('10.88.0.12', good)], { ...options, timeoutMs: 300 });
  expect(rows).toMatchObject({ known: true, value: { asked: '10.88.0.12' } });
});

test('when none brings rows, each says why', async () => {
  const hanging = await fe(() => 'hang');
  const lost = await fe(() => ({ error: 'java.net.ConnectException: Connection refused' }));
  const rows = await observeCluster([ask('10.88.0.11', hanging), ask('10.88.0.12', lost), refused], {
    ...options,
    timeoutMs: 200,
  });
  expect(rows).toEqual({
    known: false,
    reason:
      "no FE brought the leader's rows (10.88.0.11: no answer within 0.2 s; " +
      '10.88.0.12: StarRocks answers: java.net.ConnectException: Connection refused; 10.88.0.19: 10.88.0.19:9030 is closed)',
  });
});

test('an answer without rows is none, even when nobody has a better one', async () => {
  const one = await fe(() => []);
  expect(await observeCluster([ask('10.88.0.11', one)], options)).toMatchObject({
    known: false,
    reason: expect.stringContaining('SHOW FRONTENDS came back empty'),
  });
});

test('without an FE to ask nothing is known', async () => {
  expect(await observeCluster([], options)).toEqual({ known: false, reason: 'no FE could be asked' });
});

test('a way to the machine that hangs is bounded, and what comes late is closed', async () => {
  let arrive: (stream: Duplex) => void = () => undefined;
  const forward = () => new Promise<Duplex>(resolve => (arrive = resolve));
  const answer = await probe('be', { address: '10.88.0.11', forward }, 8040, { ...options, timeoutMs: 50 });
  expect(answer).toEqual({ known: true, value: false });
  const late = new Duplex({ read: () => undefined, write: (_c, _e, done) => done() });
  arrive(late);
  await expect.poll(() => late.destroyed).toBe(true);
});

test('rows without a LEADER, as 3.3.0 shows them, are taken when nobody has better ones', async () => {
  const followers = frontends.map(row => ({ ...row, Role: 'FOLLOWER' }));
  const plain = await fe(sql => (sql === 'SHOW FRONTENDS' ? followers : leaderRows(sql)));
  const first = await observeCluster([ask('10.88.0.11', plain)], options);
  expect(first).toMatchObject({ known: true, value: { leader: null, asked: '10.88.0.11' } });
  const better = await fe();
  const second = await observeCluster([ask('10.88.0.11', plain), ask('10.88.0.12', better)], options);
  expect(second).toMatchObject({ known: true, value: { leader: '10.88.0.13' } });
});

test('a user who may not see the statistic still sees the rows', async () => {
  const one = await fe(sql =>
    sql.startsWith('SHOW PROC')
      ? { error: 'Access denied; you need the OPERATE privilege', code: 5203 }
      : leaderRows(sql),
  );
  expect(await observeCluster([ask('10.88.0.12', one)], options)).toMatchObject({
    known: true,
    value: { unhealthy_tablets: null },
  });
});

test('a statistic that hangs does not take the rows along', async () => {
  const one = await fe(sql => (sql.startsWith('SHOW PROC') ? 'hang' : leaderRows(sql)));
  expect(await observeCluster([ask('10.88.0.12', one)], { ...options, timeoutMs: 800 })).toMatchObject({
    known: true,
    value: { unhealthy_tablets: null, leader: '10.88.0.13' },
  });
});

test('an open root is told', async () => {
  const one = await fe();
  expect(await observeCluster([ask('10.88.0.12', one)], { ...options, password: 'wanted' })).toMatchObject({
    known: true,
    value: { root_open: true },
  });
});

test('a wrong password is thrown: looking again would not help', async () => {
  const one = await fe();
  one.password = 'another';
  await expect(
    observeCluster([ask('10.88.0.12', one), refused], { ...options, password: 'wanted' }),
  ).rejects.toMatchObject({ problem: { code: 'E_PASSWORD_WRONG' } });
});

test('a missing column of one FE does not hide the rows of the next', async () => {
  const odd = await fe(sql => (sql === 'SHOW FRONTENDS' ? [{ Name: 'x' }] : 'ok'));
  expect(await observeCluster([ask('10.88.0.11', odd)], options)).toMatchObject({
    known: false,
    reason: expect.stringContaining('has no column IP'),
  });
});

test('no connection is left behind', async () => {
  const one = await fe();
  await observeCluster([ask('10.88.0.12', one)], options);
  await probe('fe', ask('10.88.0.12', one), 9030, options);
  await expect.poll(one.open).toBe(0);
});

test('an FE answers by itself when SELECT 1 comes back', async () => {
  const one = await fe(sql => (sql === 'SELECT 1' ? [{ 1: '1' }] : 'hang'));
  expect(await probe('fe', ask('10.88.0.12', one), 9030, options)).toEqual({ known: true, value: true });
});

test('an FE that refuses the password is there all the same', async () => {
  const one = await fe();
  one.password = 'another';
  expect(await probe('fe', ask('10.88.0.12', one), 9030, options)).toEqual({ known: true, value: true });
});

test('a closed port and silence are a no', async () => {
  const silent = await fe(() => 'hang');
  expect(await probe('fe', refused, 9030, options)).toEqual({ known: true, value: false });
  expect(await probe('be', refused, 8040, options)).toEqual({ known: true, value: false });
  expect(await probe('fe', ask('10.88.0.12', silent), 9030, { ...options, timeoutMs: 50 })).toEqual({
    known: true,
    value: false,
  });
});

test('a broken way to the machine says nothing about the node', async () => {
  const forward = () => Promise.reject(new Error('Not connected'));
  expect(await probe('be', { address: '10.88.0.12', forward }, 8040, options)).toEqual({
    known: false,
    reason: 'no way to 10.88.0.12:8040: Not connected',
  });
});

async function be(status: number, body: string): Promise<{ port: number }> {
  const server: Server = createServer((request, response) => {
    response.writeHead(request.url === '/api/health' ? status : 404).end(body);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise(resolve => server.close(resolve)));
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0 };
}

test.each([
  [200, '{"status": "OK","msg": "To Be Added"}', true],
  [500, '{"status": "OK"}', false],
  [200, '<html>nginx</html>', false],
  [200, 'x'.repeat(200_000), false],
])('a BE that answers %d %.40j', async (status, body, value) => {
  const server = await be(status, body);
  expect(await probe('be', ask('10.88.0.12', server), 8040, options)).toEqual({ known: true, value });
});
