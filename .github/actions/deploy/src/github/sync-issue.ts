import { type Author, type GitHub, viewer, wroteIt } from './client.ts';

interface Issue {
  readonly number: number;
  readonly state: 'open' | 'closed';
  readonly title: string;
  readonly body: string | null;
  readonly user: Author | null;
  readonly labels: readonly { readonly name: string }[];
  /** Set for a pull request, which is an issue too. */
  readonly pull_request?: unknown;
}

export interface IssueText {
  readonly title: string;
  /** Begins with the marker. */
  readonly body: string;
}

export type Synced = 'opened' | 'updated' | 'unchanged' | 'reopened' | 'closed' | 'none';

/** By which it is found among thousands. A token that may not set labels leaves it out, and a person may take it off. */
const LABEL = 'starrocks-drift';
/** What workflow tokens write as; they may not ask who they are. */
const WORKFLOWS = 'github-actions[bot]';

/**
 * Keeps one issue of ours up to date: found again by its marker, opened when there is something to say, closed with a
 * comment when there is not. Never a second one: a closed one is opened again.
 * @param text what it says now, made from what it said before; null when all is well
 */
export async function syncIssue(
  github: GitHub,
  marker: string,
  text: (before: string | null) => IssueText | null,
  farewell: string,
): Promise<Synced> {
  const there = await find(github, marker);
  const open = there?.state === 'open';
  const wanted = text(open ? there.body : null);
  if (there === undefined) {
    if (wanted === null) return 'none';
    await github.post('issues', { ...wanted, labels: [LABEL] });
    return 'opened';
  }
  if (wanted === null) {
    if (!open) return 'none';
    await github.post(`issues/${there.number}/comments`, { body: farewell });
    await github.patch(`issues/${there.number}`, { state: 'closed', state_reason: 'completed' });
    return 'closed';
  }
  if (!there.labels.some(({ name }) => name === LABEL)) {
    await github.post(`issues/${there.number}/labels`, { labels: [LABEL] });
  }
  if (open && there.body === wanted.body && there.title === wanted.title) return 'unchanged';
  await github.patch(`issues/${there.number}`, { ...wanted, state: 'open' });
  return open ? 'updated' : 'reopened';
}

/** The open one, or else the latest; by its label, and where that finds none, by who wrote it. */
async function find(github: GitHub, marker: string): Promise<Issue | undefined> {
  const me = await viewer(github);
  const ours = wroteIt(me);
  const creator = encodeURIComponent(me?.login ?? WORKFLOWS);
  for (const filter of [`labels=${LABEL}`, `creator=${creator}`]) {
    const all = await github.list<Issue>(`issues?state=all&${filter}&sort=created&direction=asc`);
    const mine = all.filter(
      issue => issue.pull_request === undefined && issue.body?.startsWith(marker) === true && ours(issue.user),
    );
    const found = mine.find(issue => issue.state === 'open') ?? mine.at(-1);
    if (found !== undefined) return found;
  }
  return undefined;
}
