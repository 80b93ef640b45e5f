import { describe, expect, it } from 'vitest';
import { next } from '../../../.github/actions/deploy/src/plan/next.ts';
import { makePlan, unfold } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { firstMemory } from '../../../.github/actions/deploy/src/plan/situation.ts';
import {
  type Container,
  type HostWorld,
  known,
  unknown,
  type World,
} from '../../../.github/actions/deploy/src/plan/world.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import {
  addedAgain,
  cluster,
  deployed,
  emptyMachine,
  emptyWorld,
  everything,
  meets,
  stopped,
  story,
  uploaded,
  withMachine,
  withRows,
} from './worlds.ts';

const three = [{}, {}, {}];
const container = (service: string, state: Container['state']): Container => ({
  ...{ service, state, digest: 'x', image: '', image_id: '', health: 'starting', started_at: '', restarts: 0 },
  mounts: {},
});
const silent = (world: World, key: string): World => ({
  ...world,
  answers: { ...world.answers, [key]: known(false) },
});
const prepared = (...hosts: number[]) => hosts.map(host => `prepare 10.0.0.${host}`);

describe('first bootstrap', () => {
  it('prepares everywhere, founds on master_host, joins FEs one at a time, then adds BEs together', () => {
    const desired = cluster(three);
    expect(story(desired, emptyWorld(desired))).toEqual([
      prepared(1, 2, 3),
      ['found the cluster on 10.0.0.1'],
      ['join starrocks-fe on 10.0.0.2'],
      ['join starrocks-fe on 10.0.0.3'],
      ['add starrocks-be on 10.0.0.1', 'add starrocks-be on 10.0.0.2', 'add starrocks-be on 10.0.0.3'],
      ['write down the FEs on 10.0.0.1', 'write down the FEs on 10.0.0.2'],
    ]);
  });

  it("sets root's password right after founding", () => {
    const desired = cluster(three, { password_env: 'STARROCKS_PASSWORD' });
    expect(story(desired, emptyWorld(desired))[2]).toEqual(["set root's password"]);
  });

  it('founds nothing while one machine does not answer, chosen or not', () => {
    const desired = cluster(three);
    const world = emptyWorld(desired);
    const hosts = { ...world.hosts, '10.0.0.3': unknown('connection refused') };
    const plan = makePlan(desired, { ...world, hosts }, { ...everything, hosts: new Set(['10.0.0.1', '10.0.0.2']) });
    expect(plan.problems.map(problem => [problem.code, problem.message])).toEqual([
      [
        'E_FOUNDING_REFUSED',
        "No leader answers, and no cluster is founded: 10.0.0.3 does not answer (connection refused), so it may carry the cluster's metadata.",
      ],
    ]);
  });

  const traces: [string, Parameters<typeof withMachine>[2]][] = [
    [
      'metadata',
      machine => ({
        ...machine,
        fe: {
          meta: 'whole',
          image: null,
          cluster_id: '7',
          state: { member: null, joining: false, founding: false, refused: false, peers: [], switches: null },
        },
      }),
    ],
    [
      'a membership in state/',
      machine => ({
        ...machine,
        fe: {
          meta: 'empty',
          image: null,
          cluster_id: null,
          state: { member: '7', joining: false, founding: false, refused: false, peers: [], switches: null },
        },
      }),
    ],
    [
      'a join under way',
      machine => ({
        ...machine,
        fe: {
          meta: 'empty',
          image: null,
          cluster_id: null,
          state: { member: null, joining: true, founding: false, refused: false, peers: [], switches: null },
        },
      }),
    ],
    [
      'FEs that it has met',
      machine => ({
        ...machine,
        fe: {
          meta: 'empty',
          image: null,
          cluster_id: null,
          state: { member: null, joining: false, founding: false, refused: false, peers: ['10.0.0.9'], switches: null },
        },
      }),
    ],
    [
      'BE storage with a cluster id',
      machine => ({ ...machine, be: { 'starrocks-be': { storage: 'whole', cluster_id: '7', member: null } } }),
    ],
    [
      'a member BE whose disk is not mounted',
      machine => ({ ...machine, be: { 'starrocks-be': { storage: 'empty', cluster_id: null, member: '7' } } }),
    ],
  ];
  it.each(traces)('founds nothing where any machine has %s', (_trace, change) => {
    const desired = cluster(three);
    for (const address of ['10.0.0.1', '10.0.0.2']) {
      const titles = story(desired, withMachine(emptyWorld(desired), address, change)).flat();
      expect(titles.filter(title => title.startsWith('found'))).toEqual([]);
    }
  });

  it.each<[string, Parameters<typeof withMachine>[2]]>([
    ['an FE that runs there', machine => ({ ...machine, containers: [container('starrocks-fe', 'running')] })],
    ['StarRocks that somebody else started', machine => ({ ...machine, strangers: ['the process java (812)'] })],
    [
      'an FE that a person started',
      machine => ({
        ...machine,
        by_hand: [
          {
            ...{ service: 'starrocks-fe', id: 'x', image: '', state: 'running', started_at: '', mounts: {} },
            ...{ network: 'host', restart_policy: 'no', env: {}, conf: null, conf_differs: [] },
          },
        ],
      }),
    ],
  ])('founds nothing beside %s, though that machine was not chosen and shall carry no FE', (_trace, change) => {
    const desired = cluster([{}, {}, { fe: null }]);
    const world = withMachine(emptyWorld(desired), '10.0.0.3', change);
    const chosen = { ...everything, hosts: new Set(['10.0.0.1', '10.0.0.2']) };
    const { problems } = makePlan(desired, world, chosen);
    expect(problems.map(({ code, message }) => [code, message.includes('10.0.0.3')])).toEqual([
      ['E_FOUNDING_REFUSED', true],
    ]);
  });

  const founding = (desired: ClusterJson, more: Partial<HostWorld>, refused: boolean): World => {
    const state = { member: null, joining: false, founding: true, refused, peers: [], switches: null };
    return withMachine(emptyWorld(desired), '10.0.0.1', machine => ({
      ...{ ...machine, ...more },
      fe: { meta: 'partial', image: null, cluster_id: null, state },
    }));
  };

  it('waits for one that founds, whoever began it', () => {
    const desired = cluster(three);
    const containers = [container('starrocks-fe', 'running')];
    expect(story(desired, founding(desired, { containers }, false)).slice(0, 2)).toEqual([
      prepared(1, 2, 3),
      ['join starrocks-fe on 10.0.0.2'],
    ]);
  });

  it.each([
    ['nothing runs', {}, false],
    ['its script does not start it', { containers: [container('starrocks-fe', 'running')] }, true],
  ])('founds again where a founding was cut off before anything else existed: %s', (_what, more, refused) => {
    const desired = cluster(three);
    const world = founding(desired, more, refused);
    expect(story(desired, world).slice(0, 3)).toEqual([
      prepared(1, 2, 3),
      ['move the metadata on 10.0.0.1 aside'],
      ['found the cluster on 10.0.0.1'],
    ]);
  });
});

