import { describe, expect, it } from 'vitest';
import { withFe } from '../../../.github/actions/deploy/src/plan/draft.ts';
import { apply } from '../../../.github/actions/deploy/src/plan/effects.ts';
import { next } from '../../../.github/actions/deploy/src/plan/next.ts';
import type { Operation } from '../../../.github/actions/deploy/src/plan/operation.ts';
import { makePlan, unfold } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { settle } from '../../../.github/actions/deploy/src/plan/settle.ts';
import type { Step } from '../../../.github/actions/deploy/src/plan/step.ts';
import { known, type Switches, unknown, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { becomes, cluster, deployed, everything, meets, rowsOf, stopped, story, withMachine } from './worlds.ts';

const three = cluster([{}, {}, {}]);
const newer = cluster([{}, {}, {}], { version: '3.4.10' });
const running = meets(newer, deployed(three));

const operations = (world: World, desired = newer): Operation[] =>
  unfold(desired, world, everything).waves.flatMap(wave => wave.steps.flatMap(step => [...step.operations]));

const switched = (world: World, desired = newer): Switches[] =>
  operations(world, desired).flatMap(one =>
    one.kind === 'sql' && one.statement.kind === 'setSwitches' ? [one.statement.switches] : [],
  );

const codes = (desired: typeof newer, world: World): string[] =>
  makePlan(desired, world, everything).problems.map(one => one.code);

const usual: Switches = {
  tablet_sched_max_scheduling_tablets: '2000',
  tablet_sched_max_balancing_tablets: '500',
  tablet_sched_disable_balance: 'false',
  tablet_sched_disable_colocate_balance: 'true',
};
const none: Switches = {
  tablet_sched_max_scheduling_tablets: '0',
  tablet_sched_max_balancing_tablets: '0',
  tablet_sched_disable_balance: 'true',
  tablet_sched_disable_colocate_balance: 'true',
};

const withSwitches = (world: World, switches: Switches): World => ({
  ...world,
  switches: Object.fromEntries(Object.keys(world.switches).map(address => [address, switches])),
});

/** A run that was killed has written them down. */
const withSaved = (world: World, switches: Switches, unhealthy = 0): World =>
  ['10.0.0.1', '10.0.0.2', '10.0.0.3'].reduce(
    (at, address) =>
      withMachine(at, address, machine =>
        withFe(machine, fe => ({ ...fe, state: { ...fe.state, switches, unhealthy } })),
      ),
    world,
  );

/** What a run does last when it stopped on the way. */
const rebalancing = (world: World) =>
  next({
    desired: newer,
    world,
    request: { ...everything, intent: 'rebalance' },
    memory: { started: {}, unhealthy_before: 0 },
  });

/** The world right before the first step of the plan that is meant. */
function halfway(desired: typeof newer, world: World, until: (step: Step) => boolean): World {
  let at = world;
  for (const wave of unfold(desired, world, everything).waves) {
    if (wave.steps.some(step => step.action !== 'prepare' && step.action !== 'note' && until(step))) return at;
    for (const operation of wave.steps.flatMap(step => step.operations)) at = apply(operation, desired, at);
    at = settle(desired, at);
  }
  throw new Error('there is no such step');
}

describe('an upgrade', () => {
  const noted = [1, 2, 3].map(at => `write down on 10.0.0.${at} how tablets are balanced`);

  it('takes BEs, then followers, then the leader, with balancing off from before the first to after the last', () => {
    expect(story(newer, running)).toEqual([
      ['prepare 10.0.0.1', 'prepare 10.0.0.2', 'prepare 10.0.0.3'],
      noted,
      ['switch tablet balancing off'],
      ['upgrade starrocks-be on 10.0.0.1'],
      ['upgrade starrocks-be on 10.0.0.2'],
      ['upgrade starrocks-be on 10.0.0.3'],
      ['write the metadata as an image'],
      ['upgrade starrocks-fe on 10.0.0.2'],
      // It has forgotten that it was off.
      ['switch tablet balancing off'],
      ['upgrade starrocks-fe on 10.0.0.3'],
      ['switch tablet balancing off'],
      ['upgrade starrocks-fe on 10.0.0.1'],
      ['switch tablet balancing back'],
      noted,
    ]);
  });

  it('writes down how the switches were, on every FE, and leaves them so at its end', () => {
    const world = withSwitches(running, usual);
    const written = operations(world).filter(one => one.kind === 'writeSwitches');
    expect(written.slice(0, 3).map(one => one.switches)).toEqual([usual, usual, usual]);
    expect(written.slice(3).map(one => one.switches)).toEqual([null, null, null]);
    expect(switched(world).at(0)).toEqual(none);
    expect(switched(world).at(-1)).toEqual(usual);
    expect(Object.values(unfold(newer, world, everything).end.switches)).toEqual([usual, usual, usual]);
  });

  it('copies the metadata of every FE before it starts with the new release', () => {
    const steps = unfold(newer, running, everything).waves.flatMap(wave => wave.steps);
    const fes = steps.filter(step => step.action === 'upgrade' && step.service === 'starrocks-fe');
    expect(fes.map(step => step.operations.map(one => one.kind))).toEqual(
      [1, 2, 3].map(() => ['copyMetadata', 'activate']),
    );
    expect(fes[0]?.reason).toBe('3.3.18 becomes 3.4.10');
  });

  it('stops no FE before the new image of the metadata is on every one', () => {
    const memory = { started: {}, unhealthy_before: 0, images_before: { '10.0.0.1': 7, '10.0.0.2': 7, '10.0.0.3': 7 } };
    const image = (world: World, address: string, number: number) =>
      withMachine(world, address, machine => withFe(machine, fe => ({ ...fe, image: number })));
    const half = halfway(newer, running, step => step.action === 'image');
    const pushed = image(image(image(half, '10.0.0.1', 9), '10.0.0.2', 9), '10.0.0.3', 7);
    expect(next({ desired: newer, world: pushed, request: everything, memory })).toMatchObject({
      kind: 'wait',
      reason: 'the new image of the metadata is on 10.0.0.3',
    });
    expect(next({ desired: newer, world: image(pushed, '10.0.0.3', 9), request: everything, memory })).toMatchObject({
      kind: 'wave',
      steps: [{ action: 'upgrade', host: '10.0.0.2' }],
    });
  });

  it('tries one BE first, however many may be away', () => {
    const many = (version: string) =>
      cluster(
        Array.from({ length: 6 }, () => ({})),
        { version, default_replication_num: 5 },
      );
    const waves = unfold(many('3.3.19'), meets(many('3.3.19'), deployed(many('3.3.18'))), everything).waves;
    const widths = waves
      .map(wave => wave.steps.filter(step => step.service === 'starrocks-be' && step.action === 'upgrade').length)
      .filter(width => width > 0);
    expect(widths).toEqual([1, 2, 2, 1]);
  });

  it('lets tablets be repaired, and nothing else move, before the next BE is touched', () => {
    const half = withSaved(
      halfway(newer, running, step => step.host === '10.0.0.2' && step.action === 'upgrade'),
      usual,
    );
    const sick = { ...half, cluster: known({ ...rowsOf(half), unhealthy_tablets: 4 }) };
    const memory = { started: {}, unhealthy_before: 0 };
    const repairing = { ...none, tablet_sched_max_scheduling_tablets: '2000' };
    expect(next({ desired: newer, world: sick, request: everything, memory })).toMatchObject({
      title: 'let tablets be repaired',
      steps: [{ operations: [{ statement: { kind: 'setSwitches', switches: repairing } }] }],
    });
    expect(next({ desired: newer, world: withSwitches(sick, repairing), request: everything, memory })).toMatchObject({
      kind: 'wait',
      reason: '10.0.0.2/starrocks-be may be restarted',
    });
    const whole = { ...sick, cluster: known({ ...rowsOf(half), unhealthy_tablets: 0 }) };
    expect(next({ desired: newer, world: withSwitches(whole, repairing), request: everything, memory })).toMatchObject({
      steps: [{ operations: [{ statement: { kind: 'setSwitches', switches: none } }] }],
    });
  });

  it('touches no further BE while more tablets are unwhole than before the first of its runs', () => {
    const started = withSaved(
      halfway(newer, running, step => step.host === '10.0.0.2' && step.action === 'upgrade'),
      usual,
      2,
    );
    const sick = { ...started, cluster: known({ ...rowsOf(started), unhealthy_tablets: 9 }) };
    // A run that begins now sees nine, and must not take them for what is usual.
    const memory = { started: {}, unhealthy_before: 9 };
    expect(next({ desired: newer, world: sick, request: everything, memory })).toMatchObject({
      title: 'let tablets be repaired',
    });
    const whole = { ...sick, cluster: known({ ...rowsOf(started), unhealthy_tablets: 2 }) };
    expect(next({ desired: newer, world: whole, request: everything, memory })).toMatchObject({
      steps: [{ action: 'upgrade', host: '10.0.0.2' }],
    });
  });

  it('is finished by the next run, which brings back what the first one wrote down', () => {
    const killed = withSaved(withSwitches(running, none), usual);
    expect(
      operations(killed)
        .filter(one => one.kind === 'writeSwitches')
        .map(one => one.switches),
    ).toEqual([null, null, null]);
    expect(switched(killed).at(-1)).toEqual(usual);
  });

  it('brings the switches back when a run was killed right at its end', () => {
    const killed = withSaved(withSwitches(deployed(newer), none), usual);
    expect(story(newer, killed)).toEqual([['switch tablet balancing back'], noted]);
  });

  it('that was broken off waits for a leader before it brings the switches back, and forgets nothing meanwhile', () => {
    const killed = { ...withSaved(running, usual), cluster: unknown('an election'), switches: {} };
    expect(rebalancing(killed)).toMatchObject({ kind: 'wait', reason: 'a leader answers' });
    expect(rebalancing({ ...killed, ...withSaved(running, usual), switches: {} })).toEqual({ kind: 'done' });
  });

  it('that was broken off keeps what it wrote down beside an FE that runs and does not say how it balances', () => {
    const world = withSaved(withSwitches(running, usual), usual);
    const { '10.0.0.3': _silent, ...switches } = world.switches;
    const forgets = (at: World) => {
      const decision = rebalancing(at);
      return decision.kind === 'wave' ? decision.steps.map(step => step.host) : decision;
    };
    expect(forgets({ ...world, switches })).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(forgets({ ...stopped(world, '10.0.0.3', 'starrocks-fe'), switches })).toEqual([
      '10.0.0.1',
      '10.0.0.2',
      '10.0.0.3',
    ]);
  });

  it('touches no node beside an FE that runs and does not say how it balances', () => {
    const { waves } = unfold(newer, running, everything);
    const rolling = waves.find(wave => wave.steps.some(step => step.service === 'starrocks-be'))?.meets ?? running;
    const memory = { started: {}, unhealthy_before: 0 };
    const decide = (world: World) => next({ desired: newer, world, request: everything, memory });
    expect(decide(rolling)).toMatchObject({ kind: 'wave', steps: [{ service: 'starrocks-be' }] });
    const { '10.0.0.1': _silent, ...switches } = rolling.switches;
    const reason = '10.0.0.1 say how they balance tablets';
    expect(decide({ ...rolling, switches })).toMatchObject({ kind: 'wait', reason });
    // One that is down has forgotten them, and waits for nobody.
    expect(decide({ ...stopped(rolling, '10.0.0.1', 'starrocks-fe'), switches })).not.toMatchObject({ reason });
  });

  it('starts an FE that is down as it was, until its turn comes', () => {
    const world = stopped(running, '10.0.0.2', 'starrocks-fe');
    const titles = story(newer, world).flat();
    expect(titles.indexOf('start starrocks-fe on 10.0.0.2')).toBeLessThan(
      titles.indexOf('upgrade starrocks-be on 10.0.0.1'),
    );
    const start = unfold(newer, world, everything)
      .waves.flatMap(wave => wave.steps)
      .find(step => step.action === 'start');
    expect(start?.operations).toMatchObject([{ kind: 'restart', expects: 'fe-' }]);
    expect(titles).toContain('upgrade starrocks-fe on 10.0.0.2');
  });

  it('of a cluster that stands still starts it as it was first, all FEs together', () => {
    const off = [1, 2, 3].reduce(
      (at, host) => stopped(stopped(at, `10.0.0.${host}`, 'starrocks-fe'), `10.0.0.${host}`, 'starrocks-be'),
      running,
    );
    const world = { ...off, cluster: unknown('nobody leads') };
    const waves = unfold(newer, world, everything).waves;
    const start = waves.find(wave => wave.steps.some(step => step.action === 'start'));
    expect(start?.steps.flatMap(step => step.operations.map(one => one.kind))).toEqual([
      'restart',
      'restart',
      'restart',
    ]);
    expect(waves.flatMap(wave => wave.steps).filter(step => step.action === 'upgrade')).toHaveLength(6);
  });

  it('takes one FE that has just ended, and that Docker still calls healthy, for no moved port', () => {
    const ended = { ...running, answers: { ...running.answers, '10.0.0.1/starrocks-fe': known(false) } };
    expect(codes(newer, ended)).not.toContain('E_FE_PORT_MOVED');
    const silent = [1, 2, 3].map(at => [`10.0.0.${at}/starrocks-fe`, known(false)] as const);
    const moved = { ...running, cluster: unknown('nobody answers'), answers: Object.fromEntries(silent) };
    expect(codes(newer, moved)).toContain('E_FE_PORT_MOVED');
  });

  it('without a majority to spare takes the outage that cluster.yaml allows', () => {
    const alone = (version: string, policy = {}) => cluster([{}], { version, default_replication_num: 1, ...policy });
    expect(codes(alone('3.4.10'), meets(alone('3.4.10'), deployed(alone('3.3.18'))))).toEqual(['E_OUTAGE']);
    const allowed = alone('3.4.10', { allow_outage: true });
    expect(codes(allowed, meets(allowed, deployed(alone('3.3.18'))))).toEqual([]);
  });
});

describe('a downgrade', () => {
  it('takes followers, the leader, then BEs', () => {
    const titles = story(three, meets(three, deployed(newer)))
      .flat()
      .filter(title => title.startsWith('downgrade'));
    expect(titles).toEqual([
      ...[2, 3, 1].map(at => `downgrade starrocks-fe on 10.0.0.${at}`),
      ...[1, 2, 3].map(at => `downgrade starrocks-be on 10.0.0.${at}`),
    ]);
  });

  it('is what a revert in the middle of an upgrade is: of those that were upgraded', () => {
    const half = halfway(
      newer,
      running,
      step => step.host === '10.0.0.3' && step.service === 'starrocks-fe' && step.action === 'upgrade',
    );
    const titles = story(three, meets(three, half)).flat();
    expect(titles.filter(title => title.startsWith('downgrade'))).toEqual([
      'downgrade starrocks-fe on 10.0.0.2',
      ...[1, 2, 3].map(at => `downgrade starrocks-be on 10.0.0.${at}`),
    ]);
    expect(titles.slice(-4)).toEqual([
      'switch tablet balancing back',
      ...[1, 2, 3].map(at => `write down on 10.0.0.${at} how tablets are balanced`),
    ]);
  });
});

describe('a revert of what never came up', () => {
  /** Its container has the new release, and its row is that of the last heartbeat. */
  const broken = (service: 'starrocks-be' | 'starrocks-fe') => {
    const world = deployed(three);
    const [, host] = newer.hosts;
    const wanted = [host?.fe, ...(host?.be ?? [])].find(one => one?.name === service);
    const silent = { ...world, answers: { ...world.answers, [`10.0.0.2/${service}`]: known(false) } };
    return withMachine(silent, '10.0.0.2', machine => ({
      ...machine,
      containers: machine.containers.map(one =>
        one.service === service
          ? { ...one, image: wanted?.image ?? '', digest: wanted?.digest ?? '', health: 'unhealthy' as const }
          : one,
      ),
    }));
  };
  const steps = (world: World) =>
    unfold(three, meets(three, world), everything).waves.flatMap(wave =>
      wave.steps.flatMap(step => (step.action === 'downgrade' ? step.operations.map(one => one.kind) : [])),
    );

  it('takes a BE back with balancing off, as any other', () => {
    expect(story(three, meets(three, broken('starrocks-be'))).flat()).toContain('switch tablet balancing off');
    expect(steps(broken('starrocks-be'))).toEqual(['activate']);
  });

  it('takes an FE back after its metadata was copied, as any other', () => {
    expect(steps(broken('starrocks-fe'))).toEqual(['copyMetadata', 'activate']);
  });
});

describe('a change of the version is refused', () => {
  const to = (version: string) => cluster([{}, {}, {}], { version });
  const from = (version: string, wanted: string): [typeof newer, World] => [
    to(wanted),
    meets(to(wanted), deployed(to(version))),
  ];

  it.each([
    ['3.3.18', '3.5.6', 'E_VERSION_PATH'],
    ['3.4.9', '3.5.6', 'E_VERSION_PATH'],
    ['3.4.4', '3.3.8', 'E_VERSION_PATH'],
    ['3.5.6', '3.5.1', 'E_VERSION_PATH'],
    ['4.0.3', '3.5.9', 'E_VERSION_PATH'],
  ])('from %s to %s', (old, wanted, code) => {
    expect(codes(...from(old, wanted))).toEqual([code]);
    expect(makePlan(...from(old, wanted), everything).waves).toEqual([]);
  });

  it('while a machine cannot be looked at', () => {
    const world = { ...running, hosts: { ...running.hosts, '10.0.0.3': unknown('cut off') } };
    expect(makePlan(newer, world, everything).problems).toMatchObject([
      { code: 'E_VERSION_AWAY', message: '3.3.18 is to become 3.4.10, and 10.0.0.3 cannot be looked at: cut off.' },
    ]);
  });

  it('together with a machine that comes or goes, or a role that changes', () => {
    const grown = cluster([{}, {}, {}, { fe: null }], { version: '3.4.10' });
    expect(codes(grown, meets(grown, deployed(three)))).toEqual(['E_VERSION_AND_MORE']);
    const four = cluster([{}, {}, {}, { fe: null }]);
    expect(codes(newer, becomes(newer, four))).toEqual(['E_VERSION_AND_MORE']);
    const leaves = becomes(newer, four);
    const silent = { ...leaves, cluster: unknown('nobody leads') };
    expect(codes(newer, silent)).toEqual(['E_VERSION_AND_MORE']);
    const cut = { ...silent, hosts: { ...leaves.hosts, '10.0.0.4': unknown('cut off') } };
    expect(codes(newer, cut)).toEqual(['E_VERSION_AND_MORE']);
    const turned = cluster([{}, {}, { fe: 'observer' }], { version: '3.4.10' });
    expect(codes(turned, meets(turned, deployed(three)))).toEqual(['E_VERSION_AND_MORE']);
  });

  it('for a part of the machines', () => {
    const part = { ...everything, hosts: new Set(['10.0.0.2']) };
    expect(makePlan(newer, running, part).problems.map(one => one.code)).toEqual(['E_VERSION_PART']);
  });

  it('when nodes run older and newer releases than the wanted one', () => {
    const rows = rowsOf(running);
    const mixed = {
      ...running,
      cluster: known({
        ...rows,
        backends: rows.backends.map((row, at) => (at === 0 ? { ...row, version: '3.5.1' } : row)),
      }),
    };
    expect(codes(newer, mixed)).toEqual(['E_VERSION_MIXED']);
  });
});

it('another image of the same release is no change of the version', () => {
  const mirror = (image: string) => {
    const base = cluster([{}, {}, {}]);
    return {
      ...base,
      hosts: base.hosts.map(host => ({
        ...host,
        be: host.be.map(be => ({ ...be, image, digest: `${be.digest}${image}` })),
      })),
    };
  };
  const desired = mirror('mirror.example/be@sha256:00');
  expect(
    story(desired, meets(desired, deployed(three)))
      .flat()
      .filter(title => title.includes('fe on')),
  ).toEqual([]);
  expect(switched(meets(desired, deployed(three)), desired)).toEqual([]);
});
