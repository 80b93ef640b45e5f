/** KEY=value lines as the entrypoints and Compose read them: nothing in a value may need a quote. */
export type Env = Readonly<Record<string, string | number>>;

const plain = /^[A-Za-z0-9_.,:;/%@+-]*$/;

/** @throws when a value could be read as syntax: the rules have let something through that they must not */
export function envText(env: Env): string {
  return Object.entries(env)
    .map(([key, value]) => {
      if (!plain.test(String(value))) throw new Error(`${key} would need quotes: ${JSON.stringify(value)}`);
      return `${key}=${value}\n`;
    })
    .join('');
}

/** The lines of an env text whose keys are not `keys`. */
export const without = (text: string, keys: ReadonlySet<string>): string =>
  text
    .split('\n')
    .filter(line => !keys.has(line.slice(0, line.indexOf('='))))
    .join('\n');