describe('a deployed cluster', () => {
  it('needs no step when nothing differs', () => {
    const desired = cluster(three);
    expect(story(desired, deployed(desired))).toEqual([]);
  });

  it('gets a changed BE restarted alone', () => {
    const desired = cluster([{}, { be_conf: 'changed' }, {}]);
    expect(story(desired, deployed(cluster(three)))).toEqual([prepared(2), ['restart starrocks-be on 10.0.0.2']]);
  });

  it('gets BEs restarted in waves of one, then followers one by one, and the live leader last', () => {
    const before = deployed(cluster(three));
    const rows = before.cluster.known ? before.cluster.value : undefined;
    const frontends = rows?.frontends.map(row => ({
      ...row,
      role: row.host === '10.0.0.2' ? ('LEADER' as const) : ('FOLLOWER' as const),
    }));
    const elsewhere = { ...before, cluster: known({ ...rows, leader: '10.0.0.2', frontends } as never) };
    const desired = cluster(three.map(() => ({ fe_conf: 'x', be_conf: 'y' })));
    expect(story(desired, elsewhere)).toEqual([
      prepared(1, 2, 3),
      ['restart starrocks-be on 10.0.0.1'],
      ['restart starrocks-be on 10.0.0.2'],
      ['restart starrocks-be on 10.0.0.3'],
      ['restart starrocks-fe on 10.0.0.1'],
      ['restart starrocks-fe on 10.0.0.3'],
      ['restart starrocks-fe on 10.0.0.2'],
    ]);
  });

  it('grows by new FEs one by one, then new BEs together, restarting nobody', () => {
    const desired = cluster([...three, {}, {}]);
    const world = meets(desired, deployed(cluster(three)));
    expect(story(desired, world).slice(0, 4)).toEqual([
      prepared(4, 5),
      ['join starrocks-fe on 10.0.0.4'],
      ['join starrocks-fe on 10.0.0.5'],
      ['add starrocks-be on 10.0.0.4', 'add starrocks-be on 10.0.0.5'],
    ]);
    expect(
      story(desired, world)
        .flat()
        .filter(title => title.startsWith('restart')),
    ).toEqual([]);
  });

  it('tells a new machine without an FE which ones there are before its BE looks for one', () => {
    const desired = cluster([...three, { fe: null }]);
    const { waves } = makePlan(desired, meets(desired, deployed(cluster(three))), everything);
    const [add] = waves.flatMap(wave => wave.steps).filter(step => step.action === 'add');
    expect(
      add?.operations.map(one => (one.kind === 'writeState' ? [one.kind, one.host, one.peers] : one.kind)),
    ).toEqual([['writeState', '10.0.0.4', ['10.0.0.1', '10.0.0.2', '10.0.0.3']], 'activate', 'sql']);
  });

  it('lets every machine forget an FE that has left', () => {
    const desired = cluster(three);
    const world = withMachine(deployed(desired), '10.0.0.2', machine => ({
      ...machine,
      fe: { ...machine.fe, state: { ...machine.fe.state, peers: ['10.0.0.1', '10.0.0.3', '10.0.0.9'] } },
    }));
    const { waves } = makePlan(desired, world, everything);
    expect(waves.flatMap(wave => wave.steps.map(step => [step.host, step.reason, step.operations]))).toEqual([
      ['10.0.0.2', '10.0.0.9 left', [{ kind: 'writeState', host: '10.0.0.2', peers: ['10.0.0.1', '10.0.0.3'] }]],
    ]);
  });

  it('moves files that concern no service without restarting anything', () => {
    const desired = cluster([{}, { app: 'kafka moved' }, {}]);
    expect(story(desired, deployed(cluster(three)))).toEqual([prepared(2), ['refresh files on 10.0.0.2']]);
  });

  it('takes two BEs away together with five replicas, but never of two locations', () => {
    const five = Array.from({ length: 5 }, (_, index) => ({ location: `rack:r${index % 2}` }));
    const policy = { default_replication_num: 5 };
    const desired = cluster(
      five.map(host => ({ ...host, be_conf: 'x' })),
      policy,
    );
    const waves = story(desired, deployed(cluster(five, policy))).slice(1);
    expect(waves).toEqual([
      ['restart starrocks-be on 10.0.0.1', 'restart starrocks-be on 10.0.0.3'],
      ['restart starrocks-be on 10.0.0.2', 'restart starrocks-be on 10.0.0.4'],
      ['restart starrocks-be on 10.0.0.5'],
    ]);
  });
});

