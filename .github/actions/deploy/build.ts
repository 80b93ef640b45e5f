/**
 * Bundles the Action into dist/: `node --import tsx .github/actions/deploy/build.ts [folder]`. The same bytes on every
 * machine: ssh2's optional native addons, which npm may or may not have built, are left out.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../..');

const noNative: Plugin = {
  name: 'no-native',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.node$|^cpu-features$/ }, ({ path }) => ({ path, namespace: 'no-native' }));
    onLoad({ filter: /.*/, namespace: 'no-native' }, () => ({
      contents: "throw new Error('native addons are not bundled')",
      loader: 'js',
    }));
  },
};

/** Licences under which a package may be part of the bundle. */
const ALLOWED = /^\(?(MIT|ISC|BSD-[23]-Clause|Apache-2\.0|0BSD|BlueOak-1\.0\.0|Unlicense)\b/;

async function licences(inputs: readonly string[]): Promise<string> {
  const packages = new Set(
    inputs.flatMap(input => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.slice(1, 2) ?? []),
  );
  const texts = await Promise.all([...packages].sort().map(licence));
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

async function licence(folder: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'));
  const name: string = manifest.license ?? manifest.licenses?.[0]?.type ?? '';
  if (!ALLOWED.test(name)) throw new Error(`${manifest.name} has the licence "${name}", which may not be bundled`);
  for (const file of ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE', 'license', 'license.md', 'License']) {
    const text = await readFile(join(root, folder, file), 'utf8').catch(() => null);
    if (text !== null) return `${manifest.name} ${manifest.version} (${name})\n\n${text.trim()}\n`;
  }
  return `${manifest.name} ${manifest.version} (${name})\n`;
}

export async function bundle(folder: string): Promise<void> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: ['.github/actions/deploy/src/main.ts'],
    outfile: join(folder, 'index.cjs'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    loader: { '.sh': 'text' },
    plugins: [noNative],
    legalComments: 'none',
    minifySyntax: true,
    minifyWhitespace: true,
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  await mkdir(folder, { recursive: true });
  for (const file of result.outputFiles) await writeFile(file.path, file.contents);
  await writeFile(join(folder, 'licenses.txt'), await licences(Object.keys(result.metafile.inputs)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle(process.argv[2] ?? join(here, 'dist'));
