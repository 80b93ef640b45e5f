import { describe, expect, it } from 'vitest';
import { causes } from '../../../.github/actions/deploy/src/diagnose/causes.ts';
import { diagnose } from '../../../.github/actions/deploy/src/diagnose/diagnose.ts';
import type { FrontendRow, HostWorld } from '../../../.github/actions/deploy/src/plan/world.ts';
import { known, unknown } from '../../../.github/actions/deploy/src/plan/world.ts';
import { cluster, deployed, withMachine } from '../plan/worlds.ts';
import { answersWith, BE, desired, diagnosed, FE, first, healthy, type Sickness, worldWith } from './sick.ts';

const GB = 1e9;
const disk = (path: string, free: number) => (machine: HostWorld) => ({
  ...machine,
  disks: [{ path, free, total: 100 * GB, access: 'writable' as const }],
});
const cursed = (log: string) => ({ log });

/** Node, sickness, the cause that comes first, and what of the evidence it shows. Log lines as StarRocks writes them. */
const table: readonly (readonly [string, string, Sickness, string, RegExp])[] = [
  [
    'an image that is not there',
    FE,
    { row: null, container: null, machine: one => ({ ...one, images: { 'starrocks/fe-ubuntu:3.3.18': null } }) },
    'D_IMAGE',
    /fe-ubuntu:3\.3\.18 is not on the machine/,
  ],
  [
    'limits that the engine may not raise',
    BE,
    {
      container: { state: 'created' },
      end: { status: 'created', exit_code: 128, error: 'error setting rlimit type 7: operation not permitted' },
    },
    'D_ULIMIT',
    /rlimit type 7/,
  ],
  [
    'a BE that the kernel killed for memory',
    BE,
    { container: { state: 'exited' }, end: { status: 'exited', exit_code: 137, oom_killed: true } },
    'D_OOM',
    /137, OOMKilled/,
  ],
  [
    'a kill that only the kernel log tells of',
    BE,
    { container: { state: 'exited' }, end: { status: 'exited', exit_code: 137 }, facts: { oom_kills: '2' } },
    'D_OOM',
    /out-of-memory/,
  ],
  ['a processor without AVX2', BE, { facts: { avx2: 'no' } }, 'D_NO_AVX2', /no avx2/],
  ['an instruction that is not there', BE, cursed('*** SIGILL (@0x2f6b0f1) received by PID 25'), 'D_NO_AVX2', /SIGILL/],
  [
    'a port that somebody else has',
    BE,
    { machine: one => ({ ...one, listeners: [{ port: 9050, owner: 'nginx (812)', service: null }] }) },
    'D_PORT_TAKEN',
    /9050 is held by nginx \(812\)/,
  ],
  [
    'edit_log_port in use',
    FE,
    cursed(
      '2024-09-16 21:21:59.942+08:00 ERROR (main|1) [NodeMgr.getCheckedSelfHostPort():642] edit_log_port 9010 is already in use. will exit.',
    ),
    'D_PORT_TAKEN',
    /9010 is already in use/,
  ],
  [
    'a heartbeat port in use',
    BE,
    cursed(
      'E0908 16:38:03.959837 10949 service_be.cpp:236] StarRocks BE HeartBeat Service did not start correctly. Error=Internal error',
    ),
    'D_PORT_TAKEN',
    /did not start correctly/,
  ],
  [
    'a folder that it may not write',
    FE,
    cursed('mkdir: cannot create directory: Permission denied'),
    'D_PERMISSION',
    /Permission/,
  ],
  [
    'under 5 GB for metadata, in its own words',
    FE,
    cursed(
      'ERROR (main|1) [MetaHelper.checkMetaDir():174] Free capacity left for meta dir: /opt/starrocks/fe/meta is less than 5GB',
    ),
    'D_META_DISK',
    /less than 5GB/,
  ],
  [
    'under 5 GB for metadata, as df sees it',
    FE,
    { machine: disk('/opt/starrocks-ha/data/fe/meta', 2 * GB) },
    'D_META_DISK',
    /^2\.0 GB free/,
  ],
  [
    'a full disk of a BE, in its own words',
    BE,
    cursed('W0308 olap_engine.cpp:9] No space left on device'),
    'D_STORAGE_DISK',
    /No space/,
  ],
  [
    'a full disk of a BE, as df sees it',
    BE,
    { machine: disk('/opt/starrocks-ha/data/be-0/storage', 1e6) },
    'D_STORAGE_DISK',
    /^0\.0 GB free/,
  ],
  [
    'a variable that fe.conf names and nobody sets',
    FE,
    cursed('InvalidConfException: no such env variable: NOPE\nStarRocksFE start failed'),
    'D_CONF',
    /NOPE/,
  ],
  [
    'a variable that be.conf names and nobody sets',
    BE,
    cursed('Non-existent environment variable: HOST_IP'),
    'D_CONF',
    /HOST_IP/,
  ],
  ['a mem_limit that does not parse', BE, cursed("Failed to parse mem limit from '50GB'."), 'D_CONF', /50GB/],
  [
    'JVM options of another release',
    FE,
    cursed("Unrecognized VM option 'UseConcMarkSweepGC'"),
    'D_JVM',
    /UseConcMarkSweepGC/,
  ],
  [
    'an FE that was dropped',
    FE,
    cursed('(JE 18.3.16) Node: 10.0.0.2_9010_1 is no longer a member of the group'),
    'D_DROPPED',
    /no longer a member/,
  ],
  [
    'an FE that was dropped and starts again',
    FE,
    cursed('current fe name: 10.0.0.2_9010_1, role: OBSERVER, NAME is removed. will exit'),
    'D_DROPPED',
    /is removed/,
  ],
  [
    'metadata without its journal',
    FE,
    cursed(
      'image exists, but bdb dir is empty, set start_with_incomplete_meta to true if you want to forcefully recover',
    ),
    'D_META_PARTIAL',
    /bdb dir is empty/,
  ],
  [
    'a join that was cut off',
    FE,
    cursed(
      '2026-01-01T00:00:00Z fe-entrypoint: NOT STARTED: a join was cut off, and /opt/starrocks/fe/meta cannot be trusted. Deploy again',
    ),
    'D_META_PARTIAL',
    /a join was cut off/,
  ],
  [
    'a disk of metadata that is not mounted',
    FE,
    cursed(
      '2026-01-01T00:00:00Z fe-entrypoint: NOT STARTED: /opt/starrocks/fe/meta is empty, and this machine was part of cluster 77. Is its disk mounted? It founds no second cluster',
    ),
    'D_DATA_LOST',
    /part of cluster 77/,
  ],
  [
    'a disk of storage that is not mounted',
    BE,
    cursed(
      '2026-01-01T00:00:00Z be-entrypoint: NOT STARTED: every storage folder is empty, and this BE was part of cluster 77. Is its disk mounted?',
    ),
    'D_DATA_LOST',
    /every storage folder is empty/,
  ],
  [
    'a role that changed',
    FE,
    cursed('current node role is OBSERVER not match with frontend recorded role FOLLOWER. will exit'),
    'D_ROLE_CONFLICT',
    /OBSERVER/,
  ],
  [
    'an FE that founded a second cluster',
    FE,
    { row: { err_msg: 'invalid parameter' } },
    'D_SECOND_CLUSTER',
    /invalid parameter/,
  ],
  ['a BE that a second cluster took', BE, { row: { err_msg: 'Out-dated epoch' } }, 'D_SECOND_CLUSTER', /epoch/],
  [
    'storage of another cluster',
    BE,
    { row: { err_msg: 'Unmatched cluster id' } },
    'D_CLUSTER_ID',
    /Unmatched cluster id/,
  ],
  [
    'storage of another cluster, before ErrMsg says so',
    BE,
    {
      row: { err_msg: '' },
      machine: one => ({ ...one, be: { 'starrocks-be': { storage: 'whole', cluster_id: '42', member: null } } }),
    },
    'D_CLUSTER_ID',
    /cluster id 42 on the disk/,
  ],
  [
    'metadata of another cluster',
    FE,
    { machine: one => ({ ...one, fe: { ...one.fe, cluster_id: '42' } }) },
    'D_CLUSTER_ID',
    /cluster id 42 on the disk/,
  ],
  ['a token of another cluster', BE, { row: { err_msg: 'Unmatched token' } }, 'D_TOKEN', /token/],
  [
    'a token that the helper refuses',
    FE,
    cursed('token is not equal with helper node 10.0.0.1:9010. will exit.'),
    'D_TOKEN',
    /helper node/,
  ],
  [
    'an address that the FE did not choose',
    BE,
    { row: { err_msg: 'FE saved address not match backend address' } },
    'D_ADDRESS',
    /saved address/,
  ],
  [
    'a leader that calls itself localhost',
    BE,
    { row: { err_msg: 'FE heartbeat with localhost ip but BE is not deployed on the same machine' } },
    'D_ADDRESS',
    /localhost/,
  ],
  [
    'an FE that took another address',
    FE,
    cursed('INFO (main|1) [FrontendOptions.initAddrUseIp():182] Use IP init local addr, IP: /172.17.0.1'),
    'D_ADDRESS',
    /172\.17\.0\.1/,
  ],
  [
    'an address range that holds no address of the machine',
    FE,
    cursed('WARN (main|1) ip address range configured for priority_networks does not include the current IP address'),
    'D_ADDRESS',
    /priority_networks/,
  ],
  [
    'a compute node in the place of a BE',
    BE,
    { row: { err_msg: 'expect to be BE but actually CN,Unmatched node type!' } },
    'D_NODE_TYPE',
    /CN/,
  ],
  ['FEs with different ports', FE, { row: { edit_log_port: 9011 } }, 'D_FE_PORTS_DIFFER', /9011/],
  [
    'a clock that BDB refuses',
    FE,
    cursed(
      'Clock delta: 11020 ms. between Feeder: 10.0.0.1_9010_1 and this Replica exceeds max permissible delta: 5000 ms. HANDSHAKE_ERROR',
    ),
    'D_CLOCK',
    /11020 ms/,
  ],
  [
    'a clock that is away from the others',
    FE,
    { machine: one => ({ ...one, clock_skew_ms: -9000 }) },
    'D_CLOCK',
    /-9\.0 s away from that of 10\.0\.0\.1/,
  ],
  ['a name server that does not answer', FE, { facts: { reverse_lookup: 'hangs' } }, 'D_REVERSE_LOOKUP', /10\.0\.0\.2/],
  [
    'a port that a firewall drops',
    FE,
    { reach: { '10.0.0.2>10.0.0.1:9010': 'timeout', '10.0.0.2>10.0.0.1:9030': 'open' } },
    'D_BLOCKED',
    /^10\.0\.0\.2 cannot reach 10\.0\.0\.1:9010 \(edit_log_port\)$/,
  ],
  [
    'a way back that a firewall drops',
    FE,
    { reach: { '10.0.0.1>10.0.0.2:9010': 'unreachable' } },
    'D_BLOCKED',
    /^10\.0\.0\.1 cannot reach 10\.0\.0\.2:9010/,
  ],
  [
    'a heartbeat that does not come through',
    BE,
    { reach: { '10.0.0.1>10.0.0.2:9050': 'timeout' } },
    'D_BLOCKED',
    /^10\.0\.0\.1 cannot reach 10\.0\.0\.2:9050 \(heartbeat_service_port\)$/,
  ],
  [
    'a BE that cannot reach the query port',
    BE,
    { row: null, reach: { '10.0.0.2>10.0.0.1:9030': 'timeout' } },
    'D_BLOCKED',
    /9030 \(query_port\)/,
  ],
  [
    'an FE that nobody added',
    FE,
    { row: null, log: 'WARN current node is not added to the group. please add it first. sleep 5 seconds and retry' },
    'D_WAITS_TO_BE_ADDED',
    /please add it first/,
  ],
  ['a BE that nobody added', BE, { row: null }, 'D_WAITS_TO_BE_ADDED', /no row of SHOW names it/],
  [
    'a helper that is not one',
    FE,
    cursed('failed to get fe node type from helper node: 10.0.0.9:9010. response code: 400'),
    'D_WRONG_HELPER',
    /10\.0\.0\.9/,
  ],
  [
    'a helper that is the FE itself',
    FE,
    cursed(
      'Do not specify the helper node to FE itself. Please specify it to the existing running Leader or Follower FE',
    ),
    'D_WRONG_HELPER',
    /itself/,
  ],
  [
    'helpers for an FE that has metadata',
    FE,
    cursed(
      'java.lang.IllegalStateException: null\n\tat com.starrocks.server.NodeMgr.getClusterIdAndRoleOnStartup(NodeMgr.java:373)',
    ),
    'D_WRONG_HELPER',
    /getClusterIdAndRoleOnStartup/,
  ],
  [
    'a leader that is not up',
    FE,
    cursed(
      '2026-01-01T00:00:00Z fe-entrypoint: waiting for an FE of the cluster, 25 s of 300 s: 10.0.0.1:8030 is not ready',
    ),
    'D_LEADER_NOT_UP',
    /10\.0\.0\.1:8030 is not ready/,
  ],
  [
    'an FE_HOST that is no FE',
    BE,
    cursed(
      '2026-01-01T00:00:00Z be-entrypoint: waiting for the FE cluster, 5 s of 300 s: 10.0.0.9:9030 answers: ERROR 2003 (HY000)',
    ),
    'D_WRONG_FE_HOST',
    /10\.0\.0\.9:9030/,
  ],
  [
    'an FE_QUERY_PORT that is not that of the FEs',
    BE,
    cursed(
      '2026-01-01T00:00:00Z be-entrypoint: no FE registered this BE within 300 s: no FE was asked yet. Can this machine reach 10.0.0.1:9031?',
    ),
    'D_WRONG_FE_HOST',
    /9031/,
  ],
  [
    'FEs that are not ready',
    BE,
    cursed(
      '2026-01-01T00:00:00Z be-entrypoint: waiting for the FE cluster, 5 s of 300 s: 10.0.0.1:9030 answers: ERROR 2003 (HY000)',
    ),
    'D_FE_NOT_READY',
    /10\.0\.0\.1:9030/,
  ],
  [
    'a password that the BE does not know',
    BE,
    cursed(
      '2026-01-01T00:00:00Z be-entrypoint: root of 10.0.0.1 has a password that is not known here: the deploy, or you, must register 10.0.0.2:9050',
    ),
    'D_WAITS_TO_BE_ADDED',
    /not known here/,
  ],
  [
    'a crash loop of which nothing is known',
    FE,
    { container: { state: 'restarting' }, end: { status: 'restarting', restarts: 9, exit_code: 1 } },
    'D_CRASHES',
    /9 restarts, exit code 1/,
  ],
  [
    'an FE whose peer refuses it, while nobody brings the rows',
    FE,
    { silence: 'no FE answers', reach: { '10.0.0.2>10.0.0.1:9010': 'refused' } },
    'D_LEADER_UNREACHABLE',
    /^10\.0\.0\.2 is refused by 10\.0\.0\.1:9010$/,
  ],
  [
    'a BE that runs and refuses the FEs',
    BE,
    { reach: { '10.0.0.1>10.0.0.2:9050': 'refused' } },
    'D_NOT_LISTENING',
    /^10\.0\.0\.2:9050 \(heartbeat_service_port\) refuses 10\.0\.0\.1$/,
  ],
  [
    'a BE of which the leader says so',
    BE,
    { row: { err_msg: 'java.net.ConnectException: Connection refused' } },
    'D_NOT_LISTENING',
    /ErrMsg: java\.net\.ConnectException: Connection refused/,
  ],
  [
    'an FE that was once started with names instead of addresses',
    FE,
    cursed(
      'ERROR The FQDN of the parsed address [10.0.0.2] is not the same as the FQDN obtained from the host [db-2.example]',
    ),
    'D_WRONG_MODE',
    /FQDN of the parsed address/,
  ],
  ['a container that somebody stopped', BE, { container: { state: 'exited' } }, 'D_STOPPED', /exited/],
  ['a machine that was never deployed to', BE, { row: null, container: null }, 'D_NOT_DEPLOYED', /no container/],
  ['a start that is not over', FE, { row: {}, container: { health: 'starting' } }, 'D_STARTING', /starting/],
];

