import { readFile, writeFile } from 'node:fs/promises';
import type { BePorts, ClusterJson, CompiledHost, FePorts } from '../../../../../compiler/contract/cluster-json.ts';
import { rewritePorts } from '../../../../../compiler/ports/rewrite.ts';
import { readDesired } from '../engine/desired.ts';
import { DeployError } from '../error.ts';
import { inTheWay } from '../observe/host.ts';
import { problemText } from '../report/problem-text.ts';
import { type Connection, connect } from '../transport/connect.ts';
import { counting } from '../transport/counters.ts';
import { parseKnownHosts } from '../transport/known-hosts.ts';
import { quote } from '../transport/quote.ts';
import { privateKey } from './private-key.ts';

export interface PortsOptions {
  readonly generated: string;
  readonly cluster: string;
  readonly knownHosts: string;
  readonly identity?: string;
}

/** What a machine that carries nothing of ours yet says: TCP ports that somebody listens on. */
interface Occupied {
  readonly host: CompiledHost;
  readonly taken: ReadonlySet<number>;
}

/**
 * Asks every machine that is not deployed yet which ports are taken, and writes free ones into the cluster file: BE
 * ports per host, FE ports for all FEs alike.
 */
export async function ports(options: PortsOptions): Promise<number> {
  const { cluster } = await readDesired(options.generated);
  const key = await privateKey(options.identity);
  const knownHosts = parseKnownHosts(await readFile(options.knownHosts, 'utf8').catch(() => ''));
  const bastions = new Map<string, Promise<Connection>>();
  const asked = await Promise.all(
    cluster.hosts
      .filter(host => !host.maintenance)
      .map(async (host): Promise<Occupied | DeployError | null> => {
        try {
          const connection = await connect(
            { ...host.ssh, address: host.address },
            {
              privateKey: key,
              passphrase: process.env['SSH_PASSPHRASE'] ?? null,
              knownHosts,
              counters: counting(),
              signal: new AbortController().signal,
              bastions,
              limitSeconds: cluster.timeouts.ssh,
            },
          );
          try {
            return await occupied(host, connection);
          } finally {
            connection.close();
          }
        } catch (error) {
          if (error instanceof DeployError) return error;
          throw error;
        }
      }),
  );
  for (const bastion of bastions.values()) (await bastion.catch(() => null))?.close();
  const errors = asked.filter(one => one instanceof DeployError);
  for (const error of errors) process.stderr.write(`${problemText(error.problem)}\n`);
  const fresh = asked.filter((one): one is Occupied => one !== null && !(one instanceof DeployError));
  const wanted = freePorts(cluster, fresh);
  if (Object.keys(wanted.fe).length + wanted.be.length === 0) {
    process.stdout.write(`Every port is free on the ${fresh.length} machines that are not deployed yet.\n`);
    return errors.length > 0 ? 1 : 0;
  }
  const { text, unplaced } = rewritePorts(await readFile(options.cluster, 'utf8'), wanted);
  await writeFile(options.cluster, text);
  for (const [name, port] of Object.entries(wanted.fe)) process.stdout.write(`all FEs: ${name} ${port}\n`);
  for (const { address, index, ports: moved } of wanted.be) {
    for (const [name, port] of Object.entries(moved))
      process.stdout.write(`${address}, BE ${index}: ${name} ${port}\n`);
  }
  for (const place of unplaced)
    process.stdout.write(`${place}: write these yourself, its entry is shared with others\n`);
  process.stdout.write(`${options.cluster} changed. Now run \`npm run compile\`.\n`);
  return errors.length > 0 ? 1 : 0;
}

/** Listening sockets as the kernel lists them: no program is needed for that. */
const LISTENING = 'cat /proc/net/tcp /proc/net/tcp6 2>/dev/null; true';

async function occupied(host: CompiledHost, connection: Connection): Promise<Occupied | null> {
  const command = `test -e ${quote(`${host.deploy_dir}/state/deployed.json`)} && echo deployed; ${LISTENING}`;
  const { stdout } = await connection.exec(command, { timeoutMs: 20_000, maxBytes: 64 * 2 ** 20 });
  const lines = stdout.split('\n');
  if (lines[0] === 'deployed') return null;
  const taken = lines.flatMap(line => {
    const [, local, , state] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local?.split(':') ?? [];
    return state === '0A' && inTheWay(address, host.address) ? [Number.parseInt(port, 16)] : [];
  });
  return { host, taken: new Set(taken) };
}

interface Wanted {
  readonly fe: Partial<FePorts>;
  readonly be: { readonly address: string; readonly index: number; readonly ports: Partial<BePorts> }[];
}

/** The next free port above each taken one. */
function freePorts(cluster: ClusterJson, fresh: readonly Occupied[]): Wanted {
  const carriers = fresh.filter(({ host }) => host.fe !== null);
  // One deployed FE holds its ports, and all FEs share them: then nothing can move.
  const fixed = carriers.length < cluster.hosts.filter(host => host.fe !== null).length;
  const used = new Set(cluster.hosts.flatMap(host => host.be.flatMap(be => Object.values(be.ports))));
  const fe: Record<string, number> = {};
  for (const [name, port] of Object.entries(cluster.fe_ports)) {
    const taken = (candidate: number) => carriers.some(one => one.taken.has(candidate));
    if (!taken(port)) continue;
    if (fixed) throw fixedPort(name, port);
    fe[name] = nextFree(
      port,
      candidate =>
        taken(candidate) || used.has(candidate) || Object.values({ ...cluster.fe_ports, ...fe }).includes(candidate),
    );
  }
  const fePorts = new Set(Object.values({ ...cluster.fe_ports, ...fe }));
  const be = fresh.flatMap(({ host, taken }) => {
    const own = new Set(host.be.flatMap(one => Object.values(one.ports)));
    return host.be.flatMap(one => {
      const moved: Record<string, number> = {};
      for (const [name, port] of Object.entries(one.ports)) {
        if (!taken.has(port)) continue;
        moved[name] = nextFree(port, candidate => taken.has(candidate) || own.has(candidate) || fePorts.has(candidate));
        own.add(moved[name]);
      }
      return Object.keys(moved).length === 0 ? [] : [{ address: host.address, index: one.index, ports: moved }];
    });
  });
  return { fe, be };
}

const HIGHEST = 65_535;

function nextFree(port: number, taken: (candidate: number) => boolean): number {
  for (let candidate = port + 1; candidate <= HIGHEST; candidate += 1) if (!taken(candidate)) return candidate;
  throw new DeployError({
    code: 'E_NO_FREE_PORT',
    message: `No port above ${port} is free.`,
    hint: 'Choose the ports yourself.',
  });
}

const fixedPort = (name: string, port: number): DeployError =>
  new DeployError({
    code: 'E_FE_PORT_TAKEN',
    message: `${name} ${port} is taken on a machine that is new, and FEs that are deployed already use it: all FEs share their ports.`,
    hint: 'Stop the program that holds it there, or give that machine no FE (`fe: none`).',
  });
