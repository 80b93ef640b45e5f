import { type Author, type GitHub, isOurs } from './client.ts';

interface Issue {
  readonly number: number;
  readonly state: 'open' | 'closed';
  readonly title: string;
  readonly body: string | null;
  readonly user: Author | null;
  /** Set for a pull request, which is an issue too. */
  readonly pull_request?: unknown;
}

export interface IssueText {
  readonly title: string;
  /** Begins with the marker. */
  readonly body: string;
}

export type Synced = 'opened' | 'updated' | 'unchanged' | 'reopened' | 'closed' | 'none';

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
  const all = await github.list<Issue>('issues?state=all&sort=created&direction=asc');
  const marked = all.filter(issue => issue.pull_request === undefined && issue.body?.startsWith(marker) === true);
  const ours = marked.length === 0 ? () => false : await isOurs(github);
  const mine = marked.filter(issue => ours(issue.user));
  const there = mine.find(issue => issue.state === 'open') ?? mine.at(-1);
  const open = there?.state === 'open';
  const wanted = text(open ? there.body : null);
  if (there === undefined) {
    if (wanted === null) return 'none';
    await github.post('issues', wanted);
    return 'opened';
  }
  if (wanted === null) {
    if (!open) return 'none';
    await github.post(`issues/${there.number}/comments`, { body: farewell });
    await github.patch(`issues/${there.number}`, { state: 'closed', state_reason: 'completed' });
    return 'closed';
  }
  if (open && there.body === wanted.body && there.title === wanted.title) return 'unchanged';
  await github.patch(`issues/${there.number}`, { ...wanted, state: 'open' });
  return open ? 'updated' : 'reopened';
}
