import type { BeService, CompiledFile, CompiledHost, FeService, ServiceName } from '../contract/cluster-json.ts';
import type { Be, Cluster, Fe, Host } from '../model/cluster.ts';
import beEntrypoint from '../scripts/be-entrypoint.sh';
import beHealthCheck from '../scripts/be-health-check.sh';
import feEntrypoint from '../scripts/fe-entrypoint.sh';
import { type ComposeService, composeServices, composeText, shapeOf } from './compose.ts';
import { beConf, feConf } from './conf.ts';
import { appEnv, beEnv, composeEnv, feEnv, identityKeys } from './env-files.ts';
import { type Env, envText, without } from './env-text.ts';
import { beFolder, beFolders, beName, feFolders } from './service-folders.ts';
import { sha256 } from './sha256.ts';

export interface EmittedFile {
  readonly text: string;
  readonly mode: '0644' | '0755';
}

interface ShapeTexts {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly text: string;
}

/** Texts and digests that many hosts share, made once. */
export class Shared {
  readonly #shapes = new Map<string, ShapeTexts>();
  readonly #digests = new Map<string, string>();

  shape(host: Host): ShapeTexts {
    return remembered(this.#shapes, shapeOf(host), () => {
      const services = composeServices(host);
      return { services, text: composeText(services) };
    });
  }

  sha256(text: string): string {
    return remembered(this.#digests, text, () => sha256(text));
  }
}

function remembered<T>(map: Map<string, T>, key: string, make: () => T): T {
  const there = map.get(key);
  if (there !== undefined) return there;
  const made = make();
  map.set(key, made);
  return made;
}

/** A file of the host's folder with the service that it is moved into place with; null: with the first one. */
interface Placed extends EmittedFile {
  readonly service: ServiceName | null;
  /** Its text, or the path of its cache entry: hashed once for all hosts that share it. */
  readonly shared: boolean;
}

/** Everything of one machine: its files by path, and what cluster.json says of it. */
export function emitHost(
  cluster: Cluster,
  host: Host,
  shared: Shared,
): { readonly files: ReadonlyMap<string, EmittedFile>; readonly compiled: CompiledHost } {
  const files = new Map<string, Placed>();
  const put = (
    path: string,
    text: string,
    service: ServiceName | null,
    isShared = false,
    mode: '0644' | '0755' = '0644',
  ) => files.set(path, { text, mode, service, shared: isShared });
  put('app.env', appEnv(cluster, host), null);
  if (host.fe !== null) {
    put('starrocks-fe.env', feEnv(cluster, host, host.fe), 'starrocks-fe');
    put('conf/fe/fe.conf', feConf(host.fe.conf), 'starrocks-fe', true);
    put('run/bin/fe-entrypoint.sh', feEntrypoint, 'starrocks-fe', true, '0755');
  }
  for (const be of host.be) {
    put(`${beName(be.index)}.env`, beEnv(cluster, host, be), beName(be.index));
    put(`conf/${beFolder(be.index)}/be.conf`, beConf(be.conf), beName(be.index), true);
  }
  if (host.be.length > 0) {
    // All instances run the same scripts: they move with the first one, as shared files do.
    const owner = host.be.length === 1 ? 'starrocks-be' : null;
    put('run/bin/be-entrypoint.sh', beEntrypoint, owner, true, '0755');
    put('run/bin/be-health-check.sh', beHealthCheck, owner, true, '0755');
  }
  const { services, text } = shared.shape(host);
  const bare = composeEnv(cluster, host, {});
  const digests = Object.fromEntries(
    Object.entries(services).map(([name, service]) => [name, serviceDigest(name, service, bare, files, shared)]),
  );
  put('docker-compose.yml', text, null, true);
  put('.env', envText(composeEnv(cluster, host, digests)), null);
  return { files, compiled: compiledHost(cluster, host, files, digests, shared) };
}

/**
 * A service is recreated exactly when this changes: its definition as Compose sees it, without the label that carries
 * the digest, the files mounted into it, and its env without the identity keys.
 */
function serviceDigest(
  name: string,
  service: ComposeService,
  env: Env,
  files: ReadonlyMap<string, Placed>,
  shared: Shared,
): string {
  const kind = name === 'starrocks-fe' ? 'fe' : 'be';
  const definition = JSON.stringify(service).replace(/\$\{([A-Z0-9_]+)\}/g, (_all, key: string) => String(env[key]));
  const mounted = [...files]
    .filter(([path, file]) => file.service === name || (file.service === null && path.startsWith(`run/bin/${kind}-`)))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, file]) =>
      path.endsWith('.env') ? [path, without(file.text, identityKeys)] : [path, shared.sha256(file.text)],
    );
  return sha256(JSON.stringify([definition, mounted]));
}

function compiledHost(
  cluster: Cluster,
  host: Host,
  files: ReadonlyMap<string, Placed>,
  digests: Readonly<Record<string, string>>,
  shared: Shared,
): CompiledHost {
  const listed = [...files]
    .map(
      ([path, { text, mode, service, shared: isShared }]): CompiledFile => ({
        path,
        sha256: isShared ? shared.sha256(text) : sha256(text),
        mode,
        service,
      }),
    )
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    address: host.address,
    ssh: host.ssh,
    maintenance: host.maintenance,
    deploy_dir: host.deploy_dir,
    location: host.location,
    memory: host.memory,
    digest: sha256(JSON.stringify(listed)),
    files: listed,
    fe: host.fe === null ? null : compiledFe(cluster, host, host.fe, digests),
    be: host.be.map(be => compiledBe(cluster, host, be, digests)),
  };
}

const compiledFe = (cluster: Cluster, host: Host, fe: Fe, digests: Readonly<Record<string, string>>): FeService => ({
  kind: 'fe',
  name: 'starrocks-fe',
  role: fe.role,
  image: cluster.images.fe,
  digest: digests['starrocks-fe'] ?? '',
  ports: cluster.fe_ports,
  heap_mib: fe.heap_mib,
  folders: feFolders(host),
});

const compiledBe = (cluster: Cluster, host: Host, be: Be, digests: Readonly<Record<string, string>>): BeService => ({
  kind: 'be',
  name: beName(be.index),
  index: be.index,
  image: cluster.images.be,
  digest: digests[beName(be.index)] ?? '',
  ports: be.ports,
  mem_limit: be.mem_limit,
  folders: beFolders(host, be),
});
