import type { ClusterJson, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { approvalOf } from '../plan/approval.ts';
import { impacts } from '../plan/impact.ts';
import { type RowContract, rowContract } from '../plan/row-contract.ts';
import { RESTARTS, type Step, stepTitle } from '../plan/step.ts';
import { timeline } from '../plan/timeline.ts';
import type { World } from '../plan/world.ts';
import type { HostOutcome, HostReport, RunOutcome, RunReport, StepReport, WaveReport } from '../report/run-report.ts';
import type { Course, RunOptions } from './course.ts';
import type { Machines } from './machines.ts';

/** What the report tells of how a run was asked for. */
type Asked = Pick<RunOptions, 'desired' | 'mode' | 'provenance' | 'why' | 'counters'>;

/** What the run found out and did, as everybody reads it. */
export function runReport(options: Asked, machines: Pick<Machines, 'unreached'>, course: Course): RunReport {
  const { cluster } = options.desired;
  const rows = course.world?.cluster.known === true ? course.world.cluster.value : null;
  return {
    format: 1,
    mode: options.mode,
    cluster: cluster.cluster,
    version: cluster.version,
    commit: options.provenance.commit || null,
    run: options.provenance.run,
    actor: options.provenance.actor || null,
    why: options.why,
    started: course.started.toISOString(),
    ended: new Date().toISOString(),
    plan_digest: course.plan?.digest ?? null,
    approval: course.plan === null ? null : approvalOf(cluster, course.plan),
    outcome: outcome(options, course),
    waves: waves(options, course),
    rows: contract(course),
    timeline: course.plan === null || course.records.length > 0 ? [] : timeline(course.plan.waves),
    hosts: hostReports(options, machines, course),
    steps: stepReports(course),
    findings: course.findings,
    problems: course.problems,
    diagnoses: course.diagnoses,
    dangers: dangers(course, options.desired),
    frontends: rows?.frontends.map(row => row.raw) ?? [],
    backends: rows?.backends.map(row => row.raw) ?? [],
    logs: course.logs,
    counters: options.counters?.() ?? {},
  };
}

function waves({ desired }: Asked, { plan }: Course): WaveReport[] {
  if (plan === null) return [];
  const impact = impacts(desired.cluster, plan);
  return plan.waves.map((wave, at) => ({
    title: wave.title,
    steps: wave.steps.map(step => ({ title: stepTitle(step), reason: step.reason })),
    impact: impact[at] ?? null,
  }));
}

const contract = ({ plan, before }: Course): RowContract | null =>
  plan === null || before === null || plan.waves.length === 0 ? null : rowContract(before, plan.end);

function outcome(options: Asked, course: Course): RunOutcome {
  const { problems, findings, plan, records } = course;
  if (course.ended !== null && problems.length === 0) return course.ended;
  const changed = records.some(record => record.outcome !== 'not-begun');
  const wrong = problems.length > 0 || findings.some(finding => finding.severity === 'error');
  // Whoever asks what differs has the answer, however bad it is.
  if (wrong && options.mode === 'drift' && course.world !== null) return 'differs';
  if (wrong && changed) return 'failed';
  const refused = plan !== null && plan.problems.length > 0;
  const broken = findings.some(finding => finding.severity === 'error');
  const now = plan?.waves.filter(wave => !wave.later).length ?? 0;
  const stopped = options.mode !== 'plan' && now > 0 && !broken;
  if (wrong) return refused || stopped ? 'refused' : 'failed';
  const drains = findings.some(finding => finding.kind === 'draining');
  if (changed) return drains ? 'draining' : 'changed';
  if (now > 0) return 'differs';
  if (drains || plan?.draining === true) return 'draining';
  return options.mode === 'deploy' ? 'unchanged' : 'converged';
}

const iso = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());

