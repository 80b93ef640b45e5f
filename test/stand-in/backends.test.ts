import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bootstrap, type Machine, openSite, type Row, type Site, until } from './machine.ts';

let site: Site;
let fe: Machine;

async function row(of: Machine): Promise<Row> {
  const found = await fe.backend(of);
  if (found === undefined) throw new Error(`no row of ${of.address}`);
  return found;
}

async function addBackend(of: Machine): Promise<void> {
  await fe.sql(`ALTER SYSTEM ADD BACKEND "${of.heartbeat}"`);
}

const untilAlive = (of: Machine): Promise<boolean> =>
  until(`${of.address} is alive`, async () => (await row(of))['Alive'] === 'true');

describe('BEs of one FE', () => {
  beforeEach(async () => {
    site = await openSite(141, '3.4.2');
    fe = site.machine(1);
    await bootstrap(site, 1);
  });
  afterEach(() => site.close());

  it('come alive whether they are added first or started first, also three at once', async () => {
    const [one, two, three] = [1, 2, 3].map(number => site.machine(number)) as [Machine, Machine, Machine];
    one.start('be');
    await addBackend(two);
    const before = await row(two);
    expect(
      ['BePort', 'HttpPort', 'BrpcPort', 'LastStartTime', 'LastHeartbeat', 'StatusCode'].map(key => before[key]),
    ).toEqual(['-1', '-1', '-1', 'NULL', 'NULL', 'CONNECTING']);
    await fe.sql(`ALTER SYSTEM DROP BACKEND "${two.heartbeat}"`);
    two.start('be');
    await Promise.all([one, two, three].map(addBackend));
    three.start('be');
    for (const machine of [one, two, three]) await untilAlive(machine);
    const after = await row(two);
    expect(['BePort', 'HttpPort', 'BrpcPort', 'StatusCode'].map(key => after[key])).toEqual([
      '9060',
      '8040',
      '8060',
      'OK',
    ]);
    expect(await fe.get('/api/health')).toBe('{"online_backend_num":3,"total_backend_num":3,"status":"OK"}');
    expect(one.read('be/storage/cluster_id')).toBe(`${(await fe.sql('SHOW FRONTENDS'))[0]?.['ClusterId']}-3.4.2`);
  });

  it('go at once when dropped, run on, and come back under another id', async () => {
    const be = site.machine(2);
    const running = be.start('be');
    await addBackend(be);
    await untilAlive(be);
    const id = (await row(be))['BackendId'];
    await fe.sql(`ALTER SYSTEM DROP BACKEND "${be.heartbeat}"`);
    expect(await fe.sql('SHOW BACKENDS')).toEqual([]);
    expect(running.hasEnded).toBe(false);
    await addBackend(be);
    await untilAlive(be);
    expect((await row(be))['BackendId']).not.toBe(id);
  });

  it('stay alive through a restart, and for a while after a stop', async () => {
    const be = site.machine(2);
    be.start('be');
    await addBackend(be);
    await untilAlive(be);
    const before = (await row(be))['LastStartTime'] ?? '';
    const alive: (string | undefined)[] = [];
    await be.stop('be');
    be.start('be');
    await until('LastStartTime is newer', async () => {
      const seen = await row(be);
      alive.push(seen['Alive']);
      if ((seen['LastStartTime'] ?? '') > before) return true;
      await be.stop('be');
      be.start('be');
      await until('a heartbeat has come', async () => (await row(be))['LastHeartbeat'] !== seen['LastHeartbeat']);
      return false;
    });
    expect(new Set(alive)).toEqual(new Set(['true']));

    await be.stop('be');
    expect((await row(be))['Alive']).toBe('true');
    const dead = await until('it is called dead', async () => {
      const seen = await row(be);
      return seen['Alive'] === 'false' ? seen : null;
    });
    expect([dead['ErrMsg'], dead['StatusCode']]).toEqual([
      'java.net.ConnectException: Connection refused',
      'DISCONNECTED',
    ]);
  });

  it('obey one cluster: storage of another one is refused', async () => {
    const be = site.machine(2);
    writeFileSync(be.path('be/storage/cluster_id'), '12345-3.3.15');
    be.start('be');
    await addBackend(be);
    expect([(await row(be))['Alive'], (await row(be))['ErrMsg']]).toEqual(['false', '']);
    await until('it says why', async () => (await row(be))['ErrMsg'] === 'Unmatched cluster id');
    expect(be.read('be/storage/cluster_id')).toBe('12345-3.3.15');
  });

  it('refuse to be registered under another address than their own', async () => {
    const be = site.machine(2);
    be.start('be', [], { HOST_IP: '127.0.0.1' });
    await fe.sql('ALTER SYSTEM ADD BACKEND "127.0.0.1:9050"');
    await addBackend(be);
    await until(
      'it is unreachable',
      async () => (await row(be))['ErrMsg'] === 'java.net.ConnectException: Connection refused',
    );
  });

  it('carry a location as soon as it is set, if it is one', async () => {
    const be = site.machine(2);
    await addBackend(be);
    const set = (location: string): string =>
      `ALTER SYSTEM MODIFY BACKEND "${be.heartbeat}" SET ("labels.location" = "${location}")`;
    await fe.sql(set('rack:r1'));
    expect((await row(be))['Location']).toBe('rack:r1');
    expect(await fe.refusal(set('bad label'))).toBe(
      "ERROR 1064 (HY000): invalid location format: bad label, should be like: 'key:val'.",
    );
  });
});

