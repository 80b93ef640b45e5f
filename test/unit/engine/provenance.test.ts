import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSuccession, type Provenance } from '../../../.github/actions/deploy/src/engine/provenance.ts';
import type { Marker } from '../../../.github/actions/deploy/src/plan/world.ts';

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
const check = (by: Provenance, marker: Marker) => checkSuccession(clone, by, '10.0.0.1', marker);

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

  it.each([
    ['a later commit', () => commits.first, () => commits.second, 'Deploy the head of main'],
    ['a commit of another branch', () => commits.second, () => commits.aside, 'Deploy the head of main'],
    ['a commit that this clone lacks', () => commits.second, () => 'f'.repeat(40), 'fetch the whole history'],
  ])('that runs %s is not taken back in time', async (_what, here, there, hint) => {
    await expect(check(ours(here()), left(there()))).rejects.toMatchObject({
      problem: {
        code: 'E_NOT_A_DESCENDANT',
        host: '10.0.0.1',
        message: `10.0.0.1 runs commit ${there().slice(0, 12)} (https://github.com/acme/analytics/actions/runs/8), and ${here().slice(0, 12)} does not descend from it.`,
        hint: expect.stringMatching(new RegExp(`${hint}.*force push.*Remove state/deployed\\.json`)),
      },
    });
  });

  it('that was deployed outside git, or is now, says nothing of its history', async () => {
    await check(ours(''), left(commits.second));
    await expect(check(ours(commits.first, ''), left('', ''))).resolves.toBeUndefined();
  });
});
