import { readFile } from 'node:fs/promises';
import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { readClusterJson } from '../../../../../compiler/contract/read-cluster-json.ts';
import { DeployError, type Problem } from '../error.ts';
import { gitHub } from '../github/client.ts';
import { type Upserted, upsertComment } from '../github/upsert-comment.ts';
import { comment, commentMarker } from '../report/comment.ts';
import { type Review, review } from '../review/review.ts';
import { treeOfCommit } from './base-tree.ts';
import { check } from './check.ts';
import { readTree } from './generated-tree.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface ReviewWish {
  readonly clusterFile: string;
  readonly generated: string;
  /** 40 hex digits. */
  readonly base: string;
  /** null: no comment is written. */
  readonly token: string | null;
}

export interface Reviewed {
  readonly headline: string;
  /** For the job summary, nothing cut but what GitHub does not take. */
  readonly whole: string;
  readonly changes: boolean;
  readonly digest: string;
  readonly problems: readonly Problem[];
  readonly comment: Upserted | 'none';
}

const SUMMARY_LIMIT = 1024 * 1024;

/**
 * Plans from the base commit's generated/ to the one that lies here, and keeps the pull request's comment up to date.
 * @throws DeployError E_BASE, E_NO_GENERATED, E_GENERATED_BROKEN, E_GITHUB
 */
export async function reviewPullRequest(wish: ReviewWish, env: Env): Promise<Reviewed> {
  const event = await pullRequest(env);
  const headFiles = texts(await readTree(wish.generated));
  const baseFiles = await treeOfCommit(process.cwd(), wish.base, wish.generated);
  const head = clusterOf(headFiles, wish.generated);
  const found = review({
    base: baseFiles.has('cluster.json') ? clusterOf(baseFiles, `${wish.generated} of ${wish.base}`) : null,
    head,
    baseFiles,
    headFiles,
  });
  const context = {
    commit: event?.head ?? env['GITHUB_SHA'] ?? '',
    base: wish.base,
    warnings: await warnings(wish),
  };
  return {
    headline: found.headline,
    whole: comment(found, context, SUMMARY_LIMIT),
    changes: !found.nothing,
    digest: found.digest,
    problems: found.problems,
    comment: await say(found, comment(found, context), event?.number ?? null, wish.token, env),
  };
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

async function say(
  { cluster }: Review,
  body: string,
  pull: number | null,
  token: string | null,
  env: Env,
): Promise<Reviewed['comment']> {
  const repository = env['GITHUB_REPOSITORY'];
  if (pull === null || token === null || repository === undefined) return 'none';
  const github = gitHub({ token, repository, api: env['GITHUB_API_URL'] ?? 'https://api.github.com' });
  return upsertComment(github, pull, commentMarker(cluster), body);
}

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

/** Number and head commit of the pull request that this run is about, or null. */
async function pullRequest(env: Env): Promise<{ readonly number: number; readonly head: string } | null> {
  const file = env['GITHUB_EVENT_PATH'];
  if (file === undefined) return null;
  const event = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
  const number = event?.pull_request?.number;
  const head = event?.pull_request?.head?.sha;
  return Number.isInteger(number) && typeof head === 'string' ? { number, head } : null;
}
