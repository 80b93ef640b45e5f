import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import { MODES } from '../../.github/actions/deploy/src/report/run-report.ts';
import { type Job, parseWorkflow, type Step, type Workflow, type Yaml } from './workflow-file.ts';

/** What a job may and where it runs: said here a second time, so that a change of it is a decision. */
interface Allowed {
  readonly permissions: Yaml;
  readonly environment?: Yaml;
  /** It reaches the machines: on the runner that can, for main only. */
  readonly machines?: true;
}

const read = { contents: 'read' };
const silent = { name: 'starrocks', deployment: false };

const JOBS: Readonly<Record<string, Allowed>> = {
  'ci.yml/test': { permissions: read },
  'deploy.yml/plan': { permissions: read, environment: silent, machines: true },
  'deploy.yml/approve': { permissions: {}, environment: { name: 'starrocks-approval', deployment: false } },
  'deploy.yml/deploy': { permissions: read, environment: { name: 'starrocks' }, machines: true },
  'drift.yml/drift': { permissions: { ...read, issues: 'write' }, environment: silent, machines: true },
  'pull-request.yml/check': { permissions: read },
  'pull-request.yml/plan': { permissions: { ...read, 'pull-requests': 'write' } },
  'pull-request.yml/gate': { permissions: {} },
  'repair.yml/repair': { permissions: read, environment: { name: 'starrocks' }, machines: true },
};

/** Events with their filters; `repair.yml` has inputs and `drift.yml` a time, which have rules of their own. */
const EVENTS: Readonly<Record<string, Yaml>> = {
  'ci.yml': { pull_request: null, push: { branches: ['main'] } },
  'deploy.yml': { push: { branches: ['main'] }, workflow_dispatch: null },
  'drift.yml': { schedule: 'any', workflow_dispatch: null },
  'pull-request.yml': { pull_request: null, merge_group: { types: ['checks_requested'] } },
  'repair.yml': { workflow_dispatch: 'any' },
};

const ACTION = './.github/actions/deploy';
const SECRETS: Yaml = {
  'ssh-key': '${{ secrets.SSH_PRIVATE_KEY }}',
  'ssh-passphrase': '${{ secrets.SSH_PASSPHRASE }}',
  'starrocks-password': '${{ secrets.STARROCKS_PASSWORD }}',
};
const MAIN = "github.ref == 'refs/heads/main'";
const RUNNER = "${{ vars.STARROCKS_RUNNER || 'ubuntu-24.04' }}";
/** Another variable: what a pull request brings must not run where the machines are reached. */
const PULL_REQUEST_RUNNER = "${{ vars.STARROCKS_PULL_REQUEST_RUNNER || 'ubuntu-24.04' }}";

function runnerOf(workflow: Workflow): string {
  if (workflow.file === 'ci.yml') return 'ubuntu-24.04';
  return isPullRequest(workflow) ? PULL_REQUEST_RUNNER : RUNNER;
}
/** `status` is `verify` in a terminal, and drift has a workflow of its own. */
const VERBS = [...MODES.filter(mode => mode !== 'status' && mode !== 'drift'), 'destroy'];

/** What action.yml says. */
interface ActionFile {
  readonly inputs: Readonly<Record<string, { readonly required?: boolean }>>;
  readonly outputs: Yaml;
}

const GROUPS: Readonly<Record<string, Yaml>> = {
  'deploy.yml/deploy': { group: 'starrocks-deploy', queue: 'max', 'cancel-in-progress': false },
  'drift.yml/drift': { group: 'starrocks-drift', 'cancel-in-progress': false },
};

interface Context {
  readonly workflows: readonly Workflow[];
  readonly action: ActionFile;
}

interface Named {
  readonly name: string;
  readonly workflow: Workflow;
  readonly job: Job;
}

const jobsOf = ({ workflows }: Context): Named[] =>
  workflows.flatMap(workflow =>
    Object.entries(workflow.jobs).map(([id, job]) => ({ name: `${workflow.file}/${id}`, workflow, job })),
  );

const stepsOf = (context: Context): (Named & { readonly step: Step })[] =>
  jobsOf(context).flatMap(named => named.job.steps.map(step => ({ ...named, step })));

const needsOf = ({ needs = [] }: Job): readonly string[] => (typeof needs === 'string' ? [needs] : needs);

const oursOf = (context: Context) => stepsOf(context).filter(({ step }) => step.uses?.startsWith('.') === true);

