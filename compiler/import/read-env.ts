/** A file of KEY=value lines. */
export interface EnvFile {
  readonly file: string;
  readonly values: Readonly<Record<string, string>>;
}

const assignment = /^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^#]*?))\s*(?:#.*)?$/;

/** KEY=value lines as people write them: `export`, quotes around the value and comments are let through. */
export function readEnv(file: string, text: string): EnvFile {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const pairs = lines.flatMap(line => {
    const [whole, key = '', double, single, plain] = assignment.exec(line) ?? [];
    return whole === undefined ? [] : [[key, double ?? single ?? plain ?? '']];
  });
  return { file, values: Object.fromEntries(pairs) };
}
