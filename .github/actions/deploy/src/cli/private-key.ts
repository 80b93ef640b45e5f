import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DeployError } from '../error.ts';

/** The private key of a run in a terminal: a file, the text in SSH_PRIVATE_KEY, or the person's own key. */
export async function privateKey(identity: string | undefined): Promise<string> {
  const given = process.env['SSH_PRIVATE_KEY'];
  if (identity === undefined && given) return given;
  const file = identity ?? join(homedir(), '.ssh', 'id_ed25519');
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new DeployError({
      code: 'E_NO_KEY',
      message: `The private key ${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? error}.`,
      hint: 'Give its path with --identity, or its text in the environment variable SSH_PRIVATE_KEY.',
    });
  }
}
