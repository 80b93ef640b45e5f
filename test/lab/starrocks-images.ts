import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildImageTar } from '../stand-in/image.ts';
import type { Variables } from './host.ts';
import type { Lab } from './lab.ts';

const variables = { fe: 'LAB_FE_IMAGE', be: 'LAB_BE_IMAGE' } as const;

/** The FE and BE images of a release as files, for more than one lab. */
export interface StarRocksImages {
  /** @param env of every container: `STANDIN_SPEED` for one */
  importInto(lab: Pick<Lab, 'importImage'>, env?: Variables): Promise<void>;
  remove(): Promise<void>;
}

/** The tar files named by LAB_FE_IMAGE and LAB_BE_IMAGE take the place of the stand-in's. */
export async function starRocksImages(version: string): Promise<StarRocksImages> {
  const folder = await mkdtemp(join(tmpdir(), 'lab-images-'));
  const remove = () => rm(folder, { recursive: true });
  try {
    const files = (['fe', 'be'] as const).map(kind => ({
      kind,
      given: process.env[variables[kind]],
      built: join(folder, `${kind}.tar`),
    }));
    for (const { kind, given, built } of files) {
      if (given === undefined) await buildImageTar(kind, built, { version });
    }
    return {
      remove,
      importInto: async (lab, env = {}) => {
        for (const { kind, given, built } of files) await lab.importImage(given ?? built, imageOf(kind, version), env);
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/**
 * Puts the FE and BE images of a release into every engine of a lab, under the names that a cluster.yaml without `images`
 * asks for.
 *
 * @param env of every container: `STANDIN_SPEED` for one
 */
export async function importStarRocks(lab: Lab, version: string, env: Variables = {}): Promise<void> {
  const images = await starRocksImages(version);
  try {
    await images.importInto(lab, env);
  } finally {
    await images.remove();
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
