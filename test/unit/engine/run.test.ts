import { afterEach, describe, expect, it, vi } from 'vitest';
import { Machines } from '../../../.github/actions/deploy/src/engine/machines.ts';
import { run } from '../../../.github/actions/deploy/src/engine/run.ts';
import type { Session } from '../../../.github/actions/deploy/src/host/session.ts';
import type { Step } from '../../../.github/actions/deploy/src/plan/step.ts';
import type { World } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { RunReport } from '../../../.github/actions/deploy/src/report/run-report.ts';
import { counting } from '../../../.github/actions/deploy/src/transport/counters.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import { cluster, deployed, everything, meets } from '../plan/worlds.ts';

/** A planner that restarts all FEs together wherever the real one restarts one. */
vi.mock(import('../../../.github/actions/deploy/src/plan/next.ts'), async original => {
  const real = await original();
  return {
    ...real,
    next: situation => {
      const decision = real.next(situation);
      if (decision.kind !== 'wave') return decision;
      const everywhere = (step: Step) =>
        situation.desired.hosts.map(({ address: host }) => ({
          ...step,
          host,
          operations: step.operations.map(operation => ('host' in operation ? { ...operation, host } : operation)),
        }));
      const together = (step: Step): Step[] =>
        step.action === 'restart' && step.service === 'starrocks-fe' ? everywhere(step) : [step];
      return { ...decision, steps: decision.steps.flatMap(together) };
    },
  };
});

afterEach(() => vi.restoreAllMocks());

const both = (fe_conf: string, be_conf: string) => cluster([{}, {}, {}].map(() => ({ fe_conf, be_conf })));
const changed = both('x', 'x');
const met = (was: ClusterJson): World => meets(changed, deployed(was));

async function deploy(doing: (string | null)[] = []): Promise<RunReport> {
  const signal = new AbortController().signal;
  return run({
    mode: 'deploy',
    desired: { cluster: changed, files: new Map() },
    provenance: { repository: '', commit: '', run: '', actor: '' },
    generated: '',
    clone: '',
    headOfMain: async () => null,
    request: everything,
    approved: null,
    why: null,
    dryRun: false,
    connection: { privateKey: '', passphrase: null, knownHosts: [], counters: counting(), signal },
    password: null,
    parallelism: 1,
    doing: event => void doing.push(event.doing),
    signal,
    secrets: [],
  });
}

describe('a plan that could go wrong', () => {
  it('is told with its story, and nothing is begun', async () => {
    vi.spyOn(Machines.prototype, 'observe').mockResolvedValue(met(both('', 'x')));
    const doing: (string | null)[] = [];
    const { outcome, steps, problems } = await deploy(doing);
    expect(doing.at(-1)).toMatch(/^checked the plan: the first \d+ states that it and one fault can lead to$/);
    expect([outcome, new Set(steps.map(step => step.outcome))]).toEqual(['refused', new Set(['planned'])]);
    expect(problems).toMatchObject([
      {
        code: 'E_PLAN_UNSAFE',
        message:
          'The plan was left alone, because it could go wrong: the majority of followers is lost: 0 of 3 would be up, and 2 are needed.',
        detail: [
          '1. prepare 10.0.0.1, prepare 10.0.0.2, prepare 10.0.0.3',
          '2. the run would restart starrocks-fe on 10.0.0.1, restart starrocks-fe on 10.0.0.2, restart starrocks-fe on 10.0.0.3',
          '3. the majority of followers is lost: 0 of 3 would be up, and 2 are needed',
        ],
      },
    ]);
  });

  it('is left alone, too, when it became so while the lock was waited for', async () => {
    vi.spyOn(Machines.prototype, 'observe').mockResolvedValue(met(both('x', '')));
    vi.spyOn(Machines.prototype, 'open').mockImplementation(async ({ address }) => {
      const machine = met(both('', '')).hosts[address];
      if (machine?.known !== true) throw new Error(address);
      return { lock: async () => ({ locked: true, machine: machine.value }) } as unknown as Session;
    });
    vi.spyOn(Machines.prototype, 'look').mockResolvedValue(met(both('', '')));
    const { outcome, problems } = await deploy();
    expect([outcome, problems.map(problem => problem.code)]).toEqual(['refused', ['E_PLAN_UNSAFE']]);
  });
});
