import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Duplex, Transform } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeployError, type Problem } from '../../../.github/actions/deploy/src/error.ts';
import historyScript from '../../../.github/actions/deploy/src/host/history.sh';
import sessionScript from '../../../.github/actions/deploy/src/host/session.sh';
import { openSession, type Session } from '../../../.github/actions/deploy/src/host/session.ts';
import unlockScript from '../../../.github/actions/deploy/src/host/unlock.sh';
import { parseHistory } from '../../../.github/actions/deploy/src/observe/history.ts';
import { observeCommand, parseObservation, type SeenBefore } from '../../../.github/actions/deploy/src/observe/host.ts';
import type { Operation } from '../../../.github/actions/deploy/src/plan/operation.ts';
import { known, SWITCHES, type Switches, unknown } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { Connection } from '../../../.github/actions/deploy/src/transport/connect.ts';
import { counting } from '../../../.github/actions/deploy/src/transport/counters.ts';
import { quote } from '../../../.github/actions/deploy/src/transport/quote.ts';
import { hostileTexts } from '../review/hostile.ts';
import { BE_DIGEST, cluster, FE_DIGEST, HOST_DIGEST, Machine, sha256 } from './machine.ts';

const seenBefore: SeenBefore = { docker: known({ engine: '28.5.2', compose: '2.40.0' }), images: {} };

/** What a run that no test asks about brings along. */
const nobodys = (files: Machine['files']) => ({
  ...{ cluster, files, owner: { run: '', actor: '', commit: '' }, repository: '', secrets: [] },
  ...{ counters: counting(), before: seenBefore },
});

const hostile = `it's "$(touch pwned)" \`id\` -n é 漢 \\ * 
new line`;

type OnHost = Exclude<Operation, { kind: 'sql' }>;
const at = '127.0.0.77';
const stage: OnHost = { kind: 'stage', host: at, digest: HOST_DIGEST };
const activate = (service: 'starrocks-fe' | 'starrocks-be', expects: string | null = null): OnHost => ({
  kind: 'activate',
  host: at,
  service,
  expects,
  digest: service === 'starrocks-fe' ? FE_DIGEST : BE_DIGEST,
});

const machines: Machine[] = [];
const sessions: Session[] = [];
afterEach(async () => {
  await Promise.all(sessions.splice(0).map(session => session.close()));
  for (const machine of machines.splice(0)) machine.remove();
});

function machine(...given: ConstructorParameters<typeof Machine>): Machine {
  const made = new Machine(...given);
  machines.push(made);
  return made;
}

async function session(
  on: Machine,
  more: { run?: string; silenceSeconds?: number; before?: SeenBefore } = {},
  host = on.host,
): Promise<Session> {
  const opened = await openSession(on.connection(), host, {
    cluster,
    files: on.files,
    owner: { run: more.run ?? 'run 1', actor: 'me', commit: 'abc' },
    repository: 'us/here',
    secrets: ['hunter22'],
    counters: counting(),
    before: more.before ?? seenBefore,
    ...(more.silenceSeconds === undefined ? {} : { silenceSeconds: more.silenceSeconds }),
  });
  sessions.push(opened);
  return opened;
}

async function locked(on: Machine, host = on.host): Promise<Session> {
  const opened = await session(on, {}, host);
  expect(await opened.lock()).toMatchObject({ locked: true });
  return opened;
}

/** A machine whose answers come only when what is asked after them was sent: whoever waits for one first, waits for ever. */
function tardy(on: Machine, after: Readonly<Record<string, string>>) {
  const sent: string[] = [];
  const heard = new EventEmitter();
  const up = () =>
    new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        sent.push(...[...chunk.toString().matchAll(/(?:^|\.)([a-z]+) \d+ \d+\n/gi)].map(([, op = '']) => op));
        heard.emit('more');
        done(null, chunk);
      },
    });
  const down = () =>
    new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        const [answered = ''] = headOf(chunk.toString()).slice(1);
        const wanted = after[answered];
        const look = () => {
          if (wanted !== undefined && !sent.includes(wanted)) return void heard.once('more', look);
          done(null, chunk);
        };
        look();
      },
    });
  const open: Connection['open'] = async command => {
    const { stream, stderr } = await on.connection().open(command);
    const [asking, answering] = [up(), down()];
    asking.pipe(stream).pipe(answering);
    return { stream: Duplex.from({ readable: answering, writable: asking }), stderr };
  };
  return { connection: { ...on.connection(), open }, sent: () => sent };
}

/** Nonce, operation and exit code of an answer. */
function headOf(answer: string): string[] {
  const line = answer.trim();
  const head = line.startsWith('= ') ? line.slice(2) : Buffer.from(line, 'base64').toString('utf8', 0, 64);
  return head.trimEnd().split(' ');
}

async function problem(work: Promise<unknown>): Promise<Problem> {
  const error = await work.then(
    () => new Error('it succeeded'),
    (one: unknown) => one,
  );
  if (error instanceof DeployError) return error.problem;
  throw error;
}