const using = (action: string) => (step: Step) => step.uses?.startsWith(`${action}@`) === true;

const isPullRequest = ({ on }: Workflow): boolean => Object.keys(on).some(event => /^(pull_|merge_)/.test(event));

/** Name of a rule → what offends against it, as `file/job` with a word about it. */
export const RULES: Readonly<Record<string, (context: Context) => string[]>> = {
  'only known files and jobs': context => {
    const found = jobsOf(context).map(({ name }) => name);
    const known = Object.keys(JOBS);
    return [
      ...found.filter(name => !known.includes(name)).map(name => `${name} is new`),
      ...known.filter(name => !found.includes(name)).map(name => `${name} is gone`),
      ...context.workflows.filter(({ file }) => EVENTS[file] === undefined).map(({ file }) => `${file} is new`),
    ];
  },

  'events and filters as decided': ({ workflows }) =>
    workflows
      .filter(({ file, on }) => {
        const wanted = EVENTS[file] ?? {};
        const seen = Object.entries(on).map(([event, how]) => [event, wanted[event] === 'any' ? 'any' : how]);
        return !isDeepStrictEqual(Object.fromEntries(seen), wanted);
      })
      .map(({ file }) => file),

  // With it, the code of a stranger's branch would run with our secrets at hand.
  'never pull_request_target or workflow_run': ({ workflows }) =>
    workflows.filter(({ on }) => 'pull_request_target' in on || 'workflow_run' in on).map(({ file }) => file),

  'no permission at the top': ({ workflows }) =>
    workflows.filter(({ whole }) => !isDeepStrictEqual(whole['permissions'], {})).map(({ file }) => file),

  'the least permission per job': context =>
    jobsOf(context)
      .filter(({ name, job }) => !isDeepStrictEqual(job.permissions, JOBS[name]?.permissions))
      .map(({ name }) => name),

  'actions of others pinned by commit, their version beside it': ({ workflows }) =>
    workflows.flatMap(({ file, text }) =>
      text
        .split('\n')
        .flatMap((line, at) => (/^\s*(?:- )?['"]?uses['"]?\s*:/.test(line) ? [{ line, at: at + 1 }] : []))
        .filter(({ line }) => !/uses: (actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$|\.\/)/.test(line))
        .map(({ at }) => `${file}:${at}`),
    ),

  'one pin per action': context => {
    const pins = stepsOf(context).flatMap(({ step }) => (step.uses?.includes('@') ? [step.uses] : []));
    const [different, actions] = [new Set(pins), new Set(pins.map(pin => pin.split('@')[0]))];
    return different.size === actions.size ? [] : [[...different].join(' ')];
  },

  'the one local action, after a checkout': context =>
    oursOf(context)
      .filter(({ job, step }) => {
        const before = job.steps.slice(0, job.steps.indexOf(step));
        return step.uses !== ACTION || !before.some(using('actions/checkout'));
      })
      .map(({ name }) => name),

  // GitHub pastes the value into the script before a shell sees it.
  'no expression in a script': context =>
    stepsOf(context)
      .filter(({ step }) => step.run?.includes('${{') === true)
      .map(({ name }) => name),

  'no credentials left by a checkout': context =>
    stepsOf(context)
      .filter(({ step }) => using('actions/checkout')(step) && step.with?.['persist-credentials'] !== false)
      .map(({ name }) => name),

  'a time limit on every job': context =>
    jobsOf(context)
      .filter(({ job }) => {
        const limit = job['timeout-minutes'];
        // A hosted runner ends a job at 360 minutes without giving it the time to stop well.
        return typeof limit !== 'number' || limit < 1 || limit >= 360;
      })
      .map(({ name }) => name),

  'environments as decided': context =>
    jobsOf(context)
      .filter(({ name, job }) => !isDeepStrictEqual(job.environment, JOBS[name]?.environment))
      .map(({ name }) => name),

  'secrets in jobs of the environment that holds them alone': context => [
    ...jobsOf(context)
      .filter(({ job }) => job.environment?.['name'] !== 'starrocks')
      .filter(({ job }) => /\bsecrets\b/.test(JSON.stringify(job)))
      .map(({ name }) => name),
    ...context.workflows
      .filter(({ whole }) => /\bsecrets\b/.test(JSON.stringify({ ...whole, jobs: null })))
      .map(({ file }) => file),
  ],

  'no secret for a pull request': ({ workflows }) =>
    workflows
      .filter(isPullRequest)
      .filter(({ jobs }) =>
        Object.values(jobs).some(job => job.environment !== undefined || /\bsecrets\b/.test(JSON.stringify(job))),
      )
      .map(({ file }) => file),

  // A group held by a job that waits for a person, or held twice, deploys nothing for days and shows nothing red.
  'literal concurrency groups, as decided': context => [
    ...context.workflows.filter(({ whole }) => 'concurrency' in whole).map(({ file }) => file),
    ...jobsOf(context)
      .filter(({ name, job }) => {
        return !isDeepStrictEqual(job.concurrency, GROUPS[name]);
      })
      .map(({ name }) => name),
  ],

  'an approval that runs nothing but a word, only when there is something to approve': context =>
    jobsOf(context)
      .filter(({ name }) => name === 'deploy.yml/approve')
      .filter(
        ({ job }) =>
          !isDeepStrictEqual(needsOf(job), ['plan']) ||
          job.if !== "needs.plan.outputs.changed == 'true'" ||
          job.steps.some(step => !/^echo '[^']*'$/.test(step.run ?? '')),
      )
      .map(({ name }) => name),

  'a deploy of what was approved': context =>
    jobsOf(context)
      .filter(({ name }) => name === 'deploy.yml/deploy')
      .filter(
        ({ job }) =>
          !isDeepStrictEqual(needsOf(job), ['plan', 'approve']) ||
          // A condition of its own would let it run after a skipped or refused approval.
          job.if !== undefined ||
          job.steps.every(step => step.with?.['approved'] !== "${{ needs.plan.outputs.approval || 'lost' }}"),
      )
      .map(({ name }) => name),

  // Enterprise Server has no runners of GitHub's: none but those that its variables name.
  'runners of the repository variables, one for pull requests alone': context =>
    jobsOf(context)
      .filter(({ workflow, job }) => job['runs-on'] !== runnerOf(workflow))
      .map(({ name }) => name),

  'machines for the head of main only': context =>
    jobsOf(context)
      .filter(({ name }) => JOBS[name]?.machines === true)
      .filter(({ job, workflow }) => {
        const guarded = [job, ...needsOf(job).flatMap(id => workflow.jobs[id] ?? [])].some(one => one.if === MAIN);
        const checkout = job.steps.find(using('actions/checkout'))?.with;
        // The history proves that nothing newer is taken back.
        return !guarded || checkout?.['ref'] !== 'main' || checkout['fetch-depth'] !== 0;
      })
      .map(({ name }) => name),

  'inputs that action.yml knows, and all that it requires': context =>
    oursOf(context)
      .filter(({ step }) => {
        const given = Object.keys(step.with ?? {});
        const required = Object.entries(context.action.inputs).filter(([, input]) => input.required === true);
        return (
          given.some(name => context.action.inputs[name] === undefined) ||
          required.some(([name]) => !given.includes(name))
        );
      })
      .map(({ name }) => name),

  'a mode that exists': context =>
    oursOf(context)
      .filter(({ name, step }) => {
        const mode = step.with?.['mode'];
        const known: readonly unknown[] = ['check', 'review', ...MODES];
        return name === 'repair.yml/repair' ? mode !== '${{ inputs.verb }}' : !known.includes(mode);
      })
      .map(({ name }) => name),

  'every secret for whoever reaches machines': context =>
    oursOf(context)
      .filter(({ name }) => JOBS[name]?.machines === true)
      .filter(({ step }) => Object.entries(SECRETS).some(([input, value]) => step.with?.[input] !== value))
      .map(({ name }) => name),

  'the verbs of the program, and a dry run unless somebody says otherwise': ({ workflows }) =>
    workflows.filter(({ file }) => file === 'repair.yml').flatMap(({ file, on }) => (offers(on) ? [] : [file])),

  'every answer of the person handed on': context =>
    oursOf(context)
      .filter(({ name }) => name === 'repair.yml/repair')
      .filter(({ step }) =>
        ['hosts', 'service', 'dry-run', 'reason'].some(one => step.with?.[one] !== `\${{ inputs.${one} }}`),
      )
      .map(({ name }) => name),

  'a gate that waits for all and passes with what succeeded or was skipped': context =>
    jobsOf(context)
      .filter(({ name }) => name === 'pull-request.yml/gate')
      .filter(({ job, workflow }) => {
        const others = Object.keys(workflow.jobs).filter(id => id !== 'gate');
        return job.if !== 'always()' || !isDeepStrictEqual([...needsOf(job)].sort(), others.sort());
      })
      .map(({ name }) => name),

  'the history to compare a pull request with': context =>
    oursOf(context)
      .filter(({ name }) => name === 'pull-request.yml/plan')
      .filter(({ job }) => job.steps.find(using('actions/checkout'))?.with?.['fetch-depth'] !== 0)
      .map(({ name }) => name),

  'what a run came to, for other jobs': context =>
    jobsOf(context)
      .filter(({ name }) => ['deploy.yml/deploy', 'repair.yml/repair', 'drift.yml/drift'].includes(name))
      .filter(({ name, job }) => {
        const step = name.split('/')[1];
        return ['changed', 'outcome'].some(
          output => job.outputs?.[output] !== `\${{ steps.${step}.outputs.${output} }}`,
        );
      })
      .map(({ name }) => name),

  'outputs that the Action has': ({ workflows, action }) =>
    workflows.flatMap(({ file, text }) =>
      [...text.matchAll(/steps\.[\w-]+\.outputs\.([\w-]+)/g)]
        .filter(([, output = '']) => action.outputs[output] === undefined)
        .map(([text]) => `${file}: ${text}`),
    ),

  'what is left behind kept, also when it failed': context =>
    Object.entries(KEPT)
      .filter(([name, { when, path }]) => {
        const [file = '', id = ''] = name.split('/');
        const job = context.workflows.find(one => one.file === file)?.jobs[id];
        const upload = job?.steps.find(using('actions/upload-artifact'));
        return upload?.if !== when || upload.with?.['path'] !== path;
      })
      .map(([name]) => name),

  // A failure that is overlooked lets the jobs behind it begin.
  'no failure overlooked': ({ workflows }) =>
    workflows.filter(({ whole }) => JSON.stringify(whole).includes('"continue-on-error"')).map(({ file }) => file),

  // At minute 0 all the world's schedules begin, and GitHub drops some.
  'a schedule off the full hour': ({ workflows }) =>
    workflows
      .flatMap(({ file, on }) =>
        ((on['schedule'] ?? []) as readonly { readonly cron: string }[]).map(({ cron }) => ({ file, cron })),
      )
      .filter(({ cron }) => !/^[1-9]\d? /.test(cron))
      .map(({ file }) => file),

  // GitHub switches a whole file off when its schedule has slept for 60 days.
  'a schedule in a file of its own': ({ workflows }) =>
    workflows
      .filter(({ on }) => 'schedule' in on && Object.keys(on).some(one => one === 'push' || one === 'pull_request'))
      .map(({ file }) => file),
};

const KEPT = {
  'pull-request.yml/check': {
    when: "failure() && steps.check.outputs.patch != ''",
    path: '${{ steps.check.outputs.patch }}',
  },
  'deploy.yml/deploy': {
    when: "always() && steps.deploy.outputs.report != ''",
    path: '${{ steps.deploy.outputs.report }}',
  },
  'repair.yml/repair': {
    when: "always() && steps.repair.outputs.report != ''",
    path: '${{ steps.repair.outputs.report }}',
  },
};

/** Does repair ask for what it must? */
function offers(on: Yaml): boolean {
  const { inputs } = on['workflow_dispatch'] as { readonly inputs: Readonly<Record<string, Yaml>> };
  const { verb, reason, 'dry-run': dryRun } = inputs;
  return (
    verb?.['type'] === 'choice' &&
    verb['default'] === 'plan' &&
    isDeepStrictEqual(new Set(verb['options'] as readonly string[]), new Set(VERBS)) &&
    dryRun?.['type'] === 'boolean' &&
    dryRun['default'] === true &&
    reason?.['type'] === 'string' &&
    reason['required'] === true
  );
}

/**
 * What offends against a rule in these workflows, each as `rule: where`.
 * @param texts file name → text
 * @param actionText action.yml
 */
export function violations(texts: ReadonlyMap<string, string>, actionText: string): string[] {
  const action: ActionFile = parse(actionText);
  const workflows = [...texts].map(([file, text]) => parseWorkflow(file, text));
  return Object.entries(RULES).flatMap(([rule, broken]) =>
    broken({ workflows, action }).map(where => `${rule}: ${where}`),
  );
}
