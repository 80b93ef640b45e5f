import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shell } from './shell.ts';

export interface KeyPair {
  /** Path of the private key; the public key lies beside it as `.pub`. */
  readonly file: string;
  /** `ssh-ed25519 AAAA…` */
  readonly publicKey: string;
}

/** One new Ed25519 key pair per name, `<folder>/<name>.key`. */
export async function makeKeys(folder: string, names: readonly string[]): Promise<readonly KeyPair[]> {
  const files = names.map(name => join(folder, `${name}.key`));
  await shell`for file in ${files}; do ssh-keygen -q -t ed25519 -N '' -C '' -f "$file"; done`;
  return Promise.all(files.map(async file => ({ file, publicKey: (await readFile(`${file}.pub`, 'utf8')).trim() })));
}
