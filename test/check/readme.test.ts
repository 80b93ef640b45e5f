import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { withHoverText } from './hover-text.ts';
import { withKeysTable } from './readme-keys.ts';
import { schemaPath, schemaTypes, typesPath } from './schema-types.ts';

it('README.md has the table of keys that the schema makes: mend it with `npm run docs`', async () => {
  const readme = await readFile('README.md', 'utf8');
  expect(readme).toBe(withKeysTable(readme));
});

it('an editor shows of every key what a change later does: mend it with `npm run docs`', async () => {
  const text = await readFile(schemaPath, 'utf8');
  expect(text).toBe(withHoverText(text));
  expect(text).toContain('An FE that changes its role leaves and joins again."');
});

it('the types of cluster.yaml are those of the schema: mend them with `npm run docs`', async () => {
  expect(await readFile(typesPath, 'utf8')).toBe(await schemaTypes());
});

it('README.md says on its first screen that hosted runners reach no private address', async () => {
  const lines = (await readFile('README.md', 'utf8')).split('\n');
  expect(lines.slice(0, 25).join(' ')).toContain("GitHub's hosted runners cannot reach private addresses.");
});

it('README.md names only npm scripts that exist', async () => {
  const readme = await readFile('README.md', 'utf8');
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8'));
  const named = [...readme.matchAll(/npm (?:run )?([a-z-]+)/g)].flatMap(match => match[1] ?? []);
  const builtIn = ['ci', 'start', 'test', 'scripts'];
  expect([...new Set(named)].filter(name => scripts[name] === undefined && !builtIn.includes(name))).toEqual([]);
});
