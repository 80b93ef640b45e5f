import { readFileSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backends, ContainerRoot, frontends, MASTER, SELF } from './container.ts';

let c: ContainerRoot;

beforeEach(() => {
  c = new ContainerRoot();
});

afterEach(() => c.remove());

const founds = '--logconsole --host_type IP';
const joins = (...helpers: string[]) =>
  `--logconsole --host_type IP --helper ${helpers.map(helper => `${helper}:9010`).join(',')}`;
const started = () => expect.poll(() => c.starts.length, { timeout: 5000, interval: 20 }).toBeGreaterThan(0);

/** The cluster as a joiner meets it: the founding FE up, this machine unknown until it is added. */
function clusterIsUp(release: '3.3' | '3.5' = '3.3'): void {
  c.write('answers/up', `${MASTER}\n`);
  c.write(
    'answers/frontends',
    frontends(
      [
        [MASTER, 'LEADER', 'true'],
        ['10.0.0.3', 'FOLLOWER', 'true'],
        ['10.0.0.4', 'OBSERVER', 'true'],
        ['10.0.0.5', 'FOLLOWER', 'false'],
      ],
      release,
    ),
  );
  c.write(
    'answers/after/frontends',
    frontends(
      [
        [MASTER, 'LEADER', 'true'],
        ['10.0.0.3', 'FOLLOWER', 'true'],
        [SELF, 'FOLLOWER', 'false'],
      ],
      release,
    ),
  );
}

describe('an FE with whole metadata', () => {
  it('starts at once and without a helper, though no other FE answers', async () => {
    c.wholeMetadata();
    c.start('fe-entrypoint.sh');
    await started();
    expect(c.starts).toEqual([founds]);
    expect(c.statements).toEqual([]);
  });

  it('writes down that it is a member, and of which cluster, in both copies', async () => {
    c.wholeMetadata();
    c.write(
      'answers/frontends',
      frontends([
        [MASTER, 'LEADER', 'true'],
        [SELF, 'FOLLOWER', 'true'],
      ]),
    );
    c.start('fe-entrypoint.sh');
    await expect
      .poll(() => [c.read('run/state/fe/member'), c.read('run/state-copy/member')], { timeout: 5000 })
      .toEqual(['7\n', '7\n']);
    await expect.poll(() => c.read('run/state/fe/peers').trim(), { timeout: 5000 }).toBe(MASTER);
  });

  it('is not started while a join was under way', async () => {
    c.wholeMetadata();
    c.write('run/state-copy/joining', '');
    const { log } = c.start('fe-entrypoint.sh');
    await expect.poll(log, { timeout: 5000 }).toContain('NOT STARTED');
    expect(c.starts).toEqual([]);
  });
});

describe('an FE with partial metadata', () => {
  it.each([
    ['ROLE without VERSION', ['image/ROLE', 'bdb/1.jdb']],
    ['VERSION without ROLE', ['image/VERSION', 'bdb/1.jdb']],
    ['an empty bdb', ['image/ROLE', 'image/VERSION']],
    ['a bdb alone', ['bdb/1.jdb']],
  ])('(%s) is not started, and says what to do', async (_what, files) => {
    for (const file of files) c.write(`fe/meta/${file}`, 'clusterId=7\n');
    c.feEnv({ FE_INDEX: '0', MASTER_FE_HOST: SELF });
    clusterIsUp();
    const { log } = c.start('fe-entrypoint.sh');
    await expect.poll(log, { timeout: 5000 }).toMatch(/NOT STARTED: .*Deploy again/);
    expect(c.starts).toEqual([]);
    // The deploy moves nothing aside that may still come up.
    expect([c.exists('run/state/fe/refused'), c.exists('run/state-copy/refused')]).toEqual([true, true]);
  });
});

