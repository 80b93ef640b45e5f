import { readFile } from 'node:fs/promises';
import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { readClusterJson } from '../../../../../compiler/contract/read-cluster-json.ts';
import { DeployError, type Problem } from '../error.ts';
import { apiOf, type Env, type GitHub, gitHub } from '../github/client.ts';
import { type Upserted, upsertComment } from '../github/upsert-comment.ts';
import { comment, commentMarker, failedComment } from '../report/comment.ts';
import { review } from '../review/review.ts';
import { trustChanges } from '../review/trust-changes.ts';
import { fingerprint } from '../transport/known-hosts.ts';
import { fileOfCommit, mergedInto, treeOfCommit } from './base-tree.ts';
import { check } from './check.ts';
import { readTree } from './generated-tree.ts';

export interface ReviewWish {
  readonly clusterFile: string;
  readonly generated: string;
  /** The file of trusted host keys, relative to the clone. */
  readonly knownHosts: string;
  /** 40 hex digits, or '': that of the pull request. */
  readonly base: string;
}

/** What is told on a pull request. */
export interface Told {
  readonly marker: string;
  /** Short enough for GitHub. */
  readonly comment: string;
  /** Number of the pull request, or null. */
  readonly pull: number | null;
  /** The commit that this is about, or ''. */
  readonly commit: string;
}

interface Reviewed extends Told {
  readonly headline: string;
  /** For the job summary, nothing cut but what GitHub does not take. */
  readonly whole: string;
  readonly changes: boolean;
  readonly digest: string;
  readonly problems: readonly Problem[];
}

const SUMMARY_LIMIT = 1024 * 1024;

/**
 * Plans from the base commit's generated/ to the one that lies here.
 * @throws DeployError E_BASE, E_GENERATED_BROKEN
 */
export async function reviewPullRequest(wish: ReviewWish, env: Env): Promise<Reviewed> {
  const event = await eventOf(env);
  const base = await baseOf(wish, event);
  const headFiles = texts(await readTree(wish.generated));
  const baseFiles = await treeOfCommit(process.cwd(), base, wish.generated);
  const head = clusterOf(headFiles, wish.generated);
  const found = review(
    {
      base: baseFiles.has('cluster.json') ? clusterOf(baseFiles, `${wish.generated} of ${base}`) : null,
      head,
      baseFiles,
      headFiles,
    },
    trustChanges(
      await fileOfCommit(process.cwd(), base, wish.knownHosts),
      await readFile(wish.knownHosts, 'utf8').catch(() => ''),
      base64 => fingerprint(Buffer.from(base64, 'base64')),
    ),
  );
  const context = {
    commit: event.head || (env['GITHUB_SHA'] ?? ''),
    base,
    warnings: await warnings(wish),
  };
  return {
    headline: found.headline,
    whole: comment(found, context, SUMMARY_LIMIT),
    changes: !found.nothing,
    digest: found.digest,
    problems: found.problems,
    marker: commentMarker(found.cluster),
    comment: comment(found, context),
    pull: event.pull,
    commit: event.head,
  };
}

/**
 * What takes the place of the plan when none could be made; null where neither side says whose plan that would be.
 * @param problem what `reviewPullRequest` threw
 */
export async function reviewFailed(problem: Problem, wish: ReviewWish, env: Env): Promise<Told | null> {
  const event = await eventOf(env);
  const { pull, head: commit } = event;
  const files = [
    await readTree(wish.generated).then(texts, () => new Map<string, string>()),
    await treeOfCommit(process.cwd(), await baseOf(wish, event), wish.generated).catch(() => new Map<string, string>()),
  ];
  const [cluster] = files.flatMap(one => nameOf(one.get('cluster.json') ?? ''));
  if (cluster === undefined) return null;
  return { marker: commentMarker(cluster), comment: failedComment(cluster, problem, commit), pull, commit };
}

/** The cluster's name in a cluster.json that may be good for nothing else. */
function nameOf(text: string): string[] {
  const name = /"cluster"\s*:\s*"([a-z0-9-]+)"/.exec(text)?.[1];
  return name === undefined ? [] : [name];
}

async function warnings({ clusterFile, generated }: ReviewWish): Promise<string[]> {
  const { diagnostics, differences } = await check(clusterFile, generated);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) {
    return [
      `${clusterFile} does not compile (${errors.length} errors): what follows is the plan of the committed ${generated}/.`,
    ];
  }
  if (differences.length === 0) return [];
  return [
    `${generated}/ is not what ${clusterFile} compiles to: run npm run compile and commit it. What follows is the plan of what is committed.`,
  ];
}

const SAID: Record<Upserted, string> = {
  created: 'The comment was written.',
  updated: 'The comment was brought up to date.',
  unchanged: 'The comment says this already.',
  forbidden: 'This token may not comment: the plan is in the job summary.',
};

/** Keeps the pull request's one comment up to date. @returns one sentence about it @throws DeployError E_GITHUB */
export async function publishReview(
  { comment: body, marker, pull, commit }: Told,
  token: string | null,
  env: Env,
): Promise<string> {
  const repository = env['GITHUB_REPOSITORY'];
  if (pull === null || token === null || repository === undefined) return 'There is no pull request to comment on.';
  const github = gitHub({ token, repository, api: apiOf(env) });
  // An older run that ends later must not take the place of a newer one's plan.
  const newest = await headOf(github, pull);
  if (newest !== null && newest !== commit) return 'The comment is left to the run of the newer commit.';
  return SAID[await upsertComment(github, pull, marker, body)];
}

/** The newest commit of a pull request; null for a token that may not ask. */
const headOf = (github: GitHub, pull: number): Promise<string | null> =>
  github.get<{ readonly head?: { readonly sha?: string } }>(`pulls/${pull}`).then(
    ({ head }) => head?.sha ?? null,
    error => {
      if (error instanceof DeployError && error.problem.code === 'E_GITHUB_FORBIDDEN') return null;
      throw error;
    },
  );

const texts = (tree: Awaited<ReturnType<typeof readTree>>): Map<string, string> =>
  new Map([...tree].flatMap(([path, { text }]) => (text === null ? [] : [[path, text] as const])));

function clusterOf(files: ReadonlyMap<string, string>, where: string): ClusterJson {
  const text = files.get('cluster.json');
  const { cluster, problems } =
    text === undefined ? { cluster: null, problems: ['it is missing.'] } : readClusterJson(text);
  if (cluster !== null) return cluster;
  throw new DeployError({
    code: 'E_GENERATED_BROKEN',
    message: `cluster.json of ${where} cannot be used: ${problems.join(' ')}`,
    hint: 'Run `npm run compile` and commit generated/; files there are never edited by hand.',
  });
}

interface Event {
  /** Number of the pull request, or null. */
  readonly pull: number | null;
  /** Commits, '' when the event names none. */
  readonly head: string;
  readonly base: string;
}

/** The trial merge is with the newest main; the event's base is main as it was when the pull request last changed. */
const baseOf = async (wish: ReviewWish, { head, base }: Event): Promise<string> =>
  wish.base || (await mergedInto(process.cwd(), head)) || base;

/** What the event says of a pull request, or of a merge queue's trial, which has no number. */
async function eventOf(env: Env): Promise<Event> {
  const file = env['GITHUB_EVENT_PATH'];
  const event = file === undefined ? {} : JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
  const number = event?.pull_request?.number;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    pull: Number.isInteger(number) ? number : null,
    head: text(event?.pull_request?.head?.sha ?? event?.merge_group?.head_sha),
    base: text(event?.pull_request?.base?.sha ?? event?.merge_group?.base_sha),
  };
}
