import type { Checked } from '../doctor/checks.ts';
import { DeployError } from '../error.ts';
import { apiOf, type Env, type GitHub, gitHub } from '../github/client.ts';

const HOST = 'GitHub';

/** The repository of a clone's origin, `owner/name`; null where there is none. */
export const repositoryOf = (origin: string): string | null =>
  /[/:]([^/:]+\/[^/]+?)(?:\.git)?\/?$/.exec(origin.trim())?.[1] ?? null;

/**
 * What the workflows need at GitHub and cannot bring themselves: two environments, secrets, a variable.
 * @param password does cluster.yaml say that root has one?
 */
export async function checkGitHub(repository: string | null, password: boolean, env: Env): Promise<Checked[]> {
  const token = env['GH_TOKEN'] || env['GITHUB_TOKEN'];
  if (repository === null || !token) {
    const seen =
      repository === null ? 'this clone has no origin there' : 'nobody gave a token, so nothing was looked at';
    const mend = 'export GH_TOKEN="$(gh auth token)"; or do what is listed below by hand';
    return [{ host: HOST, check: 'environments, secrets and the runner', level: 'unknown', seen, mend }];
  }
  const github = gitHub({ token, repository, api: apiOf(env) });
  return (await Promise.all(checks(password).map(check => looked(github, check)))).flat();
}

interface Check {
  readonly check: string;
  readonly path: string;
  /** What is missing in the answer, null for nothing; the answer is null where there is no such thing. */
  readonly lacks: (answer: Answer | null) => string | null;
  readonly mend: string;
  /** What it is where it is there. */
  readonly ok: string;
}

interface Answer {
  readonly secrets?: readonly { readonly name: string }[];
  readonly deployment_branch_policy?: object | null;
  readonly protection_rules?: readonly { readonly type: string; readonly reviewers?: readonly unknown[] }[];
  readonly value?: string;
}

const reviewed = (answer: Answer): boolean =>
  answer.protection_rules?.some(rule => (rule.reviewers?.length ?? 0) > 0) === true;

const SECRETS = 'environments/starrocks/secrets?per_page=100';

function checks(password: boolean): Check[] {
  const secret = (name: string): Check => ({
    check: `secret ${name}`,
    path: SECRETS,
    lacks: answer =>
      answer?.secrets?.some(one => one.name === name) === true ? null : 'is not in the environment starrocks',
    mend: command(name),
    ok: 'is there',
  });
  return [
    {
      check: 'environment starrocks',
      path: 'environments/starrocks',
      lacks: answer => {
        if (answer === null) return 'is missing';
        if ((answer.deployment_branch_policy ?? null) === null)
          return 'may be used from every branch: whoever can push one reads the secrets';
        return reviewed(answer) ? 'has reviewers, for whom every plan and drift run waits' : null;
      },
      mend: command('environment'),
      ok: 'is there, for chosen branches only',
    },
    secret('SSH_PRIVATE_KEY'),
    ...(password ? [secret('STARROCKS_PASSWORD')] : []),
    {
      check: 'environment starrocks-approval',
      path: 'environments/starrocks-approval',
      // GitHub lets such a job pass at once; so it does in a private repository whose plan has no reviewers.
      lacks: answer =>
        answer === null
          ? 'is missing: GitHub makes one at the first deploy, which nobody approves'
          : reviewed(answer)
            ? null
            : 'has no reviewers: every merge deploys at once',
      mend: command('approval'),
      ok: 'has reviewers',
    },
    {
      check: 'variable STARROCKS_RUNNER',
      path: 'actions/variables/STARROCKS_RUNNER',
      lacks: answer => (answer?.value ? null : "is not set: GitHub's own runners reach no private address"),
      mend: command('runner'),
      ok: 'is set',
    },
  ];
}

async function looked(github: GitHub, { check, path, lacks, mend, ok }: Check): Promise<Checked> {
  try {
    const missing = lacks(await found(github, path));
    if (missing === null) return { host: HOST, check, level: 'ok', seen: ok, mend: '' };
    return { host: HOST, check, level: 'fail', seen: missing, mend };
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    const how = 'Give a token that may read environments, secrets and variables of this repository.';
    return { host: HOST, check, level: 'unknown', seen: error.problem.message, mend: how };
  }
}

const found = (github: GitHub, path: string): Promise<Answer | null> =>
  github.get<Answer>(path).catch(error => {
    if (error instanceof DeployError && / with 404: /.test(error.problem.message)) return null;
    throw error;
  });

interface Command {
  readonly of: string;
  readonly text: string;
}

/** Quoted, so that no shell takes a bracket or a brace for a pattern. */
const COMMANDS: readonly Command[] = [
  {
    of: 'environment',
    text: "gh api -X PUT 'repos/{owner}/{repo}/environments/starrocks' -F 'deployment_branch_policy[protected_branches]=false' -F 'deployment_branch_policy[custom_branch_policies]=true' && gh api -X POST 'repos/{owner}/{repo}/environments/starrocks/deployment-branch-policies' -f name=main",
  },
  { of: 'SSH_PRIVATE_KEY', text: 'gh secret set SSH_PRIVATE_KEY --env starrocks < ~/.ssh/id_ed25519' },
  { of: 'SSH_PASSPHRASE', text: 'gh secret set SSH_PASSPHRASE --env starrocks   # asks; only when the key has one' },
  {
    of: 'STARROCKS_PASSWORD',
    text: 'gh secret set STARROCKS_PASSWORD --env starrocks   # asks; only with starrocks.password',
  },
  {
    of: 'approval',
    text: `gh api -X PUT 'repos/{owner}/{repo}/environments/starrocks-approval' -F 'reviewers[][type]=User' -F "reviewers[][id]=$(gh api user --jq .id)"`,
  },
  {
    of: 'runner',
    text: 'gh variable set STARROCKS_RUNNER --body self-hosted   # the label of a runner that reaches the machines',
  },
];

const command = (of: string): string => COMMANDS.find(one => one.of === of)?.text ?? '';

/** All of it, for a person who begins. */
export const gitHubSteps = (): string[] => [
  'On GitHub, once, for the workflows (with gh, in a clone):',
  ...COMMANDS.map(({ text }) => `  ${text}`),
  '  In a private repository, required reviewers need a plan that has them: without, every merge deploys unapproved.',
  '  Only where GitHub has no hosted runners: gh variable set STARROCKS_PULL_REQUEST_RUNNER --body LABEL, of one that does not reach the machines.',
];