describe('tablets', () => {
  const unhealthy = async (): Promise<number> =>
    Number((await fe.sql("SHOW PROC '/statistic'")).at(-1)?.['UnhealthyTabletNum']);

  beforeAll(async () => {
    site = await openSite(142, '3.3.15');
    fe = site.machine(1);
    await bootstrap(site, 1);
    for (const number of [1, 2, 3, 4]) {
      site.machine(number).start('be');
      await addBackend(site.machine(number));
    }
    await until('every BE holds its share', async () => {
      const rows = await fe.sql('SHOW BACKENDS');
      const shared = rows.every(({ TabletNum }) => Number(TabletNum) >= 20 && Number(TabletNum) < 30);
      // The last one added may still be given what another lacks.
      return rows.length === 4 && shared && (await unhealthy()) === 0;
    });
  });
  afterAll(() => site.close());

  const decommission = (of: Machine): Promise<unknown> => fe.sql(`ALTER SYSTEM DECOMMISSION BACKEND "${of.heartbeat}"`);

  it("are counted in the last row of SHOW PROC '/statistic'", async () => {
    const total = (await fe.sql("SHOW PROC '/statistic'")).at(-1);
    expect(Object.keys(total ?? {})).toEqual(
      'DbId DbName TableNum PartitionNum IndexNum TabletNum ReplicaNum UnhealthyTabletNum InconsistentTabletNum CloningTabletNum ErrorStateTabletNum'.split(
        ' ',
      ),
    );
    expect([total?.['DbId'], total?.['TabletNum'], total?.['ReplicaNum'], total?.['UnhealthyTabletNum']]).toEqual([
      'Total',
      '30',
      '90',
      '0',
    ]);
  });

  it('are unhealthy while their BE is down', async () => {
    const be = site.machine(4);
    await be.stop('be');
    await until('they are unhealthy', async () => (await unhealthy()) > 0);
    be.start('be');
    await until('they are whole again', async () => (await unhealthy()) === 0);
  });

  it('leave a decommissioned BE, whose row then goes; a cancelled one stays', async () => {
    const be = site.machine(4);
    await fe.sql('ADMIN SET FRONTEND CONFIG ("tablet_sched_max_scheduling_tablets" = "0")');
    await decommission(be);
    expect([(await row(be))['SystemDecommissioned'], (await row(be))['ClusterDecommissioned']]).toEqual([
      'true',
      'false',
    ]);
    await fe.sql(`CANCEL DECOMMISSION BACKEND "${be.heartbeat}"`);
    expect((await row(be))['SystemDecommissioned']).toBe('false');
    await fe.sql('ADMIN SET FRONTEND CONFIG ("tablet_sched_max_scheduling_tablets" = "10000")');
    await decommission(be);
    await until('its row is gone', async () => (await fe.backend(be)) === undefined);
    const left = await fe.sql('SHOW BACKENDS');
    expect(left.map(({ TabletNum }) => TabletNum)).toEqual(['30', '30', '30']);
  });

  it('stay for ever where too few BEs are left, and go with an empty BE at once', async () => {
    const be = site.machine(3);
    await decommission(be);
    const beat = (await row(site.machine(1)))['LastHeartbeat'];
    await until('the leader has looked again', async () => (await row(site.machine(1)))['LastHeartbeat'] !== beat);
    expect([(await row(be))['TabletNum'], (await row(be))['SystemDecommissioned']]).toEqual(['30', 'true']);
    await fe.sql(`CANCEL DECOMMISSION BACKEND "${be.heartbeat}"`);
    const empty = '127.9.9.9:9050';
    await fe.sql(`ALTER SYSTEM ADD BACKEND "${empty}"`);
    await fe.sql(`ALTER SYSTEM DECOMMISSION BACKEND "${empty}"`);
    await until('its row is gone', async () => (await fe.sql('SHOW BACKENDS')).length === 3);
  });
});

