import { readFile } from 'node:fs/promises';
import { $ } from 'zx';
import type { Checked, Level } from '../doctor/checks.ts';
import { untrusted } from '../doctor/host-keys.ts';
import { readDesired } from '../engine/desired.ts';
import { examineMachines } from '../engine/examine.ts';
import { checkFreshness } from '../engine/freshness.ts';
import { prepare } from '../engine/start.ts';
import { DeployError } from '../error.ts';
import { visible } from '../report/visible.ts';
import { parseKnownHosts } from '../transport/known-hosts.ts';
import { type TerminalOptions, wishOf } from './run.ts';

export type DoctorOptions = TerminalOptions;

const MARK: Record<Level, string> = { ok: 'ok     ', warn: 'warning', fail: 'FAIL   ', unknown: '?      ' };

/**
 * Looks at a fresh checkout and its machines and says what is missing for the first deploy.
 * @returns 0 nothing missing, 2 something to mend, 1 it could not look
 */
export async function doctor(options: DoctorOptions): Promise<number> {
  const here = await checkout(options);
  if (options.json !== true) for (const one of here) print(one);
  // Without these there is nothing to reach machines by.
  if (here.some(one => one.level === 'fail' && one.check !== 'host keys')) return finished(here, options);
  const signal = new AbortController().signal;
  const run = await prepare(await wishOf('status', options), process.env, () => undefined, signal);
  const { checked, unreached } = await examineMachines(run);
  const silent = [...unreached].map(
    ([host, { problem }]): Checked => ({
      host,
      check: 'reached over SSH',
      level: 'fail',
      seen: problem.message,
      mend: problem.hint,
    }),
  );
  if (options.json !== true) for (const one of [...silent, ...checked]) print(one);
  return finished([...here, ...silent, ...checked], options);
}

function finished(all: readonly Checked[], options: DoctorOptions): number {
  const count = (level: Level) => all.filter(one => one.level === level).length;
  if (options.json === true) process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
  else {
    const hosts = new Set(all.filter(one => one.host !== HERE).map(one => one.host)).size;
    process.stdout.write(
      `\n${all.length} checks of this checkout and ${hosts} machines: ${count('fail')} to mend, ${count('warn')} to consider, ${count('unknown')} not known.\n`,
    );
    if (hosts > 0) for (const line of gitHubSteps()) process.stdout.write(`${line}\n`);
  }
  return count('fail') > 0 ? 2 : 0;
}

const HERE = 'here';

function print({ host, check, level, seen, mend }: Checked): void {
  process.stdout.write(visible(`${MARK[level]} ${host}  ${check}: ${seen}`).concat('\n'));
  if (mend !== '') process.stdout.write(`          ${visible(mend)}\n`);
}

const here = (check: string, level: Level, seen: string, mend: string): Checked => ({
  host: HERE,
  check,
  level,
  seen,
  mend: level === 'ok' ? '' : mend,
});

/** What can be seen without any machine. */
async function checkout(options: DoctorOptions): Promise<Checked[]> {
  const found: Checked[] = [];
  const trial = async (check: string, work: () => Promise<string>): Promise<void> => {
    try {
      found.push(here(check, 'ok', await work(), ''));
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      found.push(here(check, 'fail', error.problem.message, error.problem.hint));
    }
  };
  await trial('cluster.yaml compiles to generated/', async () => {
    await checkFreshness(options.cluster, options.generated);
    return 'fresh';
  });
  if (found[0]?.level !== 'ok') return found;
  const { cluster } = await readDesired(options.generated);
  await trial('private key', async () => {
    await wishOf('status', options);
    return 'found';
  });
  if (cluster.password_env !== null) {
    const there = Boolean(process.env[cluster.password_env]);
    found.push(
      here(
        'password of root',
        there ? 'ok' : 'fail',
        `${cluster.password_env} is ${there ? '' : 'not '}set`,
        `export ${cluster.password_env}=…   # in the workflow: the secret STARROCKS_PASSWORD`,
      ),
    );
  }
  const pins = parseKnownHosts(await readFile(options.knownHosts, 'utf8').catch(() => ''));
  const missing = untrusted(cluster, pins);
  found.push(
    here(
      'host keys',
      missing.length === 0 ? 'ok' : 'fail',
      missing.length === 0 ? 'every machine has one' : `none of ${missing.join(', ')}`,
      'npm run trust',
    ),
  );
  found.push(await committed(options));
  return found;
}

/** What a deploy of main would not see. */
async function committed({ cluster, generated, knownHosts }: DoctorOptions): Promise<Checked> {
  const status = await $({
    nothrow: true,
    quiet: true,
  })`git status --porcelain -- ${cluster} ${generated} ${knownHosts}`;
  if (status.exitCode !== 0)
    return here('git', 'warn', 'this is no git repository', 'git init && git add . && git commit');
  const open = status.stdout
    .trim()
    .split('\n')
    .filter(line => line !== '').length;
  return here(
    'all is committed',
    open === 0 ? 'ok' : 'warn',
    open === 0 ? 'yes' : `${open} files are not`,
    `git add ${cluster} ${generated} ${knownHosts} && git commit`,
  );
}

/** What lives at GitHub and cannot be seen from here without a token. */
const gitHubSteps = (): string[] => [
  '',
  'On GitHub, once, for the workflows (with gh, in a clone):',
  '  gh api -X PUT repos/{owner}/{repo}/environments/starrocks -F deployment_branch_policy[protected_branches]=false -F deployment_branch_policy[custom_branch_policies]=true',
  '  gh api -X POST repos/{owner}/{repo}/environments/starrocks/deployment-branch-policies -f name=main',
  '  gh secret set SSH_PRIVATE_KEY --env starrocks < ~/.ssh/id_ed25519',
  '  gh secret set STARROCKS_PASSWORD --env starrocks      # asks; only with starrocks.password',
  "  gh api -X PUT repos/{owner}/{repo}/environments/starrocks-approval -F 'reviewers[][type]=User' -F 'reviewers[][id]=YOUR_ID'",
  '  gh variable set STARROCKS_RUNNER --body self-hosted   # a runner that reaches the machines',
];
