import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildStandIn, type StandInBundles } from './build.ts';

const layout = join(import.meta.dirname, 'layout');

export interface InstallOptions {
  /** The StarRocks release that it plays, `3.3.18`. */
  readonly version: string;
  /** Bundles made earlier; without them they are built now. */
  readonly bundles?: StandInBundles;
}

/**
 * Lays out `<root>/fe` and `<root>/be` as StarRocks' tarball does, and the clients in `<root>/bin` (put it first on PATH
 * where they are wanted).
 */
export async function installStandIn(root: string, options: InstallOptions): Promise<void> {
  const { version } = options;
  if (options.bundles !== undefined) return install(root, version, options.bundles);
  const built = mkdtempSync(join(tmpdir(), 'stand-in-'));
  try {
    install(root, version, await buildStandIn(built));
  } finally {
    rmSync(built, { recursive: true });
  }
}

/** Parts of the tarball: which programs lie in the root. */
export type Kind = 'fe' | 'be';

function install(root: string, version: string, bundles: StandInBundles): void {
  installKind(root, 'fe', version, bundles);
  installKind(root, 'be', version, bundles);
  const bin = join(root, 'bin');
  mkdirSync(bin, { recursive: true });
  installClients(bin, bundles);
}

/** `<root>/fe` or `<root>/be` only. */
export function installKind(root: string, kind: Kind, version: string, bundles: StandInBundles): void {
  const home = join(root, kind);
  for (const folder of ['bin', 'conf', 'lib', 'log', kind === 'fe' ? 'meta' : 'storage']) {
    mkdirSync(join(home, folder), { recursive: true });
  }
  for (const script of [`start_${kind}.sh`, 'common.sh']) {
    copyFileSync(join(layout, script), join(home, 'bin', script));
    chmodSync(join(home, 'bin', script), 0o755);
  }
  cpSync(join(layout, `${kind}.conf`), join(home, 'conf', `${kind}.conf`));
  writeFileSync(join(home, 'conf', 'hadoop_env.sh'), '# StarRocks sources this file.\n');
  writeFileSync(join(home, 'conf', 'udf_security.policy'), '');
  copyFileSync(bundles[kind], join(home, 'lib', `starrocks-${kind}.cjs`));
  writeFileSync(join(home, 'lib', 'release'), `${version}\n`);
}

/** `mysql` and `curl` into a folder of PATH. */
export function installClients(bin: string, bundles: StandInBundles): void {
  for (const name of ['mysql', 'curl'] as const) {
    copyFileSync(bundles[name], join(bin, name));
    chmodSync(join(bin, name), 0o755);
  }
}
