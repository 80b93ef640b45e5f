import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildImageTar } from '../stand-in/image.ts';
import type { Variables } from './host.ts';
import type { Lab } from './lab.ts';

const variables = { fe: 'LAB_FE_IMAGE', be: 'LAB_BE_IMAGE' } as const;

/**
 * Puts the FE and BE images of a release into every engine of a lab, under the names that a cluster.yaml without `images`
 * asks for. The tar files named by LAB_FE_IMAGE and LAB_BE_IMAGE take the place of the stand-in's.
 *
 * @param env of every container: `STANDIN_SPEED` for one
 */
export async function importStarRocks(lab: Lab, version: string, env: Variables = {}): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'lab-images-'));
  try {
    for (const kind of ['fe', 'be'] as const) {
      const given = process.env[variables[kind]];
      const tarFile = given ?? join(folder, `${kind}.tar`);
      if (given === undefined) await buildImageTar(kind, tarFile, { version });
      await lab.importImage(tarFile, imageOf(kind, version), env);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

const imageOf = (kind: 'fe' | 'be', version: string): string => `starrocks/${kind}-ubuntu:${version}`;
