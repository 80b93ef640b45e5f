import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publishReview, reviewFailed, reviewPullRequest } from '../../../.github/actions/deploy/src/engine/review.ts';
import { DeployError } from '../../../.github/actions/deploy/src/error.ts';
import { escaped } from '../../../.github/actions/deploy/src/report/markdown.ts';
import { fingerprint } from '../../../.github/actions/deploy/src/transport/known-hosts.ts';
import { Project } from '../../e2e/project.ts';
import { GitHubServer } from '../../github/server.ts';
import { keyPair } from '../../sandbox/key-pair.ts';
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

const wish = { clusterFile: 'cluster.yaml', generated: 'generated', knownHosts: '.github/known_hosts', base: '' };

function event(head: string, base: string) {
  const file = join(project.folder, '.git/event.json');
  writeFileSync(file, JSON.stringify({ pull_request: { number: 7, head: { sha: head }, base: { sha: base } } }));
  return { GITHUB_EVENT_PATH: file };
}

const reviewed = (head: string, base: string) => reviewPullRequest(wish, event(head, base));

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

  it('is shown whose host keys it would have the deploy trust, though nothing else changes', async () => {
    const keys = ['192.168.1.10', '192.168.1.11'].map(name => {
      const [type = '', base64 = ''] = keyPair().public.trim().split(' ');
      return {
        line: `${name} ${type} ${base64}\n`,
        shown: `${name} (${type} ${fingerprint(Buffer.from(base64, 'base64'))})`,
      };
    });
    const [old, forged] = keys;
    if (old === undefined || forged === undefined) throw new Error('two keys');
    mkdirSync(join(project.folder, '.github'));
    const file = join(project.folder, wish.knownHosts);
    writeFileSync(file, `# written by trust\n${old.line}`);
    const opened = commit(yaml(three));
    expect((await reviewed(opened, opened)).changes).toBe(false);
    writeFileSync(file, forged.line);
    const head = commit(yaml(three));
    const { changes, headline, comment } = await reviewed(head, opened);
    expect([changes, headline]).toEqual([true, 'changes which host keys are trusted; restarts nobody']);
    expect(comment).toContain('⚠️');
    const [, warning = ''] = comment.split('> [!WARNING]\n');
    expect(warning.split('\n').slice(0, 2)).toEqual([
      expect.stringContaining(`> The deploy would trust other host keys: ${escaped(forged.shown)}. Whoever holds`),
      expect.stringContaining(`> The deploy would no longer trust the host keys ${escaped(old.shown)}.`),
    ]);
  });

  it.each<[string, string, (opened: string) => string]>([
    ['its generated/ cannot be read', 'E_GENERATED_BROKEN', opened => opened],
    ['its base is not in the clone', 'E_BASE', () => 'f'.repeat(40)],
  ])('is told that an earlier plan is void when %s', async (_what, code, baseOf) => {
    const opened = commit(yaml(three));
    const older = commit(yaml(three, others));
    const first = await reviewed(older, opened);
    if (code === 'E_GENERATED_BROKEN') {
      const file = join(project.generated, 'cluster.json');
      writeFileSync(file, `${readFileSync(file, 'utf8')} and a merge conflict`);
    }
    project.commit('broken');
    const head = git('rev-parse', 'HEAD');
    const problem = await reviewed(head, baseOf(opened)).then(
      () => null,
      error => (error instanceof DeployError ? error.problem : null),
    );
    expect(problem?.code).toBe(code);
    if (problem === null) throw new Error('it was reviewed');
    const told = await reviewFailed(problem, wish, event(head, baseOf(opened)));
    if (told === null) throw new Error('nobody knows whose plan this is');
    const server = await GitHubServer.start();
    try {
      server.heads.set(7, older);
      const env = { GITHUB_REPOSITORY: 'acme/infra', GITHUB_API_URL: server.url };
      await publishReview(first, 'token', env);
      server.heads.set(7, head);
      expect(await publishReview(told, 'token', env)).toBe('The comment was brought up to date.');
      expect(server.comments.length).toBe(1);
      const [{ body = '' } = {}] = server.comments;
      expect(body).toContain('## ❌ analytics: no plan could be made\n');
      expect(body).toContain(`> \`${code}\` `);
      expect(body).toContain('An earlier plan that stood here is void.');
      expect(body).toContain(`For commit ${head.slice(0, 12)}.`);
      expect(body).not.toContain('setting of the deploy');
    } finally {
      await server.stop();
    }
  });

  it('is told nothing of a failure when neither side names a cluster', async () => {
    project.commit('nothing is here');
    const problem = {
      code: 'E_GENERATED_BROKEN' as const,
      host: null,
      step: null,
      message: 'It is missing.',
      hint: '',
    };
    expect(await reviewFailed(problem, wish, event(git('rev-parse', 'HEAD'), ''))).toBeNull();
  });
});
