import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { getExecOutput } from '@actions/exec';
import { extract } from 'tar-stream';
import { DeployError } from '../error.ts';

const COMMIT = /^[0-9a-f]{40}$/;

/**
 * The compiled folder as a commit has it, by path under it; empty when that commit has none.
 * @param generated relative to the clone
 * @throws DeployError E_BASE
 */
export async function treeOfCommit(clone: string, commit: string, generated: string): Promise<Map<string, string>> {
  if (!COMMIT.test(commit)) throw badBase(commit, 'is no commit');
  const git = (...args: string[]) => getExecOutput('git', args, { cwd: clone, silent: true, ignoreReturnCode: true });
  if ((await git('cat-file', '-e', `${commit}^{commit}`)).exitCode !== 0) throw badBase(commit, 'is not in this clone');
  if ((await git('cat-file', '-e', `${commit}:${generated}`)).exitCode !== 0) return new Map();
  const folder = await mkdtemp(join(tmpdir(), 'starrocks-ha-base-'));
  try {
    const file = join(folder, 'base.tar');
    const { exitCode, stderr } = await git('archive', '--format=tar', '-o', file, `${commit}:${generated}`);
    if (exitCode !== 0) throw badBase(commit, `cannot be read: ${stderr.trim()}`);
    const files = new Map<string, string>();
    for await (const entry of createReadStream(file).pipe(extract())) {
      const content = await text(entry);
      if (entry.header.type === 'file') files.set(entry.header.name, content);
    }
    return files;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One file as a commit has it; '' where it has none. @param path relative to the clone */
export async function fileOfCommit(clone: string, commit: string, path: string): Promise<string> {
  const quiet = { cwd: clone, silent: true, ignoreReturnCode: true };
  const { exitCode, stdout } = await getExecOutput('git', ['show', `${commit}:./${path}`], quiet);
  return exitCode === 0 ? stdout : '';
}

/** What the commit that is checked out merges `head` into, as GitHub's trial of a merge does; null where it does not. */
export async function mergedInto(clone: string, head: string): Promise<string | null> {
  const quiet = { cwd: clone, silent: true, ignoreReturnCode: true };
  const { exitCode, stdout } = await getExecOutput('git', ['rev-list', '--parents', '-n', '1', 'HEAD'], quiet);
  const [, first, second, ...more] = exitCode === 0 ? stdout.trim().split(' ') : [];
  return first !== undefined && second === head && more.length === 0 ? first : null;
}

const badBase = (commit: string, why: string): DeployError =>
  new DeployError({
    code: 'E_BASE',
    message: `The commit to compare with, ${JSON.stringify(commit)}, ${why}.`,
    hint: 'Check out the whole history (fetch-depth: 0) and give the full id of the base commit.',
  });
