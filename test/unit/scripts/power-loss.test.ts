import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { backends, ContainerRoot, frontends, MASTER, SELF } from './container.ts';

/** A first start is cut off at each of its moments, and the machine comes up again. */
const roots: ContainerRoot[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) root.remove();
});

const FOUNDS = '--logconsole --host_type IP';
const JOINS = `${FOUNDS} --helper ${MASTER}:9010,10.0.0.3:9010`;
const METADATA = ['fe/meta/image/ROLE', 'fe/meta/image/VERSION', 'fe/meta/bdb/1.jdb'];
const AT_ONCE = 4;

type Script = Parameters<ContainerRoot['start']>[0];

interface Cut {
  /** The moment, 1 the first. */
  readonly at: number;
  readonly root: ContainerRoot;
}

/**
 * Runs it once for each moment, and again without a cut.
 * @param over what a first start leaves when nothing cuts it off
 * @param judge what must be true once the second start has come to its end
 */
async function cutEverywhere(
  script: Script,
  prepare: (root: ContainerRoot) => void,
  over: (root: ContainerRoot) => boolean,
  judge: (cut: Cut, second: () => string) => Promise<void>,
): Promise<number> {
  let last = 0;
  for (let first = 1; last === 0; first += AT_ONCE) {
    const moments = Array.from({ length: AT_ONCE }, (_, index) => first + index);
    const lived = await Promise.all(
      moments.map(async at => {
        const root = new ContainerRoot();
        roots.push(root);
        prepare(root);
        const { child } = root.start(script, { moment: at });
        await vi.waitFor(() => expect(child.signalCode === 'SIGKILL' || over(root)).toBe(true), 15_000);
        if (child.signalCode === null) return true;
        root.kill();
        await judge({ at, root }, root.start(script).log);
        root.kill();
        return false;
      }),
    );
    last = lived.includes(true) ? first + lived.indexOf(true) - 1 : 0;
  }
  return last;
}

const within = (check: () => void) => vi.waitFor(check, 30_000);
const both = (root: ContainerRoot, name: string): string[] =>
  ['run/state/fe', 'run/state-copy'].map(folder => root.read(`${folder}/${name}`));
const whole = (root: ContainerRoot): boolean => METADATA.every(path => root.exists(path));

describe('power that fails at any moment', () => {
  it('of a founding: the same machine founds or goes on, and never joins anybody', { timeout: 120_000 }, async () => {
    const moments = await cutEverywhere(
      'fe-entrypoint.sh',
      root => {
        root.feEnv({ FE_INDEX: '0', MASTER_FE_HOST: SELF });
        root.write('answers/metadata', METADATA.join('\n'));
        root.write(
          'answers/frontends',
          frontends([
            [SELF, 'LEADER', 'true'],
            ['10.0.0.3', 'FOLLOWER', 'true'],
          ]),
        );
      },
      root => both(root, 'peers').every(peers => peers === '10.0.0.3'),
      async ({ at, root }) => {
        const before = root.starts.length;
        await within(() => expect([at, root.starts.length]).toEqual([at, before + 1]));
        expect([at, ...new Set(root.starts)]).toEqual([at, FOUNDS]);
        expect([at, root.statements]).toEqual([at, []]);
        await within(() => expect([at, ...both(root, 'member')]).toEqual([at, '7\n', '7\n']));
      },
    );
    expect(moments).toBeGreaterThanOrEqual(22);
  });

  it('of a join: it is registered once, and starts without a helper only what has become a member', {
    timeout: 120_000,
  }, async () => {
    const moments = await cutEverywhere(
      'fe-entrypoint.sh',
      root => {
        root.write('answers/metadata', METADATA.join('\n'));
        root.write('answers/up', `${MASTER}\n`);
        root.write(
          'answers/frontends',
          frontends([
            [MASTER, 'LEADER', 'true'],
            ['10.0.0.3', 'FOLLOWER', 'true'],
          ]),
        );
        // Once it runs, it says more than it knew when it joined.
        root.write(
          `answers/frontends-of-${SELF}`,
          frontends([
            [MASTER, 'LEADER', 'true'],
            ['10.0.0.6', 'FOLLOWER', 'true'],
          ]),
        );
        root.write(
          'answers/after/frontends',
          frontends([
            [MASTER, 'LEADER', 'true'],
            ['10.0.0.3', 'FOLLOWER', 'true'],
            [SELF, 'FOLLOWER', 'true'],
          ]),
        );
      },
      root => both(root, 'peers').every(peers => peers.includes('10.0.0.6')),
      async ({ at, root }, log) => {
        const joined = root.starts.length;
        const joining = ['run/state/fe/joining', 'run/state-copy/joining'].some(path => root.exists(path));
        if (whole(root) && joining) {
          await within(() =>
            expect([at, log()]).toEqual([at, expect.stringContaining('NOT STARTED: a join was cut off')]),
          );
          expect([at, root.starts]).toEqual([at, [JOINS]]);
        } else if (whole(root)) {
          expect([at, ...both(root, 'member')]).toEqual([at, '7\n', '7\n']);
          await within(() => expect([at, root.starts]).toEqual([at, [JOINS, FOUNDS]]));
        } else {
          await within(() => expect([at, root.starts.length]).toEqual([at, joined + 1]));
          expect([at, ...new Set(root.starts)]).toEqual([at, JOINS]);
        }
        expect([at, root.statements.length]).toEqual([at, 1]);
      },
    );
    expect(moments).toBeGreaterThanOrEqual(31);
  });

  it('of a BE’s first start: it is registered once, and its storage is known again', { timeout: 120_000 }, async () => {
    const moments = await cutEverywhere(
      'be-entrypoint.sh',
      root => {
        root.write('answers/metadata', 'be/storage/cluster_id');
        root.write('answers/backends', backends([['10.0.0.3', '9050']]));
        root.write(
          'answers/after/backends',
          backends([
            ['10.0.0.3', '9050'],
            [SELF, '9050'],
          ]),
        );
      },
      root => ['run/state/be/member', 'run/state-copy/member'].every(path => root.exists(path)),
      async ({ at, root }) => {
        const before = root.starts.length;
        await within(() => expect([at, root.starts.length]).toEqual([at, before + 1]));
        expect([at, root.statements]).toEqual([at, [`${MASTER} ALTER SYSTEM ADD BACKEND "${SELF}:9050"`]]);
        await within(() => expect([at, root.read('run/state-copy/member').split('\n')[0]]).toEqual([at, '7']));
        // The disk that goes missing now is missed.
        root.kill();
        rmSync(root.path('be/storage/cluster_id'));
        const { log } = root.start('be-entrypoint.sh');
        await within(() => expect([at, log()]).toEqual([at, expect.stringContaining('NOT STARTED')]));
      },
    );
    expect(moments).toBeGreaterThanOrEqual(10);
  });
});