describe('the most likely cause', () => {
  it.each(table)('of %s', (_, key, sickness, code, seen) => {
    expect(first(key, sickness)).toEqual({ code, seen: expect.stringMatching(seen) });
  });

  it('is known for every sign in the table of causes', () => {
    const tested = new Set(table.map(([, , , code]) => code));
    // Below: it needs more than one node that is ill.
    expect(causes.map(cause => cause.code).filter(code => !tested.has(code))).toEqual(['D_QUORUM_LOST']);
  });

  it('comes with one sentence of cause and one of what to do', () => {
    for (const { cause, todo } of causes) {
      expect(cause).toMatch(/^([A-Z]|root ).*\.$/s);
      expect(todo).toMatch(/^[A-Z].*\.$/s);
    }
  });

  it('is not looked for where all is well', () => {
    expect(diagnose(desired, healthy, new Map())).toEqual([]);
  });

  it('of nothing known is said to be unknown, with what is seen', () => {
    const found = first(FE, { row: { err_msg: 'strange' }, log: 'INFO fine\nERROR something odd\nINFO fine' });
    expect(found.code).toBe('D_UNKNOWN');
    expect(found.seen).toContain('Alive=false, ErrMsg: strange');
    expect(found.seen).toContain('ERROR something odd');
  });

  it('is at most one of three', () => {
    const everything = table.flatMap(([, key, { log }]) => (key === FE && log !== undefined ? [log] : [])).join('\n');
    expect(diagnosed(FE, { log: everything })).toHaveLength(3);
  });
});