function stepReports({ plan, records }: Course): StepReport[] {
  const told = records.map(({ title, step, outcome, started, ended }) => ({
    title,
    host: step.host,
    service: step.service,
    reason: step.reason,
    outcome,
    started: iso(started),
    ended: iso(ended),
  }));
  const begun = new Set(told.map(step => step.title));
  const rest = (plan?.waves ?? []).flatMap(wave => wave.steps).filter(step => !begun.has(stepTitle(step)));
  const ran = records.length > 0;
  return [
    ...told,
    ...rest.map(step => ({
      title: stepTitle(step),
      host: step.host,
      service: step.service,
      reason: step.reason,
      outcome: ran ? ('not-begun' as const) : ('planned' as const),
      started: null,
      ended: null,
    })),
  ];
}

function dangers({ plan, before, notes }: Course, { cluster }: Asked['desired']): string[] {
  const steps = plan?.waves.flatMap(wave => wave.steps) ?? [];
  const outages = steps.flatMap(step =>
    step.outage === null ? [] : [`${stepTitle(step)} takes an outage of ${step.outage}.`],
  );
  return [...outages, ...fewReplicas(steps, before, cluster), ...notes];
}

/** Only how many there are in all is told: which tables were made with fewer, nobody asks StarRocks. */
function fewReplicas(steps: readonly Step[], world: World | null, desired: ClusterJson): string[] {
  const rows = world?.cluster.known === true ? world.cluster.value : null;
  const wanted = desired.default_replication_num;
  const hit = steps.some(
    ({ service, action }) => service?.startsWith('starrocks-be') && (RESTARTS.has(action) || action === 'stop'),
  );
  // Those that are missing for now are told elsewhere.
  if (!hit || rows?.tablets == null || rows.replicas == null || rows.unhealthy_tablets !== 0) return [];
  if (rows.replicas >= rows.tablets * wanted) return [];
  return [
    `${rows.tablets} tablets have ${rows.replicas} replicas in all, which is fewer than ${wanted} each: a table that was made with one replica is away while its BE is.`,
  ];
}

function hostReports(options: Asked, machines: Pick<Machines, 'unreached'>, course: Course): HostReport[] {
  const planned = course.plan?.waves.flatMap(wave => wave.steps) ?? [];
  const declared = options.desired.cluster.hosts;
  const leaving = (course.world?.leaving ?? []).filter(({ address }) =>
    declared.every(host => host.address !== address),
  );
  return [...declared, ...leaving].map(host => {
    const { address } = host;
    // What a machine only remembers of the others is no change of it.
    const steps = course.records.filter(({ step }) => step.host === address && step.action !== 'remember');
    const mine = planned.filter(step => step.host === address && step.action !== 'remember');
    const services = [...new Set([...steps.map(one => one.step), ...mine].flatMap(step => step.service ?? []))];
    const told = (outcome: HostOutcome, why: string): HostReport => ({
      address,
      outcome,
      why,
      services: services.sort(byName),
    });
    if (host.maintenance) return told('maintenance', 'it is in maintenance');
    const unreached = machines.unreached.get(address);
    if (unreached !== undefined && declared.includes(host))
      return told('failed', unreached.problem.message.replace(/\.$/, ''));
    const problem = course.problems.find(one => one.host === address);
    if (problem !== undefined) return told('failed', firstLine(problem.message));
    const undone = mine.filter(step => !steps.some(one => one.outcome === 'done' && one.title === stepTitle(step)));
    const cause = course.problems[0];
    if (undone.length > 0 && cause !== undefined) {
      return told('not-reached', `because of ${cause.host ?? 'the cluster'}: ${firstLine(cause.message)}`);
    }
    if (steps.length > 0) return told('applied', steps.map(one => one.step.action).join(', '));
    if (mine.length > 0) return told('planned', mine.map(step => step.action).join(', '));
    return told('unchanged', '');
  });
}

const firstLine = (text: string): string => (text.split('\n')[0] ?? '').replace(/\.$/, '');

const byName = (a: ServiceName | string, b: ServiceName | string): number => a.localeCompare(b);