describe.each(['dash', 'bash'])('a session in %s', shell => {
  describe('uploading', () => {
    it('lays the folder beside the running files, and moves nothing', async () => {
      const m = machine(shell);
      const s = await locked(m);
      await s.run(stage);
      expect(m.tree()).toEqual(m.host.files.map(file => `.staged/${HOST_DIGEST}/${file.path}`).sort());
      expect(m.read(`.staged/${HOST_DIGEST}/conf/fe/fe.conf`)).toBe('http_port = 8030\n');
    });

    it('can be repeated, and mends a folder that is not whole any more', async () => {
      const m = machine(shell);
      const s = await locked(m);
      await s.run(stage);
      const before = m.tree();
      await s.run(stage);
      writeFileSync(join(m.deploy, '.staged', HOST_DIGEST, '.env'), 'spoilt');
      await s.run(stage);
      expect(m.tree()).toEqual(before);
      expect(m.read(`.staged/${HOST_DIGEST}/.env`)).toBe('FE_IMAGE=x\n');
    });

    it('refuses one that arrived damaged, and keeps nothing of it that could be taken for whole', async () => {
      const m = machine(shell);
      m.files.set('.env', Buffer.from('damaged on the way'));
      const s = await locked(m);
      expect((await problem(s.run(stage))).detail?.join()).toMatch(/arrived damaged/);
      expect((await s.observe()).staged).toEqual([]);
    });

    it('asks for no release again that is known, and for one that is not', async () => {
      const m = machine(shell);
      const asked = () => m.calls.filter(call => /^version|^compose.version/.test(call)).length;
      expect((await (await session(m)).observe()).docker).toEqual(seenBefore.docker);
      expect(asked()).toBe(0);
      const unseen = await session(m, { before: { docker: unknown('its daemon does not run'), images: {} } });
      expect((await unseen.observe()).docker).toEqual(seenBefore.docker);
      expect(asked()).toBe(2);
    });

    it('asks for no image again that was there, and for one that was not', async () => {
      const m = machine(shell);
      m.set('pulled', '');
      const [fe, be] = ['starrocks/fe-ubuntu:3.3.18', 'starrocks/be-ubuntu:3.3.18'] as const;
      const s = await session(m, { before: { ...seenBefore, images: { [fe]: 'sha256:seen', [be]: null } } });
      expect((await s.observe()).images).toEqual({ [fe]: 'sha256:seen', [be]: `sha256:${be}` });
      expect(m.calls.filter(call => call.startsWith('image'))).toEqual([`image|inspect|--format|{{.Id}}|${be}|`]);
    });

    it.each([
      ['clears those of earlier deploys away when there are many, but not young ones', 6, 3],
      ['leaves a few where they are', 5, 5],
    ])('%s', async (_, there, stay) => {
      const m = machine(shell);
      const names = Array.from({ length: there }, (_one, at) => sha256(`upload ${at}`));
      for (const name of names) mkdirSync(join(m.deploy, '.staged', name), { recursive: true });
      for (const old of names.slice(3)) utimesSync(join(m.deploy, '.staged', old), new Date(0), new Date(0));
      await (await locked(m)).run(stage);
      expect(readdirSync(join(m.deploy, '.staged')).sort()).toEqual([HOST_DIGEST, ...names.slice(0, stay)].sort());
    });
  });

  describe('activating a service', () => {
    it('moves its files and the shared ones, marks the machine, and starts only it', async () => {
      const m = machine(shell);
      m.set('next', FE_DIGEST);
      const s = await locked(m);
      await s.run(stage);
      await s.run(activate('starrocks-fe'));
      expect(m.tree().filter(path => !path.startsWith('.staged/'))).toEqual([
        '.env',
        'conf/fe/fe.conf',
        'docker-compose.yml',
        'run/bin/fe-entrypoint.sh',
        'state/deployed.json',
      ]);
      expect(JSON.parse(m.read('state/deployed.json') ?? '')).toMatchObject({
        cluster: 'analytics',
        repository: 'us/here',
        commit: 'abc',
        run: 'run 1',
      });
      expect(m.changes).toEqual([`compose|--project-directory|${m.deploy}|up|-d|--no-deps|--pull|never|starrocks-fe|`]);
    });

    it('does nothing when it is done already', async () => {
      const m = machine(shell);
      m.container('starrocks-fe', FE_DIGEST);
      const s = await locked(m);
      await s.run(activate('starrocks-fe', sha256('old')));
      expect(m.changes).toEqual([]);
    });

    it('starts the same container again when it stands still', async () => {
      const m = machine(shell);
      m.container('starrocks-fe', FE_DIGEST, { running: false });
      m.set('next', FE_DIGEST);
      const s = await locked(m);
      await s.run(stage);
      await s.run(activate('starrocks-fe', FE_DIGEST));
      expect(m.changes).toHaveLength(1);
    });

    it.each([
      ['another container than was seen', sha256('seen'), sha256('found'), 'E_SWAP'],
      ['a container where none was seen', null, sha256('found'), 'E_SWAP'],
      ['none where one was seen', sha256('seen'), null, 'E_SWAP'],
      ['a container of somebody else', null, '', 'E_NAME_TAKEN'],
    ])('refuses %s, and moves nothing', async (_, expects, found, code) => {
      const m = machine(shell);
      if (found !== null) m.container('starrocks-fe', found);
      const s = await locked(m);
      await s.run(stage);
      expect((await problem(s.run(activate('starrocks-fe', expects)))).code).toBe(code);
      expect(m.changes).toEqual([]);
      expect(m.read('.env')).toBeNull();
    });

    it('an image of the service’s name is no container', async () => {
      const m = machine(shell);
      m.set('image/starrocks-fe', '');
      m.set('next', FE_DIGEST);
      const s = await locked(m);
      await s.run(stage);
      await s.run(activate('starrocks-fe'));
      expect(m.changes).toHaveLength(1);
    });

    it('refuses to mount another data folder than the container has', async () => {
      const m = machine(shell);
      const old = sha256('old');
      const mounts = `/opt/starrocks/be/storage /disk1/be\n/opt/starrocks/be/storage-1 ${m.deploy}/data/be/second\n`;
      m.container('starrocks-be', old, { mounts });
      const s = await locked(m);
      await s.run(stage);
      const refused = await problem(s.run(activate('starrocks-be', old)));
      expect(refused.code).toBe('E_DATA_MOVED');
      expect(refused.detail?.join()).toContain(`lies in /disk1/be, and ${m.deploy}/data/be/storage`);
      expect(m.changes).toEqual([]);
    });

    describe('of a BE that is to have a disk less', () => {
      const old = sha256('old');
      /** Its container has two disks beside the two of cluster.yaml. */
      async function withDisks(disks: readonly string[]) {
        const m = machine(shell);
        const first = `/opt/starrocks/be/storage ${m.deploy}/data/be/storage`;
        const others = disks.map((disk, at) => `/opt/starrocks/be/storage-${at + 2} ${m.root}/${disk}`);
        m.container('starrocks-be', old, { mounts: `${[first, ...others].join('\n')}\n` });
        m.set('next', BE_DIGEST);
        for (const disk of disks) mkdirSync(join(m.root, disk, 'data/7'), { recursive: true });
        for (const disk of disks) writeFileSync(join(m.root, disk, 'cluster_id'), '12345-3.3.18');
        const s = await locked(m);
        await s.run(stage);
        return { m, activated: () => s.run(activate('starrocks-be', old)) };
      }

      it('leaves those behind in which no tablet is, and says there since when', async () => {
        const { m, activated } = await withDisks(['disk2', 'disk3']);
        await activated();
        expect(m.changes.map(words => words.split('|')[0])).toEqual(['stop', 'compose']);
        for (const disk of ['disk2', 'disk3']) {
          expect(JSON.parse(readFileSync(join(m.root, `${disk}.retired`), 'utf8'))).toMatchObject({
            cluster: 'analytics',
          });
          expect(readdirSync(join(m.root, disk))).toEqual(['cluster_id', 'data']);
        }
      });

      it.each([
        ['in which a tablet is', (disk: string) => mkdirSync(join(disk, 'data/7/10042'))],
        ['that is not mounted', (disk: string) => renameSync(disk, `${disk}.elsewhere`)],
        ['that no BE has made', (disk: string) => rmSync(join(disk, 'cluster_id'))],
      ])('refuses one %s, and touches nothing', async (_, happens) => {
        const { m, activated } = await withDisks(['disk2', 'disk3']);
        happens(join(m.root, 'disk3'));
        const refused = await problem(activated());
        expect([refused.code, refused.detail?.join()]).toEqual([
          'E_DATA_MOVED',
          expect.stringContaining(`${m.root}/disk3`),
        ]);
        expect([m.changes, m.read('.env')]).toEqual([[], null]);
      });

      it('starts it again as it was when a tablet comes at the last moment', async () => {
        const { m, activated } = await withDisks(['disk2']);
        m.set('comes', join(m.root, 'disk2/data/7/10042'));
        expect((await problem(activated())).code).toBe('E_DATA_MOVED');
        expect(m.changes.map(words => words.split('|')[0])).toEqual(['stop', 'start']);
        expect([m.read('.env'), existsSync(join(m.root, 'disk2.retired'))]).toEqual([null, false]);
      });
    });

    it('goes on when the data folders are the same', async () => {
      const m = machine(shell);
      const old = sha256('old');
      m.container('starrocks-be', old, { mounts: `/opt/starrocks/be/storage ${m.deploy}/data/be/storage\n/x /y\n` });
      m.set('next', BE_DIGEST);
      const s = await locked(m);
      await s.run(stage);
      await s.run(activate('starrocks-be', old));
      expect(m.changes).toHaveLength(1);
    });

    it('changes no file when one of them cannot be written', async () => {
      const m = machine(shell);
      const s = await locked(m);
      await s.run(stage);
      writeFileSync(join(m.deploy, '.env'), 'old\n');
      writeFileSync(join(m.deploy, 'run'), 'a file where a folder belongs');
      expect((await problem(s.run(activate('starrocks-fe')))).message).toContain('no file was changed');
      expect(m.read('.env')).toBe('old\n');
      expect(m.tree().filter(path => path.endsWith('-new'))).toEqual([]);
      expect(m.changes).toEqual([]);
    });

    it('says what is missing when the upload is not there', async () => {
      const m = machine(shell);
      expect((await problem((await locked(m)).run(activate('starrocks-fe')))).message).toContain('is missing');
    });

    it('tells the machine’s own words when compose fails', async () => {
      const m = machine(shell);
      m.set('no-up', 'Error response from daemon: error setting rlimit type 7: operation not permitted\n');
      const s = await locked(m);
      await s.run(stage);
      const refused = await problem(s.run(activate('starrocks-fe')));
      expect(refused).toMatchObject({ code: 'E_ULIMIT', host: at, step: 'activate starrocks-fe' });
    });
  });

  it.each<[string, OnHost]>([
    ['activate', activate('starrocks-fe')],
    ['stop', { kind: 'stop', host: at, service: 'starrocks-fe', expects: FE_DIGEST }],
    ['asideMetadata', { kind: 'asideMetadata', host: at, reason: 'x' }],
  ])('%s: a docker that does not answer is never taken for “no container”', async (_, operation) => {
    const m = machine(shell);
    const s = await locked(m);
    await s.run(stage);
    mkdirSync(join(m.deploy, 'data/fe/meta'), { recursive: true });
    m.set(
      'said',
      'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n',
    );
    expect((await problem(s.run(operation))).code).toBe('E_DOCKER_DOWN');
    expect(m.read('.env')).toBeNull();
    expect(readdirSync(join(m.deploy, 'data/fe'))).toEqual(['meta']);
  });

  it('refreshes files of every service and restarts none', async () => {
    const m = machine(shell);
    const s = await locked(m);
    await s.run(stage);
    await s.run({ kind: 'refresh', host: at, digest: HOST_DIGEST });
    expect(m.host.files.map(file => m.read(file.path))).toEqual([...m.files.values()].map(String));
    expect(m.read('state/deployed.json')).not.toBeNull();
    expect(m.changes).toEqual([]);
  });

  it('leaves a file alone that is in place already, unless it lost its mode', async () => {
    const m = machine(shell);
    const s = await locked(m);
    await s.run(stage);
    await s.run({ kind: 'refresh', host: at, digest: HOST_DIGEST });
    const long_ago = new Date('2020-01-01T00:00:00Z');
    const [kept, edited, script] = ['conf/fe/fe.conf', 'conf/be/be.conf', 'run/bin/fe-entrypoint.sh'] as const;
    writeFileSync(join(m.deploy, edited), 'by hand');
    chmodSync(join(m.deploy, script), 0o644);
    for (const path of [kept, edited, script]) utimesSync(join(m.deploy, path), long_ago, long_ago);
    await s.run({ kind: 'refresh', host: at, digest: HOST_DIGEST });
    const written = [kept, edited, script].filter(
      path => statSync(join(m.deploy, path)).mtimeMs !== long_ago.getTime(),
    );
    expect(written).toEqual([edited, script]);
    expect([m.read(edited), statSync(join(m.deploy, script)).mode & 0o777]).toEqual(['be_port = 9060\n', 0o755]);
  });

  it('writes the FEs that exist into both copies of the state, also none', async () => {
    const m = machine(shell);
    const s = await locked(m);
    await s.run({ kind: 'writeState', host: at, peers: ['10.0.0.1', hostile] });
    expect(m.read('state/fe/peers')).toBe(`10.0.0.1\n${hostile}\n`);
    expect(m.read('data/fe/state/peers')).toBe(`10.0.0.1\n${hostile}\n`);
    await s.run({ kind: 'writeState', host: at, peers: [] });
    expect(m.read('state/fe/peers')).toBe('');
  });

  it('writes the FEs that exist on a machine without one beside the data of its BE, and nowhere else', async () => {
    const m = machine(shell);
    const s = await locked(m, { ...m.host, fe: null });
    await s.run({ kind: 'writeState', host: at, peers: ['10.0.0.1', '10.0.0.3'] });
    expect(m.tree()).toEqual(['data/be/state/peers', 'state/fe/peers']);
    expect(m.read('data/be/state/peers')).toBe('10.0.0.1\n10.0.0.3\n');
    expect(m.read('state/fe/peers')).toBe('10.0.0.1\n10.0.0.3\n');
  });

  it('writes down how the switches were, and forgets them', async () => {
    const m = machine(shell);
    const s = await locked(m);
    const switches = Object.fromEntries(SWITCHES.map((key, at) => [key, at < 2 ? '500' : 'false'])) as Switches;
    await s.run({ kind: 'writeSwitches', host: at, switches, unhealthy: 3 });
    expect(m.read('state/fe/switches')).toBe(
      'tablet_sched_max_scheduling_tablets 500\ntablet_sched_max_balancing_tablets 500\n' +
        'tablet_sched_disable_balance false\ntablet_sched_disable_colocate_balance false\nunhealthy 3\n',
    );
    await s.run({ kind: 'writeSwitches', host: at, switches: null, unhealthy: null });
    await s.run({ kind: 'writeSwitches', host: at, switches: null, unhealthy: null });
    expect(m.read('state/fe/switches')).toBeNull();
  });

  it('writes down when a drain began and with how many tablets, and forgets it', async () => {
    const m = machine(shell);
    const s = await locked(m);
    await s.run({ kind: 'writeDrain', host: at, service: 'starrocks-be', tablets: 120 });
    expect(m.read('state/be/draining')).toMatch(/^120 \d{10}\n$/);
    expect((await s.observe()).be['starrocks-be']?.drain).toMatchObject({ tablets: 120 });
    await s.run({ kind: 'writeDrain', host: at, service: 'starrocks-be', tablets: null });
    expect(m.read('state/be/draining')).toBeNull();
    expect((await s.observe()).be['starrocks-be']?.drain).toBeUndefined();
  });

  describe('copying metadata', () => {
    const copy: OnHost = { kind: 'copyMetadata', host: at, release: '3.3.18', expects: FE_DIGEST };
    const copies = (m: Machine) => readdirSync(join(m.deploy, 'data/fe')).filter(name => name !== 'meta');
    const filled = (m: Machine) => {
      mkdirSync(join(m.deploy, 'data/fe/meta/image'), { recursive: true });
      writeFileSync(join(m.deploy, 'data/fe/meta/image/ROLE'), 'role');
      m.container('starrocks-fe', FE_DIGEST);
    };

    it('stops the FE first, and leaves a dated copy of the release beside the folder', async () => {
      const m = machine(shell);
      filled(m);
      const s = await locked(m);
      expect((await problem(s.run({ ...copy, expects: BE_DIGEST }))).code).toBe('E_SWAP');
      expect([m.changes, copies(m)]).toEqual([[], []]);
      await s.run(copy);
      expect(m.changes).toEqual([expect.stringMatching(/^stop\|starrocks-fe/)]);
      const [name] = copies(m);
      expect(copies(m)).toEqual([expect.stringMatching(/^meta\.copy-\d{8}T\d{6}Z-3\.3\.18$/)]);
      expect(m.read(`data/fe/${name}/image/ROLE`)).toBe('role');
      expect(m.read('data/fe/meta/image/ROLE')).toBe('role');
    });

    it('makes no second copy of what has not changed, and drops what a cut-off copy has left', async () => {
      const m = machine(shell);
      filled(m);
      mkdirSync(join(m.deploy, 'data/fe/meta.copying/image'), { recursive: true });
      const s = await locked(m);
      await s.run(copy);
      await s.run(copy);
      const [name = ''] = copies(m);
      expect(copies(m)).toEqual([name]);
      const older = join(m.deploy, 'data/fe/meta.copy-20260101T000000Z-3.3.18');
      renameSync(join(m.deploy, 'data/fe', name), older);
      utimesSync(older, 1, 1);
      await s.run(copy);
      expect(copies(m)).toHaveLength(2);
    });

    it('without room stops nothing', async () => {
      const m = machine(shell);
      filled(m);
      m.fakeCommand('df', 'echo Filesystem; echo /dev/sda 100 60 40 60% /');
      expect(await problem((await locked(m)).run(copy))).toMatchObject({ code: 'E_DISK_SHORT', host: at });
      expect(m.changes).toEqual([]);
      expect(copies(m)).toEqual([]);
    });

    it('that fails leaves the FE running', async () => {
      const m = machine(shell);
      filled(m);
      m.fakeCommand('cp', 'echo "cp: cannot read" >&2; exit 1');
      await problem((await locked(m)).run(copy));
      expect(m.changes.map(call => call.split('|')[0])).toEqual(['stop', 'start']);
      expect(m.read('data/fe/meta/image/ROLE')).toBe('role');
    });
  });

  describe('moving metadata aside', () => {
    const aside: OnHost = { kind: 'asideMetadata', host: at, reason: 'ROLE without VERSION' };
    const filled = (m: Machine) => {
      mkdirSync(join(m.deploy, 'data/fe/meta/image'), { recursive: true });
      writeFileSync(join(m.deploy, 'data/fe/meta/image/ROLE'), 'role');
      mkdirSync(join(m.deploy, 'state/fe'), { recursive: true });
      for (const name of ['joining', 'refused']) writeFileSync(join(m.deploy, 'state/fe', name), '');
    };

    it('renames it to a dated name, deletes nothing, and forgets the join under way', async () => {
      const m = machine(shell);
      filled(m);
      await (await locked(m)).run(aside);
      const [meta, moved] = readdirSync(join(m.deploy, 'data/fe')).sort();
      expect(meta).toBe('meta');
      expect(moved).toMatch(/^meta\.aside-\d{8}T\d{6}Z-ROLE-without-VERSION$/);
      expect(readdirSync(join(m.deploy, 'data/fe/meta'))).toEqual([]);
      expect(m.read(`data/fe/${moved}/image/ROLE`)).toBe('role');
      expect(readdirSync(join(m.deploy, 'state/fe'))).toEqual([]);
    });

    it('never touches that of a running FE', async () => {
      const m = machine(shell);
      filled(m);
      m.container('starrocks-fe', FE_DIGEST);
      expect((await problem((await locked(m)).run(aside))).message).toContain('the FE runs');
      expect(m.read('data/fe/meta/image/ROLE')).toBe('role');
    });

    it('has nothing to do where there is none', async () => {
      const m = machine(shell);
      await (await locked(m)).run(aside);
      expect(existsSync(join(m.deploy, 'data'))).toBe(false);
    });
  });

  it('stops the container that was seen while it runs, and no other', async () => {
    const m = machine(shell);
    m.container('starrocks-be', BE_DIGEST);
    const s = await locked(m);
    const stop: OnHost = { kind: 'stop', host: at, service: 'starrocks-be', expects: BE_DIGEST };
    expect((await problem(s.run({ ...stop, expects: FE_DIGEST }))).code).toBe('E_SWAP');
    expect(m.changes).toEqual([]);
    await s.run(stop);
    await s.run(stop);
    await s.run({ ...stop, service: 'starrocks-fe' });
    expect(m.changes).toEqual(['stop|starrocks-be|']);
  });

  it('restarts the container that was seen, and no other', async () => {
    const m = machine(shell);
    m.container('starrocks-be', BE_DIGEST);
    const s = await locked(m);
    const restart = (expects: string): OnHost => ({ kind: 'restart', host: at, service: 'starrocks-be', expects });
    expect((await problem(s.run(restart('other')))).code).toBe('E_SWAP');
    expect(m.changes).toEqual([]);
    await s.run(restart(BE_DIGEST));
    expect(m.changes).toEqual(['restart|starrocks-be|']);
  });

  it('takes over a container that a person made, without a restart, and no other one', async () => {
    const m = machine(shell);
    const made = 'e'.repeat(64);
    m.set('box/starrocks-be/running', 'true\n');
    m.set('box/starrocks-be/id', made);
    const s = await locked(m);
    await s.run(stage);
    const adopt = (container: string): OnHost => ({
      kind: 'adopt',
      host: at,
      service: 'starrocks-be',
      container,
      digest: BE_DIGEST,
    });
    expect((await problem(s.run(adopt('f'.repeat(64))))).code).toBe('E_SWAP');
    expect(m.read('state/adopted')).toBeNull();
    await s.run(adopt(made));
    await s.run(adopt(made));
    expect([m.read('state/adopted'), m.changes]).toEqual([`starrocks-be ${made} ${BE_DIGEST}\n`, []]);
    // From now on it carries that digest: it can be restarted, and is replaced only by who has seen it.
    await s.run({ kind: 'restart', host: at, service: 'starrocks-be', expects: BE_DIGEST });
    expect(m.changes).toEqual(['restart|starrocks-be|']);
  });

  it('removes the container that was seen and stands still, never one that runs', async () => {
    const m = machine(shell);
    m.container('starrocks-be', BE_DIGEST);
    const s = await locked(m);
    const seen = { host: at, service: 'starrocks-be', expects: BE_DIGEST } as const;
    const remove: OnHost = { kind: 'removeContainer', ...seen };
    expect((await problem(s.run(remove))).message).toContain('runs');
    await s.run({ kind: 'stop', ...seen });
    expect((await problem(s.run({ ...remove, expects: FE_DIGEST }))).code).toBe('E_SWAP');
    await s.run(remove);
    await s.run(remove);
    expect(m.changes).toEqual(['stop|starrocks-be|', 'rm|starrocks-be|']);
  });

  it('marks the data that a removed service leaves, and makes up none', async () => {
    const m = machine(shell);
    const s = await locked(m);
    mkdirSync(join(m.deploy, 'data/be/storage'), { recursive: true });
    const folders = ['data/be/storage', 'data/be-1/storage'].map(folder => join(m.deploy, folder));
    await s.run({ kind: 'retire', host: at, service: 'starrocks-be', folders });
    expect(JSON.parse(m.read('data/be/storage.retired') ?? '')).toMatchObject({ run: 'run 1', commit: 'abc' });
    expect([existsSync(folders[0] ?? ''), m.read('data/be-1/storage.retired')]).toEqual([true, null]);
  });

  it('keeps the records of the newest fifty runs', async () => {
    const m = machine(shell);
    const history = join(m.deploy, 'state/history');
    mkdirSync(history, { recursive: true });
    for (let run = 10; run < 70; run += 1) writeFileSync(join(history, `20260101T0000${run}Z-old.json`), '{}\n');
    await (await locked(m)).record('{"format":1}\n');
    const kept = readdirSync(history).sort();
    expect([kept.length, kept[0]]).toEqual([50, '20260101T000021Z-old.json']);
    expect(m.read(`state/history/${kept.at(-1)}`)).toBe('{"format":1}\n');
  });

  it('pulls an image that is missing, not one that is there, and explains a failure', async () => {
    const m = machine(shell);
    const s = await locked(m);
    const pull: OnHost = { kind: 'pull', host: at, image: 'starrocks/fe:9' };
    await s.run(pull);
    m.set('no-pull', 'manifest for starrocks/fe:9 not found: manifest unknown\n');
    expect((await problem(s.run(pull))).code).toBe('E_IMAGE');
    m.set('pulled', '');
    await s.run(pull);
    expect(m.changes).toEqual(['pull|--quiet|starrocks/fe:9|', 'pull|--quiet|starrocks/fe:9|']);
  });

  it('reads the last log lines, without secrets', async () => {
    const m = machine(shell);
    const text = await (await session(m)).logs('starrocks-be', 5);
    expect(text).toContain('out of starrocks-be');
    expect(text).toContain('err of starrocks-be tells ***');
  });

  it('looks at the machine as the first look does', async () => {
    const m = machine(shell);
    mkdirSync(join(m.deploy, 'é “x”'), { recursive: true });
    writeFileSync(join(m.deploy, 'é “x”/y'), '');
    const world = await (await locked(m)).observe();
    const first = parseObservation(m.host, cluster, await m.exec(observeCommand(m.host)), 0);
    // Who has the lock a session knows without a look.
    expect(first.lock).toMatchObject({ run: 'run 1', actor: 'me', commit: 'abc' });
    const apart = { lock: null, disks: expect.anything() };
    expect(world).toEqual({ ...first, ...apart });
    expect(Object.keys(world.files)).toEqual(['é “x”/y']);
  });

  describe('the lock', () => {
    it('is one run’s alone, who waits reads whose, and it is free when that session ends', async () => {
      const m = machine(shell);
      const first = await session(m, { run: hostile });
      const second = await session(m, { run: 'run 2' });
      expect(await first.lock()).toMatchObject({ locked: true });
      expect(await first.lock()).toMatchObject({ locked: true });
      expect(await second.lock()).toMatchObject({ locked: false, owner: { run: hostile, actor: 'me' } });
      await first.close();
      expect(await second.lock()).toMatchObject({ locked: true });
    });

    it('is needed for everything that changes the machine', async () => {
      const m = machine(shell);
      const s = await session(m);
      for (const operation of [stage, activate('starrocks-fe')]) {
        expect((await problem(s.run(operation))).message).toContain('does not hold the lock');
      }
      expect(m.tree()).toEqual([]);
    });

    it('is free when the runner is gone', async () => {
      const m = machine(shell);
      await locked(m);
      m.children[0]?.stdin?.destroy();
      const second = await session(m);
      await vi.waitFor(async () => expect(await second.lock()).toMatchObject({ locked: true }), 10_000);
    });

    it('stays taken while what a killed session had begun still runs', async () => {
      const m = machine(shell);
      m.set('next', FE_DIGEST);
      const first = await locked(m);
      await first.run(stage);
      execFileSync('mkfifo', [join(m.fake, 'hold')]);
      const begun = problem(first.run(activate('starrocks-fe')));
      await vi.waitFor(() => expect(m.changes).toHaveLength(1), 10_000);
      const second = await session(m);
      m.children[0]?.kill('SIGKILL');
      m.children[0]?.stdin?.destroy();
      m.children[0]?.stdout?.destroy();
      expect((await begun).code).toBe('E_CONNECTION_LOST');
      expect(await second.lock()).toMatchObject({ locked: false });
      // Opening the pipe for writing lets compose go on.
      const release = spawn('sh', ['-c', 'echo >"$1"', 'sh', join(m.fake, 'hold')]);
      await once(release, 'close');
      await vi.waitFor(async () => expect(await second.lock()).toMatchObject({ locked: true }), 10_000);
    });

    it('is looked at by a script that says whether its holder lives', async () => {
      const m = machine(shell);
      const look = async () => {
        const { stdout } = await m.exec(`sh -c ${quote(unlockScript)} sh ${quote(m.deploy)} look`);
        return stdout.split('\n').slice(2, -1);
      };
      expect(await look()).toEqual(['state free']);
      await locked(m);
      const held = await look();
      expect(held[0]).toMatch(/^owner \{.*"run":"run 1"/);
      expect(held).toContain(`process ${m.children[1]?.pid} sh`);
      expect(held.at(-1)).toBe('state alive');
    });

    it('is given back by a session that hears nothing for its time', async () => {
      const m = machine(shell);
      const first = await session(m, { silenceSeconds: 1 });
      await first.lock();
      await vi.waitFor(() => expect(m.children[0]?.exitCode).toEqual(expect.any(Number)), 5_000);
      expect((await problem(first.observe())).code).toBe('E_CONNECTION_LOST');
      expect(await (await session(m)).lock()).toMatchObject({ locked: true });
    });
  });

  it('ends after 60 s of silence, and is spoken to every 10 s', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const m = machine(shell);
      const { connection, sent } = tardy(m, {});
      const commands: string[] = [];
      const open: Connection['open'] = command => {
        commands.push(command);
        return connection.open(command);
      };
      const s = await openSession({ ...connection, open }, m.host, nobodys(m.files));
      vi.advanceTimersByTime(60_000);
      await s.close();
      expect(sent()).toEqual([...Array.from({ length: 6 }, () => 'ping'), 'release']);
      expect(commands).toEqual([expect.stringContaining(` ${quote(m.deploy)} '60' `)]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('carries any text through every argument', async () => {
    const m = machine(shell, { folder: `de$(touch pwned)ploy's "dir" é` });
    m.set('next', FE_DIGEST);
    const s = await session(m, { run: hostile });
    await s.lock();
    await s.run(stage);
    await s.run(activate('starrocks-fe'));
    await s.run({ kind: 'writeState', host: at, peers: [hostile, '-n', ''] });
    await s.run({ kind: 'pull', host: at, image: hostile });
    mkdirSync(join(m.deploy, 'data/fe/meta'), { recursive: true });
    m.container('starrocks-fe', FE_DIGEST, { running: false });
    await s.run({ kind: 'asideMetadata', host: at, reason: `${hostile}/../../x` });
    expect(JSON.parse(m.read('state/deployed.json') ?? '').run).toBe(hostile);
    expect(m.read('state/fe/peers')).toBe(`${hostile}\n-n\n\n`);
    expect(m.calls.join('\n')).toContain(`pull|--quiet|${hostile}|`);
    expect((await s.observe()).marker?.run).toBe(hostile);
    for (const place of [m.root, m.deploy, '/']) expect(existsSync(join(place, 'pwned'))).toBe(false);
  });

  it('keeps every hostile text in the history, and reads it back', async () => {
    const m = machine(shell);
    const s = await locked(m);
    const record = JSON.stringify({ why: hostileTexts });
    await s.record(`${record}\n`);
    const { stdout } = await m.exec(`sh -c ${quote(historyScript)} sh ${quote(m.deploy)}`);
    expect(parseHistory(stdout)).toEqual([`${record}\n`]);
  });

  it('leaves no temporary folder behind', async () => {
    const m = machine(shell);
    const s = await locked(m);
    await s.run(stage);
    expect(readdirSync(m.temporary)).toHaveLength(1);
    await s.close();
    expect(readdirSync(m.temporary)).toEqual([]);
  });

  it('a folder that belongs to another is said to, and nothing hangs', async () => {
    const m = machine(shell, { visitor: true });
    mkdirSync(m.deploy);
    chmodSync(m.deploy, 0o555);
    const s = await session(m);
    expect(await problem(s.lock())).toMatchObject({ code: 'E_PERMISSION', host: at, step: 'lock' });
  });

  describe('a request', () => {
    const block = (...words: string[]) => words.map(word => `${word}\n`).join('');
    const request = (op: string, block = '') => `${`${op} ${block.length} 0\n${block}`.padEnd(2047)}.`;
    const raw = (m: Machine) => {
      const child = spawn(join(m.root, 'bin/sh'), ['-c', sessionScript, 'sh', 'N', m.deploy, '5', 'echo', '/'], {
        env: { PATH: `${join(m.root, 'bin')}:${process.env['PATH']}`, FAKE: m.fake },
      });
      let said = '';
      child.stdout.on('data', chunk => {
        said += chunk;
      });
      return { child, said: () => said };
    };
    const lock = request('lock', block('{}'));

    it('that was cut anywhere does nothing', async () => {
      const m = machine(shell);
      m.container('starrocks-be', BE_DIGEST);
      const whole = request('stop', block('starrocks-be', BE_DIGEST));
      for (const length of [5, 30, 64, whole.length - 1]) {
        const { child } = raw(m);
        child.stdin.end(lock + whole.slice(0, length));
        await once(child, 'close');
      }
      expect(m.changes).toEqual([]);
      // Cut between two words, what has arrived is well-formed: two FEs would become one.
      const peers = block(join(m.deploy, 'copy'), ...Array.from({ length: 200 }, (_, at) => `10.0.0.${at}`));
      const cut = raw(m).child;
      const head = `writeState ${peers.length} 0\n`.padEnd(2047);
      cut.stdin.end(`${lock}${head}.${peers.slice(0, -block('10.0.0.199').length)}`);
      await once(cut, 'close');
      expect(m.read('state/fe/peers')).toBeNull();
      const { child } = raw(m);
      child.stdin.end(lock + whole);
      await once(child, 'close');
      expect(m.changes).toEqual(['stop|starrocks-be|']);
    });

    it('brings its arguments in its header where they find room, and behind it where they do not', async () => {
      const m = machine(shell);
      const s = await locked(m);
      const written = async (name: string) => {
        await s.run({ kind: 'writeState', host: at, peers: [name] });
        return m.read('state/fe/peers');
      };
      const room = 2047 - 'writeState 2000 0\n'.length - block(join(m.deploy, 'data/be/state')).length;
      for (let length = room - 3; length <= room + 3; length += 1) {
        const name = 'x'.repeat(length);
        expect(await written(name)).toBe(`${name}\n`);
      }
      expect(await written('y'.repeat(9000))).toBe(`${'y'.repeat(9000)}\n`);
    });

    it('may arrive byte by byte, among pings', async () => {
      const m = machine(shell);
      m.container('starrocks-be', BE_DIGEST);
      const { child, said } = raw(m);
      const bytes = `${request('ping')}${lock}${request('ping')}${request('nonsense')}${request('release')}`;
      for (const byte of Buffer.from(bytes)) child.stdin.write(Buffer.from([byte]));
      await once(child, 'close');
      const answers = said().trim().split(/\n+/).map(headOf);
      expect(answers).toEqual([
        ['N', 'ready', '0'],
        ['N', 'lock', '0'],
        ['N', 'nonsense', '1'],
      ]);
    });
  });

  it('waits for no answer before it looks at what it did, nor before it ends with its record', async () => {
    const m = machine(shell);
    const { connection, sent } = tardy(m, { stage: 'observe', record: 'release' });
    const s = await openSession(connection, m.host, nobodys(m.files));
    expect(await s.lock()).toMatchObject({ locked: true });
    expect((await s.runAndLook(stage))?.staged).toEqual([HOST_DIGEST]);
    await s.record('{"format":1}\n');
    await s.close();
    expect(sent()).toEqual(['lock', 'stage', 'observe', 'record', 'release']);
    expect(readdirSync(join(m.deploy, 'state/history'))).toHaveLength(1);
  });

  it('says so when there is no room for a temporary folder', async () => {
    const m = machine(shell);
    const { open } = m.connection();
    const connection = {
      ...m.connection(),
      open: (command: string) => open(`TMPDIR=/nowhere; export TMPDIR; ${command}`),
    };
    const opening = openSession(connection, m.host, nobodys(m.files));
    expect((await problem(opening)).code).toBe('E_TMP');
  });
});

describe('a session on a machine that does not answer', () => {
  const hung = () => {
    const m = machine('dash');
    const { open } = m.connection();
    return { m, connection: { ...m.connection(), open: (_: string) => open('cat >/dev/null; true') } };
  };

  it('is given up after the limit of one look, and the machine is named', async () => {
    const { m, connection } = hung();
    const quick = { ...cluster, timeouts: { ...cluster.timeouts, query: 0.2 } };
    const opening = openSession(connection, m.host, { ...nobodys(m.files), cluster: quick });
    expect(await problem(opening)).toMatchObject({ code: 'E_SSH_TIMEOUT', host: at });
  });

  it.each<[number, string, OnHost]>([
    [900, 'one operation', { kind: 'stop', host: at, service: 'starrocks-be', expects: BE_DIGEST }],
    [cluster.timeouts.pull + 60, 'a pull, a minute after its own limit', { kind: 'pull', host: at, image: 'x' }],
  ])('is given up after %i s of %s', async (seconds, _what, operation) => {
    const m = machine('dash');
    const s = await locked(m);
    m.fakeCommand('docker', 'sleep 3');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      let over = false;
      const late = problem(s.run(operation)).finally(() => {
        over = true;
      });
      await new Promise(resolve => setImmediate(resolve));
      vi.advanceTimersByTime(seconds * 1000 - 1);
      await new Promise(resolve => setImmediate(resolve));
      expect(over).toBe(false);
      vi.advanceTimersByTime(1);
      expect(await late).toMatchObject({
        code: 'E_SSH_TIMEOUT',
        message: expect.stringContaining(`within ${seconds} s`),
      });
    } finally {
      vi.useRealTimers();
    }
  });

  it('and one whose shell ends at once tells what that said', async () => {
    const m = machine('dash');
    const { open } = m.connection();
    const connection = { ...m.connection(), open: (_: string) => open('echo "no shell for you" >&2; exit 1') };
    const lost = await problem(openSession(connection, m.host, nobodys(m.files)));
    expect(lost).toMatchObject({ code: 'E_CONNECTION_LOST', host: at, detail: ['no shell for you'] });
  });
});