describe('signs that are no signs', () => {
  it('are lines from before it was last up', () => {
    const log =
      'WARN current node is not added to the group. please add it first.\nINFO FE started successfully\nINFO odd';
    expect(first(FE, { log }).code).toBe('D_UNKNOWN');
  });

  it('are clocks that are right, beside one that is wrong', () => {
    const world = worldWith(FE, {});
    const wrong = world.hosts['10.0.0.3'];
    if (wrong?.known !== true) throw new Error('it is known');
    const skewed = {
      ...world,
      hosts: { ...world.hosts, '10.0.0.3': known({ ...wrong.value, clock_skew_ms: 60_000 }) },
    };
    const codes = diagnose(desired, skewed, answersWith(FE, {})).map(one => one.code);
    expect(codes).not.toContain('D_CLOCK');
  });

  it('are clocks that agree with each other and not with the runner', () => {
    const hosts = Object.entries(worldWith(FE, {}).hosts).map(([address, answer]) => [
      address,
      answer.known ? known({ ...answer.value, clock_skew_ms: 60_000 }) : answer,
    ]);
    const world = { ...worldWith(FE, {}), hosts: Object.fromEntries(hosts) };
    expect(diagnose(desired, world, new Map()).map(one => one.code)).not.toContain('D_CLOCK');
  });

  it('are ports that are refused: the way is open', () => {
    expect(first(FE, { reach: { '10.0.0.2>10.0.0.1:9010': 'refused' } }).code).not.toBe('D_BLOCKED');
  });
});

