import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The same private key under a passphrase. One round: what it costs to guess is not what is tested. */
export function lockedKey(plain: string, passphrase: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'starrocks-ha-key-'));
  const file = join(folder, 'key');
  writeFileSync(file, plain, { mode: 0o600 });
  execFileSync('ssh-keygen', ['-q', '-p', '-a', '1', '-P', '', '-N', passphrase, '-f', file], { stdio: 'pipe' });
  const locked = readFileSync(file, 'utf8');
  rmSync(folder, { recursive: true });
  return locked;
}
