import type { CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError, type Problem } from '../error.ts';
import { approvalOf, beyond } from '../plan/approval.ts';
import { makePlan, type Plan } from '../plan/plan.ts';
import type { Request } from '../plan/situation.ts';
import { type LockOwner, nodeKey, type World } from '../plan/world.ts';
import { prove } from '../prove/prove.ts';
import { auditRecord } from '../report/audit-record.ts';
import { redactData } from '../report/redact.ts';
import type { AuditRecord, Mode, RunReport } from '../report/run-report.ts';
import { verify } from '../verify/verify.ts';
import { withConfDifferences } from './conf-differences.ts';
import { converge, type StepRecord } from './converge.ts';
import type { Course, RunOptions } from './course.ts';
import { collectLogs, diagnoseNow, preflight } from './diagnose.ts';
import { GRACE_MS, Grace } from './grace.ts';
import { leavingHosts } from './leaving.ts';
import { lockHosts } from './lock.ts';
import { Machines } from './machines.ts';
import { notApproved } from './not-approved.ts';
import { checkSuccession } from './provenance.ts';
import { runReport } from './run-report.ts';
import { unlock } from './unlock.ts';

/** Modes that only look and say what they see. */
const LOOKS: ReadonlySet<Mode> = new Set(['verify', 'status', 'diagnose', 'logs', 'unlock']);
/** Modes that plan and never act. */
const DRY: ReadonlySet<Mode> = new Set(['plan', 'drift']);

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
  const course: Course = {
    started: new Date(),
    before: null,
    world: null,
    plan: null,
    records: [],
    freed: [],
    problems: [],
    findings: [],
    diagnoses: [],
    logs: [],
    notes: [],
    ended: null,
  };
  const report = () => redactData(runReport(options, machines, course), options.secrets);
  const grace = Grace.of(options.signal);
  try {
    const whole = carryOut(options, machines, course, report)
      .catch(asProblem(course))
      .then(() => true);
    if ((await grace.within(GRACE_MS.run, whole)) === null) course.problems.push(cutShort);
    if (!options.signal.aborted) await explain(options, machines, course).catch(asProblem(course));
    const record = recordOf(options, course, report());
    if (record === null) return report();
    await leaveRecord(options, machines, course, record);
    // What breaks off when the connections close is no news.
    return { ...report(), record };
  } finally {
    await grace.within(GRACE_MS.close, machines.close());
    machines.disconnect();
  }
}

/** It looked, or waited for an answer, and had begun nothing that its steps do not tell. */
const cutShort: Problem = {
  code: 'E_CANCELLED',
  host: null,
  step: null,
  message: 'The run was cancelled while it waited for an answer.',
  hint: 'Nothing was left half-done that the next deploy does not finish: run it again.',
};

const asProblem = (course: Course) => (error: unknown) => {
  if (!(error instanceof DeployError)) throw error;
  course.problems.push(error.problem);
};

async function carryOut(
  options: RunOptions,
  machines: Machines,
  course: Course,
  report: () => RunReport,
): Promise<void> {
  const { desired, request, mode } = options;
  options.doing({ host: null, service: null, doing: 'observing' });
  const seen = await machines.observe();
  for (const [address, error] of machines.unreached) {
    if (request.hosts === null || request.hosts.has(address)) course.problems.push(error.problem);
  }
  const world = await followLeaving(options, machines, course, seen);
  course.before = world;
  course.world = world;
  if (mode === 'drift' && isLocked(world)) {
    course.ended = 'locked';
    course.problems = [];
    return;
  }
  if (mode === 'diagnose') return;
  if (mode === 'unlock') return unlock(options, machines, course);
  if (mode === 'logs') {
    course.logs = await collectLogs(options, machines);
    return;
  }
  if (!LOOKS.has(mode)) {
    await checkMarkers(options, world);
    if (mode === 'adopt') course.before = course.world = withConfDifferences(desired, world);
    course.plan = makePlan(desired.cluster, course.before, request);
    const deploys = !DRY.has(mode) && !options.dryRun;
    const acts = deploys && (course.plan.waves.length > 0 || course.plan.draining || course.plan.waits);
    const refused = deploys && course.plan.problems.length > 0;
    // What is wrong with the newer one is for its own run to say.
    if ((acts || refused) && isSuperseded(options, course.plan)) {
      course.ended = 'superseded';
      return;
    }
    course.problems.push(...course.plan.problems);
    if (acts && course.plan.problems.length === 0 && mayBegin(options, course.plan, course)) {
      await act(options, machines, course, course.plan, report);
    }
    // Nothing was touched, so there is nothing to prove.
    if (acts && course.records.length === 0 && course.problems.length > 0) return;
    if (course.plan.problems.length > 0 && mode !== 'drift') return;
    if (mode === 'plan' || options.dryRun || course.ended !== null) return;
    // Whoever restarts one node by hand has not asked whether the rest is as declared.
    if (request.intent !== 'converge' && mode !== 'restart') return;
  }
  course.findings = verify(desired.cluster, course.before, course.world, named(course.records));
}