it('refuses a disk that is taken away, with the way there is', () => {
  const desired = cluster(three);
  const mounts = { '/opt/starrocks/be/storage-1': '/data/disk2' };
  const world = withMachine(deployed(desired), '10.0.0.3', machine => ({
    ...machine,
    containers: machine.containers.map(one => (one.service === 'starrocks-be' ? { ...one, mounts } : one)),
  }));
  const { waves, problems } = makePlan(desired, world, everything);
  expect([waves, problems.map(({ code, host }) => [code, host])]).toEqual([[], [['E_DATA_MOVED', '10.0.0.3']]]);
  expect(problems[0]?.message).toContain('keeps data in /data/disk2, and cluster.yaml says nothing of that folder');
  expect(problems[0]?.hint).toContain('take the BE out (`be: none`), deploy until it is drained and gone');
});

it('takes a disk away in which no tablet is', () => {
  const mounts = { '/opt/starrocks/be/storage-1': '/data/disk2' };
  const world = withMachine(deployed(cluster(three)), '10.0.0.3', machine => ({
    ...machine,
    vacant: ['/data/disk2'],
    containers: machine.containers.map(one => (one.service === 'starrocks-be' ? { ...one, mounts } : one)),
  }));
  const desired = cluster([{}, {}, { be_conf: 'of one disk' }]);
  expect(story(desired, world)).toEqual([['prepare 10.0.0.3'], ['restart starrocks-be on 10.0.0.3']]);
  const [restart] = makePlan(desired, world, everything).waves[1]?.steps ?? [];
  expect(restart?.reason).toContain('without /data/disk2 from now on, where no tablet is');
});

