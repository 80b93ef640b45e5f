import type { ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError, type Problem } from '../error.ts';
import { makePlan, type Plan } from '../plan/plan.ts';
import type { Request } from '../plan/situation.ts';
import { stepTitle } from '../plan/step.ts';
import { type LockOwner, nodeKey, type World } from '../plan/world.ts';
import { redactData } from '../report/redact.ts';
import type { HostOutcome, HostReport, Mode, RunOutcome, RunReport, StepReport } from '../report/run-report.ts';
import type { Finding } from '../verify/finding.ts';
import { verify } from '../verify/verify.ts';
import { converge, type Doing, type StepRecord } from './converge.ts';
import type { Desired } from './desired.ts';
import { lockHosts } from './lock.ts';
import { Machines, type MachinesOptions } from './machines.ts';
import { checkSuccession, type Provenance } from './provenance.ts';

export interface RunOptions {
  readonly mode: Mode;
  readonly desired: Desired;
  readonly provenance: Provenance;
  /** Folder of the clone, for questions to git. */
  readonly clone: string;
  readonly request: Request;
  /** A deploy that shows what it would do and changes nothing. */
  readonly dryRun: boolean;
  readonly connection: MachinesOptions['connection'];
  readonly password: string | null;
  readonly parallelism: number;
  /** Seconds, or null for the one of cluster.yaml. */
  readonly lockLimit: number | null;
  readonly doing: Doing;
  readonly signal: AbortSignal;
  /** Values that no output may show. */
  readonly secrets: readonly string[];
  readonly counters?: () => Readonly<Record<string, number>>;
}

/** What a run has found out and done so far. */
interface Course {
  before: World | null;
  world: World | null;
  plan: Plan | null;
  records: readonly StepRecord[];
  problems: Problem[];
  findings: readonly Finding[];
}

/** One run from observation to report. Problems are in the report; only defects of ours are thrown. */
export async function run(options: RunOptions): Promise<RunReport> {
  const machines = new Machines({
    desired: options.desired,
    provenance: options.provenance,
    connection: options.connection,
    password: options.password,
    parallelism: options.parallelism,
    secrets: options.secrets,
  });
  const course: Course = { before: null, world: null, plan: null, records: [], problems: [], findings: [] };
  try {
    await carryOut(options, machines, course);
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    course.problems.push(error.problem);
  } finally {
    await machines.close();
  }
  return redactData(report(options, machines, course), options.secrets);
}

async function carryOut(options: RunOptions, machines: Machines, course: Course): Promise<void> {
  const { desired, request, provenance, clone, mode } = options;
  options.doing({ host: null, service: null, doing: 'observing' });
  let world = await machines.observe();
  course.before = world;
  course.world = world;
  for (const [address, error] of machines.unreached) {
    if (request.hosts === null || request.hosts.has(address)) course.problems.push(error.problem);
  }
  await checkMarkers(options, world);
  if (mode !== 'verify' && mode !== 'status') {
    course.plan = makePlan(desired.cluster, world, request);
    course.problems.push(...course.plan.problems);
  }
  const nothing = course.plan === null || course.plan.waves.length === 0;
  const blocked = (course.plan?.problems.length ?? 0) > 0;
  if (mode === 'deploy' && !options.dryRun && !nothing && !blocked) {
    const touched = course.plan?.hosts ?? [];
    await lockHosts(
      machines,
      desired.cluster,
      world,
      touched,
      options.lockLimit ?? desired.cluster.timeouts.lock,
      (host, owner) => options.doing({ host, service: null, doing: `waiting for the lock of ${ownerText(owner)}` }),
      options.signal,
    );
    // Looked again under the lock: what another run did meanwhile is not done twice.
    world = await machines.look(world, { machines: [...machines.locked], answers: 'all' });
    course.before = world;
    await checkMarkers({ ...options, clone, provenance }, world);
    const {
      records,
      problems,
      world: after,
    } = await converge(desired.cluster, machines, world, request, options.doing, options.signal);
    course.records = records;
    course.problems.push(...problems);
    course.world = after;
    world = after;
  }
  if (blocked || (mode === 'plan' && course.plan !== null) || options.dryRun) return;
  course.findings = verify(desired.cluster, course.before, world, named(course.records));
}

const ownerText = (owner: LockOwner | null): string =>
  owner === null ? 'another run' : `${owner.run} (${owner.actor})`;

async function checkMarkers({ desired, clone, provenance, request }: RunOptions, world: World): Promise<void> {
  for (const { address } of desired.cluster.hosts) {
    const answer = world.hosts[address];
    if (answer?.known !== true || answer.value.marker?.cluster !== desired.cluster.cluster) continue;
    if (request.hosts !== null && !request.hosts.has(address)) continue;
    await checkSuccession(clone, provenance, address, answer.value.marker);
  }
}

/** Nodes that steps of this run were about: everybody else's rows must be as before. */
function named(records: readonly StepRecord[]): ReadonlySet<string> {
  return new Set(
    records.flatMap(({ step }) =>
      step.host === null || step.service === null ? [] : [nodeKey(step.host, step.service)],
    ),
  );
}

function report(options: RunOptions, machines: Machines, course: Course): RunReport {
  const { cluster } = options.desired;
  const rows = course.world?.cluster.known === true ? course.world.cluster.value : null;
  const hosts = hostReports(options, machines, course);
  return {
    format: 1,
    mode: options.mode,
    cluster: cluster.cluster,
    version: cluster.version,
    commit: options.provenance.commit || null,
    run: options.provenance.run,
    plan_digest: course.plan?.digest ?? null,
    outcome: outcome(options, course),
    hosts,
    steps: stepReports(course),
    findings: course.findings,
    problems: course.problems,
    dangers: dangers(course),
    frontends: rows?.frontends.map(row => row.raw) ?? [],
    backends: rows?.backends.map(row => row.raw) ?? [],
    counters: options.counters?.() ?? {},
  };
}

function outcome(options: RunOptions, { problems, findings, plan, records }: Course): RunOutcome {
  const changed = records.some(record => record.outcome !== 'not-begun');
  const wrong = problems.length > 0 || findings.some(finding => finding.severity === 'error');
  if (wrong) return changed || plan === null || plan.problems.length === 0 ? 'failed' : 'refused';
  if (changed) return 'changed';
  const differs = (plan?.waves.length ?? 0) > 0;
  if (differs) return 'differs';
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

function dangers({ plan }: Course): string[] {
  const steps = plan?.waves.flatMap(wave => wave.steps) ?? [];
  return steps.flatMap(step => (step.outage === null ? [] : [`${stepTitle(step)} takes an outage of ${step.outage}.`]));
}

function hostReports(options: RunOptions, machines: Machines, course: Course): HostReport[] {
  const planned = course.plan?.waves.flatMap(wave => wave.steps) ?? [];
  return options.desired.cluster.hosts.map(host => {
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
    if (unreached !== undefined) return told('failed', unreached.problem.message.replace(/\.$/, ''));
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