describe('a lost majority', () => {
  const silent = (state: 'exited' | 'running') => {
    const hosts = Object.entries(healthy.hosts).map(([address, answer]) => {
      if (!answer.known || address === '10.0.0.1') return [address, answer];
      const containers = answer.value.containers.map(one => (one.service === 'starrocks-fe' ? { ...one, state } : one));
      return [address, known({ ...answer.value, containers })];
    });
    return {
      hosts: Object.fromEntries(hosts),
      cluster: unknown('no FE brought the rows'),
      leaving: [],
      switches: {},
      answers: { ...healthy.answers, [FE]: known(false), '10.0.0.1/starrocks-fe': known(false) },
    };
  };

  it('is told with how many followers run', () => {
    const found = diagnose(desired, silent('exited'), new Map()).find(one => one.node === '10.0.0.1/starrocks-fe');
    expect(found).toMatchObject({ code: 'D_QUORUM_LOST', seen: '1 of 3 followers run, and 2 are needed' });
  });

  it('is told by an FE that waits for it', () => {
    const log = 'INFO wait globalStateMgr to be ready. FE type: INIT. is ready: false';
    const found = diagnose(desired, silent('running'), answersWith(FE, { log })).find(one => one.node === FE);
    expect(found).toMatchObject({ code: 'D_QUORUM_LOST', seen: log });
  });
});

