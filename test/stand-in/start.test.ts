import { rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bootstrap, type Machine, openSite, type Site, until, untilAlive } from './machine.ts';

let site: Site;
let one: Machine;

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

describe('one FE by itself', () => {
  beforeAll(async () => {
    site = await openSite(103, '3.3.15');
    one = site.machine(1);
  });
  afterEach(async () => {
    await one.kill('fe');
    one.aside('fe', 'meta');
  });
  afterAll(() => site.close());

  it('fills ${NAME} of fe.conf from the environment and writes its metadata', async () => {
    one.startFe();
    await until('it is ready', () => one.isReady());
    expect(one.read('fe/meta/image/ROLE')).toMatch(
      /^#.*\nhostType=IP\nname=127\.103\.\d+\.1_9010_\d{13}\nrole=FOLLOWER\n$/,
    );
    expect(one.read('fe/meta/image/VERSION')).toMatch(
      /^#.*\nclusterId=\d+\ntoken=[0-9a-f-]{36}\nrunMode=shared_nothing\n$/,
    );
    expect(one.has('fe/meta/bdb/00000000.jdb')).toBe(true);
  });

  it('ends with 255 when fe.conf names a variable that is not there', async () => {
    const fe = one.start('fe', [], { FE_QUERY_PORT: undefined });
    expect(await fe.exited).toBe(255);
    expect(fe.output).toContain('InvalidConfException: no such env variable: FE_QUERY_PORT');
    expect(fe.output).toContain('StarRocksFE start failed');
  });

  it('goes on with default Java options in an empty conf folder, and dies', async () => {
    one.copy('fe/conf', 'conf-kept');
    rmSync(one.path('fe/conf'), { recursive: true });
    one.copy('fe/log', 'fe/conf');
    rmSync(one.path('fe/conf/fe.log'), { force: true });
    const fe = one.startFe();
    expect(await fe.exited).toBe(255);
    expect(fe.output).toContain('use default java options -Xmx8192m');
    expect(fe.output).toContain('FileNotFoundException');
    rmSync(one.path('fe/conf'), { recursive: true });
    one.copy('conf-kept', 'fe/conf');
  });

  it('leaves fe.log empty with --logconsole and fills it without', async () => {
    const fe = one.startFe();
    await until('it is ready', () => one.isReady());
    expect(fe.output).toContain('FE started successfully');
    expect(one.read('fe/log/fe.log')).toBe('');
    await one.stop('fe');
    one.start('fe', ['--to-file']);
    await until('it is ready again', () => one.isReady());
    expect(one.read('fe/log/fe.log')).toContain('FE started successfully');
    rmSync(one.path('fe/log/fe.log'));
  });

  it('opens edit_log_port at once and the others only when it is ready', async () => {
    one.start('fe', ['--host_type', 'IP'], { STANDIN_START_MS: '1500' });
    await until('9010 is open', () => isOpen(one.address, 9010));
    expect(await Promise.all([8030, 9020, 9030].map(port => isOpen(one.address, port)))).toEqual([false, false, false]);
    await until('it is ready', () => one.isReady());
    expect(await Promise.all([8030, 9020, 9030].map(port => isOpen(one.address, port)))).toEqual([true, true, true]);
  });

  it('founds a cluster of its own each time its metadata is empty', async () => {
    one.startFe();
    await until('it is ready', () => one.isReady());
    const first = one.read('fe/meta/image/VERSION');
    await one.kill('fe');
    one.aside('fe', 'meta');
    one.startFe();
    await until('it is ready', () => one.isReady());
    expect(one.read('fe/meta/image/VERSION')).not.toBe(first);
    expect((await one.sql('SHOW FRONTENDS')).length).toBe(1);
  });

  it('keeps cluster id, name and passwords over a SIGKILL', async () => {
    one.startFe();
    await until('it is ready', () => one.isReady());
    const [before] = await one.sql('SHOW FRONTENDS');
    await one.sql("SET PASSWORD = PASSWORD('kept')");
    await one.kill('fe');
    one.startFe();
    await until('it is ready', () => one.isReady());
    const [after] = await one.sql('SHOW FRONTENDS', { password: 'kept' });
    expect([after?.['Name'], after?.['ClusterId']]).toEqual([before?.['Name'], before?.['ClusterId']]);
  });

  it('refuses ROLE without VERSION', async () => {
    one.startFe();
    await until('it is ready', () => one.isReady());
    await one.kill('fe');
    rmSync(one.path('fe/meta/image/VERSION'));
    const fe = one.startFe();
    expect(await fe.exited).toBe(255);
    expect(fe.output).toContain('role file and version file must both exist or both not exist');
  });

  it('crashes with ROLE, VERSION and an empty bdb/, again and again', async () => {
    one.startFe();
    await until('it is ready', () => one.isReady());
    await one.kill('fe');
    rmSync(one.path('fe/meta/bdb'), { recursive: true });
    for (let start = 0; start < 2; start++) {
      const fe = one.startFe();
      expect(await fe.exited).toBe(255);
      expect(fe.output).toContain('current node is not added to the cluster, will exit');
    }
  });

  it('crashes with an image and an empty bdb/', async () => {
    one.startFe();
    await until('it is ready', () => one.isReady());
    await one.sql('ALTER SYSTEM CREATE IMAGE');
    await one.kill('fe');
    rmSync(one.path('fe/meta/bdb'), { recursive: true });
    const fe = one.startFe();
    expect(await fe.exited).toBe(255);
    expect(fe.output).toContain('image exists, but bdb dir is empty, set start_with_incomplete_meta to true');
  });

  it('refuses itself as helper, and --daemon', async () => {
    const fe = one.startFe(one);
    expect(await fe.exited).toBe(255);
    expect(fe.output).toContain('Do not specify the helper node to FE itself');
    expect(await one.start('fe', ['--daemon']).exited).toBe(1);
  });

  it('refuses a metadata disk with too little space', async () => {
    const fe = one.start('fe', [], { STANDIN_META_MIN_FREE_GB: '9000000' });
    expect(await fe.exited).toBe(255);
    expect(fe.output).toMatch(/Free capacity left for meta dir: \S+ is less than 9000000GB/);
  });

  it('does not start twice', async () => {
    const first = one.startFe();
    await until('it is ready', () => one.isReady());
    const second = one.startFe();
    expect(await second.exited).toBe(1);
    expect(second.output).toContain(`Frontend running as process ${first.child.pid}. Stop it first.`);
    await first.end('SIGKILL');
  });

  it('survives a journal that was cut off in the middle of a record', async () => {
    one.startFe();
    await until('it is ready', () => one.isReady());
    await one.kill('fe');
    const journal = one.read('fe/meta/bdb/00000000.jdb');
    writeFileSync(one.path('fe/meta/bdb/00000000.jdb'), journal.slice(0, -20));
    one.startFe();
    await until('it is ready', () => one.isReady());
    expect((await one.sql('SHOW FRONTENDS'))[0]?.['Role']).toBe('LEADER');
  });
});

describe('an initialised FE that is given helpers', () => {
  let two: Machine;
  let three: Machine;

  beforeAll(async () => {
    site = await openSite(104, '3.3.15');
    [one, two, three] = [site.machine(1), site.machine(2), site.machine(3)];
    await bootstrap(site, 3);
  });
  afterAll(() => site.close());

  it('crashes with two', async () => {
    await three.stop('fe');
    const fe = three.startFe(one, two);
    expect(await fe.exited).toBe(255);
    expect(fe.output).toContain('java.lang.IllegalStateException: null');
    expect(fe.output).toContain('NodeMgr.getClusterIdAndRoleOnStartup');
  });

  it('starts with one that is up', async () => {
    three.startFe(one);
    await until('it is ready', () => three.isReady());
    await three.stop('fe');
  });

  it('waits for one that is down', async () => {
    await two.stop('fe');
    const fe = three.startFe(two);
    await until('it waits', () => fe.output.includes('not in local or not reachable'));
    two.startFe();
    await until('the helper is back', () => two.isReady());
    await until('it is ready', () => three.isReady());
    await untilAlive(one, three);
  });
});
