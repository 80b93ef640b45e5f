import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as core from '@actions/core';
import { telling } from './cli/run.ts';
import { start, type Wish } from './engine/start.ts';
import { DeployError } from './error.ts';
import { annotations } from './report/annotations.ts';
import { json } from './report/json.ts';
import { plainProgress } from './report/progress.ts';
import type { Mode, RunReport } from './report/run-report.ts';
import { summary } from './report/summary.ts';
import { terminal } from './report/terminal.ts';
import { verdict } from './report/verdict.ts';

const MODES: readonly Mode[] = ['plan', 'deploy', 'verify'];

/** Inputs of action.yml, each parsed once. */
function wish(): Wish {
  const mode = MODES.find(one => one === core.getInput('mode'));
  if (mode === undefined) throw badInput('mode', `must be one of ${MODES.join(', ')}`);
  const secret = (name: string): string | null => {
    const value = core.getInput(name, { trimWhitespace: false });
    if (value === '') return null;
    core.setSecret(value);
    return value;
  };
  const whole = (name: string): number | null => {
    const text = core.getInput(name);
    if (text !== '' && !/^\d+$/.test(text)) throw badInput(name, 'must be a whole number');
    return text === '' ? null : Number(text);
  };
  const privateKey = secret('ssh-key');
  if (privateKey === null) {
    throw badInput('ssh-key', 'is empty: is the secret set, in the environment that this job names?');
  }
  return {
    mode,
    generated: core.getInput('generated') || 'generated',
    clusterFile: core.getInput('cluster') || 'cluster.yaml',
    knownHosts: core.getInput('known-hosts') || '.github/known_hosts',
    privateKey,
    passphrase: secret('ssh-passphrase'),
    password: secret('starrocks-password'),
    hosts: core
      .getInput('hosts')
      .split(/[\s,]+/)
      .filter(host => host !== ''),
    dryRun: core.getInput('dry-run') !== '' && core.getBooleanInput('dry-run'),
    parallelism: Math.max(1, whole('parallelism') ?? 32),
    lockLimit: whole('lock-timeout'),
  };
}

const badInput = (name: string, what: string): DeployError =>
  new DeployError({
    code: 'E_INPUT',
    message: `The input ${name} ${what}.`,
    hint: 'See action.yml for what each input takes.',
  });

async function main(): Promise<void> {
  const cancel = new AbortController();
  // The runner sends SIGINT, then SIGTERM, and kills some seconds later: begin nothing new, let what runs finish.
  process.once('SIGINT', () => cancel.abort()).once('SIGTERM', () => cancel.abort());
  const progress = plainProgress({ write: text => process.stdout.write(text) });
  const report = await start(wish(), process.env, telling(progress), cancel.signal);
  process.stdout.write(terminal(report, 'never'));
  await publish(report);
}

async function publish(report: RunReport): Promise<void> {
  const say = { error: core.error, warning: core.warning, notice: core.notice };
  for (const { level, message, ...properties } of annotations(report)) say[level](message, properties);
  const changed = report.hosts.filter(host => host.outcome === 'applied' || host.outcome === 'planned');
  const file = join(process.env['RUNNER_TEMP'] ?? '.', `starrocks-ha-${report.mode}.json`);
  await writeFile(file, json(report));
  core.setOutput('changed', report.outcome === 'changed' || report.outcome === 'differs');
  core.setOutput('changed-hosts', JSON.stringify(changed.map(host => host.address)));
  core.setOutput('plan-digest', report.plan_digest ?? '');
  core.setOutput('outcome', report.outcome);
  core.setOutput(
    'host-outcomes',
    JSON.stringify(Object.fromEntries(report.hosts.map(host => [host.address, host.outcome]))),
  );
  core.setOutput('report', file);
  if (process.env['GITHUB_STEP_SUMMARY']) await core.summary.addRaw(summary(report)).write();
  if (report.outcome === 'failed' || report.outcome === 'refused') core.setFailed(verdict(report));
}

main().catch(error => {
  if (!(error instanceof DeployError)) throw error;
  const { code, message, hint } = error.problem;
  core.setFailed(`${code}: ${message} ${hint}`);
});