it('refuses a cluster with compute nodes by their names', () => {
  const world = withRows(deployed(cluster(three)), rows => ({ ...rows, compute_nodes: ['10.0.0.8:9050'] }));
  const { waves, problems } = makePlan(cluster([{}, {}, { be_conf: 'x' }]), world, everything);
  expect([waves, problems.map(({ code, message }) => [code, message.includes('10.0.0.8:9050')])]).toEqual([
    [],
    [['E_COMPUTE_NODES', true]],
  ]);
});

it('rolls forward what another version of this tool left half done, one node after the other', () => {
  const desired = cluster(three);
  const older = (world: World, address: string, services: readonly string[]): World =>
    withMachine(world, address, machine => ({
      ...machine,
      marker: { ...machine.marker, cluster: desired.cluster } as HostWorld['marker'],
      files: { ...machine.files, '.env': 'of the older version' },
      staged: ['of the older version'],
      containers: machine.containers.map(one =>
        services.includes(one.service) ? { ...one, digest: 'of the older version' } : one,
      ),
    }));
  const world = older(older(deployed(desired), '10.0.0.2', ['starrocks-fe', 'starrocks-be']), '10.0.0.3', [
    'starrocks-be',
  ]);
  expect(story(desired, world)).toEqual([
    prepared(2, 3),
    ['restart starrocks-be on 10.0.0.2'],
    ['restart starrocks-be on 10.0.0.3'],
    ['restart starrocks-fe on 10.0.0.2'],
  ]);
});

