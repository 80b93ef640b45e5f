import type { ServiceName } from '../contract/cluster-json.ts';
import { identityKeys } from './env-files.ts';
import { type Env, without } from './env-text.ts';
import { sha256 } from './sha256.ts';
import type { Shared } from './shared.ts';

/** A file of a host's folder, and the services that see it in their containers. */
export interface MountedFile {
  readonly path: string;
  readonly text: string;
  readonly mode: '0644' | '0755';
  readonly services: readonly ServiceName[];
}

/**
 * A service is recreated exactly when this changes: its definition as Compose renders it, the files mounted into it, and
 * its env without the identity keys.
 * @param of.definition JSON of the service, with `${NAME}` from .env
 * @param of.env what .env holds, but for the digests
 */
export function serviceDigest(of: {
  name: ServiceName;
  definition: string;
  env: Env;
  deploy_dir: string;
  files: readonly MountedFile[];
  shared: Shared;
}): string {
  const mounted = of.files
    .filter(file => file.services.includes(of.name))
    .map(({ path, text }) =>
      path.endsWith('.env') ? [path, without(text, identityKeys(path))] : [path, of.shared.sha256(text)],
    )
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
  return sha256(JSON.stringify([rendered(of.definition, of.env, of.deploy_dir), mounted]));
}

/** As `docker compose config` shows it: values filled in, and folders absolute, so that another deploy_dir counts too. */
const rendered = (definition: string, env: Env, deployDir: string): string =>
  definition
    .replace(/\$\{([A-Z0-9_]+)\}/g, (_all, name: string) => String(env[name]))
    .replaceAll('"./', `"${deployDir}/`);
