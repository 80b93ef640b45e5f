import { describe, expect, it } from 'vitest';
import { dangers, gateQuestions } from '../../../.github/actions/deploy/src/doctor/gate.ts';
import type { ProbeAnswer, Reach } from '../../../.github/actions/deploy/src/observe/probe.ts';
import { makePlan, type Wave } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { known, unknown, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { cluster, deployed, everything, stopped } from '../plan/worlds.ts';
import { good, wellMachine } from './examined.ts';

const desired = cluster([{}, {}, { fe: null }]);
const world: World = {
  hosts: Object.fromEntries(desired.hosts.map(host => [host.address, known(wellMachine())])),
  cluster: unknown('none yet'),
  leaving: [],
  answers: {},
  switches: {},
};

const answer = (facts: Record<string, string> = {}, reach: Record<string, Reach> = {}): ProbeAnswer => ({
  containers: {},
  logs: [],
  machine: { ...good, ...facts },
  reach,
});

const answers = (changed: Record<string, ProbeAnswer> = {}) =>
  new Map(desired.hosts.map(({ address }) => [address, changed[address] ?? answer()]));

const waves = (...steps: (readonly ['add' | 'restart' | 'start' | 'label', string])[]): Pick<Wave, 'steps'>[] => [
  {
    steps: steps.map(([action, host]) => ({
      ...{ action, host, service: 'starrocks-be', reason: '', operations: [], gates: [], outage: null },
    })),
  },
];
const all = waves(...desired.hosts.map(({ address }) => ['add', address] as const));

const asked = (from: World = world, what = all) =>
  [...gateQuestions(desired, from, what)].flatMap(([address, all]) =>
    all.flatMap(one => (one.kind === 'tcp' ? [`${address} ${one.address}:${one.port}`] : [])),
  );

describe('the gate of a deploy', () => {
  it('lets machines pass on which nothing is missing', () => {
    expect(dangers(desired, world, answers())).toEqual({ problems: [], warnings: [] });
  });

  it('asks each machine for the ways that it lives on', () => {
    expect(asked()).toEqual([
      '10.0.0.1 10.0.0.2:9030',
      '10.0.0.1 10.0.0.2:9010',
      '10.0.0.1 10.0.0.2:8030',
      '10.0.0.1 10.0.0.2:9050',
      '10.0.0.1 10.0.0.3:9050',
      '10.0.0.2 10.0.0.1:9030',
      '10.0.0.2 10.0.0.1:9010',
      '10.0.0.2 10.0.0.1:8030',
      '10.0.0.3 10.0.0.1:9030',
      '10.0.0.3 10.0.0.2:9030',
    ]);
  });

  it('does not ask for a way to a machine that was not reached', () => {
    const away = { ...world, hosts: { ...world.hosts, '10.0.0.2': unknown('it is off') } };
    expect(asked(away).filter(way => way.includes('10.0.0.2'))).toEqual([]);
  });

  it('stops before a BE on a processor without AVX2', () => {
    const { problems } = dangers(desired, world, answers({ '10.0.0.2': answer({ avx2: 'no' }) }));
    expect(problems).toEqual([expect.objectContaining({ code: 'E_NO_AVX2', host: '10.0.0.2', step: 'plan' })]);
  });

  it.each(['timeout', 'unreachable'] as const)('stops where a way between machines ends in %s', reach => {
    const { problems } = dangers(desired, world, answers({ '10.0.0.2': answer({}, { '10.0.0.1:9010': reach }) }));
    expect(problems).toEqual([
      expect.objectContaining({
        code: 'E_BLOCKED',
        host: '10.0.0.2',
        message: '10.0.0.2 cannot reach 10.0.0.1:9010 (edit_log_port).',
      }),
    ]);
  });

  it.each(['open', 'refused', 'unknown'] as const)('passes where a way is %s', reach => {
    const { problems } = dangers(desired, world, answers({ '10.0.0.2': answer({}, { '10.0.0.1:9010': reach }) }));
    expect(problems).toEqual([]);
  });

  it('warns of what costs time or data later, with the command', () => {
    const slow = answer({ reverse_lookup: 'hangs', swap_kib: '100', huge_pages: '[always] never', somaxconn: '1' });
    const { problems, warnings } = dangers(desired, world, answers({ '10.0.0.1': slow }));
    expect(problems).toEqual([]);
    expect(warnings).toEqual([
      expect.stringMatching(/^The check "swap is off" fails on 10\.0\.0\.1: 100\. Mend: sudo swapoff -a/),
      expect.stringMatching(/"transparent huge pages" fails on 10\.0\.0\.1: always\./),
      expect.stringMatching(/"reverse look-up of its own address" fails on 10\.0\.0\.1: hangs\./),
    ]);
  });

  it('neither stops nor warns for what was not answered', () => {
    expect(dangers(desired, world, new Map())).toEqual({ problems: [], warnings: [] });
  });

  it('leaves a machine in maintenance alone', () => {
    const resting = cluster([{}, { maintenance: true }, { fe: null }]);
    expect([...gateQuestions(resting, world, all).keys()]).toEqual(['10.0.0.1', '10.0.0.3']);
  });

  it('asks a machine where something is restarted what would keep it from coming back, and no other', () => {
    const kinds = [...gateQuestions(desired, deployed(desired), waves(['restart', '10.0.0.2'], ['label', '10.0.0.1']))];
    expect(kinds.map(([address, questions]) => [address, questions[0]?.kind])).toEqual([['10.0.0.2', 'brief']]);
    expect(asked(deployed(desired), waves(['restart', '10.0.0.2']))).toEqual([
      '10.0.0.2 10.0.0.1:9030',
      '10.0.0.2 10.0.0.1:9010',
      '10.0.0.2 10.0.0.1:8030',
    ]);
  });

  it('asks nothing when nothing is to be done, or what is down is to be started', () => {
    const there = deployed(desired);
    expect(gateQuestions(desired, there, makePlan(desired, there, everything).waves).size).toBe(0);
    const down = stopped(there, '10.0.0.2', 'starrocks-be');
    const plan = makePlan(desired, down, everything);
    expect(plan.waves.flatMap(wave => wave.steps.map(step => step.action))).toEqual(['start']);
    expect(gateQuestions(desired, down, plan.waves).size).toBe(0);
  });

  it('judges by what it was told in brief', () => {
    const machine = { missing_tools: '', reverse_lookup: 'hangs', inodes_free: '17' };
    const brief = { ...answer(), machine };
    const told = dangers(desired, world, new Map([['10.0.0.1', brief]]));
    expect(told.problems).toEqual([]);
    expect(told.warnings.map(one => /"(.*)"/.exec(one)?.[1])).toEqual(['inodes', 'reverse look-up of its own address']);
    const without = { ...brief, machine: { ...brief.machine, missing_tools: 'flock ' } };
    expect(dangers(desired, world, new Map([['10.0.0.1', without]])).problems.map(one => one.code)).toEqual([
      'E_TOOLS',
    ]);
  });
});