describe('what is down', () => {
  it('is repaired first, and does not block its own repair', () => {
    const desired = cluster([{}, {}, { fe_conf: 'x' }]);
    const world = stopped(deployed(cluster(three)), '10.0.0.3', 'starrocks-fe');
    expect(story(desired, world)).toEqual([prepared(3), ['start starrocks-fe on 10.0.0.3']]);
  });

  it('keeps another follower from being restarted', () => {
    const before = deployed(cluster(three));
    const world = stopped(before, '10.0.0.3', 'starrocks-fe');
    const gone = { ...world, hosts: { ...world.hosts, '10.0.0.3': unknown('no route to host') } };
    const desired = cluster([{}, { fe_conf: 'x' }, {}]);
    expect(story(desired, gone)).toEqual([prepared(2), ['E_GATE']]);
  });

  it('keeps another BE from being restarted', () => {
    const world = stopped(deployed(cluster(three)), '10.0.0.3', 'starrocks-be');
    const gone = { ...world, hosts: { ...world.hosts, '10.0.0.3': unknown('no route to host') } };
    expect(story(cluster([{}, { be_conf: 'x' }, {}]), gone)).toEqual([prepared(2), ['E_GATE']]);
  });

  it('is waited for by the next BE until its tablets are whole again', () => {
    const desired = cluster([{ be_conf: 'x' }, {}, {}]);
    const world = meets(desired, deployed(cluster(three)));
    if (!world.cluster.known) throw new Error('a deployed cluster has rows');
    const cloning = { ...world, cluster: known({ ...world.cluster.value, unhealthy_tablets: 4 }) };
    const memory = { started: {}, unhealthy_before: 0 };
    const ready = withMachine(cloning, '10.0.0.1', machine => ({
      ...machine,
      staged: desired.hosts.map(host => host.digest),
    }));
    expect(next({ desired, world: ready, request: everything, memory })).toEqual({
      kind: 'wait',
      reason: '10.0.0.1/starrocks-be may be restarted',
      hosts: [],
      service: null,
      limit_seconds: desired.timeouts.be_ready,
    });
    // As many as before this run are nobody's doing.
    const as = next({ desired, world: ready, request: everything, memory: { ...memory, unhealthy_before: 4 } });
    expect(as.kind).toBe('wave');
  });

  it('starts together when everything was stopped: followers, then observers, then BEs', () => {
    const observed = [{}, {}, { fe: 'observer' as const }, {}];
    const desired = cluster([...observed.slice(0, 3), { fe: 'observer' }]);
    // What its metadata says is what it is, whatever it is to become.
    const was = deployed(cluster(observed));
    const all = desired.hosts.reduce(
      (world, { address }) => stopped(stopped(world, address, 'starrocks-fe'), address, 'starrocks-be'),
      was,
    );
    expect(story(desired, { ...all, cluster: unknown('connection refused') }).slice(0, 3)).toEqual([
      [1, 2, 4].map(host => `start starrocks-fe on 10.0.0.${host}`),
      ['start starrocks-fe on 10.0.0.3'],
      [1, 2, 3, 4].map(host => `start starrocks-be on 10.0.0.${host}`),
    ]);
  });

  it('joins again under its name after it lost its metadata, never founds', () => {
    const desired = cluster(three);
    const world = withMachine(stopped(deployed(desired), '10.0.0.1', 'starrocks-fe'), '10.0.0.1', machine => ({
      ...machine,
      containers: machine.containers.filter(one => one.service !== 'starrocks-fe'),
      fe: {
        meta: 'empty',
        image: null,
        cluster_id: null,
        state: { member: null, joining: false, founding: false, refused: false, peers: [], switches: null },
      },
    }));
    expect(story(desired, world)[0]).toEqual(['join starrocks-fe on 10.0.0.1']);
  });

  it('has not lost its metadata where only its container is gone, and takes the new release in its turn', () => {
    const desired = cluster(three, { version: '3.4.10' });
    // As a run leaves it that is killed between the end of the old container and the start of the new one.
    const world = unfold(desired, meets(desired, deployed(cluster(three))), everything).end;
    const bare = withMachine(stopped(world, '10.0.0.2', 'starrocks-fe'), '10.0.0.2', machine => ({
      ...machine,
      containers: machine.containers.filter(one => one.service !== 'starrocks-fe'),
    }));
    const unheard = withRows(bare, rows => ({
      ...rows,
      frontends: rows.frontends.map(row =>
        row.host === '10.0.0.2'
          ? { ...row, version: '3.3.18' }
          : { ...row, last_heartbeat: row.host === '10.0.0.3' ? '2026-01-01 00:00:00' : '2026-01-01 00:05:00' },
      ),
    }));
    expect(story(desired, unheard)).toEqual([['upgrade starrocks-fe on 10.0.0.2']]);
  });

  it('has the metadata of its old name moved aside where somebody dropped it and added it again', () => {
    const desired = cluster(three);
    expect(story(desired, addedAgain(deployed(desired), '10.0.0.2'))).toEqual([
      ['move the metadata on 10.0.0.2 aside'],
      ['join starrocks-fe on 10.0.0.2'],
    ]);
  });

  const joining = (world: World, meta: 'partial' | 'whole', refused: boolean): World =>
    withMachine(silent(world, '10.0.0.2/starrocks-fe'), '10.0.0.2', machine => ({
      ...machine,
      fe: {
        meta,
        image: null,
        cluster_id: 'new',
        state: { member: null, joining: true, founding: false, refused, peers: [], switches: null },
      },
    }));

  it.each([
    ['stands still', (world: World) => joining(stopped(world, '10.0.0.2', 'starrocks-fe'), 'whole', false)],
    ['is not started by its script', (world: World) => joining(world, 'whole', true)],
    ['is incomplete, and not started by its script', (world: World) => joining(world, 'partial', true)],
  ])('has the metadata of a cut-off join moved aside before it joins again: it %s', (_what, change) => {
    const desired = cluster(three);
    expect(story(desired, change(deployed(desired))).slice(0, 2)).toEqual([
      ['move the metadata on 10.0.0.2 aside'],
      ['join starrocks-fe on 10.0.0.2'],
    ]);
  });

  it.each(['partial', 'whole'] as const)('is waited for while it joins, whoever began it (metadata %s)', meta => {
    const desired = cluster(three);
    const other = cluster([{}, { fe_conf: 'x' }, {}]);
    for (const [what, wanted] of [
      ['as declared', desired],
      ['other files', other],
    ] as const) {
      const world = uploaded(wanted, joining(deployed(desired), meta, false));
      const decided = next({ desired: wanted, world, request: everything, memory: firstMemory(world) });
      expect([what, decided]).toMatchObject([what, { kind: 'wait', hosts: ['10.0.0.2'], service: 'starrocks-fe' }]);
    }
  });
});

