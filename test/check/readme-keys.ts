/**
 * What is made from the schema for people: the table of keys in README.md, the hover text of editors, the types.
 * `npm run docs` writes them, tests compare them.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import schema from '../../compiler/cluster.schema.json' with { type: 'json' };
import { editClause, readEdit } from '../../compiler/schema/edit-class.ts';
import { resolve, type SchemaNode } from '../../compiler/schema/keys.ts';
import { withHoverText, writtenDescription } from './hover-text.ts';
import { schemaPath, schemaTypes, typesPath } from './schema-types.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const value = (shown: unknown): string =>
  shown === undefined ? '' : `\`${cell(JSON.stringify(shown).replaceAll('"', ''))}\``;

/** The head of the column begins the sentence. */
const later = ({ 'x-edit': written }: SchemaNode): string =>
  written === undefined ? '' : cell(editClause(readEdit(written)));

/** Every key once, nested ones as `ssh.user`; a host's long form after `hosts`. */
function rows(owner: SchemaNode, prefix: string): string[] {
  return Object.entries(owner.properties ?? {}).flatMap(([name, reference]) => {
    const key = resolve(reference);
    const path = `${prefix}${name}`;
    const [example] = key.examples ?? [];
    const shown =
      key.default === undefined ? (example === undefined ? '' : `e.g. ${value(example)}`) : value(key.default);
    const meaning = cell(writtenDescription(key.description ?? ''));
    const inner = [
      ...rows(key, `${path}.`),
      ...(key.items === undefined ? [] : rows(resolve(key.items), `${path}[].`)),
    ];
    return [`| \`${path}\` | ${shown} | ${meaning} | ${later(key)} |`, ...inner];
  });
}

export const keysTable = (): string =>
  ['| key | default | meaning | a change later |', '|---|---|---|---|', ...rows(schema, '')].join('\n');

const SECTION = /(<!-- keys:[^>]*-->\n)[\s\S]*?(<!-- \/keys -->)/;

export const withKeysTable = (readme: string): string =>
  readme.replace(SECTION, (_all, open: string, close: string) => `${open}\n${keysTable()}\n\n${close}`);

async function rewrite(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, 'utf8')));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await rewrite('README.md', withKeysTable);
  await rewrite(schemaPath, withHoverText);
  await writeFile(typesPath, await schemaTypes());
}
