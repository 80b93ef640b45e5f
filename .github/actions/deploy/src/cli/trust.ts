import { appendFile, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { readDesired } from '../engine/desired.ts';
import { DeployError } from '../error.ts';
import { problemText } from '../report/problem-text.ts';
import { type Connection, type ConnectOptions, reachThroughBastion } from '../transport/connect.ts';
import { counting } from '../transport/counters.ts';
import { fetchHostKey } from '../transport/fetch-host-key.ts';
import {
  fingerprint,
  type HostKey,
  hostName,
  type KnownHosts,
  keysOf,
  knownHostsLine,
  parseKnownHosts,
} from '../transport/known-hosts.ts';
import { privateKey } from './private-key.ts';

export interface TrustOptions {
  readonly generated: string;
  readonly knownHosts: string;
  /** Only bastions are logged in to. */
  readonly identity?: string;
  /** The person has compared the fingerprints already. */
  readonly yes?: boolean;
}

/** Asks each machine whose key nobody knows for it, shows the fingerprints, and writes them after a yes. */
export async function trust(options: TrustOptions): Promise<number> {
  const { cluster } = await readDesired(options.generated);
  const unknown = (known: KnownHosts) =>
    places(cluster).filter(({ host, port }) => keysOf(known, host, port).keys.length === 0);
  const read = async () => parseKnownHosts(await readFile(options.knownHosts, 'utf8').catch(() => ''));
  const direct = unknown(await read()).filter(({ behind }) => behind === null);
  const first = await learn(direct, options, place => fetchHostKey(place, cluster.timeouts.ssh));
  // Whoever stands behind a bastion can be asked once the bastion's own key is known.
  const known = await read();
  const behind = unknown(known).filter(place => place.behind !== null);
  if (direct.length + behind.length === 0) {
    process.stdout.write('Every machine has a host key already, in cluster.yaml or in the known_hosts file.\n');
    return 0;
  }
  if (behind.length > 0 && first === 'only shown') {
    process.stdout.write(`Not asked yet, because they stand behind a bastion: ${behind.map(nameOf).join(', ')}.\n`);
    return 1;
  }
  const second = await learnBehind(behind, options, cluster, known);
  return first === 'incomplete' || second === 'incomplete' ? 1 : 0;
}

const nameOf = ({ host, port }: Place): string => hostName(host, port);

/** `incomplete`: some machine did not show its key. */
type Learnt = 'written' | 'only shown' | 'incomplete';

interface Place {
  readonly host: string;
  readonly port: number;
  /** The host behind a bastion, or null: it is reached from here. */
  readonly behind: CompiledHost | null;
}

/** Hosts and bastions that cluster.yaml pins no key of. */
function places({ hosts }: ClusterJson): Place[] {
  const found = hosts
    .filter(({ maintenance }) => !maintenance)
    .flatMap((host): (Place & { host_key: string | null })[] => {
      const { bastion } = host.ssh;
      return [
        { ...host.ssh, behind: bastion === null ? null : host },
        ...(bastion === null ? [] : [{ ...bastion, behind: null }]),
      ];
    });
  const unpinned = found.filter(({ host_key }) => host_key === null);
  return [...new Map(unpinned.map(place => [hostName(place.host, place.port), place])).values()];
}

async function learnBehind(
  behind: readonly Place[],
  options: TrustOptions,
  { timeouts }: ClusterJson,
  knownHosts: KnownHosts,
): Promise<Learnt> {
  if (behind.length === 0) return 'written';
  const bastions = new Map<string, Promise<Connection>>();
  const connection: ConnectOptions = {
    privateKey: await privateKey(options.identity),
    passphrase: process.env['SSH_PASSPHRASE'] ?? null,
    knownHosts,
    counters: counting(),
    signal: new AbortController().signal,
    bastions,
    limitSeconds: timeouts.ssh,
  };
  try {
    return await learn(behind, options, async place => {
      const { address, ssh } = place.behind as CompiledHost;
      return fetchHostKey(place, timeouts.ssh, await reachThroughBastion({ ...ssh, address }, connection));
    });
  } finally {
    for (const bastion of bastions.values()) (await bastion.catch(() => null))?.close();
  }
}

async function learn(
  asked: readonly Place[],
  options: TrustOptions,
  fetch: (place: Place) => Promise<HostKey>,
): Promise<Learnt> {
  if (asked.length === 0) return 'written';
  const shown = await Promise.all(asked.map(place => shownBy(place, fetch)));
  const keys = shown.flatMap(one => ('key' in one ? [one] : []));
  for (const { place, key } of keys)
    process.stdout.write(`${hostName(place.host, place.port)}  ${key.type}  ${fingerprint(key.blob)}\n`);
  for (const one of shown) if ('error' in one) process.stderr.write(`${problemText(one.error.problem)}\n`);
  const complete = keys.length === shown.length ? 'written' : 'incomplete';
  if (keys.length === 0) return complete;
  if (options.yes !== true && !(await confirmed(keys.length))) return complete === 'written' ? 'only shown' : complete;
  await appendFile(
    options.knownHosts,
    keys.map(({ place, key }) => `${knownHostsLine(place.host, place.port, key)}\n`).join(''),
  );
  process.stdout.write(`${keys.length} written to ${options.knownHosts}. Commit it.\n`);
  return complete;
}

async function shownBy(
  place: Place,
  fetch: (place: Place) => Promise<HostKey>,
): Promise<{ place: Place; key: HostKey } | { error: DeployError }> {
  try {
    return { place, key: await fetch(place) };
  } catch (error) {
    if (error instanceof DeployError) return { error };
    throw error;
  }
}

async function confirmed(count: number): Promise<boolean> {
  if (!process.stdin.isTTY) {
    process.stdout.write(
      'Nothing was written: compare the fingerprints with those on the machines (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), then run this again with --yes.\n',
    );
    return false;
  }
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await reader.question(
      `Are these the machines' own fingerprints? Write "yes" to trust ${count === 1 ? 'it' : `all ${count}`}: `,
    );
    return answer.trim().toLowerCase() === 'yes';
  } finally {
    reader.close();
  }
}
