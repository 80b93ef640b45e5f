import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bootstrap, leaderOf, type Machine, openSite, type Site, until, untilAlive } from './machine.ts';

let site: Site;
let [one, two, three, four]: Machine[] = [];
let block = 110;

/** Nobody can say that something never happens: three rounds of heartbeats and retries without it. */
async function notReadyFor(machine: Machine, rounds: () => number): Promise<void> {
  const begun = rounds();
  await until('three rounds have passed', () => rounds() >= begun + 3);
  expect(await machine.isReady()).toBe(false);
}

const count = (text: string, part: string): number => text.split(part).length - 1;

beforeEach(async () => {
  site = await openSite(block++, '3.3.15');
  [one, two, three, four] = [1, 2, 3, 4].map(number => site.machine(number));
});
afterEach(() => site.close());

function machine(which: Machine | undefined): Machine {
  if (which === undefined) throw new Error('the site is not open');
  return which;
}

it('lets a follower that was started before ADD FOLLOWER wait, and join after it', async () => {
  await bootstrap(site, 1);
  const [leader, joiner] = [machine(one), machine(two)];
  const fe = joiner.startFe(leader);
  await notReadyFor(joiner, () => count(fe.output, 'current node is not added to the group. please add it first'));
  expect(joiner.has('fe/meta/image/ROLE')).toBe(false);
  await leader.sql(`ALTER SYSTEM ADD FOLLOWER "${joiner.editLog}"`);
  await untilAlive(leader, joiner);
  expect(await joiner.isReady()).toBe(true);
});

it('joins with a helper that is down, a follower and the leader, and with a follower alone', async () => {
  await bootstrap(site, 2);
  const [leader, follower, third, fourth] = [machine(one), machine(two), machine(three), machine(four)];
  await leader.sql(`ALTER SYSTEM ADD FOLLOWER "${third.editLog}"`);
  third.startFe(site.machine(5), follower, leader);
  await untilAlive(leader, third);
  await leader.sql(`ALTER SYSTEM ADD OBSERVER "${fourth.editLog}"`);
  fourth.startFe(follower);
  await untilAlive(leader, fourth);
  expect((await leader.frontend(fourth))?.['Role']).toBe('OBSERVER');
  expect((await leader.frontend(fourth))?.['IsHelper']).toBe('false');
});

it('takes back a follower that lost its metadata, under its old name and without DROP and ADD', async () => {
  await bootstrap(site, 3);
  const [leader, lost] = [machine(one), machine(three)];
  const name = (await leader.frontend(lost))?.['Name'];
  await lost.kill('fe');
  lost.aside('fe', 'meta');
  lost.startFe(leader, machine(two));
  await until('it is ready', () => lost.isReady());
  expect(lost.read('fe/meta/image/ROLE')).toContain(`name=${name}\n`);
  expect((await untilAlive(leader, lost))['Name']).toBe(name);
});

it('founds a second cluster on a founding host that lost its metadata and has no helper', async () => {
  await bootstrap(site, 3);
  const [founder, second, third] = [machine(one), machine(two), machine(three)];
  second.start('be');
  await second.sql(`ALTER SYSTEM ADD BACKEND "${second.heartbeat}"`);
  await until('the BE is alive', async () => (await second.backend(second))?.['Alive'] === 'true');
  const id = (await second.frontend(second))?.['ClusterId'];
  await founder.kill('fe');
  founder.aside('fe', 'meta');
  founder.startFe();
  await until('it looks healthy', () => founder.isReady());
  const own = await founder.sql('SHOW FRONTENDS');
  expect(own.map(row => [row['IP'], row['Role'], row['Alive']])).toEqual([[founder.address, 'LEADER', 'true']]);
  expect(own[0]?.['ClusterId']).not.toBe(id);

  await leaderOf(second, [second, third]);
  const row = await until('the others see a stranger', async () => {
    const seen = await second.frontend(founder);
    return seen?.['Alive'] === 'false' ? seen : null;
  });
  expect(row['ErrMsg']).toBe('invalid parameter');

  await founder.sql(`ALTER SYSTEM ADD BACKEND "${second.heartbeat}"`);
  const stolen = await until('the BE says why', async () => {
    const seen = await founder.backend(second);
    return seen?.['ErrMsg'] ? seen : null;
  });
  expect([stolen['Alive'], stolen['ErrMsg']]).toEqual(['false', 'Out-dated epoch']);
});

it('takes back two of three followers that lost their metadata while the leader runs', async () => {
  await bootstrap(site, 3);
  const [leader, second, third] = [machine(one), machine(two), machine(three)];
  for (const lost of [second, third]) {
    await lost.kill('fe');
    lost.aside('fe', 'meta');
  }
  await until('no majority is left', async () =>
    (await leader.refusal('ALTER SYSTEM ADD BACKEND "127.9.9.9:9050"')).includes(
      'Commit policy: SIMPLE_MAJORITY required 1 replica. But none were active with this master.',
    ),
  );
  for (const lost of [second, third]) lost.startFe(leader);
  for (const lost of [second, third]) await until('it is back', () => lost.isReady());
  await until('writes work', async () => (await leader.refusal('ALTER SYSTEM CREATE IMAGE')) === 'it succeeded');
  await leader.sql('ALTER SYSTEM ADD BACKEND "127.9.9.9:9050"');
});

