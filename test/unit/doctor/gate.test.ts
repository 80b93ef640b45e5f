import { describe, expect, it } from 'vitest';
import { dangers, gateQuestions } from '../../../.github/actions/deploy/src/doctor/gate.ts';
import type { ProbeAnswer, Reach } from '../../../.github/actions/deploy/src/observe/probe.ts';
import { known, unknown, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import { cluster } from '../plan/worlds.ts';
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

const asked = (from: World = world) =>
  [...gateQuestions(desired, from)].flatMap(([address, all]) =>
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
    expect([...gateQuestions(resting, world).keys()]).toEqual(['10.0.0.1', '10.0.0.3']);
  });
});
