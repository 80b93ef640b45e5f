import type { HostOutcome, RunOutcome, RunReport } from './run-report.ts';

const hostWords: Record<HostOutcome, string> = {
  applied: 'applied',
  unchanged: 'unchanged',
  failed: 'failed',
  'not-reached': 'not reached',
  maintenance: 'in maintenance',
  planned: 'to be changed',
};

export const hostWord = (outcome: HostOutcome): string => hostWords[outcome];

export const isBad = (outcome: RunOutcome): boolean => outcome === 'failed' || outcome === 'refused';

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** The run in one sentence. */
export function verdict(report: RunReport): string {
  const hosts = report.hosts.length;
  const of = (outcome: HostOutcome) => report.hosts.filter(host => host.outcome === outcome).length;
  const nodes = `${plural(report.frontends.length, 'FE')} and ${plural(report.backends.length, 'BE')}`;
  const byHand = handVerdict(report);
  if (byHand !== null) return byHand;
  switch (report.outcome) {
    case 'converged':
    case 'unchanged':
      return `${report.cluster} is as declared: ${nodes} registered and alive, nothing to do.`;
    case 'changed':
      return `${report.cluster} changed on ${of('applied')} of ${plural(hosts, 'host')} and is as declared: ${nodes} registered and alive.`;
    case 'differs':
      return `${report.cluster} differs: ${plural(report.steps.length, 'step')} on ${of('planned')} of ${plural(hosts, 'host')}${findings(report)}.`;
    case 'draining':
      return `${report.cluster} is as declared but for ${drains(report)}; a later run finishes that.`;
    case 'superseded':
      return `${report.cluster} was left alone: main has moved on since this was approved, and its own run deploys that.`;
    case 'locked':
      return `${report.cluster} was not looked at: a run changes it at this moment.`;
    case 'refused':
      return `${report.cluster} was left alone: ${because(report)}`;
    case 'failed':
      return `${report.cluster} failed: ${counts(report)}. ${because(report)}`;
  }
}

/** Verbs that do one thing and have not asked whether all the rest is as declared; null for the others. */
function handVerdict({ cluster, mode, outcome, hosts, diagnoses, logs, dangers, steps }: RunReport): string | null {
  if (isBad(outcome)) return null;
  if (mode === 'diagnose') {
    const sick = new Set(diagnoses.map(one => one.node)).size;
    return sick === 0
      ? `Nothing ails ${cluster}.`
      : `${plural(sick, 'part')} of ${cluster} ${sick === 1 ? 'ails' : 'ail'}.`;
  }
  if (mode === 'logs') return `${plural(logs.length, 'log')} of ${cluster} read.`;
  if (mode === 'unlock') return dangers.join(' ');
  if (!['register', 'drop', 'stop', 'start', 'adopt'].includes(mode)) return null;
  if (outcome === 'converged') return `${cluster}: nothing to ${mode}.`;
  if (outcome === 'differs') return `${cluster}: ${mode} would take ${plural(steps.length, 'step')}.`;
  const done = steps.filter(step => step.outcome === 'done').length;
  const where = hosts.filter(host => host.outcome === 'applied').length;
  return `${cluster}: ${mode} done, ${plural(done, 'step')} on ${plural(where, 'host')}.`;
}

const drains = ({ findings: found }: RunReport): string =>
  found.flatMap(one => (one.kind === 'draining' ? [`${one.node}, ${one.found}`] : [])).join('; ');

const findings = (report: RunReport): string =>
  report.findings.length === 0 ? '' : `, ${plural(report.findings.length, 'finding')}`;

function counts({ hosts }: RunReport): string {
  const outcomes = [...new Set(hosts.map(host => host.outcome))];
  return outcomes.map(one => `${hosts.filter(host => host.outcome === one).length} ${hostWord(one)}`).join(', ');
}

function because({ problems, findings }: RunReport): string {
  const [problem] = problems;
  if (problem !== undefined) return problem.host === null ? problem.message : `${problem.host}: ${problem.message}`;
  const [finding] = findings.filter(one => one.severity === 'error');
  if (finding === undefined) return 'No reason was given.';
  return `${finding.node ?? 'The cluster'}: ${finding.kind}, expected ${finding.expected}, found ${finding.found}.`;
}

/** `1m 05s`, `12s`, `0.4s`; milliseconds in. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '';
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes}m ${String(seconds % 60).padStart(2, '0')}s`;
}

/** How long a step took, '' while nobody knows. */
export const took = (step: { readonly started: string | null; readonly ended: string | null }): string =>
  step.started === null || step.ended === null ? '' : duration(Date.parse(step.ended) - Date.parse(step.started));
