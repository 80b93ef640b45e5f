import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeployError } from '../../../.github/actions/deploy/src/error.ts';
import { type GitHub, gitHub } from '../../../.github/actions/deploy/src/github/client.ts';
import { syncIssue } from '../../../.github/actions/deploy/src/github/sync-issue.ts';
import { upsertComment } from '../../../.github/actions/deploy/src/github/upsert-comment.ts';
import { GitHubServer } from '../../github/server.ts';

let server: GitHubServer;
let github: GitHub;

beforeEach(async () => {
  server = await GitHubServer.start();
  github = gitHub({ token: 'marked-token', repository: 'acme/infra', api: server.url });
});

afterEach(() => server.stop());

const marker = '<!-- starrocks-ha:plan analytics -->';
const body = (text: string) => `${marker}\n${text}`;
const bot = { login: 'github-actions[bot]', type: 'Bot' };

describe('the comment of a pull request', () => {
  it('is created once and then updated in place', async () => {
    expect(await upsertComment(github, 7, marker, body('one'))).toBe('created');
    expect(await upsertComment(github, 7, marker, body('two'))).toBe('updated');
    expect(await upsertComment(github, 7, marker, body('two'))).toBe('unchanged');
    expect(server.comments.map(comment => comment.body)).toEqual([body('two')]);
    expect(server.changes).toEqual(['POST issues/7/comments', 'PATCH issues/comments/1']);
  });

  it('is found behind hundreds of others', async () => {
    for (let id = 1000; id < 1250; id += 1) server.comments.push({ id, issue: 7, body: 'hello', user: bot });
    server.comments.push({ id: 2000, issue: 7, body: body('old'), user: bot });
    expect(await upsertComment(github, 7, marker, body('new'))).toBe('updated');
    expect(server.changes).toEqual(['PATCH issues/comments/2000']);
  });

  it('is never one that somebody else wrote, marker or not', async () => {
    server.comments.push({ id: 50, issue: 7, body: body('forged'), user: { login: 'mallory', type: 'User' } });
    server.comments.push({ id: 51, issue: 7, body: `> ${body('quoted')}`, user: bot });
    expect(await upsertComment(github, 7, marker, body('true'))).toBe('created');
    expect(server.comments.map(comment => comment.body)).toEqual([body('forged'), `> ${body('quoted')}`, body('true')]);
  });

  it('is left out when the token is a fork’s', async () => {
    server.readOnly = true;
    expect(await upsertComment(github, 7, marker, body('one'))).toBe('forbidden');
    expect(server.comments).toEqual([]);
  });
});

describe('the issue of a cluster', () => {
  const drift = '<!-- starrocks-ha:drift analytics -->';
  const text = (what: string) => ({ title: 'analytics differs', body: `${drift}\n${what}` });
  const sync = (wanted: string | null) =>
    syncIssue(github, drift, () => (wanted === null ? null : text(wanted)), 'All is well.');

  it('is opened, updated, closed with a comment, and opened again: never a second one', async () => {
    expect(await sync(null)).toBe('none');
    expect(await sync('one')).toBe('opened');
    expect(await sync('one')).toBe('unchanged');
    expect(await sync('two')).toBe('updated');
    expect(await sync(null)).toBe('closed');
    expect(await sync(null)).toBe('none');
    expect(await sync('three')).toBe('reopened');
    expect(server.issues.map(({ state, body }) => [state, body])).toEqual([['open', text('three').body]]);
    expect(server.comments.map(comment => comment.body)).toEqual(['All is well.']);
  });

  it('is given what it said before, while it is open', async () => {
    await sync('one');
    let before: string | null = null;
    const noted = (said: string | null) => {
      before = said;
      return text('two');
    };
    await syncIssue(github, drift, noted, '');
    expect(before).toBe(text('one').body);
  });

  it('is no pull request and nobody else’s issue', async () => {
    const others = { title: 't', body: text('x').body, state: 'open' as const, labels: [{ name: 'starrocks-drift' }] };
    server.issues.push({ ...others, number: 90, user: { login: 'mallory', type: 'User' } });
    server.issues.push({ ...others, number: 91, user: bot, pull_request: { url: 'x' } });
    expect(await sync('mine')).toBe('opened');
    expect(server.issues.map(issue => issue.body)).toEqual([text('x').body, text('x').body, text('mine').body]);
  });
});

describe('the issue of a cluster in a busy repository', () => {
  const drift = '<!-- starrocks-ha:drift analytics -->';
  const sync = (what: string) => syncIssue(github, drift, () => ({ title: 't', body: `${drift}\n${what}` }), '');
  const foreign = (user = { login: 'bob', type: 'User' }) =>
    Array.from({ length: 3100 }, (_, at) => ({
      ...{ number: 10_000 + at, title: 't', body: 'hello', state: 'open' as const, user, labels: [] },
    }));

  it('is found behind thousands of others, with a handful of questions', async () => {
    server.issues.push(...foreign());
    expect(await sync('one')).toBe('opened');
    server.requests = 0;
    expect(await sync('two')).toBe('updated');
    expect(server.requests).toBeLessThan(6);
    expect(server.issues.filter(issue => issue.body.startsWith(drift)).map(issue => issue.labels)).toEqual([
      [{ name: 'starrocks-drift' }],
    ]);
  });

  it('is found by who wrote it where its label was left out or taken off, and gets it then', async () => {
    server.issues.push(...foreign());
    server.dropsLabels = true;
    expect(await sync('one')).toBe('opened');
    expect(await sync('two')).toBe('updated');
    expect(server.issues.filter(issue => issue.body.startsWith(drift)).map(issue => issue.labels)).toEqual([
      [{ name: 'starrocks-drift' }],
    ]);
  });
});

describe('GitHub’s refusals', () => {
  it('name the permission, and never the token', async () => {
    server.readOnly = true;
    const error = await github.post<DeployError>('issues', { title: 't', body: 'b' }).catch((one: DeployError) => one);
    expect(error).toBeInstanceOf(DeployError);
    expect(error.problem).toMatchObject({ code: 'E_GITHUB_FORBIDDEN', message: expect.stringContaining('403') });
    expect(JSON.stringify(error.problem)).not.toContain('marked-token');
  });

  it('tell of a body that is too long', async () => {
    const error = await github
      .post<DeployError>('issues', { title: 't', body: 'x'.repeat(70_000) })
      .catch((one: DeployError) => one);
    expect(error.problem).toMatchObject({ code: 'E_GITHUB', message: expect.stringContaining('too long') });
  });
});
