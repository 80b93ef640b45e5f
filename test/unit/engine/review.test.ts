import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publishReview, reviewPullRequest } from '../../../.github/actions/deploy/src/engine/review.ts';
import { Project } from '../../e2e/project.ts';
import { GitHubServer } from '../../github/server.ts';
import { three, yaml } from '../review/sides.ts';

let project: Project;
const before = process.cwd();

beforeEach(() => {
  project = new Project('');
  process.chdir(project.folder);
});

afterEach(() => {
  process.chdir(before);
  project.remove();
});

const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=ada', '-c', 'user.email=ada@example.org', ...args], {
    cwd: project.folder,
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim();

function commit(text: string): string {
  project.compile(text);
  project.commit('a change');
  return git('rev-parse', 'HEAD');
}

async function reviewed(head: string, base: string) {
  const file = join(project.folder, '.git/event.json');
  writeFileSync(file, JSON.stringify({ pull_request: { number: 7, head: { sha: head }, base: { sha: base } } }));
  const wish = { clusterFile: 'cluster.yaml', generated: 'generated', base: '' };
  return reviewPullRequest(wish, { GITHUB_EVENT_PATH: file });
}

const added = '192.168.1.13';
const others = 'allow_outage: true\n';

describe('a pull request', () => {
  it('is not told what others have merged since it was opened', async () => {
    const opened = commit(yaml(three));
    git('checkout', '-q', '-b', 'change');
    const head = commit(yaml([...three, added]));
    git('checkout', '-q', 'main');
    const main = commit(yaml(three, others));
    // GitHub's trial: the newest main, and this change of it.
    git('checkout', '-q', '-b', 'trial');
    project.compile(yaml([...three, added], others));
    git('add', '-A');
    const merge = git('commit-tree', git('write-tree'), '-p', main, '-p', head, '-m', 'a trial');
    git('reset', '-q', '--hard', merge);
    const { headline, comment } = await reviewed(head, opened);
    expect(headline).toBe(`adds ${added} as FE follower and BE; restarts nobody`);
    expect(comment).toContain(`For commit ${head.slice(0, 12)}, compared with ${main.slice(0, 12)}.`);
  });

  it('is compared with what its event names where its own head is checked out, merge or not', async () => {
    const opened = commit(yaml(three));
    git('checkout', '-q', '-b', 'change');
    const first = commit(yaml(three, others));
    git('checkout', '-q', 'main');
    project.commit('elsewhere');
    git('checkout', '-q', 'change');
    git('merge', '-q', '--no-ff', '-m', 'main into the change', 'main');
    const head = git('rev-parse', 'HEAD');
    expect(git('rev-parse', 'HEAD^1')).toBe(first);
    const { headline } = await reviewed(head, opened);
    expect(headline).toBe('changes 1 setting of the deploy; restarts nobody');
  });

  it('keeps the comment of its newest commit when an older run ends later', async () => {
    const opened = commit(yaml(three));
    const older = commit(yaml(three, others));
    const first = await reviewed(older, opened);
    const newer = commit(yaml([...three, added]));
    const second = await reviewed(newer, opened);
    const server = await GitHubServer.start();
    try {
      server.heads.set(7, newer);
      const env = { GITHUB_REPOSITORY: 'acme/infra', GITHUB_API_URL: server.url };
      expect(await publishReview(second, 'token', env)).toBe('The comment was written.');
      expect(await publishReview(first, 'token', env)).toBe('The comment is left to the run of the newer commit.');
      expect(server.comments.map(one => one.body)).toEqual([second.comment]);
    } finally {
      await server.stop();
    }
  });
});
