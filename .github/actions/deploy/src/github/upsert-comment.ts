import { DeployError } from '../error.ts';
import { type Author, type GitHub, viewer, wroteIt } from './client.ts';

interface Comment {
  readonly id: number;
  readonly body: string | null;
  readonly user: Author | null;
}

export type Upserted = 'created' | 'updated' | 'unchanged' | 'forbidden';

/**
 * One comment of ours on a pull request, updated in place; the oldest, should there be two.
 * @param body begins with the marker
 * @returns 'forbidden' for a token that may not write, a fork's for one
 */
export async function upsertComment(github: GitHub, pull: number, marker: string, body: string): Promise<Upserted> {
  try {
    const all = await github.list<Comment>(`issues/${pull}/comments`);
    const marked = all.filter(comment => comment.body?.startsWith(marker) === true);
    const ours = marked.length === 0 ? () => false : wroteIt(await viewer(github));
    const [there] = marked.filter(comment => ours(comment.user));
    if (there === undefined) {
      await github.post(`issues/${pull}/comments`, { body });
      return 'created';
    }
    if (there.body === body) return 'unchanged';
    await github.patch(`issues/comments/${there.id}`, { body });
    return 'updated';
  } catch (error) {
    if (error instanceof DeployError && error.problem.code === 'E_GITHUB_FORBIDDEN') return 'forbidden';
    throw error;
  }
}
