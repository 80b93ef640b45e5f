import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** What the scripts of a deploy may ask of a machine besides sh and docker, by package. README.md names the packages. */
export const usual = {
  coreutils: [
    ...[
      'base64',
      'cat',
      'chmod',
      'cp',
      'date',
      'dd',
      'df',
      'du',
      'head',
      'mkdir',
      'mktemp',
      'mv',
      'readlink',
      'rm',
      'sha256sum',
    ],
    ...['sleep', 'sort', 'tail', 'timeout', 'touch', 'tr', 'wc'],
  ],
  findutils: ['find'],
  grep: ['grep'],
  sed: ['sed'],
  awk: ['awk'],
  tar: ['tar'],
  'util-linux': ['flock'],
} as const;

/** The scripts put these behind the PATH of the login. */
const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Stands before the machine's own commands: all that are not usual are missing there, and leave their names in $STRAYED. */
export const withoutOthers = mkdtempSync(join(tmpdir(), 'unusual-commands-'));
afterAll(() => rmSync(withoutOthers, { recursive: true }));

const absent = join(withoutOthers, '.absent');
chmodSync(withoutOthers, 0o755);
writeFileSync(absent, '#!/bin/sh\necho "${0##*/}" >>"$STRAYED"\nexit 127\n', { mode: 0o755 });
const kept = new Set<string>(['sh', 'docker', ...Object.values(usual).flat()]);
for (const name of new Set(folders.filter(one => existsSync(one)).flatMap(one => readdirSync(one)))) {
  if (!kept.has(name)) symlinkSync(absent, join(withoutOthers, name));
}
