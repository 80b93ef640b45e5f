import { accessSync, constants, existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One folder of storage_root_path. */
export interface StoragePath {
  readonly path: string;
  readonly medium: 'HDD' | 'SSD';
}

/** `/d1,medium:HDD;/d2,medium:SSD` (options.cpp). Throws on a path that is not there or cannot be written. */
export function openStorage(text: string): readonly StoragePath[] {
  const paths = text
    .split(';')
    .filter(part => part.trim() !== '')
    .map(parsePath);
  if (paths.length === 0) throw new Error(`parse config storage path failed, path=${text}`);
  for (const { path } of paths) {
    if (!existsSync(path)) throw new Error(`parse config storage path failed, path=${text}`);
    try {
      accessSync(path, constants.W_OK);
    } catch {
      throw new Error(`read write test file failed, path=${path}`);
    }
    for (const folder of ['data', 'tmp', 'meta']) mkdirSync(join(path, folder), { recursive: true });
    // StarRocks creates it empty, long before it knows a cluster (cluster_id_mgr.cpp).
    if (!existsSync(file(path))) writeFileSync(file(path), '');
  }
  return paths;
}

function parsePath(part: string): StoragePath {
  const [path = '', ...properties] = part.trim().split(',');
  const medium = properties.find(property => /^medium:/i.test(property.trim()));
  return { path: path.trim(), medium: /ssd/i.test(medium ?? '') ? 'SSD' : 'HDD' };
}

const file = (path: string): string => join(path, 'cluster_id');

/** Cluster id that the storage carries; null when it is new. Throws when two paths belong to different clusters. */
export function readClusterId(paths: readonly StoragePath[]): string | null {
  const ids = new Set(paths.map(({ path }) => readFileSync(file(path), 'utf8').split('-')[0]?.trim() ?? ''));
  ids.delete('');
  if (ids.size > 1) throw new Error(`multiple cluster ids is not equal. id_set=${[...ids].join(',')}`);
  return [...ids][0] ?? null;
}

/** `<cluster id>-<release>`, as cluster_id_mgr.cpp writes it. */
export function writeClusterId(paths: readonly StoragePath[], clusterId: string, release: string): void {
  for (const { path } of paths) writeFileSync(file(path), `${clusterId}-${release}`);
}

/** Bytes, over all folders. */
export function diskSpace(paths: readonly StoragePath[]): { readonly free: number; readonly total: number } {
  const disks = paths.map(({ path }) => statfsSync(path));
  const sum = (blocks: (disk: (typeof disks)[number]) => number): number =>
    disks.reduce((all, disk) => all + blocks(disk) * disk.bsize, 0);
  return { free: sum(disk => disk.bavail), total: sum(disk => disk.blocks) };
}
