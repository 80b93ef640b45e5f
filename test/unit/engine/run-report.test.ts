import { describe, expect, it } from 'vitest';
import type { StepRecord } from '../../../.github/actions/deploy/src/engine/converge.ts';
import type { Course } from '../../../.github/actions/deploy/src/engine/course.ts';
import { runReport } from '../../../.github/actions/deploy/src/engine/run-report.ts';
import { DeployError, type Problem } from '../../../.github/actions/deploy/src/error.ts';
import { makePlan } from '../../../.github/actions/deploy/src/plan/plan.ts';
import { type Step, stepTitle } from '../../../.github/actions/deploy/src/plan/step.ts';
import { known, type World } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { RunReport } from '../../../.github/actions/deploy/src/report/run-report.ts';
import { summary } from '../../../.github/actions/deploy/src/report/summary.ts';
import { cluster, deployed, everything, meets } from '../plan/worlds.ts';

const changed = { be_conf: 'other' };
const desired = cluster([changed, changed, changed, { maintenance: true }, {}, {}]);
const world = meets(desired, deployed(cluster([{}, {}, {}, {}, {}, {}])));
const plan = makePlan(desired, world, everything);
const [prepare, ...restarts] = plan.waves.map(wave => wave.steps);

const record = (step: Step, outcome: StepRecord['outcome']): StepRecord => ({
  ...{ title: stepTitle(step), step, outcome, started: 0, ended: 1000 },
});
const remembered: Step = {
  ...{ action: 'remember', host: '10.0.0.5', service: null, reason: 'an FE is new' },
  ...{ operations: [], gates: [], outage: null },
};
const problem = (host: string | null): Problem => ({
  ...{ code: 'E_BE_NOT_READY', host, step: 'restart starrocks-be' },
  ...{ message: 'It was not back within 300 s.\nIts log says more.', hint: 'Look at its log.' },
});
const unreached = new DeployError({
  ...{ code: 'E_UNREACHABLE', host: '10.0.0.6', hint: 'Is it up?' },
  message: '10.0.0.6 cannot be reached over SSH: EHOSTUNREACH.',
});

function reported(course: Partial<Course>, more: readonly (readonly [string, DeployError])[] = []): RunReport {
  const asked = {
    ...{ mode: 'deploy' as const, desired: { cluster: desired, files: new Map() }, why: null },
    provenance: { repository: '', commit: '', run: '', actor: '' },
  };
  return runReport(
    asked,
    { unreached: new Map(more) },
    {
      ...{ started: new Date(0), before: world, world, plan, records: [], freed: [], problems: [], findings: [] },
      ...{ diagnoses: [], logs: [], notes: [], ended: null },
      ...course,
    },
  );
}

/** The hosts of the summary, as a reader sees the table. */
function hosts(...given: Parameters<typeof reported>): string[] {
  return [...summary(reported(...given)).matchAll(/^\| (10\.0\.0\.\d) \| \S+ (.*) \|$/gm)].map(([, host, said]) =>
    `${host} ${said}`.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code)).replace(/<!-- -->/g, ''),
  );
}

describe('what a plan that restarts BEs warns of', () => {
  const totals = (tablets: number, replicas: number): World => {
    if (!world.cluster.known) throw new Error(world.cluster.reason);
    return { ...world, cluster: known({ ...world.cluster.value, tablets, replicas }) };
  };

  it('is that some tables have fewer replicas than the cluster counts on', () => {
    expect(reported({ before: totals(60, 180) }).dangers).toEqual([]);
    expect(reported({ before: totals(60, 178) }).dangers).toEqual([
      '60 tablets have 178 replicas in all, which is fewer than 3 each: a table that was made with one replica is away while its BE is.',
    ]);
    expect(
      reported({ before: totals(60, 178), plan: makePlan(desired, deployed(desired), everything) }).dangers,
    ).toEqual([]);
  });
});

describe('why a host is where it is', () => {
  const [first, second] = restarts.flat();
  if (prepare === undefined || first === undefined || second === undefined) throw new Error('nothing to do');

  it('is told of each, when a deploy fails midway', () => {
    const records = [
      ...prepare.map(step => record(step, 'done')),
      record(first, 'done'),
      record(second, 'failed'),
      record(remembered, 'done'),
    ];
    const problems = [problem(second.host)];
    expect(hosts({ records, problems }, [['10.0.0.6', unreached]])).toEqual([
      '10.0.0.1 applied | starrocks-be | prepare, restart',
      '10.0.0.2 failed | starrocks-be | It was not back within 300 s',
      '10.0.0.3 not reached | starrocks-be | because of 10.0.0.2: It was not back within 300 s',
      '10.0.0.4 in maintenance |  | it is in maintenance',
      '10.0.0.5 unchanged |  | ',
      '10.0.0.6 failed |  | 10.0.0.6 cannot be reached over SSH: EHOSTUNREACH',
    ]);
  });

  it('is what stopped the run, where that was no host', () => {
    expect(hosts({ problems: [problem(null)] }).slice(0, 3)).toEqual(
      ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map(
        host => `${host} not reached | starrocks-be | because of the cluster: It was not back within 300 s`,
      ),
    );
  });

  it('is what would be done to it, before anything was', () => {
    expect(hosts({})).toEqual([
      ...['10.0.0.1', '10.0.0.2', '10.0.0.3'].map(host => `${host} to be changed | starrocks-be | prepare, restart`),
      '10.0.0.4 in maintenance |  | it is in maintenance',
      '10.0.0.5 unchanged |  | ',
      '10.0.0.6 unchanged |  | ',
    ]);
  });
});
