import { afterEach, beforeEach, expect, it } from 'vitest';
import { bootstrap, leaderOf, type Machine, openSite, type Row, type Site, until, untilAlive } from './machine.ts';
import { localTime } from './process/log.ts';

let site: Site;
let all: readonly Machine[];
let block = 130;

beforeEach(async () => {
  site = await openSite(block++, '3.3.15');
  all = [1, 2, 3].map(number => site.machine(number));
  await bootstrap(site, 3);
});
afterEach(() => site.close());

/** The leader and the two others. */
async function roles(): Promise<readonly [Machine, Machine, Machine]> {
  const leader = await leaderOf(site.machine(1), all);
  const [second, third] = all.filter(machine => machine !== leader);
  if (second === undefined || third === undefined) throw new Error('three FEs');
  return [leader, second, third];
}

const count = (text: string, part: string): number => text.split(part).length - 1;

it('elects another leader when the leader stops; the stopped one stays alive in SHOW for a while', async () => {
  const [old, second, third] = await roles();
  await old.stop('fe');
  const next = await leaderOf(second, [second, third]);
  const early = await next.frontend(old);
  expect([early?.['Alive'], early?.['Role']]).toEqual(['true', 'FOLLOWER']);
  const late = await until('it is called dead', async () => {
    const row = await next.frontend(old);
    return row?.['Alive'] === 'false' ? row : null;
  });
  expect(late['ErrMsg']).toBe('Cannot invoke "String.length()" because "s" is null');
  expect([late['StartTime'], late['Join']]).toEqual(['NULL', 'true']);
  await next.sql('ALTER SYSTEM ADD BACKEND "127.9.9.9:9050"');

  old.startFe();
  await untilAlive(next, old);
  expect((await old.sql('SHOW BACKENDS')).map(row => row['IP'])).toEqual(['127.9.9.9']);
});

it('elects another leader when the leader is cut off, and the old one gives up', async () => {
  const [old, second, third] = await roles();
  old.signal('fe', 'SIGSTOP');
  expect(await second.refusal('SHOW FRONTENDS', { limit: 300 })).toContain('timeout');
  const next = await until('there is another leader', async () => {
    const rows = await second.sql("SHOW PROC '/frontends'");
    const host = rows.find(row => row['Role'] === 'LEADER')?.['IP'];
    return [second, third].find(machine => machine.address === host);
  });
  expect((await next.frontend(next))?.['Role']).toBe('LEADER');
  old.signal('fe', 'SIGCONT');
  await until('the old leader has given up', async () => !(await old.isReady()));
  old.startFe();
  await until('it is back', () => old.isReady());
  expect((await old.frontend(old))?.['Role']).toBe('FOLLOWER');
});

it('fails SHOW and answers everything else on the last of three followers', async () => {
  const [leader, second, third] = await roles();
  await second.stop('fe');
  await leader.stop('fe');
  await until('the leader is missed', async () =>
    (await third.sql("SHOW PROC '/frontends'")).every(row => row['Join'] === 'false'),
  );
  expect(await third.refusal('SHOW FRONTENDS')).toBe(
    'ERROR 1064 (HY000): java.net.ConnectException: Connection refused',
  );
  expect(await third.get('/api/bootstrap')).toContain('"status":"OK"');
  expect(await third.get('/api/health')).toContain('"status":"OK"');
  const local = await third.sql("SHOW PROC '/frontends'");
  expect(local.length).toBe(3);
  expect(local.some(row => row['Role'] === 'LEADER')).toBe(false);
  expect(await third.sql('SELECT 1')).toEqual([{ '1': '1' }]);

  await third.stop('fe');
  const alone = third.startFe();
  await until(
    'it waits',
    () => count(alone.output, 'wait globalStateMgr to be ready. FE type: INIT. is ready: false') > 1,
  );
  expect(await third.isReady()).toBe(false);
  second.startFe();
  await until('both are ready', async () => (await third.isReady()) && (await second.isReady()));
});

it('makes a leader without followers give up', async () => {
  const [leader, second, third] = await roles();
  const running = leader.startFe();
  expect(await running.exited).toBe(1);
  await second.kill('fe');
  await third.kill('fe');
  await until('the leader has given up', async () => !(await leader.isReady()));
});

