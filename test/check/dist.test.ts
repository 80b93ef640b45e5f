import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bundle } from '../../.github/actions/deploy/build.ts';

it.each(['index.cjs', 'licenses.txt'])(
  'dist/%s is what the sources bundle to: mend it with `npm run bundle`',
  async file => {
    const folder = await mkdtemp(join(tmpdir(), 'starrocks-ha-dist-'));
    try {
      await bundle(folder);
      const fresh = await readFile(join(folder, file), 'utf8');
      const committed = await readFile(join('.github/actions/deploy/dist', file), 'utf8');
      expect(committed === fresh).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
