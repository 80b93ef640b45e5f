import * as core from '@actions/core';
import { telling } from './cli/run.ts';
import { approvalText } from './engine/approval-text.ts';
import { check } from './engine/check.ts';
import { readDesired } from './engine/desired.ts';
import { destroyCommands } from './engine/destroy.ts';
import { publishDrift } from './engine/drift.ts';
import { keepReport, ReportFolder } from './engine/report-folder.ts';
import { publishReview, type ReviewWish, reviewFailed, reviewPullRequest } from './engine/review.ts';
import { start, type Wish } from './engine/start.ts';
import { DeployError } from './error.ts';
import { type Annotation, annotations } from './report/annotations.ts';
import { checkAnnotations, checkSummary } from './report/check-text.ts';
import { logText } from './report/log-text.ts';
import { problemText } from './report/problem-text.ts';
import { plainProgress } from './report/progress.ts';
import { MODES, type Mode, type RunReport } from './report/run-report.ts';
import { summary } from './report/summary.ts';
import { terminal } from './report/terminal.ts';
import { isBad, verdict } from './report/verdict.ts';

/** Inputs of action.yml, each parsed once. */
const input = (name: string): string => core.getInput(name);

function secret(name: string): string | null {
  const value = core.getInput(name, { trimWhitespace: false });
  if (value === '') return null;
  core.setSecret(value);
  return value;
}

function whole(name: string): number | null {
  const text = input(name);
  if (text !== '' && !/^\d+$/.test(text)) throw badInput(name, 'must be a whole number');
  return text === '' ? null : Number(text);
}

const badInput = (name: string, what: string): DeployError =>
  new DeployError({
    code: 'E_INPUT',
    message: `The input ${name} ${what}.`,
    hint: 'See action.yml for what each input takes.',
  });

const generated = (): string => input('generated') || 'generated';
const clusterFile = (): string => input('cluster') || 'cluster.yaml';
const knownHosts = (): string => input('known-hosts') || '.github/known_hosts';
const hosts = (): string[] =>
  input('hosts')
    .split(/[\s,]+/)
    .filter(host => host !== '');

function wish(mode: Mode): Wish {
  const privateKey = secret('ssh-key');
  if (privateKey === null) {
    throw badInput('ssh-key', 'is empty: is the secret set, in the environment that this job names?');
  }
  return {
    mode,
    generated: generated(),
    clusterFile: clusterFile(),
    knownHosts: knownHosts(),
    privateKey,
    passphrase: secret('ssh-passphrase'),
    password: secret('starrocks-password'),
    token: secret('github-token'),
    hosts: hosts(),
    service: input('service'),
    reason: input('reason'),
    approved: input('approved'),
    dryRun: input('dry-run') !== '' && core.getBooleanInput('dry-run'),
    parallelism: Math.max(1, whole('parallelism') ?? 32),
    timeouts: input('timeouts'),
  };
}

const print = (text: string): void => void process.stdout.write(logText(text));

async function main(): Promise<void> {
  const mode = input('mode');
  if (mode === 'check') return runCheck();
  if (mode === 'review') return runReview();
  if (mode === 'destroy') {
    const { cluster } = await readDesired(generated());
    print(destroyCommands(cluster, hosts()));
    return;
  }
  const known = MODES.find(one => one === mode);
  if (known === undefined) throw badInput('mode', `must be one of check, review, destroy, ${MODES.join(', ')}`);
  await runOnMachines(known);
}

/** Is generated/ what cluster.yaml compiles to? No secret, no machine. */
async function runCheck(): Promise<void> {
  const found = await check(clusterFile(), generated());
  const folder = await ReportFolder.open('check');
  const patch = found.patch === '' ? '' : await folder.write('generated.patch', found.patch);
  annotate(checkAnnotations(found, clusterFile()));
  await summarise(checkSummary(found, clusterFile(), generated()));
  const stale = found.differences.length > 0;
  const invalid = found.diagnostics.some(one => one.severity === 'error');
  core.setOutput('changed', stale);
  core.setOutput('outcome', stale || invalid ? 'failed' : 'converged');
  core.setOutput('patch', patch);
  core.setOutput('report', folder.path);
  if (invalid) core.setFailed(`${clusterFile()} has errors; see the annotations.`);
  else if (stale) {
    core.setFailed(`${generated()} is not what ${clusterFile()} compiles to. Run \`npm run compile\` and commit it.`);
  }
}

