import { randomInt, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frontend } from './cluster-state.ts';
import { journalFiles } from './journal.ts';

export interface Role {
  readonly role: Frontend['role'];
  readonly name: string;
}

export interface Version {
  readonly cluster_id: string;
  readonly token: string;
}

/** The metadata folder of an FE: `image/ROLE`, `image/VERSION`, `image/image.N`, `bdb/` (Storage.java). */
export class Metadata {
  readonly #image: string;
  readonly bdb: string;

  constructor(folder: string) {
    this.#image = join(folder, 'image');
    this.bdb = join(folder, 'bdb');
    mkdirSync(join(this.#image, 'v2'), { recursive: true });
  }

  readRole(): Role | null {
    const properties = this.#read('ROLE');
    if (properties === null) return null;
    const role = properties.get('role') === 'OBSERVER' ? 'OBSERVER' : 'FOLLOWER';
    return { role, name: properties.get('name') ?? '' };
  }

  readVersion(): Version | null {
    const properties = this.#read('VERSION');
    if (properties === null) return null;
    return { cluster_id: properties.get('clusterId') ?? '', token: properties.get('token') ?? '' };
  }

  writeRole(role: Role, hostType?: 'IP'): void {
    const lines = [`name=${role.name}`, `role=${role.role}`];
    this.#write('ROLE', hostType === undefined ? lines : [`hostType=${hostType}`, ...lines]);
  }

  writeVersion(version: Version): void {
    this.#write('VERSION', [`clusterId=${version.cluster_id}`, `token=${version.token}`, 'runMode=shared_nothing']);
  }

  versionText(): string {
    return readFileSync(join(this.#image, 'VERSION'), 'utf8');
  }

  /** After a first start that failed, StarRocks takes back what it wrote (GlobalStateMgr.initialize). */
  forget(): void {
    for (const file of ['ROLE', 'VERSION']) rmSync(join(this.#image, file), { force: true });
  }

  writeImage(index: number): void {
    const old = this.#images();
    writeFileSync(join(this.#image, `image.${index}`), `${index}\n`);
    for (const name of old) if (name !== `image.${index}`) rmSync(join(this.#image, name));
  }

  hasImage(): boolean {
    return this.#images().length > 0;
  }

  hasJournal(): boolean {
    return journalFiles(this.bdb).length > 0;
  }

  #images(): readonly string[] {
    return readdirSync(this.#image).filter(name => /^image\.\d+$/.test(name));
  }

  #read(file: string): Map<string, string> | null {
    const path = join(this.#image, file);
    if (!existsSync(path)) return null;
    const lines = readFileSync(path, 'utf8').split('\n');
    return new Map(lines.filter(line => /^\w+=/.test(line)).map(line => line.split(/=(.*)/, 2) as [string, string]));
  }

  #write(file: string, lines: readonly string[]): void {
    const path = join(this.#image, file);
    writeFileSync(`${path}.tmp`, `#${new Date().toString()}\n${lines.join('\n')}\n`);
    renameSync(`${path}.tmp`, path);
  }
}

export const newVersion = (): Version => ({ cluster_id: String(randomInt(1, 2 ** 31 - 1)), token: randomUUID() });

export const newName = (host: string, port: number): string => `${host}_${port}_${Date.now()}`;
