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

/**
 * Names a further release after the images of one that was imported: the stand-in plays any. Much faster than another
 * import. Not for real images, which are what they are.
 */
export async function playRelease(lab: Lab, imported: string, version: string): Promise<void> {
  if (Object.values(variables).some(name => process.env[name] !== undefined)) {
    throw new Error(`${Object.values(variables).join(' and ')} name real images: they play no other release`);
  }
  const commands = (['fe', 'be'] as const).map(
    kind => `docker create --name player ${imageOf(kind, imported)} true &&
      docker commit --change 'ENV STANDIN_VERSION=${version}' player ${imageOf(kind, version)} && docker rm player`,
  );
  await Promise.all(
    lab.hosts.map(async host => {
      const { code, stderr } = await host.run(`(${commands.join(' && ')}) >/dev/null`);
      if (code !== 0) throw new Error(`${host.name} cannot play ${version}: ${stderr}`);
    }),
  );
}