/** A machine that leaves and is not reached hinders nobody: what is left to do for it is done by SQL. */
async function followLeaving(options: RunOptions, machines: Machines, course: Course, seen: World): Promise<World> {
  const { desired, generated } = options;
  const world = await machines.follow(seen, await leavingHosts(generated, desired.cluster, seen));
  for (const { address } of world.leaving) {
    const answer = world.hosts[address];
    if (answer?.known !== false || desired.cluster.hosts.some(host => host.address === address)) continue;
    course.notes.push(`${address} leaves the cluster and cannot be looked at: ${answer.reason}.`);
  }
  return world;
}

async function act(
  options: RunOptions,
  machines: Machines,
  course: Course,
  plan: Plan,
  report: () => RunReport,
): Promise<void> {
  const { desired, request } = options;
  const before = course.before as World;
  if (!isProved(options, course, before, plan)) return;
  const lacking = await preflight(options, machines, course, plan);
  if (lacking.length > 0) {
    course.problems.push(...lacking);
    return;
  }
  const seen = await lockHosts(
    machines,
    desired.cluster,
    before,
    plan.hosts,
    desired.cluster.timeouts.lock,
    (host, owner) => options.doing({ host, service: null, doing: `waiting for the lock of ${ownerText(owner)}` }),
    options.signal,
  );
  // Looked again under the lock: what another run did meanwhile is not done twice.
  const hosts = { ...before.hosts, ...seen };
  const looked = await machines.look({ ...before, hosts }, { machines: [], answers: 'all' });
  const world = options.mode === 'adopt' ? withConfDifferences(options.desired, looked) : looked;
  course.before = world;
  course.world = world;
  await checkMarkers(options, world);
  const now = makePlan(desired.cluster, world, request);
  course.plan = now;
  course.problems.push(...now.problems);
  if (now.problems.length > 0) return;
  if (now.digest !== plan.digest && !isProved(options, course, world, now)) return;
  const { approved, doing, signal } = options;
  const begun = unfinished(report());
  await options.begins?.({ ...begun, record: auditRecord(begun, options.provenance.repository, world) });
  const done = await converge(desired.cluster, machines, world, request, { approved, doing, signal });
  course.records = done.records;
  course.problems.push(...done.problems);
  course.world = done.world;
  if (done.problems.length > 0 && !signal.aborted) await rebalance(options, machines, course);
}

function isProved({ desired, request, doing }: RunOptions, course: Course, world: World, plan: Plan): boolean {
  const { extent, problem } = prove(desired.cluster, world, request, plan);
  if (extent !== null) doing({ host: null, service: null, doing: `checked the plan: ${extent}` });
  if (problem !== null) course.problems.push(problem);
  return problem === null;
}

/** What is left to read of a run that is killed before it can say more. */
const unfinished = (report: RunReport): RunReport => ({
  ...report,
  outcome: 'failed',
  problems: [
    {
      code: 'E_CUT_OFF',
      host: null,
      step: null,
      message: 'The run was ended after its first step had begun and before it could say how far it came.',
      hint: 'Deploy again: the next run goes on from what it finds.',
    },
  ],
});

/** A change of the version that stops on the way must not leave tablets that nobody repairs or balances. */
async function rebalance(options: RunOptions, machines: Machines, course: Course): Promise<void> {
  const request: Request = { hosts: null, service: null, intent: 'rebalance' };
  const { doing, signal } = options;
  const leave = { approved: null, doing, signal };
  const done = await converge(options.desired.cluster, machines, course.world as World, request, leave);
  course.records = [...course.records, ...done.records];
  course.problems.push(...done.problems);
  course.world = done.world;
}