describe('an FE with empty metadata', () => {
  it('founds on the founding machine, and nowhere else', async () => {
    c.feEnv({ FE_INDEX: '0', MASTER_FE_HOST: SELF });
    c.write('run/state-copy/refused', '');
    c.start('fe-entrypoint.sh');
    await started();
    expect(c.exists('run/state-copy/refused')).toBe(false);
    expect(c.starts).toEqual([founds]);
  });

  it.each(['run/state/fe/member', 'run/state-copy/member', 'run/state/fe/joining', 'run/state-copy/joining'])(
    'founds nothing where %s remembers another time',
    async file => {
      c.feEnv({ FE_INDEX: '0', MASTER_FE_HOST: SELF });
      c.write(file, '7\n');
      const { log } = c.start('fe-entrypoint.sh');
      await expect.poll(log, { timeout: 5000 }).toContain('founds no second cluster');
      expect(c.starts).toEqual([]);
    },
  );

  it.each(['run/state/fe/peers', 'run/state-copy/peers'])(
    'founds nothing where %s names FEs that it has met, though none answers',
    async file => {
      c.feEnv({ FE_INDEX: '0', MASTER_FE_HOST: SELF });
      c.write(file, '10.0.0.3\n');
      const { ended, log } = c.start('fe-entrypoint.sh');
      expect(await ended).toBe(1);
      expect(log()).toContain('10.0.0.3:8030 is not ready');
      expect(c.starts).toEqual([]);
    },
  );

  it.each(['3.3', '3.5'] as const)(
    'registers once and joins with the other live followers as helpers (columns of %s)',
    async release => {
      clusterIsUp(release);
      c.start('fe-entrypoint.sh');
      await started();
      expect(c.starts).toEqual([joins(MASTER, '10.0.0.3')]);
      expect(c.statements).toEqual([`${MASTER} ALTER SYSTEM ADD FOLLOWER "${SELF}:9010"`]);
      expect(c.exists('run/state/fe/joining')).toBe(true);
    },
  );

  it('registers as an observer when it is one', async () => {
    clusterIsUp();
    c.feEnv({ FE_ROLE: 'observer' });
    c.start('fe-entrypoint.sh');
    await started();
    expect(c.statements).toEqual([`${MASTER} ALTER SYSTEM ADD OBSERVER "${SELF}:9010"`]);
  });

  it('does not register again when the leader knows it already', async () => {
    clusterIsUp();
    c.write('answers/frontends', c.read('answers/after/frontends'));
    c.start('fe-entrypoint.sh');
    await started();
    expect(c.statements).toEqual([]);
  });

  it('joins through an FE that it has met while the founding one is down', async () => {
    clusterIsUp();
    c.write('answers/up', '10.0.0.3\n');
    c.write('run/state-copy/peers', '10.0.0.3\n');
    c.start('fe-entrypoint.sh');
    await started();
    expect(c.statements).toEqual([`10.0.0.3 ALTER SYSTEM ADD FOLLOWER "${SELF}:9010"`]);
  });

  it.each(['run/state/fe/member', 'run/state-copy/member'])(
    'neither registers in nor joins another cluster at the address of an FE, as %s remembers its own',
    async file => {
      clusterIsUp();
      c.write('answers/frontends', c.read('answers/after/frontends'));
      c.write(file, '8\n');
      const { ended, log } = c.start('fe-entrypoint.sh');
      expect(await ended).toBe(1);
      expect(log()).toContain(`${MASTER} belongs to cluster 7, and this machine was part of cluster 8`);
      expect([c.statements, c.starts]).toEqual([[], []]);
    },
  );

  it.each(['7\n', '\n'])('joins its cluster again, of which it remembers the id %j', async member => {
    clusterIsUp();
    c.write('run/state/fe/member', member);
    c.start('fe-entrypoint.sh');
    await started();
    expect(c.starts).toEqual([joins(MASTER, '10.0.0.3')]);
  });

  it('starts with a helper and waits to be registered where root has a password that it does not know', async () => {
    clusterIsUp();
    c.write('answers/denied', '');
    const { log } = c.start('fe-entrypoint.sh');
    await started();
    expect(c.starts).toEqual([joins(MASTER)]);
    expect(log()).toContain('must register');
  });

  it('gives up after its time, naming what did not answer, and the restart policy tries again', async () => {
    const { ended, log } = c.start('fe-entrypoint.sh');
    expect(await ended).toBe(1);
    expect(log()).toMatch(/waiting for an FE of the cluster, \d s of 3 s: 10\.0\.0\.1:8030 is not ready/);
    expect(c.starts).toEqual([]);
  });

  it('ends at once when it is told to while it waits', async () => {
    const { child, ended, log } = c.start('fe-entrypoint.sh');
    await expect.poll(log, { timeout: 5000 }).toContain('waiting');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('becomes StarRocks: the same process, which hears the signals', async () => {
    c.feEnv({ FE_INDEX: '0', MASTER_FE_HOST: SELF });
    const { child } = c.start('fe-entrypoint.sh');
    await started();
    expect(readFileSync(c.path('started'), 'utf8').split(' ')[0]).toBe(String(child.pid));
  });
});

describe('power that fails', () => {
  const pieces = ['fe/meta/image/ROLE', 'fe/meta/image/VERSION', 'fe/meta/bdb/1.jdb'];

  it.each([0, 1, 2, 3])(
    'after %i pieces of a founding leads to the same cluster or to a wait, never to a join',
    async written => {
      c.feEnv({ FE_INDEX: '0', MASTER_FE_HOST: SELF });
      c.write('answers/metadata', pieces.slice(0, written).join('\n'));
      c.start('fe-entrypoint.sh');
      await expect.poll(() => c.read('progress').split('\n').length - 1, { timeout: 5000 }).toBe(written);
      await started();
      c.kill();
      rmSync(c.path('answers/metadata'));
      const before = c.starts.length;
      const { log } = c.start('fe-entrypoint.sh');
      if (written === 0 || written === 3) {
        await expect.poll(() => c.starts.length, { timeout: 5000 }).toBe(before + 1);
        expect(new Set(c.starts)).toEqual(new Set([founds]));
      } else {
        await expect.poll(log, { timeout: 5000 }).toContain('NOT STARTED');
        expect(c.starts.length).toBe(before);
      }
      expect(c.statements).toEqual([]);
    },
  );

  it.each([0, 1, 2])(
    'after %i pieces of a join leads to another join or to a wait, never to a founding nor to a second registration',
    async written => {
      clusterIsUp();
      c.write('answers/metadata', pieces.slice(0, written).join('\n'));
      c.start('fe-entrypoint.sh');
      await expect.poll(() => c.read('progress').split('\n').length - 1, { timeout: 5000 }).toBe(written);
      await started();
      c.kill();
      rmSync(c.path('answers/metadata'));
      const { log } = c.start('fe-entrypoint.sh');
      if (written === 0) await expect.poll(() => c.starts.length, { timeout: 5000 }).toBe(2);
      else await expect.poll(log, { timeout: 5000 }).toContain('NOT STARTED');
      expect(c.starts.every(one => one.includes('--helper'))).toBe(true);
      expect(c.statements.length).toBe(1);
    },
  );
});

describe('an env file', () => {
  it.each([
    ['a missing key', { EDIT_LOG_PORT: '' }, 'EDIT_LOG_PORT must be a port'],
    ['an address that is none', { MASTER_FE_HOST: 'db1' }, 'MASTER_FE_HOST must be an IPv4 address'],
    ['a command', { HOST_IP: '$(touch /tmp/pwned)' }, 'not KEY=value'],
    ['a quote', { FE_ROLE: '"follower"' }, 'not KEY=value'],
  ])('with %s starts nothing and says which line', async (_what, more, message) => {
    c.feEnv(more);
    const { ended, log } = c.start('fe-entrypoint.sh');
    expect(await ended).toBe(1);
    expect(log()).toContain(message);
    expect(c.starts).toEqual([]);
  });

  it('is read with carriage returns, too', async () => {
    c.wholeMetadata();
    c.write('run/starrocks-fe.env', c.read('run/starrocks-fe.env').replaceAll('\n', '\r\n'));
    c.start('fe-entrypoint.sh');
    await started();
  });

  it('leaves StarRocks’ own conf files where they are', async () => {
    c.wholeMetadata();
    c.start('fe-entrypoint.sh');
    await started();
    expect([c.read('fe/conf/hadoop_env.sh'), c.read('fe/conf/fe.conf')]).toEqual([
      'kept\n',
      'http_port = ${HTTP_PORT}\n',
    ]);
  });
});

describe('a BE', () => {
  it('whose storage carries a cluster id starts at once and registers nothing', async () => {
    c.write('be/storage/cluster_id', '7-3.3.18');
    const { child } = c.start('be-entrypoint.sh');
    await started();
    // The same process, which hears the signals.
    expect(readFileSync(c.path('started'), 'utf8').split(' ')[0]).toBe(String(child.pid));
    expect(c.read('sql')).toBe('');
    await expect.poll(() => c.read('run/state/be/member').split('\n')[0], { timeout: 5000 }).toBe('7');
  });

  it('with empty storage registers once, then starts', async () => {
    c.write('answers/backends', backends([['10.0.0.3', '9050']]));
    c.write(
      'answers/after/backends',
      backends([
        ['10.0.0.3', '9050'],
        [SELF, '9050'],
      ]),
    );
    c.start('be-entrypoint.sh');
    await started();
    expect(c.statements).toEqual([`${MASTER} ALTER SYSTEM ADD BACKEND "${SELF}:9050"`]);
  });

  it.each(['run/state/fe/peers', 'run/state/be/peers', 'run/state-copy/peers'])(
    'with empty storage registers through an FE that %s names while the founding one is down',
    async file => {
      c.write('answers/sql-up', '10.0.0.3\n');
      c.write(file, '10.0.0.3\n');
      c.write('answers/backends', backends([]));
      c.write('answers/after/backends', backends([[SELF, '9050']]));
      c.start('be-entrypoint.sh');
      await started();
      expect(c.statements).toEqual([`10.0.0.3 ALTER SYSTEM ADD BACKEND "${SELF}:9050"`]);
    },
  );

  it('writes down in both copies which FEs it has met when it was registered', async () => {
    clusterIsUp();
    c.write('answers/backends', backends([[SELF, '9050']]));
    c.start('be-entrypoint.sh');
    await started();
    const met = `${MASTER}\n10.0.0.3\n10.0.0.4\n10.0.0.5\n`;
    expect([c.read('run/state/be/peers'), c.read('run/state-copy/peers')]).toEqual([met, met]);
  });

  it('with empty storage does not register again', async () => {
    c.write('answers/backends', backends([[SELF, '9050']]));
    c.start('be-entrypoint.sh');
    await started();
    expect(c.statements).toEqual([]);
  });

  it.each(['run/state/be/member', 'run/state-copy/member'])(
    'whose storage is empty where %s remembers a cluster is not started: is the disk mounted?',
    async file => {
      c.write(file, `7\n${c.path('be/storage')}\n`);
      c.write('answers/backends', backends([[SELF, '9050']]));
      const { log } = c.start('be-entrypoint.sh');
      await expect.poll(log, { timeout: 5000 }).toMatch(/NOT STARTED: .*mounted/);
      expect(c.starts).toEqual([]);
    },
  );

  it('whose storage is empty is not started either where it is only known that it was a member', async () => {
    c.write('run/state/be/member', '7\n');
    c.write('answers/backends', backends([[SELF, '9050']]));
    const { log } = c.start('be-entrypoint.sh');
    await expect.poll(log, { timeout: 5000 }).toMatch(/NOT STARTED: every storage folder is empty/);
    expect(c.starts).toEqual([]);
  });

  it('of which one disk is not mounted is not started', async () => {
    c.beEnv({ BE_STORAGE_PATHS: '/opt/starrocks/be/storage:/opt/starrocks/be/storage-1' });
    c.write('be/storage/cluster_id', '7-3.3.18');
    c.write('run/state/be/member', `7\n${c.path('be/storage')}\n${c.path('be/storage-1')}\n`);
    const { log } = c.start('be-entrypoint.sh');
    await expect.poll(log, { timeout: 5000 }).toMatch(/NOT STARTED: .*storage-1 carried data/);
    expect(c.starts).toEqual([]);
  });

  it('that gets one more disk starts with it', async () => {
    c.beEnv({ BE_STORAGE_PATHS: '/opt/starrocks/be/storage:/opt/starrocks/be/storage-1' });
    c.write('be/storage/cluster_id', '7-3.3.18');
    c.write('run/state/be/member', `7\n${c.path('be/storage')}\n`);
    c.start('be-entrypoint.sh');
    await started();
  });

  it('whose storage belongs to another cluster than it was a member of is not started', async () => {
    c.write('be/storage/cluster_id', '8-3.3.18');
    c.write('run/state/be/member', `7\n${c.path('be/storage')}\n`);
    const { log } = c.start('be-entrypoint.sh');
    await expect.poll(log, { timeout: 5000 }).toMatch(/NOT STARTED: .*another cluster/);
    expect(c.starts).toEqual([]);
  });

  it('waits for the FEs, and gives up after its time', async () => {
    const { ended, log } = c.start('be-entrypoint.sh');
    expect(await ended).toBe(1);
    expect(log()).toContain('waiting for the FE cluster');
  });
});

it.each(['fe-entrypoint.sh', 'be-entrypoint.sh'] as const)(
  'as it is shipped, %s waits 300 s in all, asks twice a second, and says so every 5 s',
  async script => {
    const { ended, log } = c.start(script, { limits: 'its own' });
    expect(await ended).toBe(1);
    const told = [...log().matchAll(/, (\d+) s of 300 s: /g)].map(([, seconds]) => Number(seconds));
    expect(told).toEqual(Array.from({ length: 60 }, (_, index) => 5 * index));
    expect(log()).toContain('within 300 s');
    expect(new Set(c.read('slept').trim().split('\n'))).toEqual(new Set(['0.5']));
  },
);
