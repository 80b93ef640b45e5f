// `import script from './x.sh'` gives the file's text, for programs that run from source (the bundle and the tests have
// the same rule in their own settings). Use: node --import tsx --import ./compiler/sh-as-text.mjs program.ts

import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';

if (import.meta.url.endsWith('?hooks') === false) register(`${import.meta.url}?hooks`);

export async function load(url, context, next) {
  if (!url.split('?')[0].endsWith('.sh')) return next(url, context);
  return {
    format: 'module',
    shortCircuit: true,
    source: `export default ${JSON.stringify(readFileSync(fileURLToPath(url.split('?')[0]), 'utf8'))};`,
  };
}
