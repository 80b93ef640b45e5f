import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';

/** file → what it imports, from the sources themselves. */
let graph: Map<string, string[]>;

const action = '.github/actions/deploy/src';

beforeAll(async () => {
  const { metafile } = await build({
    entryPoints: ['compiler/main.ts', `${action}/main.ts`, `${action}/cli/main.ts`],
    bundle: true,
    write: false,
    outdir: 'unused',
    metafile: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    loader: { '.sh': 'text' },
    logLevel: 'silent',
  });
  graph = new Map(Object.entries(metafile.inputs).map(([file, input]) => [file, input.imports.map(one => one.path)]));
});

const importers = (wanted: RegExp): string[] =>
  [...graph].filter(([, imports]) => imports.some(path => wanted.test(path))).map(([file]) => file);

const inFolder = (folder: string) => (file: string) => file.startsWith(`${folder}/`);

describe('the import graph', () => {
  it('holds the compiler and the Action', () => {
    expect([...graph.keys()].filter(inFolder('compiler')).length).toBeGreaterThan(10);
    expect([...graph.keys()].filter(inFolder(action)).length).toBeGreaterThan(10);
  });

  it('has a compiler that knows nothing of the Action', () => {
    const strayed = [...graph].filter(
      ([file, imports]) => inFolder('compiler')(file) && imports.some(inFolder('.github')),
    );
    expect(strayed).toEqual([]);
  });

  it('has a compiler whose one entry file alone knows disk, network, clock and environment', () => {
    const impure =
      /^(node:)?(fs|fs\/promises|net|http|https|child_process|os|process|timers|timers\/promises|dns|tls|worker_threads)$/;
    expect(importers(impure).filter(inFolder('compiler'))).toEqual(['compiler/main.ts']);
  });

  it.each(['plan', 'verify', 'report'])('has a pure %s/', folder => {
    const impure =
      /^(node:)?(fs|fs\/promises|net|http|https|child_process|os|dns|tls|timers\/promises)$|^(ssh2|mysql2|zx|@actions\/)/;
    expect(importers(impure).filter(inFolder(`${action}/${folder}`))).toEqual([]);
  });

  it('lets transport/ alone know ssh2', () => {
    expect(importers(/^ssh2$/).filter(file => !inFolder(`${action}/transport`)(file))).toEqual([]);
  });

  it('lets starrocks/ alone know SQL', () => {
    expect(importers(/^mysql2/).filter(file => !inFolder(`${action}/starrocks`)(file))).toEqual([]);
  });

  it('lets main.ts alone know @actions/core', () => {
    expect(importers(/^@actions\/core$/)).toEqual([`${action}/main.ts`]);
  });
});
