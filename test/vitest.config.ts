import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** The same rule as compiler/sh-as-text.mjs: a shell script is imported as its text. */
const shAsText = {
  name: 'sh-as-text',
  load(id: string) {
    return id.endsWith('.sh') ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))}` : undefined;
  },
};

export default defineConfig({
  plugins: [shAsText],
  test: {
    // End-to-end tests wait more than they compute, and each file has machines at addresses of its own.
    maxWorkers: Math.min(4, Math.max(3, availableParallelism())),
    root: new URL('..', import.meta.url).pathname,
    projects: [
      { extends: true, test: { name: 'mutations', include: ['test/mutations/**/*.test.ts'], testTimeout: 60_000 } },
      {
        extends: true,
        // Its source maps point to sources that it does not bring.
        logLevel: 'error',
        test: {
          name: 'check',
          include: ['test/check/**/*.test.ts', 'test/workflows/*.test.ts'],
          exclude: ['**/*.lab.test.ts'],
          testTimeout: 60_000,
          // It imports JSON without saying so, which only a bundler takes.
          server: { deps: { inline: [/@actions\/(languageservice|workflow-parser)/] } },
        },
      },
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/faults/*.test.ts'],
          exclude: ['**/*.{sandbox,lab}.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: { name: 'browser', include: ['test/browser/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 60_000 },
      },
      {
        extends: true,
        test: { name: 'stand-in', include: ['test/stand-in/**/*.test.ts'], testTimeout: 90_000, hookTimeout: 90_000 },
      },
      {
        extends: true,
        test: {
          name: 'sandbox',
          include: ['test/{e2e,faults}/**/*.sandbox.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'lab',
          include: ['test/{e2e,faults,workflows}/**/*.lab.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