it('starts all again after a full stop, and not one after the other', async () => {
  const before = await site.machine(1).sql('SHOW FRONTENDS');
  for (const machine of all) await machine.kill('fe');
  site.machine(1).startFe();
  const [first, ...others] = all;
  for (const machine of others) machine.startFe();
  for (const machine of all) await until('it is ready', () => machine.isReady());
  const names = (rows: readonly Row[]): readonly (string | undefined)[] => rows.map(row => row['Name']).sort();
  expect(names((await first?.sql('SHOW FRONTENDS')) ?? [])).toEqual(names(before));
});

it('calls a follower alive through its whole restart, and moves only StartTime', async () => {
  const [leader, second] = await roles();
  const before = await until('a heartbeat has come', async () => {
    const row = await leader.frontend(second);
    return row?.['StartTime'] === 'NULL' ? null : row;
  });
  await until('the second of that start is over', () => localTime(Date.now()) > (before['StartTime'] ?? ''));
  await second.stop('fe');
  second.start('fe', ['--host_type', 'IP'], { STANDIN_START_MS: '500' });
  const seen: (string | undefined)[] = [];
  await until('StartTime is newer', async () => {
    const row = await leader.frontend(second);
    seen.push(`${row?.['Alive']} ${row?.['Join']}`);
    return (row?.['StartTime'] ?? '') > (before['StartTime'] ?? '');
  });
  expect(new Set(seen)).toEqual(new Set(['true true']));
  expect(seen.length).toBeGreaterThan(3);
});

it('sets a config on every FE that is up, and fails when one is down', async () => {
  const [leader, second, third] = await roles();
  await third.stop('fe');
  const set = 'ADMIN SET FRONTEND CONFIG ("tablet_sched_max_scheduling_tablets" = "0")';
  expect(await second.refusal(set)).toBe(
    `ERROR 5076 (42000): set config failed: set config for fe[${third.address}] failed: java.net.ConnectException`,
  );
  const read = async (machine: Machine): Promise<string | undefined> =>
    (await machine.sql("ADMIN SHOW FRONTEND CONFIG LIKE 'tablet_sched_max_scheduling_tablets'"))[0]?.['Value'];
  third.startFe();
  await until('it is back', () => third.isReady());
  expect(await Promise.all([leader, second, third].map(read))).toEqual(['0', '0', '10000']);
});

it('shows the columns of the leader during an upgrade, and the old version of a stopped FE', async () => {
  const [leader, second, third] = await roles();
  for (const machine of [second, third]) {
    await machine.stop('fe');
    machine.start('fe', ['--host_type', 'IP'], { STANDIN_VERSION: '3.5.1' });
    await until('it is back', () => machine.isReady());
  }
  const columns = async (machine: Machine): Promise<readonly string[]> =>
    Object.keys((await machine.sql('SHOW FRONTENDS'))[0] ?? {});
  expect((await columns(second))[0]).toBe('Name');
  await leader.stop('fe');
  const next = await leaderOf(second, [second, third]);
  expect((await columns(next))[0]).toBe('Id');
  expect((await next.frontend(leader))?.['Version']).toMatch(/^3\.3\.15-/);
  leader.startFe();
  await until('the old release follows a newer leader', () => leader.isReady());
  expect((await columns(leader))[0]).toBe('Id');
});

it('loses no write that it has acknowledged, whichever FE is killed in between', async () => {
  const acknowledged: string[] = [];
  for (let round = 0; round < 9; round++) {
    const victim = all[round % 3];
    const asked = all[(round + 1) % 3];
    if (victim === undefined || asked === undefined) throw new Error('three FEs');
    const node = `127.9.${round}.1:9050`;
    const write = asked.sql(`ALTER SYSTEM ADD BACKEND "${node}"`, { limit: 3000 }).then(
      () => acknowledged.push(node),
      () => {},
    );
    await victim.kill('fe');
    await write;
    await until('a majority writes', async () => {
      const answer = await asked.refusal(`ALTER SYSTEM ADD BACKEND "${node}"`, { limit: 3000 });
      return answer === 'it succeeded' || answer.includes('already exists');
    });
    acknowledged.push(node);
    victim.startFe();
    await until('it is back', () => victim.isReady());
  }
  const rows = await site.machine(1).sql('SHOW BACKENDS');
  expect(rows.map(row => `${row['IP']}:9050`).sort()).toEqual([...new Set(acknowledged)].sort());
  expect(new Set(rows.map(row => row['BackendId'])).size).toBe(9);
});
