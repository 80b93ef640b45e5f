import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StoredComment {
  id: number;
  issue: number;
  body: string;
  user: { login: string; type: string };
}

export interface StoredIssue {
  number: number;
  title: string;
  body: string;
  state: 'open' | 'closed';
  user: { login: string; type: string };
  labels: { name: string }[];
  pull_request?: { url: string };
}

const BOT = { login: 'github-actions[bot]', type: 'Bot' };
/** GitHub's own limit; longer bodies are refused as a whole. */
const BODY_LIMIT = 65_536;

/** GitHub's REST as far as comments and issues go, on this machine. It says what a workflow's token would hear. */
export class GitHubServer {
  readonly comments: StoredComment[] = [];
  readonly issues: StoredIssue[] = [];
  /** `POST issues/7/comments` … in order, without those that only read. */
  readonly changes: string[] = [];
  /** A fork's token: it may read and nothing else. */
  readOnly = false;
  /** A token without push access: labels of a new issue are left out without a word. */
  dropsLabels = false;
  /** Number of a pull request → its newest commit. */
  readonly heads = new Map<number, string>();
  /** Commit at the head of main. */
  main: () => string | null = () => null;
  /** Questions of any kind. */
  requests = 0;
  readonly #server: Server;
  #next = 1;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<GitHubServer> {
    const server = new GitHubServer();
    await new Promise<void>(done => server.#server.listen(0, '127.0.0.1', done));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(done => this.#server.close(done));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', 'http://localhost');
    const body = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const { status, value } = this.#route(request.method ?? 'GET', url, body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  }

  #route(method: string, url: URL, body: Record<string, unknown>): { status: number; value: unknown } {
    this.requests += 1;
    const path = url.pathname.replace(/^\/repos\/[^/]+\/[^/]+\//, '');
    if (url.pathname === '/user') return refused('Resource not accessible by integration');
    if (method !== 'GET') {
      if (this.readOnly) return refused('Resource not accessible by integration');
      if (String(body['body'] ?? '').length > BODY_LIMIT) {
        return { status: 422, value: { message: 'Validation Failed: body is too long (maximum is 65536 characters)' } };
      }
      this.changes.push(`${method} ${path}`);
    }
    const comments = /^issues\/(\d+)\/comments$/.exec(path);
    if (comments !== null) return this.#comments(method, Number(comments[1]), url, body);
    const comment = /^issues\/comments\/(\d+)$/.exec(path);
    if (comment !== null)
      return changed(
        this.comments.find(one => one.id === Number(comment[1])),
        body,
      );
    const pull = /^pulls\/(\d+)$/.exec(path);
    const sha = pull === null ? undefined : this.heads.get(Number(pull[1]));
    if (sha !== undefined) return { status: 200, value: { head: { sha } } };
    const main = path === 'git/ref/heads/main' ? this.main() : null;
    if (main !== null) return { status: 200, value: { ref: 'refs/heads/main', object: { type: 'commit', sha: main } } };
    const labels = /^issues\/(\d+)\/labels$/.exec(path);
    if (labels !== null) return this.#label(Number(labels[1]), body);
    if (path === 'issues') return this.#issues(method, url, body);
    const issue = /^issues\/(\d+)$/.exec(path);
    if (issue !== null)
      return changed(
        this.issues.find(one => one.number === Number(issue[1])),
        body,
      );
    return { status: 404, value: { message: 'Not Found' } };
  }

  #comments(method: string, issue: number, url: URL, body: Record<string, unknown>) {
    if (method === 'GET') {
      return paged(
        this.comments.filter(one => one.issue === issue),
        url,
      );
    }
    const comment = { id: this.#next++, issue, body: String(body['body']), user: BOT };
    this.comments.push(comment);
    return { status: 201, value: comment };
  }

  #label(issue: number, body: Record<string, unknown>): { status: number; value: unknown } {
    const there = this.issues.find(one => one.number === issue);
    if (there === undefined) return { status: 404, value: { message: 'Not Found' } };
    there.labels.push(...labelsOf(body));
    return { status: 200, value: there.labels };
  }

  #issues(method: string, url: URL, body: Record<string, unknown>) {
    if (method === 'GET') {
      const state = url.searchParams.get('state');
      const label = url.searchParams.get('labels');
      const creator = url.searchParams.get('creator');
      return paged(
        this.issues
          .filter(one => state === 'all' || one.state === (state ?? 'open'))
          .filter(one => label === null || one.labels.some(({ name }) => name === label))
          .filter(one => creator === null || one.user.login === creator),
        url,
      );
    }
    const issue: StoredIssue = {
      number: this.#next++,
      title: String(body['title']),
      body: String(body['body']),
      state: 'open',
      user: BOT,
      labels: this.dropsLabels ? [] : labelsOf(body),
    };
    this.issues.push(issue);
    return { status: 201, value: issue };
  }
}

const labelsOf = (body: Record<string, unknown>): { name: string }[] =>
  Array.isArray(body['labels']) ? body['labels'].map(name => ({ name: String(name) })) : [];

const refused = (message: string) => ({ status: 403, value: { message } });

function changed(thing: object | undefined, body: Record<string, unknown>): { status: number; value: unknown } {
  if (thing === undefined) return { status: 404, value: { message: 'Not Found' } };
  Object.assign(thing, body);
  return { status: 200, value: thing };
}

function paged(all: readonly unknown[], url: URL): { status: number; value: unknown } {
  const per = Number(url.searchParams.get('per_page') ?? 30);
  const page = Number(url.searchParams.get('page') ?? 1);
  return { status: 200, value: all.slice((page - 1) * per, page * per) };
}
