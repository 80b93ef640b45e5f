import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import lock from '../../package-lock.json' with { type: 'json' };

const packages = Object.entries(lock.packages as Record<string, { hasInstallScript?: boolean; version?: string }>);

test('npm ci runs no script of a package, whatever npm the machine has, and refuses a Node that is too old', () => {
  const settings = readFileSync('.npmrc', 'utf8').split('\n');
  // npm before 11.16 does not know allowScripts.
  expect(settings).toEqual(expect.arrayContaining(['ignore-scripts=true', 'engine-strict=true']));
  const scripted = packages
    .filter(([, one]) => one.hasInstallScript)
    .map(([path]) => path.replace(/^.*node_modules\//, ''));
  expect(scripted.filter(name => !(name in manifest.allowScripts))).toEqual([]);
  expect(Object.values(manifest.allowScripts).filter(Boolean)).toEqual([]);
});

test('every version is exact', () => {
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies };
  expect(Object.entries(wanted).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});
