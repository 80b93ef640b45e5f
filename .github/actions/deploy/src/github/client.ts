import { HttpClient, HttpClientError } from '@actions/http-client';
import { BearerCredentialHandler } from '@actions/http-client/lib/auth';
import { DeployError } from '../error.ts';

/** GitHub's REST for one repository. It goes through the proxy that the runner's environment names. */
export interface GitHub {
  get<T>(path: string): Promise<T>;
  /** Every page of a list. */
  list<T>(path: string): Promise<T[]>;
  post<T>(path: string, body: unknown): Promise<T>;
  patch<T>(path: string, body: unknown): Promise<T>;
}

/** As process.env has it. */
export type Env = Readonly<Record<string, string | undefined>>;

/** GitHub Enterprise Server has its own. */
export const apiOf = (env: Env): string => env['GITHUB_API_URL'] ?? 'https://api.github.com';

export interface GitHubAccess {
  readonly token: string;
  /** `owner/name` */
  readonly repository: string;
  /** `apiOf` the environment. */
  readonly api: string;
}

const PER_PAGE = 100;
/** A thread longer than this is not searched to its end. */
const MAX_PAGES = 30;

/** Methods throw DeployError E_GITHUB_FORBIDDEN or E_GITHUB. */
export function gitHub({ token, repository, api }: GitHubAccess): GitHub {
  const client = new HttpClient('starrocks-ha', [new BearerCredentialHandler(token)], {
    allowRetries: true,
    maxRetries: 3,
    headers: { Accept: 'application/vnd.github+json', 'X-GitHub-Api-Version': '2022-11-28' },
    socketTimeout: 30_000,
  });
  const url = (path: string) => (path.startsWith('/') ? `${api}${path}` : `${api}/repos/${repository}/${path}`);
  const result = async <T>(what: string, asked: Promise<{ readonly result: T | null }>): Promise<T> => {
    try {
      const { result: value } = await asked;
      if (value === null) throw failed(what, 404, 'Not Found');
      return value;
    } catch (error) {
      if (error instanceof DeployError) throw error;
      throw failed(what, error instanceof HttpClientError ? error.statusCode : null, String(error));
    }
  };
  const get = <T>(path: string) => result<T>(`GET ${path}`, client.getJson<T>(url(path)));
  return {
    get,
    list: async <T>(path: string) => {
      const all: T[] = [];
      for (let page = 1; page <= MAX_PAGES; page += 1) {
        const some = await get<T[]>(`${path}${path.includes('?') ? '&' : '?'}per_page=${PER_PAGE}&page=${page}`);
        all.push(...some);
        if (some.length < PER_PAGE) break;
      }
      return all;
    },
    post: (path, body) => result(`POST ${path}`, client.postJson(url(path), body)),
    patch: (path, body) => result(`PATCH ${path}`, client.patchJson(url(path), body)),
  };
}

function failed(what: string, status: number | null, said: string): DeployError {
  const forbidden = status === 401 || status === 403 || status === 404;
  return new DeployError({
    code: forbidden ? 'E_GITHUB_FORBIDDEN' : 'E_GITHUB',
    step: 'github',
    message: `GitHub answered ${what} with ${status ?? 'nothing'}: ${said.slice(0, 300)}.`,
    hint: forbidden
      ? "Give the job the permission that the workflow's file names; a fork's token has none."
      : 'Run it again; see whether GitHub has a disturbance.',
  });
}

/** What an account needs to be, so that what it wrote may be taken for ours. */
export interface Author {
  readonly login: string;
  readonly type: string;
}

/** Whose token this is; null for a workflow's, which may not ask. */
export const viewer = (github: GitHub): Promise<Author | null> =>
  github.get<Author>('/user').catch(error => {
    if (error instanceof DeployError) return null;
    throw error;
  });

/** Did this account write it? Workflow tokens write as bots. Anybody can write our marker into a text of their own. */
export const wroteIt =
  (me: Author | null) =>
  (author: Author | null): boolean =>
    author !== null && (me === null ? author.type === 'Bot' : author.login === me.login);