describe('a BE by itself', () => {
  let be: Machine;
  beforeAll(async () => {
    site = await openSite(143, '3.3.15');
    be = site.machine(1);
  });
  afterEach(() => be.kill('be'));
  afterAll(() => site.close());

  const ended = async (line: string): Promise<readonly [number | null, string]> => {
    const conf = be.read('be/conf/be.conf');
    writeFileSync(be.path('be/conf/be.conf'), `${conf}${line}\n`);
    const running = be.start('be');
    const code = await running.exited;
    writeFileSync(be.path('be/conf/be.conf'), conf);
    return [code, running.output];
  };

  it('creates an empty cluster_id before it knows a cluster, and is healthy', async () => {
    be.start('be');
    await until(
      'it answers',
      async () => (await be.get('/api/health', 8040)) === '{"status": "OK","msg": "To Be Added"}',
    );
    expect(be.read('be/storage/cluster_id')).toBe('');
  });

  it('refuses a storage folder that is not there', async () => {
    const [code, output] = await ended('storage_root_path = /no/such/folder,medium:SSD');
    expect([code, output.includes('parse config storage path failed, path=/no/such/folder')]).toEqual([134, true]);
  });

  it('refuses folders of two clusters', async () => {
    be.copy('be/storage', 'disk1');
    be.copy('be/storage', 'disk2');
    writeFileSync(be.path('disk1/cluster_id'), '1-3.3.15');
    writeFileSync(be.path('disk2/cluster_id'), '2-3.3.15');
    const [code, output] = await ended(`storage_root_path = ${be.path('disk1')},medium:SSD;${be.path('disk2')}`);
    expect([code, output.includes('multiple cluster ids is not equal')]).toEqual([134, true]);
    rmSync(be.path('disk1'), { recursive: true });
  });

  it('refuses a variable that is not there, and values that do not parse', async () => {
    expect((await ended('mem_limit = ${NOPE}'))[1]).toContain('Non-existent environment variable: NOPE');
    expect((await ended('mem_limit = 50GB'))[1]).toContain("Failed to parse mem limit from '50GB'");
    expect((await ended('be_port = many'))[1]).toContain('Invalid value of config item be_port: many');
    expect((await ended('be_port = many'))[0]).toBe(1);
  });

  it('warns of an unknown key and ends with a taken port', async () => {
    const first = be.start('be');
    await until('it is up', () => first.output.includes('BE started successfully'));
    rmSync(be.path('be/bin/be.pid'));
    const [code, output] = await ended('no_such_key = 1');
    expect(output).toContain('Ignored unknown config: no_such_key');
    expect([code, output.includes('EADDRINUSE')]).toEqual([134, true]);
    await first.end('SIGKILL');
  });
});
