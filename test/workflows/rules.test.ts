import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RULES, violations } from './rules.ts';
import { workflowTexts } from './workflow-file.ts';

const real = workflowTexts();
const action = readFileSync('.github/actions/deploy/action.yml', 'utf8');

/** One way to break each rule: the file, what stands there, and what a careless hand might write instead. */
const MUTATIONS: readonly (readonly [rule: string, file: string, from: string, to: string])[] = [
  ['only known files and jobs', 'drift.yml', '  drift:\n', '  watch:\n'],
  ['events and filters as decided', 'deploy.yml', 'branches: [main]', 'branches: [main]\n    paths: [cluster.yaml]'],
  ['events and filters as decided', 'deploy.yml', '    branches: [main]\n', '    branches: ["**"]\n'],
  [
    'events and filters as decided',
    'pull-request.yml',
    '  pull_request:\n',
    '  pull_request: { paths: [generated] }\n',
  ],
  ['events and filters as decided', 'pull-request.yml', '  merge_group:\n    types: [checks_requested]\n', ''],
  ['events and filters as decided', 'repair.yml', '  workflow_dispatch:\n', '  push:\n  workflow_dispatch:\n'],
  ['never pull_request_target or workflow_run', 'pull-request.yml', '  pull_request:\n', '  pull_request_target:\n'],
  [
    'never pull_request_target or workflow_run',
    'drift.yml',
    '  workflow_dispatch:',
    '  workflow_run: { workflows: [ci] }',
  ],
  ['no permission at the top', 'ci.yml', 'permissions: {}', 'permissions: read-all'],
  ['no permission at the top', 'ci.yml', 'permissions: {}\n', ''],
  ['the least permission per job', 'pull-request.yml', '      pull-requests: write\n', ''],
  ['the least permission per job', 'deploy.yml', 'contents: read', 'contents: write'],
  ['the least permission per job', 'drift.yml', '      issues: write', '      issues: write\n      actions: read'],
  ['the least permission per job', 'pull-request.yml', '    permissions: {}\n', ''],
  ['actions of others pinned by commit, their version beside it', 'ci.yml', / # v7\.0\.1/.source, ''],
  ['actions of others pinned by commit, their version beside it', 'ci.yml', '@[0-9a-f]{40} # v7.0.1', '@v7 # v7.0.1'],
  ['actions of others pinned by commit, their version beside it', 'ci.yml', 'actions/setup-node', 'someone/setup-node'],
  ['one pin per action', 'ci.yml', 'checkout@3', 'checkout@4'],
  ['the one local action, after a checkout', 'drift.yml', './.github/actions/deploy', './.github/actions/other'],
  ['the one local action, after a checkout', 'drift.yml', 'actions/checkout', 'actions/cache'],
  ['no expression in a script', 'deploy.yml', "echo 'The plan", "echo '${{ github.head_ref }} The plan"],
  ['no credentials left by a checkout', 'repair.yml', 'persist-credentials: false', 'persist-credentials: true'],
  ['no credentials left by a checkout', 'ci.yml', '          persist-credentials: false\n', ''],
  ['a time limit on every job', 'deploy.yml', '    timeout-minutes: 5\n', ''],
  ['a time limit on every job', 'deploy.yml', 'timeout-minutes: 350', 'timeout-minutes: 360'],
  ['environments as decided', 'deploy.yml', 'name: starrocks-approval', 'name: starrocks'],
  [
    'environments as decided',
    'deploy.yml',
    '      name: starrocks-approval\n      deployment: false',
    '      name: starrocks-approval',
  ],
  ['environments as decided', 'drift.yml', '    environment:\n      name: starrocks\n      deployment: false\n', ''],
  ['secrets in jobs of the environment that holds them alone', 'deploy.yml', "echo 'The", "echo 'secrets The"],
  [
    'secrets in jobs of the environment that holds them alone',
    'drift.yml',
    'permissions: {}',
    'permissions: {}\nenv: { A: "${{ secrets.B }}" }',
  ],
  [
    'no secret for a pull request',
    'pull-request.yml',
    'mode: check',
    'mode: check\n          ssh-key: ${{ secrets.SSH_PRIVATE_KEY }}',
  ],
  [
    'no secret for a pull request',
    'pull-request.yml',
    '    timeout-minutes: 10',
    '    environment: { name: starrocks }\n    timeout-minutes: 10',
  ],
  ['literal concurrency groups, as decided', 'deploy.yml', 'group: starrocks-deploy', 'group: ${{ github.workflow }}'],
  ['literal concurrency groups, as decided', 'deploy.yml', '      queue: max\n', ''],
  ['literal concurrency groups, as decided', 'drift.yml', 'group: starrocks-drift', 'group: starrocks-deploy'],
  ['what a run came to, for other jobs', 'deploy.yml', '      outcome: ${{ steps.deploy.outputs.outcome }}\n', ''],
  [
    'what a run came to, for other jobs',
    'repair.yml',
    'steps.repair.outputs.changed }}',
    'steps.repair.outputs.patch }}',
  ],
  ['what a run came to, for other jobs', 'drift.yml', '      changed: ${{ steps.drift.outputs.changed }}\n', ''],
  ['literal concurrency groups, as decided', 'deploy.yml', 'cancel-in-progress: false', 'cancel-in-progress: true'],
  [
    'literal concurrency groups, as decided',
    'deploy.yml',
    '    timeout-minutes: 5\n',
    '    timeout-minutes: 5\n    concurrency: starrocks-deploy\n',
  ],
  [
    'literal concurrency groups, as decided',
    'repair.yml',
    'permissions: {}',
    'permissions: {}\nconcurrency: starrocks-deploy',
  ],
  [
    'an approval that runs nothing but a word, only when there is something to approve',
    'deploy.yml',
    "echo 'The plan was approved.'",
    './approve',
  ],
  [
    'an approval that runs nothing but a word, only when there is something to approve',
    'deploy.yml',
    "    if: needs.plan.outputs.changed == 'true'\n",
    '',
  ],
  ['a deploy of what was approved', 'deploy.yml', 'needs: [plan, approve]', 'needs: plan'],
  ['a deploy of what was approved', 'deploy.yml', 'needs: [plan, approve]', 'needs: [plan, approve]\n    if: always()'],
  ['a deploy of what was approved', 'deploy.yml', " || 'lost'", ''],
  [
    'a deploy of what was approved',
    'deploy.yml',
    "          approved: ${{ needs.plan.outputs.approval || 'lost' }}\n",
    '',
  ],
  [
    'runners of the repository variables, one for pull requests alone',
    'repair.yml',
    "${{ vars.STARROCKS_RUNNER || 'ubuntu-24.04' }}",
    'ubuntu-24.04',
  ],
  [
    'runners of the repository variables, one for pull requests alone',
    'pull-request.yml',
    'vars.STARROCKS_PULL_REQUEST_RUNNER',
    'vars.STARROCKS_RUNNER',
  ],
  [
    'runners of the repository variables, one for pull requests alone',
    'deploy.yml',
    "    runs-on: ${{ vars.STARROCKS_RUNNER || 'ubuntu-24.04' }}\n    timeout-minutes: 5\n",
    '    runs-on: ubuntu-24.04\n    timeout-minutes: 5\n',
  ],
  ['runners of the repository variables, one for pull requests alone', 'ci.yml', 'ubuntu-24.04', 'ubuntu-latest'],
  ['machines for the head of main only', 'repair.yml', "    if: github.ref == 'refs/heads/main'\n", ''],
  ['machines for the head of main only', 'deploy.yml', "    if: github.ref == 'refs/heads/main'\n", ''],
  ['machines for the head of main only', 'drift.yml', '          ref: main\n', ''],
  ['machines for the head of main only', 'deploy.yml', '          fetch-depth: 0\n', ''],
  [
    'inputs that action.yml knows, and all that it requires',
    'repair.yml',
    '          service: ',
    '          services: ',
  ],
  ['inputs that action.yml knows, and all that it requires', 'drift.yml', '          mode: drift\n', ''],
  ['a mode that exists', 'drift.yml', 'mode: drift', 'mode: watch'],
  [
    'every secret for whoever reaches machines',
    'deploy.yml',
    '          ssh-passphrase: ${{ secrets.SSH_PASSPHRASE }}\n',
    '',
  ],
  ['every secret for whoever reaches machines', 'repair.yml', 'secrets.STARROCKS_PASSWORD', 'secrets.PASSWORD'],
  [
    'the verbs of the program, and a dry run unless somebody says otherwise',
    'repair.yml',
    ', unlock, destroy]',
    ', destroy]',
  ],
  [
    'the verbs of the program, and a dry run unless somebody says otherwise',
    'repair.yml',
    'unlock, destroy]',
    'unlock, destroy, rollback]',
  ],
  [
    'the verbs of the program, and a dry run unless somebody says otherwise',
    'repair.yml',
    'default: true',
    'default: false',
  ],
  [
    'the verbs of the program, and a dry run unless somebody says otherwise',
    'repair.yml',
    '        type: string\n        required: true',
    '        type: string',
  ],
  ['every answer of the person handed on', 'repair.yml', 'dry-run: ${{ inputs.dry-run }}', 'dry-run: "false"'],
  ['every answer of the person handed on', 'repair.yml', '          reason: ${{ inputs.reason }}\n', ''],
  [
    'a gate that waits for all and passes with what succeeded or was skipped',
    'pull-request.yml',
    'needs: [check, plan]',
    'needs: [check]',
  ],
  [
    'a gate that waits for all and passes with what succeeded or was skipped',
    'pull-request.yml',
    'if: always()',
    'if: success()',
  ],
  ['outputs that the Action has', 'deploy.yml', 'steps.plan.outputs.changed', 'steps.plan.outputs.differs'],
  ['the history to compare a pull request with', 'pull-request.yml', '          fetch-depth: 0\n', ''],
  [
    'what is left behind kept, also when it failed',
    'deploy.yml',
    "if: always() && steps.deploy.outputs.report != ''",
    "if: steps.deploy.outputs.report != ''",
  ],
  ['what is left behind kept, also when it failed', 'pull-request.yml', 'if: failure() && ', 'if: '],
  [
    'what is left behind kept, also when it failed',
    'repair.yml',
    'path: ${{ steps.repair.outputs.report }}',
    'path: generated',
  ],
  [
    'no failure overlooked',
    'deploy.yml',
    '      - id: deploy\n',
    '      - id: deploy\n        continue-on-error: true\n',
  ],
  ['a schedule off the full hour', 'drift.yml', "'17 ", "'0 "],
  ['a schedule in a file of its own', 'drift.yml', '  workflow_dispatch:\n', '  workflow_dispatch:\n  push:\n'],
];

describe('the workflows', () => {
  it('keep every rule', () => {
    expect(violations(real, action)).toEqual([]);
  });

  it.each(MUTATIONS)('would be caught: %s (%s)', (rule, file, from, to) => {
    const before = real.get(file) ?? '';
    const after = replaced(before, from, to);
    expect(after, `${JSON.stringify(from)} does not stand in ${file}`).not.toBe(before);
    const broken = violations(new Map(real).set(file, after), action).map(one => one.split(': ')[0]);
    expect(broken).toContain(rule);
  });

  it('have no rule that nothing shows to bite', () => {
    expect([...new Set(MUTATIONS.map(([rule]) => rule))].sort()).toEqual(Object.keys(RULES).sort());
  });
});

/** A pin's digits change with each release, so that they are matched as a pattern. */
function replaced(text: string, from: string, to: string): string {
  return from.includes('{40}') || from.includes('\\.')
    ? text.replace(new RegExp(from), to)
    : text.replace(from, () => to);
}
