import type { Problem } from '../error.ts';

/** What the runner's own disk refuses, as a sentence; null: it is a defect of ours. */
export function diskProblem(error: unknown): Problem | null {
  if (!(error instanceof Error)) return null;
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || path === undefined) return null;
  const what = WORDS[code] ?? `${syscall ?? 'the disk'} says ${code}`;
  return {
    ...{ code: 'E_FILE', host: null, step: null },
    message: `${path} cannot be read or written here: ${what}.`,
    hint: 'Correct the path or its permissions, then run this again: nothing was changed by halves.',
  };
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'it is on a read-only file system',
  ENOSPC: 'the disk is full',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of that path is no folder',
};
