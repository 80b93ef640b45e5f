import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { parse } from 'yaml';

/** What Docker's engine or Compose would refuse; printed as they print it. */
export class DockerError extends Error {
  readonly code: number;
  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}

/** A service as Compose hands it to the engine: interpolated, with absolute sources. */
export interface Rendered {
  readonly name: string;
  readonly project: string;
  readonly container: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[];
  readonly graceMs: number;
  readonly health: {
    readonly test: readonly string[];
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly retries: number;
    readonly startMs: number;
  } | null;
  /** Everything that was written, rendered: Compose recreates a container when it changes. */
  readonly definition: string;
}

const KNOWN = new Set([
  'image',
  'container_name',
  'network_mode',
  'command',
  'restart',
  'stop_grace_period',
  'mem_limit',
  'ulimits',
  'extra_hosts',
  'logging',
  'labels',
  'volumes',
  'healthcheck',
]);

type Written = Readonly<Record<string, unknown>>;

/** Reads docker-compose.yml and .env of a folder by Compose's rules; refuses what it does not know. */
export function readCompose(folder: string): Rendered[] {
  const env = readDotEnv(join(folder, '.env'));
  const document = interpolated(parse(read(join(folder, 'docker-compose.yml'))), env) as Written;
  for (const key of Object.keys(document)) {
    if (key !== 'services' && key !== 'name') throw invalid(`additional properties '${key}' not allowed`);
  }
  const services = document['services'] as Readonly<Record<string, Written>>;
  return Object.entries(services).map(([name, service]) =>
    rendered(name, service, folder, env['COMPOSE_PROJECT_NAME'] ?? 'sandbox'),
  );
}

const invalid = (why: string): DockerError => new DockerError(`validating docker-compose.yml: ${why}`, 15);

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new DockerError('no configuration file provided: not found', 14);
  }
}

function readDotEnv(path: string): Record<string, string> {
  try {
    return Object.fromEntries(
      readFileSync(path, 'utf8')
        .split('\n')
        .flatMap(line => {
          const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
          return match?.[1] === undefined ? [] : [[match[1], match[2] ?? '']];
        }),
    );
  } catch {
    return {};
  }
}

/** `${NAME}` only; another form is not guessed at. */
function interpolated(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$/g, (all, name?: string) => {
      if (all === '$$') return '$';
      if (name === undefined) throw new DockerError(`invalid interpolation format for ${JSON.stringify(value)}`, 15);
      return env[name] ?? '';
    });
  }
  if (Array.isArray(value)) return value.map(one => interpolated(one, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, interpolated(one, env)]));
}

function rendered(name: string, service: Written, folder: string, project: string): Rendered {
  for (const key of Object.keys(service)) {
    if (!KNOWN.has(key)) throw invalid(`services.${name} additional properties '${key}' not allowed`);
  }
  if (service['network_mode'] !== 'host') throw invalid(`services.${name}: the sandbox knows only network_mode host`);
  if (service['restart'] !== 'unless-stopped')
    throw invalid(`services.${name}: the sandbox knows only restart unless-stopped`);
  const image = String(service['image'] ?? '');
  if (image === '')
    throw new DockerError(
      `service "${name}" has neither an image nor a build context specified: invalid compose project`,
      15,
    );
  const health = service['healthcheck'] as Written | undefined;
  return {
    name,
    project,
    container: String(service['container_name'] ?? `${project}-${name}-1`),
    image,
    command: (service['command'] as string[]).map(String),
    labels: Object.fromEntries(
      Object.entries((service['labels'] ?? {}) as Written).map(([key, value]) => [key, String(value)]),
    ),
    mounts: ((service['volumes'] ?? []) as string[]).map(volume => mount(volume, folder)),
    graceMs: milliseconds(service['stop_grace_period'] ?? '10s'),
    health:
      health === undefined
        ? null
        : {
            test: (health['test'] as string[]).slice(1),
            intervalMs: milliseconds(health['interval'] ?? '30s'),
            timeoutMs: milliseconds(health['timeout'] ?? '30s'),
            retries: Number(health['retries'] ?? 3),
            startMs: milliseconds(health['start_period'] ?? '0s'),
          },
    definition: JSON.stringify(service),
  };
}

function mount(volume: string, folder: string): Rendered['mounts'][number] {
  const [source = '', target = '', mode = 'rw'] = volume.split(':');
  if (!(isAbsolute(source) || source.startsWith('./')) || !isAbsolute(target))
    throw invalid(`invalid volume specification: '${volume}'`);
  if (mode !== 'rw' && mode !== 'ro') throw invalid(`invalid mode: ${mode}`);
  return { source: isAbsolute(source) ? source : join(folder, source), target, readOnly: mode === 'ro' };
}

function milliseconds(duration: unknown): number {
  const match = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(String(duration));
  if (match === null) throw invalid(`invalid duration ${String(duration)}`);
  return (Number(match[1] ?? 0) * 60 + Number(match[2] ?? 0)) * 1000;
}
