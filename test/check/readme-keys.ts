/**
 * The table of keys in README.md, made from the schema: `npm run docs` writes it, a test compares it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import schema from '../../compiler/cluster.schema.json' with { type: 'json' };

interface Property {
  readonly $ref?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Property>>;
  readonly items?: Property;
}

const definitions: Readonly<Record<string, Property>> = schema.definitions;

function resolved(property: Property): Property {
  if (property.$ref === undefined) return property;
  const target = definitions[property.$ref.replace('#/definitions/', '')];
  if (target === undefined) throw new Error(`${property.$ref} is not in the schema`);
  return { ...resolved(target), ...property };
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const value = (shown: unknown): string =>
  shown === undefined ? '' : `\`${cell(JSON.stringify(shown).replaceAll('"', ''))}\``;

/** Every key once, nested ones as `ssh.user`; a host's long form after `hosts`. */
function rows(property: Property, prefix: string): string[] {
  return Object.entries(property.properties ?? {}).flatMap(([name, raw]) => {
    const key = resolved(raw);
    const path = `${prefix}${name}`;
    const example = key.default === undefined ? (key.examples?.[0] ?? undefined) : undefined;
    const shown =
      key.default === undefined ? (example === undefined ? '' : `e.g. ${value(example)}`) : value(key.default);
    const inner = [
      ...rows(key, `${path}.`),
      ...(key.items === undefined ? [] : rows(resolved(key.items), `${path}[].`)),
    ];
    return [`| \`${path}\` | ${shown} | ${cell(key.description ?? '')} |`, ...inner];
  });
}

export const keysTable = (): string => ['| key | default | meaning |', '|---|---|---|', ...rows(schema, '')].join('\n');

const SECTION = /(<!-- keys:[^>]*-->\n)[\s\S]*?(<!-- \/keys -->)/;

export const withKeysTable = (readme: string): string =>
  readme.replace(SECTION, (_all, open: string, close: string) => `${open}\n${keysTable()}\n\n${close}`);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile('README.md', withKeysTable(await readFile('README.md', 'utf8')));
}
