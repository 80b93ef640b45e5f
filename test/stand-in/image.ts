import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { buildStandIn } from './build.ts';
import { installClients, installKind, type Kind } from './install.ts';

const needed =
  'bash sh env cat cp mv rm mkdir rmdir ln ls chmod touch date sleep head tail sort tr cut wc basename dirname readlink mktemp id seq true false kill stat timeout find grep sed awk';
const welcome =
  'tee uniq realpath expr printf echo test [ uname hostname df du od dd base64 sha256sum sync chown xargs egrep fgrep tar gzip ps nohup getent';

/**
 * Writes a root file system for `docker import FILE NAME:TAG` that holds what the official image holds towards us: bash,
 * coreutils, grep, sed, awk, mysql, curl and `/opt/starrocks/<kind>`. Everything comes from this machine, with its
 * libraries; no network. Throws when a needed program is missing.
 */
export async function buildImageTar(kind: Kind, outFile: string, options: { readonly version: string }): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'stand-in-image-'));
  try {
    const root = join(work, 'root');
    skeleton(root);
    copyPrograms(root);
    const bundles = await buildStandIn(join(work, 'bundles'));
    installKind(join(root, 'opt/starrocks'), kind, options.version, bundles);
    installClients(join(root, 'usr/bin'), bundles);
    const metadata = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
    execFileSync('tar', [...metadata, '-C', root, '-cf', outFile, '.']);
  } finally {
    rmSync(work, { recursive: true });
  }
}

function skeleton(root: string): void {
  for (const folder of [
    'usr/bin',
    'usr/sbin',
    'usr/lib',
    'usr/lib64',
    'etc',
    'proc',
    'sys',
    'dev',
    'run',
    'tmp',
    'root',
  ]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${folder}`, join(root, folder));
  chmodSync(join(root, 'tmp'), 0o1777);
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/bash\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
}

function copyPrograms(root: string): void {
  const libraries = new Set<string>();
  const add = (name: string, path: string): void => {
    const real = realpathSync(path);
    copyFileSync(real, join(root, 'usr/bin', name));
    chmodSync(join(root, 'usr/bin', name), 0o755);
    for (const library of librariesOf(real)) libraries.add(library);
  };
  add('node', process.execPath);
  for (const name of needed.split(' ')) add(name, which(name) ?? missing(name));
  for (const name of welcome.split(' ')) {
    const path = which(name);
    if (path !== null) add(name, path);
  }
  for (const library of [...libraries, ...resolvers(libraries)]) copyLibrary(root, library);
}

function missing(name: string): never {
  throw new Error(`the stand-in's image needs ${name}, which is not on this machine's PATH`);
}

function which(name: string): string | null {
  const folders = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', ...(process.env['PATH'] ?? '').split(':')];
  return folders.map(folder => join(folder, name)).find(path => existsSync(path)) ?? null;
}

/** A script has none, and ldd says so by its exit code. */
function librariesOf(path: string): readonly string[] {
  try {
    const text = execFileSync('ldd', [path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return [...text.matchAll(/(?:=>\s*|^\s*)(\/\S+)\s+\(0x/gm)].map(match => match[1] ?? '');
  } catch {
    return [];
  }
}

/** Name resolution is loaded at run time: ldd does not see it. */
function resolvers(libraries: ReadonlySet<string>): readonly string[] {
  const libc = [...libraries].find(library => basename(library).startsWith('libc.so'));
  if (libc === undefined) return [];
  return ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2']
    .map(name => join(dirname(libc), name))
    .filter(path => existsSync(path));
}

function copyLibrary(root: string, path: string): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(path), target);
  chmodSync(target, 0o755);
}
