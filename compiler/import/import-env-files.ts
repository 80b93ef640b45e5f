import { stringify } from 'yaml';
import { type BePortName, bePortNames, defaultPort, type FePortName, fePortNames } from '../ports/names.ts';
import { agreed, agreedNumber, type Claim, claims } from './agreement.ts';
import { type EnvFile, readEnv } from './read-env.ts';

interface TextFile {
  readonly file: string;
  readonly text: string;
}

/** The env files of one hand-kept host. */
export interface HostEnv {
  /** KAFKA_HOST, DEFAULT_REPLICATION_NUM, MASTER_HOST, LOCAL_HOST. */
  readonly app: TextFile;
  /** starrocks-fe.env, starrocks-be.env, starrocks-be-1.env … beside it; none: an FE and a BE with the default ports. */
  readonly services: readonly TextFile[];
}

export type Imported =
  | { readonly text: string; readonly problems?: never }
  /** Sentences; at least one. */
  | { readonly text: null; readonly problems: readonly string[] };

interface Machine {
  readonly app: EnvFile;
  readonly fe: EnvFile | null;
  /** By index. */
  readonly be: readonly EnvFile[];
}

const feKeys: Readonly<Record<FePortName, readonly [string, ...string[]]>> = {
  http_port: ['HTTP_PORT'],
  rpc_port: ['RPC_PORT'],
  query_port: ['FE_QUERY_PORT', 'MASTER_FE_QUERY_PORT'],
  edit_log_port: ['EDIT_LOG_PORT', 'MASTER_FE_EDIT_LOG_PORT'],
};

const beKeys: Readonly<Record<BePortName, string>> = {
  be_port: 'BE_PORT',
  be_http_port: 'BE_HTTP_PORT',
  heartbeat_service_port: 'HEARTBEAT_PORT',
  brpc_port: 'BRPC_PORT',
  starlet_port: 'STARLET_PORT',
};

const header = (version: string | null): string => `# yaml-language-server: $schema=./compiler/cluster.schema.json
# $schema: ./compiler/cluster.schema.json
# Imported from env files, which do not say everything: check the name of the cluster${version === null ? ' and the StarRocks version that\n# runs there' : ''}, and add
# data folders and memory limits where they are not the defaults.

`;

/**
 * The cluster.yaml that hand-kept env files amount to.
 * @param version the release that runs there, or null: nobody said
 * @returns its text, or every disagreement and gap, each naming the files and the values
 */
export function importEnvFiles(hosts: readonly HostEnv[], version: string | null = null): Imported {
  const problems: string[] = [];
  const machines = hosts.map(host => machineOf(host, problems));
  const files = machines.flatMap(({ app, fe, be }) => [app, ...(fe === null ? [] : [fe]), ...be]);
  const master = agreed(claims(files, 'MASTER_HOST', 'MASTER_FE_HOST'), problems);
  if (master === undefined)
    problems.push(`MASTER_HOST stands in none of ${hosts.map(({ app }) => app.file).join(', ')}.`);
  const replication = agreedNumber(claims(files, 'DEFAULT_REPLICATION_NUM'), problems);
  const kafka = agreed(claims(files, 'KAFKA_HOST'), problems);
  const name = agreed(claims(files, 'CLUSTER'), problems);
  const fePorts = portsOfFes(machines, problems);
  const addresses = addressesOf(machines, master, problems);
  const entries = machines.map((machine, index) => entryOf(addresses[index] ?? '', machine, problems));
  if (problems.length > 0) return { text: null, problems: [...new Set(problems)] };
  const cluster = {
    cluster: name ?? 'starrocks',
    starrocks: { version: version ?? '3.3.18' },
    master_host: master,
    ...(replication === undefined || replication === 3 ? {} : { default_replication_num: replication }),
    ...(kafka === undefined || kafka === '127.0.0.1' ? {} : { kafka_host: kafka }),
    ...(Object.keys(fePorts).length === 0 ? {} : { defaults: { ports: fePorts } }),
    hosts: entries,
  };
  return { text: `${header(version)}${stringify(cluster, { aliasDuplicateObjects: false })}` };
}

