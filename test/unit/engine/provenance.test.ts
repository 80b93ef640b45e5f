import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSuccession, headOfMain, type Provenance } from '../../../.github/actions/deploy/src/engine/provenance.ts';
import type { Marker } from '../../../.github/actions/deploy/src/plan/world.ts';
import { GitHubServer } from '../../github/server.ts';

let clone: string;
/** First commit, the one after it, and one beside that. */
let commits: { readonly first: string; readonly second: string; readonly aside: string };

const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=ada', '-c', 'user.email=ada@example.com', ...args], {
    cwd: clone,
    encoding: 'utf8',
  }).trim();

function commit(message: string): string {
  git('commit', '-q', '--allow-empty', '--no-gpg-sign', '-m', message);
  return git('rev-parse', 'HEAD');
}

beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), 'starrocks-ha-clone-'));
  git('init', '-q', '-b', 'main');
  const first = commit('first');
  const second = commit('second');
  git('checkout', '-q', '-b', 'aside', first);
  commits = { first, second, aside: commit('aside') };
});

afterAll(() => rmSync(clone, { recursive: true }));

const ours = (commit: string, repository = 'acme/analytics'): Provenance => ({
  repository,
  commit,
  run: 'https://github.com/acme/analytics/actions/runs/9',
  actor: 'ada',
});
const left = (commit: string, repository = 'acme/analytics'): Marker => ({
  cluster: 'analytics',
  repository,
  commit,
  run: 'https://github.com/acme/analytics/actions/runs/8',
  time: '2026-01-02T03:04:05.000Z',
});
const check = (by: Provenance, marker: Marker, head: string | null = null) =>
  checkSuccession(clone, by, '10.0.0.1', marker, async () => head);

describe('a machine', () => {
  it('that another repository deployed is refused, with the way out', async () => {
    await expect(check(ours(commits.second, 'acme/copy'), left(commits.first))).rejects.toMatchObject({
      problem: {
        code: 'E_OTHER_REPOSITORY',
        host: '10.0.0.1',
        step: 'plan',
        message: '10.0.0.1 was deployed from acme/analytics, and this is acme/copy.',
        hint: "Deploy from acme/analytics, or, if this repository takes over, remove state/deployed.json from the machine's deploy_dir by hand.",
      },
    });
  });

  it('of the same commit, or of one before it, may be deployed', async () => {
    await check(ours(commits.second), left(commits.second));
    await expect(check(ours(commits.second), left(commits.first))).resolves.toBeUndefined();
  });

  const onlyHead = 'Deploy the head of main; to go back to an older state, revert the commit on main.';
  it.each([
    ['a later commit', () => commits.first, () => commits.second, onlyHead],
    ['a commit of another branch', () => commits.second, () => commits.aside, onlyHead],
    ['a commit that this clone lacks', () => commits.second, () => 'f'.repeat(40), 'fetch the whole history'],
  ])('that runs %s is not taken back in time', async (_what, here, there, hint) => {
    await expect(check(ours(here()), left(there()))).rejects.toMatchObject({
      problem: {
        code: 'E_NOT_A_DESCENDANT',
        host: '10.0.0.1',
        message: `10.0.0.1 runs commit ${there().slice(0, 12)} (https://github.com/acme/analytics/actions/runs/8), and ${here().slice(0, 12)} does not descend from it.`,
        hint: expect.stringContaining(hint),
      },
    });
  });

  it('goes on to the head of main, though main was rewritten and what it runs is gone', async () => {
    await check(ours(commits.first), left('f'.repeat(40)), commits.first);
    await expect(check(ours(commits.second), left(commits.aside), commits.second)).resolves.toBeUndefined();
  });

  it('does not go on to what was the head before main was rewritten', async () => {
    await expect(check(ours(commits.first), left('f'.repeat(40)), commits.second)).rejects.toMatchObject({
      problem: {
        message: expect.stringMatching(
          new RegExp(`, nor is it the head of main, which is ${commits.second.slice(0, 12)}\\.$`),
        ),
        hint: onlyHead,
      },
    });
  });

  it('of an ancestor is no reason to ask anybody for the head', async () => {
    const never = () => Promise.reject(new Error('asked'));
    await checkSuccession(clone, ours(commits.second), '10.0.0.1', left(commits.first), never);
  });

  it('that was deployed outside git, or is now, says nothing of its history', async () => {
    await check(ours(''), left(commits.second));
    await expect(check(ours(commits.first, ''), left('', ''))).resolves.toBeUndefined();
  });
});

describe('the head of main', () => {
  const inWorkflow = (api: GitHubServer) => ({ GITHUB_REPOSITORY: 'acme/analytics', GITHUB_API_URL: api.url });

  it('is what GitHub says in a workflow, where git has no credentials', async () => {
    const api = await GitHubServer.start();
    expect(await headOfMain(clone, inWorkflow(api), 'token')).toBe(null);
    api.main = () => commits.second;
    expect(await headOfMain(clone, inWorkflow(api), 'token')).toBe(commits.second);
    await api.stop();
  });

  it('is what the origin says in a terminal, and not what this clone has heard of it', async () => {
    expect(await headOfMain(clone, {}, null)).toBe(null);
    const origin = mkdtempSync(join(tmpdir(), 'starrocks-ha-origin-'));
    execFileSync('git', ['clone', '-q', '--bare', clone, origin]);
    git('remote', 'add', 'origin', origin);
    git('fetch', '-q', 'origin');
    execFileSync('git', ['branch', '-q', '-f', 'main', commits.first], { cwd: origin });
    expect(await headOfMain(clone, {}, null)).toBe(commits.first);
    rmSync(origin, { recursive: true });
    expect(await headOfMain(clone, {}, null)).toBe(null);
    git('remote', 'remove', 'origin');
  });
});
