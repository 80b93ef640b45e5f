import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { withKeysTable } from './readme-keys.ts';

it('README.md has the table of keys that the schema makes: mend it with `npm run docs`', async () => {
  const readme = await readFile('README.md', 'utf8');
  expect(readme).toBe(withKeysTable(readme));
});

it('README.md names only npm scripts that exist', async () => {
  const readme = await readFile('README.md', 'utf8');
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8'));
  const named = [...readme.matchAll(/npm (?:run )?([a-z-]+)/g)].flatMap(match => match[1] ?? []);
  const builtIn = ['ci', 'start', 'test', 'scripts'];
  expect([...new Set(named)].filter(name => scripts[name] === undefined && !builtIn.includes(name))).toEqual([]);
});
