import { getExecOutput } from '@actions/exec';
import { DeployError } from '../error.ts';
import { apiOf, type Env, gitHub } from '../github/client.ts';
import type { Marker } from '../plan/world.ts';

/** Who runs this, from where, for which commit: written on every machine that a run changes, and shown to who waits. */
export interface Provenance {
  /** `owner/name`, or '' outside git. */
  readonly repository: string;
  /** 40 hex digits, or '' outside git. */
  readonly commit: string;
  /** URL of the workflow run, or `user@machine` in a terminal. */
  readonly run: string;
  readonly actor: string;
}

const git = async (folder: string, ...args: string[]): Promise<string | null> => {
  const quiet = { cwd: folder, silent: true, ignoreReturnCode: true };
  const { exitCode, stdout } = await getExecOutput('git', args, quiet).catch(() => ({ exitCode: 1, stdout: '' }));
  return exitCode === 0 ? stdout.trim() : null;
};

/** Reads the runner's environment and, outside a workflow, git. */
export async function provenance(folder: string, env: Env): Promise<Provenance> {
  const { GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: id, GITHUB_SERVER_URL: server, GITHUB_ACTOR: actor } = env;
  const commit = (await git(folder, 'rev-parse', 'HEAD')) ?? '';
  if (repository !== undefined && id !== undefined) {
    return {
      repository,
      commit,
      run: `${server ?? 'https://github.com'}/${repository}/actions/runs/${id}`,
      actor: actor ?? '',
    };
  }
  const user = env['USER'] ?? env['LOGNAME'] ?? 'somebody';
  const origin = (await git(folder, 'remote', 'get-url', 'origin')) ?? '';
  const name = /[/:]([^/:]+\/[^/]+?)(?:\.git)?\/?$/.exec(origin)?.[1] ?? '';
  return { repository: name, commit, run: `${user}@${env['HOSTNAME'] ?? 'terminal'}`, actor: user };
}

/** Commit at the head of main where it is kept, at this moment; null where that cannot be asked. */
export async function headOfMain(folder: string, env: Env, token: string | null): Promise<string | null> {
  const { GITHUB_REPOSITORY: repository } = env;
  if (repository === undefined || token === null) {
    // Whoever has to type a password for it is not asked.
    const line = await git(folder, '-c', 'core.askPass=true', 'ls-remote', 'origin', 'refs/heads/main');
    return /^[0-9a-f]{40}/.exec(line ?? '')?.[0] ?? null;
  }
  // The checkout has left no credentials to git.
  const github = gitHub({ token, repository, api: apiOf(env) });
  try {
    return (await github.get<{ readonly object: { readonly sha: string } }>('git/ref/heads/main')).object.sha;
  } catch (error) {
    if (error instanceof DeployError) return null;
    throw error;
  }
}

/**
 * Refuses to replace what another repository, or a commit that is no ancestor of this one, has put on a machine: an old
 * run that wakes up late would take the cluster back in time. The head of main may, whatever its history has become.
 * @param head asked only when it matters
 */
export async function checkSuccession(
  folder: string,
  ours: Provenance,
  host: string,
  marker: Marker,
  head: () => Promise<string | null>,
): Promise<void> {
  if (marker.repository !== '' && ours.repository !== '' && marker.repository !== ours.repository) {
    throw new DeployError({
      code: 'E_OTHER_REPOSITORY',
      host,
      step: 'plan',
      message: `${host} was deployed from ${marker.repository}, and this is ${ours.repository}.`,
      hint: `Deploy from ${marker.repository}, or, if this repository takes over, remove state/deployed.json from the machine's deploy_dir by hand.`,
    });
  }
  if (marker.commit === '' || ours.commit === '' || marker.commit === ours.commit) return;
  if ((await git(folder, 'merge-base', '--is-ancestor', marker.commit, ours.commit)) !== null) return;
  const newest = await head();
  if (newest === ours.commit) return;
  const here = (await git(folder, 'cat-file', '-t', marker.commit)) !== null;
  throw new DeployError({
    code: 'E_NOT_A_DESCENDANT',
    host,
    step: 'plan',
    message: `${host} runs commit ${short(marker.commit)} (${marker.run}), and ${short(ours.commit)} does not descend from it${
      newest === null ? '' : `, nor is it the head of main, which is ${short(newest)}`
    }.`,
    hint:
      newest === null && !here
        ? "This clone does not hold that commit, and the head of main could not be asked: fetch the whole history (fetch-depth: 0) and pull, then deploy again. Was main rewritten (a force push), and is this its head? Remove state/deployed.json from the machine's deploy_dir by hand."
        : 'Deploy the head of main; to go back to an older state, revert the commit on main.',
  });
}

const short = (commit: string): string => commit.slice(0, 12);
