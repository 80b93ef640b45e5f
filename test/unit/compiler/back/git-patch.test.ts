import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { emit } from '../../../../compiler/emit/emit.ts';
import type { EmittedFile } from '../../../../compiler/emit/host-folder.ts';
import { differences, type FoundFile, writtenFiles } from '../../../../compiler/stale/difference.ts';
import { gitPatch } from '../../../../compiler/stale/git-patch.ts';
import { be, cluster, host } from './sample.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A repository whose generated/ holds `found`, after `git apply` of the patch. */
function applied(found: ReadonlyMap<string, FoundFile>, patch: string): Map<string, EmittedFile> {
  const root = mkdtempSync(join(tmpdir(), 'starrocks-ha-patch-'));
  folders.push(root);
  execFileSync('git', ['init', '-q', root]);
  for (const [path, { text, mode }] of found) {
    const file = join(root, 'generated', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text ?? '');
    chmodSync(file, Number.parseInt(mode, 8));
  }
  execFileSync('git', ['apply', '-'], { cwd: root, input: patch });
  const out = join(root, 'generated');
  const files = readdirSync(out, { withFileTypes: true, recursive: true }).filter(entry => entry.isFile());
  return new Map(
    files.map(entry => {
      const path = join(entry.parentPath, entry.name);
      const mode = (statSync(path).mode & 0o100) === 0 ? '0644' : '0755';
      return [relative(out, path), { text: readFileSync(path, 'utf8'), mode }];
    }),
  );
}

const before = emit(cluster()).files;
const previous = before.get('cluster.json')?.text ?? '';
const grown = emit(
  cluster({ hosts: ['192.168.1.10', '192.168.1.11', '192.168.1.13'].map(address => host(address, { be: [be()] })) }),
).files;

describe('the patch that makes generated/ fresh', () => {
  it('turns the old tree into the new one: changed, new and dropped files, and their run bits', () => {
    const found = new Map<string, FoundFile>(before);
    found.set('hosts/192.168.1.10/run/bin/fe-entrypoint.sh', {
      text: before.get('hosts/192.168.1.10/run/bin/fe-entrypoint.sh')?.text ?? '',
      mode: '0644',
    });
    const patch = gitPatch('generated', differences(grown, found, writtenFiles(previous)), grown, found);
    const plain = (files: ReadonlyMap<string, EmittedFile>) => [...files].sort(([a], [b]) => (a < b ? -1 : 1));
    expect(plain(applied(found, patch))).toEqual(plain(grown));
  });

  it('is empty when nothing differs, and leaves alone what the compiler did not write', () => {
    const found = new Map<string, FoundFile>(before);
    found.set('notes.txt', { text: 'mine\n', mode: '0644' });
    expect(gitPatch('generated', differences(before, found, writtenFiles(previous)), before, found)).toBe('');
  });
});