function machineOf({ app, services }: HostEnv, problems: string[]): Machine {
  const of = (name: string): EnvFile | null => {
    const found = services.find(({ file }) => file.endsWith(`starrocks-${name}.env`));
    return found === undefined ? null : readEnv(found.file, found.text);
  };
  const bes = services.filter(({ file }) => /starrocks-be(-[0-9]+)?\.env$/.test(file)).length;
  const be = Array.from({ length: bes }, (_, index) => of(index === 0 ? 'be' : `be-${index}`));
  const gap = be.indexOf(null);
  if (gap >= 0)
    problems.push(
      `Beside ${app.file} is no starrocks-be${gap === 0 ? '' : `-${gap}`}.env, but one of a later instance.`,
    );
  return { app: readEnv(app.file, app.text), fe: of('fe'), be: be.flatMap(file => file ?? []) };
}

/** All FEs have the same ports: those that are not StarRocks' defaults. */
function portsOfFes(machines: readonly Machine[], problems: string[]): Partial<Record<FePortName, number>> {
  const fes = machines.flatMap(({ fe }) => fe ?? []);
  const bes = machines.flatMap(({ be }) => be);
  const ports: Partial<Record<FePortName, number>> = {};
  for (const name of fePortNames) {
    const [key] = feKeys[name];
    const silent = fes.filter(({ values }) => values[key] === undefined);
    const implied = silent.map(({ file }): Claim => ({ file, key, value: String(defaultPort(name)), implied: true }));
    const asked = name === 'query_port' ? claims(bes, 'FE_QUERY_PORT') : [];
    const port = agreedNumber([...claims(fes, ...feKeys[name]), ...implied, ...asked], problems);
    if (port !== undefined && port !== defaultPort(name)) ports[name] = port;
  }
  return ports;
}

function addressesOf(machines: readonly Machine[], master: string | undefined, problems: string[]): string[] {
  const seen = new Map<string, string>();
  for (const { app, fe, be } of machines) {
    const address = agreed(
      [...claims([app], 'LOCAL_HOST'), ...claims([...(fe === null ? [] : [fe]), ...be], 'HOST_IP')],
      problems,
    );
    if (app.values['LOCAL_HOST'] === undefined) problems.push(`${app.file} has no LOCAL_HOST.`);
    const other = seen.get(address ?? '');
    if (address === undefined) continue;
    if (other !== undefined) problems.push(`${other} and ${app.file} disagree: LOCAL_HOST is ${address} in both.`);
    seen.set(address, app.file);
    if (fe?.values['FE_INDEX'] === '0' && address !== master)
      problems.push(
        `${fe.file} and ${app.file} disagree: FE_INDEX is 0 in one, and MASTER_HOST is ${master} in the other.`,
      );
  }
  if (master !== undefined && !seen.has(master))
    problems.push(`MASTER_HOST is ${master}, and no file has it as LOCAL_HOST: name the app.env of that machine too.`);
  return machines.map(({ app }) => app.values['LOCAL_HOST'] ?? '');
}

/** A plain address, or the long form with what differs from the defaults. */
function entryOf(address: string, { fe, be }: Machine, problems: string[]): unknown {
  if (fe === null && be.length === 0) return address;
  const [first, ...more] = be;
  const ports = first === undefined ? {} : portsOfBe(first, problems);
  const others = more.map(file => ({ ports: { ...allDefaults(), ...portsOfBe(file, problems) } }));
  const entry = {
    address,
    ...(fe === null ? { fe: 'none' } : fe.values['FE_ROLE'] === 'observer' ? { fe: 'observer' } : {}),
    ...(first === undefined ? { be: 'none' } : {}),
    ...(others.length === 0 ? {} : { be: { count: be.length, instances: [{}, ...others] } }),
    ...(Object.keys(ports).length === 0 ? {} : { ports }),
  };
  return Object.keys(entry).length === 1 ? address : entry;
}

/** Ports that are not StarRocks' defaults. */
function portsOfBe(file: EnvFile, problems: string[]): Partial<Record<BePortName, number>> {
  const ports: Partial<Record<BePortName, number>> = {};
  for (const name of bePortNames) {
    const port = agreedNumber(claims([file], beKeys[name]), problems);
    if (port !== undefined && port !== defaultPort(name)) ports[name] = port;
  }
  return ports;
}

const allDefaults = (): Record<BePortName, number> =>
  Object.fromEntries(bePortNames.map(name => [name, defaultPort(name)])) as Record<BePortName, number>;
