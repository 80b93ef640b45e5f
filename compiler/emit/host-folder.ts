import type { BeService, CompiledFile, CompiledHost, FeService, ServiceName } from '../contract/cluster-json.ts';
import type { Be, Cluster, Fe, Host } from '../model/cluster.ts';
import beEntrypoint from '../scripts/be-entrypoint.sh';
import beHealthCheck from '../scripts/be-health-check.sh';
import feEntrypoint from '../scripts/fe-entrypoint.sh';
import { beConf, feConf } from './conf.ts';
import { appEnv, beEnv, composeEnv, feEnv } from './env-files.ts';
import { envText } from './env-text.ts';
import { type MountedFile, serviceDigest } from './service-digest.ts';
import { beFolder, beFolders, beName, feFolders } from './service-folders.ts';
import { sha256 } from './sha256.ts';
import type { Shared } from './shared.ts';

/** A file of generated/, or of one host's folder there. */
export interface EmittedFile {
  readonly text: string;
  readonly mode: '0644' | '0755';
}

type Digests = Readonly<Partial<Record<ServiceName, string>>>;

/** Everything of one machine: its files by path, and what cluster.json says of it. */
export function emitHost(
  cluster: Cluster,
  host: Host,
  shared: Shared,
): { readonly files: ReadonlyMap<string, EmittedFile>; readonly compiled: CompiledHost } {
  const mounted = mountedFiles(cluster, host);
  const { services, text } = shared.shape(host);
  const undigested = composeEnv(cluster, host, {});
  const digests: Digests = Object.fromEntries(
    services.map(({ name, definition }) => [
      name,
      serviceDigest({ name, definition, env: undigested, deploy_dir: host.deploy_dir, files: mounted, shared }),
    ]),
  );
  const unmounted = [
    file('.env', envText(composeEnv(cluster, host, digests))),
    file('app.env', appEnv(cluster, host)),
    file('docker-compose.yml', text),
  ];
  const files = [...mounted, ...unmounted].sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    files: new Map(files.map(({ path, text, mode }) => [path, { text, mode }])),
    compiled: compiledHost(cluster, host, files, digests, shared),
  };
}

const file = (path: string, text: string): MountedFile => ({ path, text, mode: '0644', services: [] });

const script = (name: string, text: string, services: readonly ServiceName[]): MountedFile => ({
  path: `run/bin/${name}`,
  text,
  mode: '0755',
  services,
});

/** The files that containers see. */
function mountedFiles(cluster: Cluster, host: Host): MountedFile[] {
  const bes = host.be.map(be => beName(be.index));
  return [
    ...(host.fe === null ? [] : feFiles(cluster, host, host.fe)),
    ...host.be.flatMap(be => beFiles(cluster, host, be)),
    ...(bes.length === 0
      ? []
      : [script('be-entrypoint.sh', beEntrypoint, bes), script('be-health-check.sh', beHealthCheck, bes)]),
  ];
}

const feFiles = (cluster: Cluster, host: Host, fe: Fe): MountedFile[] => [
  { ...file('starrocks-fe.env', feEnv(cluster, host, fe)), services: ['starrocks-fe'] },
  { ...file('conf/fe/fe.conf', feConf(fe.conf)), services: ['starrocks-fe'] },
  script('fe-entrypoint.sh', feEntrypoint, ['starrocks-fe']),
];

function beFiles(cluster: Cluster, host: Host, be: Be): MountedFile[] {
  const name = beName(be.index);
  return [
    { ...file(`${name}.env`, beEnv(cluster, host, be)), services: [name] },
    { ...file(`conf/${beFolder(be.index)}/be.conf`, beConf(be.conf)), services: [name] },
  ];
}

function compiledHost(
  cluster: Cluster,
  host: Host,
  files: readonly MountedFile[],
  digests: Digests,
  shared: Shared,
): CompiledHost {
  const listed = files.map(
    ({ path, text, mode, services }): CompiledFile => ({
      path,
      sha256: path.endsWith('.env') ? sha256(text) : shared.sha256(text),
      mode,
      // A file of several services belongs to none: it moves into place with the first that is activated.
      service: services.length === 1 ? (services[0] ?? null) : null,
    }),
  );
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

const compiledFe = (cluster: Cluster, host: Host, fe: Fe, digests: Digests): FeService => ({
  kind: 'fe',
  name: 'starrocks-fe',
  role: fe.role,
  image: cluster.images.fe,
  digest: digests['starrocks-fe'] ?? '',
  ports: cluster.fe_ports,
  heap_mib: fe.heap_mib,
  folders: feFolders(host),
});

const compiledBe = (cluster: Cluster, host: Host, be: Be, digests: Digests): BeService => ({
  kind: 'be',
  name: beName(be.index),
  index: be.index,
  image: cluster.images.be,
  digest: digests[beName(be.index)] ?? '',
  ports: be.ports,
  mem_limit: be.mem_limit,
  folders: beFolders(host, be),
});