const isLocked = (world: World): boolean =>
  Object.values(world.hosts).some(answer => answer.known && answer.value.lock !== null);

/** Main has moved on since the approval. */
const isSuperseded = ({ approved, desired }: RunOptions, plan: Plan): boolean =>
  approved !== null && approvalOf(desired.cluster, plan).tree !== approved.tree;

/** Is what is found necessary a part of what was approved? */
function mayBegin({ approved, desired }: RunOptions, plan: Plan, course: Course): boolean {
  if (approved === null) return true;
  const steps = plan.waves.flatMap(wave => wave.steps);
  const more = beyond(approved, desired.cluster, steps);
  if (more.length === 0) return true;
  course.problems.push(notApproved(more, approved));
  return false;
}

const ownerText = (owner: LockOwner | null): string =>
  owner === null ? 'another run' : `${owner.run} (${owner.actor})`;

async function checkMarkers(options: RunOptions, world: World): Promise<void> {
  const { desired, clone, provenance, request } = options;
  let asked: Promise<string | null> | undefined;
  const head = () => (asked ??= options.headOfMain());
  for (const { address } of desired.cluster.hosts) {
    const answer = world.hosts[address];
    if (answer?.known !== true || answer.value.marker?.cluster !== desired.cluster.cluster) continue;
    if (request.hosts !== null && !request.hosts.has(address)) continue;
    await checkSuccession(clone, provenance, address, answer.value.marker, head);
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

/** Looks for the causes of what is not healthy: when asked to, and by itself when a run that changed something failed. */
async function explain(options: RunOptions, machines: Machines, course: Course): Promise<void> {
  const failed = course.problems.length > 0 && course.records.length > 0;
  if (options.mode !== 'diagnose' && !failed) return;
  course.diagnoses = await diagnoseNow(options, machines, course);
  if (options.mode !== 'diagnose' || course.world === null) return;
  // Machines that were not reached are among what ails the cluster.
  course.problems = [];
  course.ended = course.diagnoses.length > 0 ? 'differs' : 'converged';
}

/** Who changed what, when and why; null for a run that changed nothing. */
function recordOf({ provenance, secrets }: RunOptions, course: Course, report: RunReport): AuditRecord | null {
  const changed = course.freed.length > 0 || course.records.some(record => record.outcome !== 'not-begun');
  return changed ? redactData(auditRecord(report, provenance.repository, course.before), secrets) : null;
}

/** On every machine that was touched; what was done to none that stays is kept where the cluster was locked. */
async function leaveRecord(
  options: RunOptions,
  machines: Machines,
  course: Course,
  record: AuditRecord,
): Promise<void> {
  const { cluster } = options.desired;
  const grace = Grace.of(options.signal);
  await grace.within(GRACE_MS.record, Promise.all(course.freed.map(host => holdFreed(machines, host))));
  const stays = (address: string | null): address is string =>
    address !== null && machines.locked.has(address) && cluster.hosts.some(host => host.address === address);
  const begun = course.records.filter(({ outcome }) => outcome !== 'not-begun');
  const touched = begun.map(({ step }) => step.host);
  // One that is still busy writes it when it is done, which nobody waits for.
  const certain = touched.every(stays) && begun.every(({ outcome }) => outcome !== 'running');
  const elsewhere = certain ? [] : machines.locked;
  const keepers = new Set([
    ...touched.filter(address => address !== null),
    ...elsewhere,
    ...course.freed.map(host => host.address),
  ]);
  const kept = machines.record(keepers, `${JSON.stringify(record)}\n`);
  const unwritten = (await grace.within(GRACE_MS.record, kept)) ?? [...keepers];
  if (unwritten.length > 0)
    course.notes.push(`The record of this run could not be written on ${unwritten.join(', ')}.`);
}

/** A record is written under the machine's lock, which nobody holds any more. */
async function holdFreed(machines: Machines, host: CompiledHost): Promise<void> {
  try {
    await (await machines.open(host)).lock();
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
  }
}
