import { readFileSync } from 'node:fs';
import { build, transformSync } from 'esbuild';
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

/** What differs between two runs, or two machines, and needs no import. */
const impureGlobals = [
  ...['Date.now', 'Math.random', 'process', 'fetch', 'crypto', 'performance', 'globalThis'],
  ...['setTimeout', 'setInterval', 'setImmediate'],
];

/** Files of a folder that use one of these globals: esbuild knows them from what a file itself calls so. */
function users(folder: string, globals: readonly string[]): string[] {
  const define = Object.fromEntries(globals.map(name => [name, 'IMPURE']));
  return [...graph.keys()].filter(inFolder(folder)).filter(file => {
    if (!file.endsWith('.ts')) return false;
    const { code } = transformSync(readFileSync(file, 'utf8'), { loader: 'ts', define });
    return /\bIMPURE\b|new Date\(\)/.test(code);
  });
}

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

  it('has a compiler that asks no clock, environment or chance, and of cryptography takes only hashes', () => {
    expect(importers(/^(node:)?crypto$/).filter(inFolder('compiler'))).toEqual(['compiler/emit/sha256.ts']);
    expect(users('compiler', ['Date', ...impureGlobals])).toEqual(['compiler/main.ts']);
  });

  it.each(['plan', 'verify', 'report'])('has a pure %s/', folder => {
    const impure =
      /^(node:)?(fs|fs\/promises|net|http|https|child_process|os|dns|tls|timers\/promises)$|^(ssh2|mysql2|zx|@actions\/)/;
    expect(importers(impure).filter(inFolder(`${action}/${folder}`))).toEqual([]);
    expect(users(`${action}/${folder}`, impureGlobals)).toEqual([]);
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
