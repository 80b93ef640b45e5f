import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { MODES } from '../../.github/actions/deploy/src/report/run-report.ts';
import { outputsRead, violations } from './violations.ts';

const folder = '.github/workflows';
const files = new Map(readdirSync(folder).map(name => [name, readFileSync(`${folder}/${name}`, 'utf8')]));
const action = readFileSync('.github/actions/deploy/action.yml', 'utf8');

describe('the workflows', () => {
  it('break no rule', () => {
    expect(violations(files, action)).toEqual([]);
  });

  it('read outputs that the Action has', () => {
    const known = Object.keys(parse(action).outputs);
    for (const [name, text] of files) {
      expect(
        outputsRead(text).filter(output => !known.includes(output)),
        name,
      ).toEqual([]);
    }
  });

  it('offer by hand the verbs that the Action has, plan first', () => {
    const { inputs } = parse(files.get('repair.yml') ?? '').on.workflow_dispatch;
    const elsewhere = new Set(['status', 'drift']);
    expect(inputs.verb.options.toSorted()).toEqual(
      [...MODES.filter(mode => !elsewhere.has(mode)), 'destroy'].toSorted(),
    );
    expect([inputs.verb.default, inputs['dry-run'].default, inputs.reason.required]).toEqual(['plan', true, true]);
  });
});

/** Each takes one rule away in one file. */
const MUTATIONS: [what: string, file: string, from: string | RegExp, to: string][] = [
  ['write permission for all', 'deploy.yml', 'permissions: {}', 'permissions: write-all'],
  ['one permission more', 'drift.yml', 'issues: write', 'issues: write\n      actions: write'],
  ['the right to comment', 'pull-request.yml', '      pull-requests: write\n', ''],
  ['a pinned action', 'pull-request.yml', /actions\/checkout@\w{40} # v7\.0\.1/, 'actions/checkout@v7'],
  ['the version beside the pin', 'deploy.yml', / # v7\.0\.1/, ''],
  ['the environment of the secrets', 'repair.yml', 'name: starrocks\n', 'name: production\n'],
  ['the reviewers', 'deploy.yml', 'name: starrocks-approval', 'name: starrocks'],
  ['the deploy’s queue', 'deploy.yml', '      queue: max\n', ''],
  ['the literal group', 'deploy.yml', 'group: starrocks-deploy', 'group: ${{ github.ref }}'],
  ['the deploy that is never cancelled', 'deploy.yml', 'cancel-in-progress: false', 'cancel-in-progress: true'],
  ['the head of main', 'deploy.yml', '          ref: main\n', ''],
  ['the whole history', 'deploy.yml', '          fetch-depth: 0\n', ''],
  ['credentials left out of the clone', 'drift.yml', 'persist-credentials: false', 'persist-credentials: true'],
  ['a timeout', 'pull-request.yml', '    timeout-minutes: 10\n', ''],
  ['the chosen runner', 'repair.yml', /runs-on: .*/, 'runs-on: ubuntu-24.04'],
  ['main alone', 'repair.yml', "    if: github.ref == 'refs/heads/main'\n", ''],
  ['every pull request', 'pull-request.yml', '  pull_request:\n', "  pull_request:\n    paths: ['cluster.yaml']\n"],
  ['every push to main', 'deploy.yml', '    branches: [main]', "    branches: [main]\n    paths: ['generated/**']"],
  [
    'no secret for a pull request',
    'pull-request.yml',
    'mode: check',
    'mode: check\n          ssh-key: ${{ secrets.SSH_PRIVATE_KEY }}',
  ],
  ['no foreign code with secrets', 'pull-request.yml', '  pull_request:', '  pull_request_target:'],
  ['text of others out of scripts', 'deploy.yml', "echo 'The plan was approved.'", "echo '${{ github.actor }}'"],
  ['the approval', 'deploy.yml', /\n {10}approved: .*/, ''],
  ['inputs that exist', 'repair.yml', 'reason: ${{ inputs.reason }}', 'why: ${{ inputs.reason }}'],
  ['the password', 'drift.yml', /\n {10}starrocks-password: .*/, ''],
];

describe('a workflow without', () => {
  it.each(MUTATIONS)('%s is told (%s)', (_what, file, from, to) => {
    const before = files.get(file) ?? '';
    const after = before.replace(from, to);
    expect(after).not.toBe(before);
    expect(violations(new Map([...files, [file, after]]), action)).not.toEqual([]);
  });
});
