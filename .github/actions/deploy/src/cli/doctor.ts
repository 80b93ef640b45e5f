import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { $ } from 'zx';
import type { Checked, Level } from '../doctor/checks.ts';
import { untrusted } from '../doctor/host-keys.ts';
import { readDesired } from '../engine/desired.ts';
import { examineMachines } from '../engine/examine.ts';
import { checkFreshness } from '../engine/freshness.ts';
import { prepare } from '../engine/start.ts';
import { DeployError } from '../error.ts';
import { plural } from '../report/verdict.ts';
import { visible } from '../report/visible.ts';
import { parseKnownHosts } from '../transport/known-hosts.ts';
import { readPrivateKey } from '../transport/private-key.ts';
import { checkGitHub, gitHubSteps, repositoryOf } from './at-github.ts';
import { type TerminalOptions, wishOf } from './run.ts';

export type DoctorOptions = TerminalOptions;

const MARK: Record<Level, string> = { ok: 'ok     ', warn: 'warning', fail: 'FAIL   ', unknown: '?      ' };

/**
 * Looks at a fresh checkout and its machines and says what is missing for the first deploy.
 * @returns 0 nothing missing, 2 something to mend, 1 it could not look
 */
export async function doctor(options: DoctorOptions): Promise<number> {
  const here = await checkout(options);
  const blocked = here.some(one => one.level === 'fail' && NEEDED.has(one.check));
  const there = blocked ? [] : await machines(options);
  const atGitHub = await checkGitHub(await repository(options), await hasPassword(options), process.env);
  const all = [...here, ...there, ...atGitHub];
  if (options.json === true) process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
  else
    process.stdout.write(
      `${[...texts(here), ...allWell(there), ...texts(there), ...texts(atGitHub, true), '', ...ending(all)].join('\n')}\n`,
    );
  return all.some(one => one.level === 'fail') ? 2 : 0;
}

const COMPILES = 'cluster.yaml compiles to generated/';
const KEY = 'private key';
/** Without these there is nothing to reach machines by. */
const NEEDED: ReadonlySet<string> = new Set([COMPILES, KEY]);

async function machines(options: DoctorOptions): Promise<Checked[]> {
  // No SQL is asked: a password that is missing must not keep the machines from being looked at.
  const wish = { ...(await wishOf('status', options)), password: '' };
  const run = await prepare(wish, process.env, () => undefined, new AbortController().signal);
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
  return [...silent, ...checked];
}

const HERE = 'here';

const line = (level: Level, hosts: readonly string[], what: string) =>
  visible(`${MARK[level]} ${hosts.join(', ')}  ${what}`);

/** Machines on which so much is as it should be: only a number, or what is not would drown in it. */
function allWell(all: readonly Checked[]): string[] {
  const hosts = new Map<string, number>();
  for (const { host, level } of all) hosts.set(host, (hosts.get(host) ?? 0) + Number(level === 'ok'));
  const counts = [...new Set(hosts.values())].filter(count => count > 0);
  return counts.map(count => {
    const alike = [...hosts].flatMap(([host, well]) => (well === count ? [host] : []));
    return line('ok', alike, `${plural(count, 'check')}${alike.length > 1 ? ' each' : ''}`);
  });
}

/** What is as it should be here, and what is not anywhere: the same on several machines is said once. */
function texts(all: readonly Checked[], well = false): string[] {
  const alike = new Map<string, { one: Checked; hosts: string[] }>();
  for (const one of all.filter(({ level, host }) => well || level !== 'ok' || host === HERE)) {
    const key = JSON.stringify([one.check, one.level, one.seen, one.mend]);
    const group = alike.get(key) ?? { one, hosts: [] };
    alike.set(key, { one, hosts: [...group.hosts, one.host] });
  }
  return [...alike.values()].flatMap(({ one: { check, level, seen, mend }, hosts }) => {
    const head = line(level, hosts, `${check}: ${seen}`);
    return mend === '' ? [head] : [head, `          ${visible(mend)}`];
  });
}

function ending(all: readonly Checked[]): string[] {
  const count = (level: Level) => all.filter(one => one.level === level).length;
  const hosts = new Set(all.filter(one => one.host !== HERE && one.host !== 'GitHub').map(one => one.host)).size;
  const looked =
    hosts === 0 ? 'this checkout; no machine was looked at' : `this checkout and ${plural(hosts, 'machine')}`;
  return [
    `${plural(all.length, 'check')} of ${looked}: ${count('fail')} to mend, ${count('warn')} to consider, ${count('unknown')} not known.`,
    '',
    ...gitHubSteps(),
  ];
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
  await trial(COMPILES, async () => {
    await checkFreshness(options.cluster, options.generated);
    return 'fresh';
  });
  if (found[0]?.level !== 'ok') return found;
  const { cluster } = await readDesired(options.generated);
  await trial(KEY, async () => {
    const { privateKey, passphrase } = await wishOf('status', options);
    readPrivateKey(privateKey, passphrase);
    return 'can be used';
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
      missing.length === 0 ? 'every machine has one' : `unknown for ${missing.join(', ')}`,
      'npm run trust',
    ),
  );
  found.push(await committed(options));
  return found;
}

async function repository({ cluster }: DoctorOptions): Promise<string | null> {
  const git = $({ cwd: dirname(resolve(cluster)), nothrow: true, quiet: true });
  return repositoryOf((await git`git remote get-url origin`).stdout);
}

/** A checkout that does not compile says so elsewhere. */
const hasPassword = (options: DoctorOptions): Promise<boolean> =>
  readDesired(options.generated).then(
    ({ cluster }) => cluster.password_env !== null,
    () => false,
  );

/** What a deploy of main would not see. */
async function committed({ cluster, generated, knownHosts }: DoctorOptions): Promise<Checked> {
  const files = [cluster, generated, knownHosts].map(file => resolve(file));
  const git = $({ cwd: dirname(resolve(cluster)), nothrow: true, quiet: true });
  const status = await git`git status --porcelain -- ${files}`;
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
