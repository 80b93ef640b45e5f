import { stringify } from 'yaml';
import type { bePortNames, fePortNames } from '../ports/names.ts';

/** The env files of one hand-kept host. */
export interface HostEnv {
  readonly file: string;
  /** KAFKA_HOST, DEFAULT_REPLICATION_NUM, MASTER_HOST, LOCAL_HOST. */
  readonly app: string;
  /** starrocks-fe.env and starrocks-be.env beside it, or null. */
  readonly fe: string | null;
  readonly be: string | null;
}

type Values = Readonly<Record<string, string>>;

const FE_KEYS: Readonly<Record<(typeof fePortNames)[number], string>> = {
  http_port: 'HTTP_PORT',
  rpc_port: 'RPC_PORT',
  query_port: 'FE_QUERY_PORT',
  edit_log_port: 'EDIT_LOG_PORT',
};

const BE_KEYS: Readonly<Record<(typeof bePortNames)[number], string>> = {
  be_port: 'BE_PORT',
  be_http_port: 'BE_HTTP_PORT',
  heartbeat_service_port: 'HEARTBEAT_PORT',
  brpc_port: 'BRPC_PORT',
  starlet_port: 'STARLET_PORT',
};

/** The values that StarRocks' documentation and the compiler give when nobody says otherwise. */
const DEFAULTS: Values = {
  HTTP_PORT: '8030',
  RPC_PORT: '9020',
  FE_QUERY_PORT: '9030',
  EDIT_LOG_PORT: '9010',
  BE_PORT: '9060',
  BE_HTTP_PORT: '8040',
  HEARTBEAT_PORT: '9050',
  BRPC_PORT: '8060',
  STARLET_PORT: '9070',
};

/** KEY=value lines as people write them: `export`, quotes around the value and comments are let through. */
export function readEnv(text: string): Values {
  const values: Record<string, string> = {};
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^#]*?))\s*(?:#.*)?$/.exec(line);
    if (match?.[1] !== undefined) values[match[1]] = match[2] ?? match[3] ?? match[4] ?? '';
  }
  return values;
}

/**
 * The cluster.yaml that hand-kept env files amount to.
 * @returns the text, or every disagreement and gap, each naming the files and the values
 */
export function importEnvFiles(hosts: readonly HostEnv[]): { readonly text: string } | { readonly problems: string[] } {
  const read = hosts.map(({ file, app, fe, be }) => ({
    file,
    app: readEnv(app),
    fe: fe === null ? null : readEnv(fe),
    be: be === null ? null : readEnv(be),
  }));
  const problems: string[] = [];
  const agreed = (
    key: string,
    of: (host: (typeof read)[number]) => string | undefined,
    required: boolean,
  ): string | undefined => {
    const known = read.flatMap(host => (of(host) === undefined ? [] : [{ file: host.file, value: of(host) }]));
    const [first] = known;
    if (first === undefined && required)
      problems.push(`${key} stands in none of ${read.map(host => host.file).join(', ')}.`);
    const other = known.find(one => one.value !== first?.value);
    if (first !== undefined && other !== undefined) {
      problems.push(
        `${first.file} and ${other.file} disagree: ${key} is ${first.value} in one and ${other.value} in the other.`,
      );
    }
    return first?.value;
  };
  const master = agreed('MASTER_HOST', host => host.app['MASTER_HOST'], true);
  const kafka = agreed('KAFKA_HOST', host => host.app['KAFKA_HOST'], false);
  const replication = agreed('DEFAULT_REPLICATION_NUM', host => host.app['DEFAULT_REPLICATION_NUM'], false);
  const fePorts = Object.fromEntries(
    Object.entries(FE_KEYS).map(([name, key]) => [name, agreed(key, host => host.fe?.[key], false) ?? DEFAULTS[key]]),
  );
  const seen = new Map<string, string>();
  for (const { file, app } of read) {
    const address = app['LOCAL_HOST'];
    if (address === undefined) problems.push(`${file} has no LOCAL_HOST.`);
    else if (seen.has(address))
      problems.push(`${seen.get(address)} and ${file} disagree: LOCAL_HOST is ${address} in both.`);
    else seen.set(address, file);
  }
  if (master !== undefined && seen.size > 0 && !seen.has(master)) {
    problems.push(`MASTER_HOST is ${master}, and no file has it as LOCAL_HOST: give the app.env of that machine too.`);
  }
  if (problems.length > 0) return { problems };
  const entries = read.map(host => hostEntry(host.app['LOCAL_HOST'] ?? '', host.be));
  const moved = differing(fePorts, FE_KEYS);
  const cluster = {
    cluster: 'starrocks',
    starrocks: { version: '3.3.18' },
    master_host: master,
    ...(replication === undefined || replication === '3' ? {} : { default_replication_num: Number(replication) }),
    ...(kafka === undefined || kafka === '127.0.0.1' ? {} : { kafka_host: kafka }),
    ...(Object.keys(moved).length === 0 ? {} : { defaults: { ports: moved } }),
    hosts: entries,
  };
  return { text: `${HEADER}${stringify(cluster)}` };
}

const HEADER = `# yaml-language-server: $schema=./compiler/cluster.schema.json
# $schema: ./compiler/cluster.schema.json
# Imported from env files. Check the cluster's name and the StarRocks version that runs there.

`;

/** Ports that are not the default ones. */
function differing(ports: Readonly<Record<string, string | undefined>>, keys: Values): Record<string, number> {
  return Object.fromEntries(
    Object.entries(keys).flatMap(([name, key]) => {
      const port = ports[name];
      return port === undefined || port === DEFAULTS[key] ? [] : [[name, Number(port)]];
    }),
  );
}

function hostEntry(address: string, be: Values | null): unknown {
  const ports = differing(Object.fromEntries(Object.entries(BE_KEYS).map(([name, key]) => [name, be?.[key]])), BE_KEYS);
  return Object.keys(ports).length === 0 ? address : { address, ports };
}
