import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bootstrap, type Machine, openSite, type Site } from './machine.ts';

let site: Site;
let leader: Machine;
let follower: Machine;

beforeAll(async () => {
  site = await openSite(145, '3.3.15');
  [leader, follower] = [site.machine(1), site.machine(2)];
  await bootstrap(site, 2);
});
afterAll(() => site.close());

it('greets a MySQL client as 5.1.0, answers with strings and refuses prepared statements', async () => {
  const connection = await createConnection({ host: follower.address, port: 9030, user: 'root' });
  const greeting = (connection as unknown as { connection: { _handshakePacket: Record<string, unknown> } }).connection
    ._handshakePacket;
  expect([greeting['serverVersion'], greeting['protocolVersion'], greeting['authPluginName']]).toEqual([
    '5.1.0',
    10,
    'mysql_native_password',
  ]);
  const [rows] = await connection.query('SHOW FRONTENDS');
  const values = (rows as Record<string, unknown>[]).flatMap(row => Object.values(row));
  expect(new Set(values.map(value => typeof value))).toEqual(new Set(['string']));
  await connection.query('SET NAMES utf8mb4');
  await connection.ping();
  await expect(connection.execute('SHOW FRONTENDS')).rejects.toMatchObject({ code: 'ER_UNSUPPORTED_PS' });
  await connection.end();
});

it('reports errors with 1064 and keeps the connection', async () => {
  const connection = await createConnection({ host: follower.address, port: 9030, user: 'root' });
  const refused = connection.query('ALTER SYSTEM DROP BACKEND "127.9.9.9:9050"');
  await expect(refused).rejects.toMatchObject({
    errno: 1064,
    code: 'ER_PARSE_ERROR',
    message: 'backend does not exists[127.9.9.9:9050]',
  });
  const [rows] = await connection.query('SELECT 1');
  expect(rows).toEqual([{ '1': '1' }]);
  await connection.end();
});

it('answers SHOW PROC locally, or by the leader with SET forward_to_leader = true', async () => {
  const own = (rows: readonly Readonly<Record<string, string>>[]): string | undefined =>
    rows.find(row => row['IP'] === follower.address)?.['ReplayedJournalId'];
  // The answering FE shows its own position; the leader shows what it heard at the last heartbeat.
  const local = Number(own(await follower.sql("SHOW PROC '/frontends'")));
  const forwarded = Number(
    own(await follower.sql("SHOW PROC '/frontends'", { first: ['SET forward_to_leader = true'] })),
  );
  expect(local).toBeGreaterThan(0);
  expect(forwarded).toBeGreaterThan(0);
  expect(await follower.refusal("SHOW PROC '/nothing'")).toContain("Proc path '/nothing' doesn't exist");
});

it('lets a user with cluster_admin alone see FEs, and only with OPERATE the rest', async () => {
  await leader.sql("CREATE USER deployer IDENTIFIED BY 'secret'");
  await leader.sql('GRANT cluster_admin TO USER deployer');
  const login = { user: 'deployer', password: 'secret' };
  expect(await follower.refusal('SHOW FRONTENDS', login)).toContain('ERROR 5203 (42000)');
  await leader.sql('SET DEFAULT ROLE ALL TO deployer');
  expect((await follower.sql('SHOW FRONTENDS', login)).length).toBe(2);
  for (const statement of ["SHOW PROC '/frontends'", 'ADMIN SET FRONTEND CONFIG ("disable_balance" = "true")']) {
    expect(await follower.refusal(statement, login)).toMatch(/^ERROR 5203 \(42000\): .*OPERATE privilege/);
  }
  await leader.sql('GRANT OPERATE ON SYSTEM TO USER deployer');
  expect((await follower.sql("SHOW PROC '/frontends'", login)).length).toBe(2);
  await follower.sql('ALTER SYSTEM ADD BACKEND "127.9.9.9:9050"', login);
});

it("sets root's password on all FEs at once; HTTP needs none", async () => {
  await follower.sql(String.raw`SET PASSWORD = PASSWORD('it\'s "new"')`);
  const password = `it's "new"`;
  for (const machine of [leader, follower]) {
    expect((await machine.sql('SHOW FRONTENDS', { password })).length).toBe(2);
    expect(await machine.refusal('SELECT 1')).toBe(
      "ERROR 1045 (28000): Access denied for user 'root' (using password: NO)",
    );
    expect(await machine.refusal('SELECT 1', { password: 'wrong' })).toBe(
      "ERROR 1045 (28000): Access denied for user 'root' (using password: YES)",
    );
    expect(await machine.get('/api/bootstrap')).toContain('"status":"OK"');
    expect(await machine.get('/api/health')).toContain('"status":"OK"');
  }
  expect(await leader.refusal('SELECT 1', { user: 'nobody' })).toContain("Access denied for user 'nobody'");
});