/** What a pull request would do, without a secret and without a machine. */
async function runReview(): Promise<void> {
  const folder = await ReportFolder.open('review');
  const wish = { clusterFile: clusterFile(), generated: generated(), knownHosts: knownHosts(), base: input('base') };
  const token = secret('github-token');
  const done = await reviewPullRequest(wish, process.env).catch(async error => {
    if (error instanceof DeployError) await tellNoPlan(error, wish, token);
    throw error;
  });
  await folder.write('review.md', done.whole);
  await summarise(done.whole);
  print(`${done.headline}\n`);
  // The plan is told, whatever becomes of the comment.
  print(`${await publishReview(done, token, process.env).catch(asWarning)}\n`);
  core.setOutput('changed', done.changes);
  core.setOutput('plan-digest', done.digest);
  core.setOutput('outcome', done.problems.length > 0 ? 'refused' : done.changes ? 'differs' : 'converged');
  core.setOutput('report', folder.path);
  for (const problem of done.problems) core.error(problemText(problem), { title: problem.code });
  if (done.problems.length > 0) core.setFailed(`A deploy would refuse this: ${done.problems[0]?.message}`);
}

/** What the comment said of an earlier commit must not be taken for the plan of this one. */
async function tellNoPlan({ problem }: DeployError, wish: ReviewWish, token: string | null): Promise<void> {
  const told = await reviewFailed(problem, wish, process.env);
  if (told === null) return;
  await summarise(told.comment);
  print(`${await publishReview(told, token, process.env).catch(asWarning)}\n`);
}

function asWarning(error: unknown): string {
  if (!(error instanceof DeployError)) throw error;
  core.warning(problemText(error.problem), { title: error.problem.code });
  return 'GitHub did not take what was to be told there.';
}

async function runOnMachines(mode: Mode): Promise<void> {
  const cancel = new AbortController();
  // The runner sends SIGINT, then SIGTERM, and kills some seconds later: begin nothing new, and say where it stopped.
  process.once('SIGINT', () => cancel.abort()).once('SIGTERM', () => cancel.abort());
  const progress = plainProgress({ write: print });
  // In time for an artifact of a run that is killed without a word.
  const begins = async (report: RunReport) => core.setOutput('report', await keepReport(report));
  const report = await start(wish(mode), process.env, telling(progress), cancel.signal, begins);
  print(terminal(report, 'never'));
  await publish(report);
  // Whatever was given up on must not hold the process until the runner kills it.
  if (cancel.signal.aborted) process.exit();
}

async function publish(report: RunReport): Promise<void> {
  annotate(annotations(report));
  const folder = await keepReport(report);
  const changed = report.hosts.filter(host => host.outcome === 'applied' || host.outcome === 'planned');
  core.setOutput('changed', report.outcome === 'changed' || report.outcome === 'differs');
  core.setOutput('changed-hosts', JSON.stringify(changed.map(host => host.address)));
  core.setOutput('plan-digest', report.plan_digest ?? '');
  core.setOutput('approval', report.approval === null ? '' : approvalText(report.approval));
  core.setOutput('outcome', report.outcome);
  core.setOutput(
    'host-outcomes',
    JSON.stringify(Object.fromEntries(report.hosts.map(host => [host.address, host.outcome]))),
  );
  core.setOutput('report', folder);
  await summarise(summary(report));
  const token = secret('github-token');
  if (report.mode === 'drift' && token !== null) {
    print(`${await publishDrift(report, token, process.env).catch(asWarning)}\n`);
  }
  if (isBad(report.outcome)) core.setFailed(verdict(report));
}

function annotate(all: readonly Annotation[]): void {
  const say = { error: core.error, warning: core.warning, notice: core.notice };
  for (const { level, message, ...properties } of all) say[level](message, properties);
}

async function summarise(text: string): Promise<void> {
  if (process.env['GITHUB_STEP_SUMMARY']) await core.summary.addRaw(text).write();
}

main().catch(error => {
  if (!(error instanceof DeployError)) {
    // As node would print it, but for what the runner would take for a command.
    process.stderr.write(logText(`${error instanceof Error ? error.stack : error}\n`));
    process.exitCode = 1;
    return;
  }
  const { code, message, hint } = error.problem;
  core.setFailed(`${code}: ${message} ${hint}`);
});