describe('an outage that cannot be avoided', () => {
  const one = [{}];
  const policy = { default_replication_num: 1 };

  it('is refused without allow_outage', () => {
    expect(story(cluster([{ fe_conf: 'x' }], policy), deployed(cluster(one, policy)))).toEqual([
      prepared(1),
      ['E_OUTAGE'],
    ]);
  });

  it('is a step that says so with allow_outage', () => {
    const desired = cluster([{ fe_conf: 'x', be_conf: 'y' }], { ...policy, allow_outage: true });
    const { waves } = makePlan(desired, deployed(cluster(one, policy)), everything);
    expect(waves.flatMap(wave => wave.steps.map(step => [step.action, step.service, step.outage]))).toEqual([
      ['prepare', null, null],
      ['restart', 'starrocks-be', 'data whose replicas lie on 10.0.0.1/starrocks-be, with 1 of each tablet'],
      ['restart', 'starrocks-fe', 'the whole cluster: without this FE no majority of followers remains'],
    ]);
  });
});

describe('refusals, before anything is touched', () => {
  const desired = cluster(three);
  const base = deployed(desired);
  const rows = base.cluster.known ? base.cluster.value : undefined;
  if (rows === undefined) throw new Error('a deployed cluster has rows');

  it.each([
    [
      'another cluster’s machine',
      'E_OTHER_CLUSTER',
      withMachine(base, '10.0.0.1', m => ({
        ...m,
        marker: { cluster: 'other', repository: '', commit: '', run: '', time: '' },
      })),
    ],
    [
      'StarRocks of somebody else',
      'E_FOREIGN_STARROCKS',
      withMachine(base, '10.0.0.1', m => ({ ...m, strangers: ['starrocks_be (812)'] })),
    ],
    [
      'a taken port',
      'E_PORT_TAKEN',
      withMachine(base, '10.0.0.1', m => ({ ...m, listeners: [{ port: 9010, owner: 'nginx (812)', service: null }] })),
    ],
    ['no docker', 'E_DOCKER', withMachine(base, '10.0.0.1', m => ({ ...m, docker: unknown('docker: not found') }))],
    ['too little memory', 'E_MEMORY', withMachine(base, '10.0.0.1', m => ({ ...m, memory: 2 ** 30 }))],
    ['clocks apart', 'E_CLOCK', withMachine(base, '10.0.0.1', m => ({ ...m, clock_skew_ms: 61_000 }))],
    [
      'moved data',
      'E_DATA_MOVED',
      withMachine(base, '10.0.0.1', m => ({
        ...m,
        containers: m.containers.map(one =>
          one.service === 'starrocks-fe' ? { ...one, mounts: { '/opt/starrocks/fe/meta': '/elsewhere' } } : one,
        ),
      })),
    ],
    [
      'data of another cluster',
      'E_FOREIGN_CLUSTER_ID',
      withMachine(base, '10.0.0.1', m => ({
        ...m,
        be: { 'starrocks-be': { storage: 'whole', cluster_id: '99', member: null } },
      })),
    ],
    [
      'storage that is gone where there was some',
      'E_STORAGE_LOST',
      withMachine(stopped(base, '10.0.0.1', 'starrocks-be'), '10.0.0.1', m => ({
        ...m,
        be: { 'starrocks-be': { storage: 'empty', cluster_id: null, member: rows.frontends[0]?.cluster_id ?? '' } },
      })),
    ],
    [
      'a container that nobody ever declared',
      'E_UNDECLARED',
      withMachine(base, '10.0.0.1', m => ({
        ...m,
        containers: m.containers.flatMap(one =>
          one.service === 'starrocks-be' ? [one, { ...one, service: 'starrocks-be-1' }] : [one],
        ),
      })),
    ],
    [
      'an FE that nobody ever declared',
      'E_UNKNOWN_MEMBER',
      {
        ...base,
        cluster: known({
          ...rows,
          frontends: [...rows.frontends, ...rows.frontends.slice(1, 2).map(row => ({ ...row, host: '10.0.0.9' }))],
        }),
      },
    ],
    [
      'a BE that nobody ever declared',
      'E_UNKNOWN_MEMBER',
      {
        ...base,
        cluster: known({
          ...rows,
          backends: [...rows.backends, ...rows.backends.slice(0, 1).map(row => ({ ...row, host: '10.0.0.9' }))],
        }),
      },
    ],
    [
      'a moved FE port',
      'E_FE_PORT_MOVED',
      { ...base, cluster: known({ ...rows, frontends: rows.frontends.map(row => ({ ...row, edit_log_port: 9011 })) }) },
    ],
  ] as const)('%s', (_what, code, world: World) => {
    const plan = makePlan(cluster([{ be_conf: 'x' }, {}, {}]), world, everything);
    expect(plan.waves).toEqual([]);
    expect([...new Set(plan.problems.map(problem => problem.code))]).toEqual([code]);
  });

  it.each([
    [
      'nginx (812)',
      'Stop that program, or run `npm run ports`, which finds a free port and writes it into cluster.yaml.',
    ],
    [
      '?',
      'The SSH user may not see which program that is, be it this cluster’s own: log in as root, or set `ssh: { sudo: true }`.',
    ],
  ])('a port that %s holds, with the way out', (owner, way) => {
    const listeners = [{ port: 9010, owner, service: null }];
    const { problems } = makePlan(
      desired,
      withMachine(base, '10.0.0.1', machine => ({ ...machine, listeners })),
      everything,
    );
    expect(problems.map(({ code, hint }) => [code, hint])).toEqual([['E_PORT_TAKEN', way]]);
  });

  it.each([
    ['read-only', 'mounted read-only', 'mount it read-write'],
    ['forbidden', 'cannot be written by the SSH user', 'Log in as root'],
  ] as const)('a folder that is %s says so', (access, message, hint) => {
    const disks = [{ path: '/opt/starrocks-ha', free: 1e12, total: 1e12, access }];
    const world = withMachine(base, '10.0.0.1', machine => ({ ...machine, disks }));
    const { problems } = makePlan(cluster([{ be_conf: 'x' }, {}, {}]), world, everything);
    expect(problems).toEqual([
      expect.objectContaining({
        code: 'E_READ_ONLY',
        message: expect.stringContaining(message),
        hint: expect.stringContaining(hint),
      }),
    ]);
  });

  it('lets a node that runs an empty machine through: nothing there is in the way', () => {
    expect(emptyMachine().strangers).toEqual([]);
  });
});

describe('a plan digest', () => {
  it('covers what is to be done, not who leads', () => {
    const desired = cluster([{}, { be_conf: 'x' }, {}]);
    const world = deployed(cluster(three));
    const rows = world.cluster.known ? world.cluster.value : undefined;
    const elsewhere = { ...world, cluster: known({ ...rows, leader: '10.0.0.3' } as never) };
    const digest = makePlan(desired, world, everything).digest;
    expect(makePlan(desired, elsewhere, everything).digest).toBe(digest);
    expect(makePlan(cluster([{}, { be_conf: 'y' }, {}]), world, everything).digest).not.toBe(digest);
  });
});
