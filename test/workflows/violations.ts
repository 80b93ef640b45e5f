import { parse } from 'yaml';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly 'runs-on'?: string;
  readonly 'timeout-minutes'?: number;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly environment?: { readonly name?: string };
  readonly concurrency?: { readonly group?: string; readonly 'cancel-in-progress'?: boolean; readonly queue?: string };
  readonly steps?: readonly Step[];
  readonly if?: string;
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly concurrency?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

interface ActionFile {
  readonly inputs: Readonly<Record<string, { readonly required?: boolean }>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** What each job may do, and nothing more. */
const PERMISSIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'pull-request.yml/check': { contents: 'read' },
  'pull-request.yml/plan': { contents: 'read', 'pull-requests': 'write' },
  'pull-request.yml/gate': {},
  'deploy.yml/plan': { contents: 'read' },
  'deploy.yml/approve': {},
  'deploy.yml/deploy': { contents: 'read' },
  'repair.yml/repair': { contents: 'read' },
  'drift.yml/drift': { contents: 'read', issues: 'write' },
  'ci.yml/test': { contents: 'read' },
};

/** Jobs that reach machines: with secrets, on the runner that the repository names, in the guarded environment. */
const REACHES = new Set(['deploy.yml/plan', 'deploy.yml/deploy', 'repair.yml/repair', 'drift.yml/drift']);

const EVENTS: Readonly<Record<string, readonly string[]>> = {
  'pull-request.yml': ['pull_request', 'merge_group'],
  'deploy.yml': ['push', 'workflow_dispatch'],
  'repair.yml': ['workflow_dispatch'],
  'drift.yml': ['schedule', 'workflow_dispatch'],
  'ci.yml': ['pull_request', 'push'],
};

const OURS = './.github/actions/deploy';
const RUNNER = "${{ vars.STARROCKS_RUNNER || 'ubuntu-24.04' }}";
const MAIN = "github.ref == 'refs/heads/main'";

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Where the workflows break a rule that nothing else would notice: runners accept all of it. */
export function violations(texts: ReadonlyMap<string, string>, actionText: string): string[] {
  const action: ActionFile = parse(actionText);
  return [
    ...(same([...texts.keys()].sort(), Object.keys(EVENTS).sort()) ? [] : [`other files: ${[...texts.keys()]}`]),
    ...[...texts].flatMap(([name, text]) => workflowViolations(name, text, parse(text), action)),
  ];
}

function workflowViolations(name: string, text: string, workflow: Workflow, action: ActionFile): string[] {
  const found: string[] = [];
  const rule = (holds: boolean, what: string) => void (holds || found.push(`${name}: ${what}`));
  rule(same(workflow.permissions, {}), 'permissions: {} at the top');
  rule(same(Object.keys(workflow.on), EVENTS[name]), `runs on ${EVENTS[name]}`);
  rule(
    !text.includes('pull_request_target') && !text.includes('workflow_run'),
    'no trigger with foreign code and secrets',
  );
  rule(workflow.concurrency === undefined, 'no concurrency for a whole workflow');
  const trigger = workflow.on['pull_request'] as { paths?: unknown } | null | undefined;
  rule(trigger?.paths === undefined, 'no paths: a required check that does not run blocks every merge');
  const push = workflow.on['push'] as { branches?: unknown; paths?: unknown } | undefined;
  if (push !== undefined) rule(same(push, { branches: ['main'] }), 'push to main alone, whatever changed');
  if (name === 'pull-request.yml') rule(!/secrets\./.test(text), 'a pull request sees no secret');
  for (const [line, used] of uses(text)) {
    if (used.startsWith('./')) rule(used === OURS, `${used} is not ours`);
    else rule(/@[0-9a-f]{40}$/.test(used) && /# v\d+\.\d+\.\d+/.test(line), `${used} is pinned, with its version`);
  }
  for (const [id, job] of Object.entries(workflow.jobs)) {
    for (const what of jobViolations(`${name}/${id}`, job, action)) found.push(what);
  }
  return found;
}

/** `uses` with their lines: the version stands in a comment, which no parser gives. */
const uses = (text: string): [string, string][] =>
  text.split('\n').flatMap((line): [string, string][] => {
    const match = /^\s*(?:- )?uses: (\S+)/.exec(line);
    return match === null ? [] : [[line, match[1] ?? '']];
  });

function jobViolations(id: string, job: Job, action: ActionFile): string[] {
  const found: string[] = [];
  const rule = (holds: boolean, what: string) => void (holds || found.push(`${id}: ${what}`));
  const reaches = REACHES.has(id);
  const text = JSON.stringify(job);
  rule(same(job.permissions, PERMISSIONS[id]), 'the least permissions');
  rule(Number(job['timeout-minutes']) > 0, 'a timeout');
  rule(job['runs-on'] === (reaches ? RUNNER : 'ubuntu-24.04'), 'the right runner');
  rule(text.includes('secrets.') === reaches, 'secrets only where machines are reached');
  const environment = reaches ? 'starrocks' : id === 'deploy.yml/approve' ? 'starrocks-approval' : undefined;
  rule(job.environment?.name === environment, `the environment ${environment}`);
  const group = { group: 'starrocks-deploy', queue: 'max', 'cancel-in-progress': false };
  rule(same(job.concurrency, id === 'deploy.yml/deploy' ? group : undefined), 'concurrency for the deploy alone');
  if (reaches && id !== 'deploy.yml/deploy') rule(job.if === MAIN, 'for main alone');
  for (const step of job.steps ?? []) for (const what of stepViolations(id, step, reaches, action)) rule(false, what);
  return found;
}

function stepViolations(id: string, step: Step, reaches: boolean, action: ActionFile): string[] {
  const found: string[] = [];
  const rule = (holds: boolean, what: string) => void (holds || found.push(what));
  if (step.run !== undefined) rule(!step.run.includes('${{'), 'no expression inside run');
  if (step.uses?.startsWith('actions/checkout@')) {
    rule(step.with?.['persist-credentials'] === false, 'no credentials left in the clone');
    if (reaches) rule(step.with?.['ref'] === 'main' && step.with?.['fetch-depth'] === 0, 'the whole of main');
  }
  if (step.uses !== OURS) return found;
  const given = Object.keys(step.with ?? {});
  const required = Object.entries(action.inputs).flatMap(([name, input]) => (input.required === true ? [name] : []));
  rule(
    given.every(name => action.inputs[name] !== undefined),
    `inputs that exist, not ${given}`,
  );
  rule(
    required.every(name => given.includes(name)),
    `the inputs ${required}`,
  );
  if (reaches) {
    const secrets = ['ssh-key', 'ssh-passphrase', 'starrocks-password'];
    rule(
      secrets.every(name => given.includes(name)),
      'key, passphrase and password',
    );
  }
  if (id === 'deploy.yml/deploy') rule(given.includes('approved'), 'the approval of the plan');
  return found;
}

/** `steps.X.outputs.Y` of our Action that are read anywhere, to be compared with action.yml. */
export const outputsRead = (text: string): string[] =>
  [...text.matchAll(/steps\.[\w-]+\.outputs\.([\w-]+)/g)].map(match => match[1] ?? '');
