import { join } from 'node:path';
import { build } from 'esbuild';

export interface StandInBundles {
  readonly fe: string;
  readonly be: string;
  readonly mysql: string;
  readonly curl: string;
}

const here = import.meta.dirname;

/** Bundles the four programs into `outDir`, one CommonJS file each, for any Node from 20.19; returns their paths. */
export async function buildStandIn(outDir: string): Promise<StandInBundles> {
  const entries = {
    'starrocks-fe': 'fe/main.ts',
    'starrocks-be': 'be/main.ts',
    mysql: 'client/mysql.ts',
    curl: 'client/curl.ts',
  };
  await build({
    entryPoints: Object.entries(entries).map(([out, entry]) => ({ in: join(here, entry), out })),
    outdir: outDir,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    banner: { js: '#!/usr/bin/env node' },
    logLevel: 'error',
  });
  const path = (name: string): string => join(outDir, `${name}.cjs`);
  return { fe: path('starrocks-fe'), be: path('starrocks-be'), mysql: path('mysql'), curl: path('curl') };
}
