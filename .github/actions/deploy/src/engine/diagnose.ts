import type { CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { diagnose } from '../diagnose/diagnose.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import { logQuestions, questions } from '../diagnose/questions.ts';
import { dangers, gateQuestions } from '../doctor/gate.ts';
import { DeployError, type Problem } from '../error.ts';
import { type ProbeAnswer, parseProbe, probeCommand, type Question } from '../observe/probe.ts';
import type { Plan } from '../plan/plan.ts';
import { redact } from '../report/redact.ts';
import type { LogText } from '../report/run-report.ts';
import type { Course, RunOptions } from './course.ts';
import type { Machines } from './machines.ts';

/** Asks the machines that matter for signs, and names the causes. */
export async function diagnoseNow(options: RunOptions, machines: Machines, course: Course): Promise<Diagnosis[]> {
  const { cluster } = options.desired;
  if (course.world === null) return [];
  const answers = await probe(options, machines, questions(cluster, course.world));
  return diagnose(cluster, course.world, answers);
}

/** The last lines of the containers' and StarRocks' own logs of the chosen hosts. */
export async function collectLogs(options: RunOptions, machines: Machines): Promise<LogText[]> {
  const { cluster } = options.desired;
  const { hosts, service } = options.request;
  const chosen = cluster.hosts.filter(({ address, maintenance }) => !maintenance && (hosts?.has(address) ?? true));
  const answers = await probe(
    options,
    machines,
    new Map(chosen.map(host => [host.address, logQuestions(host, service)])),
  );
  return [...answers].flatMap(([address, { logs }]) =>
    logs.map(({ name, text }) => ({ name: `${address}/${name}`, text: redact(text, options.secrets) })),
  );
}

/**
 * Looks at machines that are about to carry something of this cluster, and at those where a service is about to be taken
 * away for a moment: what they lack is found before.
 * @returns what must stop the run; warnings go to the notes
 */
export async function preflight(
  options: RunOptions,
  machines: Machines,
  course: Course,
  { waves }: Plan,
): Promise<readonly Problem[]> {
  const { cluster } = options.desired;
  const { world } = course;
  if (world === null) return [];
  const wanted = gateQuestions(cluster, world, waves);
  if (wanted.size === 0) return [];
  const asked = cluster.hosts.filter(({ address }) => wanted.has(address));
  // Opening a session changes nothing there, and costs no round trip of its own meanwhile.
  const [answers] = await Promise.all([probe(options, machines, wanted), ...asked.map(host => opened(machines, host))]);
  const found = dangers(cluster, world, answers);
  course.notes.push(...found.warnings);
  return found.problems;
}

/** Whoever needs the session finds what is wrong with it. */
async function opened(machines: Machines, host: CompiledHost): Promise<void> {
  try {
    await machines.open(host);
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
  }
}

/** A machine that does not answer is left out: that it was not reached is told elsewhere. */
async function probe(
  { desired }: RunOptions,
  machines: Machines,
  wanted: ReadonlyMap<string, readonly Question[]>,
): Promise<Map<string, ProbeAnswer>> {
  const asked = desired.cluster.hosts.flatMap((host): [CompiledHost, readonly Question[]][] => {
    const all = wanted.get(host.address) ?? [];
    return all.length === 0 ? [] : [[host, all]];
  });
  const answers = await Promise.all(
    asked.map(async ([host, all]): Promise<[string, ProbeAnswer][]> => {
      try {
        const { stdout } = await machines.exec(host, probeCommand(all));
        return [[host.address, parseProbe(all, stdout)]];
      } catch (error) {
        if (error instanceof DeployError) return [];
        throw error;
      }
    }),
  );
  return new Map(answers.flat());
}