describe('rows of an FE that founded a cluster of its own, while the true leader is down', () => {
  const rows = healthy.cluster.known ? healthy.cluster.value : null;
  if (rows === null) throw new Error('the healthy world has rows');
  const founder = { ...rows.frontends[0], host: '10.0.0.3', role: 'LEADER', cluster_id: '42' } as FrontendRow;
  const world = (...own: readonly string[]) => ({
    ...own.reduce(
      (before, address) => withMachine(before, address, one => ({ ...one, fe: { ...one.fe, cluster_id: '42' } })),
      healthy,
    ),
    cluster: known({ ...rows, asked: '10.0.0.3', leader: '10.0.0.3', frontends: [founder], backends: [] }),
  });

  it('are not taken for the cluster’s: nobody is told that the data of all others is foreign', () => {
    const found = diagnose(desired, world('10.0.0.3'), new Map());
    expect(found.filter(one => one.code === 'D_CLUSTER_ID')).toEqual([]);
    const first = (node: string) => found.find(one => one.node === node);
    expect([FE, BE].map(node => [first(node)?.code, first(node)?.seen])).toEqual(
      Array(2).fill([
        'D_SECOND_CLUSTER',
        expect.stringMatching(/^10\.0\.0\.3 shows the cluster 42, and 2 of 3 FEs carry /),
      ]),
    );
  });

  it('are the cluster’s where most FEs carry its id', () => {
    const found = diagnose(desired, world('10.0.0.1', '10.0.0.3'), new Map());
    expect(found.find(one => one.node === FE)?.code).toBe('D_CLUSTER_ID');
  });
});