it('throws out an observer that was added again as a follower with its old metadata', async () => {
  await bootstrap(site, 1);
  const [leader, node] = [machine(one), machine(two)];
  await leader.sql(`ALTER SYSTEM ADD OBSERVER "${node.editLog}"`);
  node.startFe(leader);
  await untilAlive(leader, node);
  const name = (await leader.frontend(node))?.['Name'];
  await node.stop('fe');
  await leader.sql(`ALTER SYSTEM DROP OBSERVER "${node.editLog}"`);
  await leader.sql(`ALTER SYSTEM ADD FOLLOWER "${node.editLog}"`);
  const fe = node.startFe();
  expect(await fe.exited).toBe(255);
  expect(fe.output).toContain('FE started successfully');
  expect(fe.output).toContain(`current fe name: ${name}, role: OBSERVER, is removed. will exit`);

  node.aside('fe', 'meta');
  node.startFe(leader);
  await untilAlive(leader, node);
  expect((await leader.frontend(node))?.['Role']).toBe('FOLLOWER');
});

it('does not count a follower that never started for the majority', async () => {
  await bootstrap(site, 2);
  const [leader, second] = [machine(one), machine(two)];
  await leader.sql('ALTER SYSTEM ADD FOLLOWER "127.9.9.7:9010"');
  await leader.sql('ALTER SYSTEM ADD FOLLOWER "127.9.9.8:9010"');
  const ghost = (await leader.sql('SHOW FRONTENDS')).find(row => row['IP'] === '127.9.9.8');
  expect([ghost?.['Join'], ghost?.['Alive'], ghost?.['QueryPort']]).toEqual(['false', 'false', '0']);
  await leader.sql('ALTER SYSTEM ADD BACKEND "127.9.9.9:9050"');
  await second.stop('fe');
  second.startFe();
  await until('it is back', () => second.isReady());
  await second.sql('ALTER SYSTEM DROP BACKEND "127.9.9.9:9050"');
});

it('stores the address of a host name', async () => {
  await bootstrap(site, 1);
  await machine(one).sql('ALTER SYSTEM ADD FOLLOWER "localhost:9010"');
  expect((await machine(one).sql('SHOW FRONTENDS')).map(row => row['IP'])).toContain('127.0.0.1');
});

it('lets a dropped follower run on with its old view, and does not take it back', async () => {
  await bootstrap(site, 3);
  const [leader, dropped] = [machine(one), machine(three)];
  const drop = `ALTER SYSTEM DROP FOLLOWER "${dropped.editLog}"`;
  await leader.sql(drop);
  expect(await leader.frontend(dropped)).toBeUndefined();
  expect(await dropped.refusal('SHOW FRONTENDS')).toBe('ERROR 1064 (HY000): Internal error processing forward');
  const local = await dropped.sql("SHOW PROC '/frontends'");
  expect(local.map(row => row['IP'])).toContain(dropped.address);
  expect(await dropped.isReady()).toBe(true);

  await dropped.stop('fe');
  const again = dropped.startFe();
  await notReadyFor(dropped, () => count(again.output, 'is no longer a member of the group'));
  await dropped.stop('fe');

  await leader.sql(`ALTER SYSTEM ADD FOLLOWER "${dropped.editLog}"`);
  const old = dropped.startFe();
  await notReadyFor(dropped, () => count(old.output, 'is no longer a member of the group'));
  await dropped.stop('fe');
  dropped.aside('fe', 'meta');
  dropped.startFe(leader, machine(two));
  await untilAlive(leader, dropped);
});

it('stops an observer that is dropped', async () => {
  await bootstrap(site, 1);
  const [leader, node] = [machine(one), machine(two)];
  await leader.sql(`ALTER SYSTEM ADD OBSERVER "${node.editLog}"`);
  const fe = node.startFe(leader);
  await untilAlive(leader, node);
  await leader.sql(`ALTER SYSTEM DROP OBSERVER "${node.editLog}"`);
  expect(await fe.exited).toBe(255);
});

it('ends a join that was killed midway in a crash loop, until the metadata is moved aside', async () => {
  await bootstrap(site, 1);
  const [leader, node] = [machine(one), machine(two)];
  await leader.sql(`ALTER SYSTEM ADD FOLLOWER "${node.editLog}"`);
  node.startFe(leader);
  await untilAlive(leader, node);
  await node.kill('fe');
  rmSync(node.path('fe/meta/bdb'), { recursive: true });
  expect(await node.startFe().exited).toBe(255);
  expect(await node.startFe().exited).toBe(255);
  node.aside('fe', 'meta');
  node.startFe(leader);
  await until('it is ready', () => node.isReady());
});
