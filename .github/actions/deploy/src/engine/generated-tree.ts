import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { FoundFile } from '../../../../../compiler/stale/difference.ts';

/** Everything under a folder that is not a folder, by path; empty when there is none. */
export async function readTree(folder: string): Promise<Map<string, FoundFile>> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  const found = new Map<string, FoundFile>();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) continue;
    // A link or a pipe is no compiled file, and is not followed.
    const runs = entry.isFile() && ((await stat(path)).mode & 0o100) !== 0;
    const text = entry.isFile() ? await readFile(path, 'utf8') : null;
    found.set(relative(folder, path), { text, mode: runs ? '0755' : '0644' });
  }
  return found;
}