describe('a machine', () => {
  const away = (reason: string) => ({ ...healthy, hosts: { ...healthy.hosts, '10.0.0.2': unknown(reason) } });

  it.each([
    [
      '10.0.0.2 shows the ssh-ed25519 host key SHA256:a, and known_hosts says SHA256:b: another machine answers',
      'D_HOST_KEY',
    ],
    ['10.0.0.2 shows the ssh-ed25519 key SHA256:a, and nobody has said that it is the right one', 'D_HOST_KEY'],
    ['10.0.0.2 shows the host key SHA256:a, which known_hosts revokes', 'D_HOST_KEY'],
    ['10.0.0.2 does not let root in with the key of this run (SHA256:a)', 'D_LOGIN'],
    ['sudo on 10.0.0.2 does not let deployer run commands without a password: sudo: a password is required', 'D_SUDO'],
    ['The user visitor may not look into /opt/starrocks-ha on 10.0.0.2, so nobody knows what is there', 'D_PERMISSION'],
    ['10.0.0.2 cannot be reached over SSH: connect ETIMEDOUT', 'D_UNREACHABLE'],
  ])('that nobody could look at: %s', (reason, code) => {
    expect(diagnose(desired, away(reason), new Map())).toEqual([
      expect.objectContaining({ node: '10.0.0.2', code, seen: reason }),
    ]);
  });

  it('without a usable Docker is told once, and not as one that was never deployed to', () => {
    const world = worldWith(FE, {
      machine: one => ({ ...one, containers: [], docker: unknown('its daemon does not run') }),
    });
    expect(diagnose(desired, world, new Map())).toEqual([
      expect.objectContaining({ node: '10.0.0.2', code: 'D_DOCKER', seen: 'its daemon does not run' }),
    ]);
  });

  it('in maintenance is left alone', () => {
    const resting = cluster([{}, { maintenance: true }, {}]);
    expect(diagnose(resting, { ...deployed(desired), hosts: away('it is in maintenance').hosts }, new Map())).toEqual(
      [],
    );
  });
});

describe('text from a stranger', () => {
  it('is shown at a length that a table bears', () => {
    const [one] = diagnosed(BE, { row: { err_msg: `Unmatched token ${'x'.repeat(100_000)}` } });
    expect(one?.seen.length).toBeLessThan(400);
    const [other] = diagnosed(FE, { log: `Permission denied ${'y'.repeat(100_000)}` });
    expect(other?.seen.length).toBeLessThan(400);
  });

  it('is read through the colours of a log', () => {
    expect(first(FE, { log: '\u001b[31mERROR\u001b[0m Permission\u001b[1m denied' })).toEqual({
      code: 'D_PERMISSION',
      seen: 'ERROR Permission denied',
    });
  });
});
