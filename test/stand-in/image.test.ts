import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { starRocksImages } from '../lab/starrocks-images.ts';
import { buildImageTar } from './image.ts';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stand-in-image-test-'));
  await buildImageTar('be', join(folder, 'be.tar'), { version: '3.3.15' });
});
afterAll(() => rmSync(folder, { recursive: true }));

it('holds the programs of the real image and nothing of the other kind', () => {
  const names = execFileSync('tar', ['-tf', join(folder, 'be.tar')], { encoding: 'utf8' }).split('\n');
  for (const name of ['bash', 'node', 'mysql', 'curl', 'timeout', 'awk', 'sed', 'grep', 'env']) {
    expect(names).toContain(`./usr/bin/${name}`);
  }
  expect(names).toContain('./opt/starrocks/be/bin/start_be.sh');
  expect(names).toContain('./opt/starrocks/be/conf/be.conf');
  expect(names).toContain('./opt/starrocks/be/storage/');
  expect(names.some(name => name.startsWith('./opt/starrocks/fe'))).toBe(false);
  expect(statSync(join(folder, 'be.tar')).size).toBeLessThan(200_000_000);
});

it('brings every library its programs need: they run with no other root', () => {
  execFileSync('tar', ['-C', folder, '-xf', join(folder, 'be.tar')]);
  const loader = execFileSync(
    'sh',
    ['-c', `ls ${folder}/lib64/ld-*.so* ${folder}/lib/ld-*.so* 2>/dev/null | head -n 1`],
    {
      encoding: 'utf8',
    },
  ).trim();
  const libraries = execFileSync('find', [join(folder, 'usr/lib'), '-name', '*.so*', '-printf', '%h\n'], {
    encoding: 'utf8',
  });
  const path = [...new Set(libraries.trim().split('\n'))].join(':');
  const run = (program: string, ...args: readonly string[]): string =>
    execFileSync(loader, ['--inhibit-cache', '--library-path', path, join(folder, 'usr/bin', program), ...args], {
      encoding: 'utf8',
    }).trim();
  expect(run('node', '--version')).toBe(process.version);
  expect(run('bash', '-c', 'echo $((1+1))')).toBe('2');
});

it('gives way to the real images that a person names', async () => {
  vi.stubEnv('LAB_FE_IMAGE', '/images/fe.tar').stubEnv('LAB_BE_IMAGE', '/images/be.tar');
  const imported: string[] = [];
  const importImage = async (file: string, name: string) => void imported.push(`${file} ${name}`);
  const images = await starRocksImages('3.5.1');
  vi.unstubAllEnvs();
  await images.importInto({ importImage });
  await images.remove();
  expect(imported).toEqual(['/images/fe.tar starrocks/fe-ubuntu:3.5.1', '/images/be.tar starrocks/be-ubuntu:3.5.1']);
});
