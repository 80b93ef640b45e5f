import { appendFile, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { readDesired } from '../engine/desired.ts';
import { DeployError } from '../error.ts';
import { problemText } from '../report/problem-text.ts';
import { fetchHostKey } from '../transport/fetch-host-key.ts';
import {
  fingerprint,
  type HostKey,
  hostName,
  keysOf,
  knownHostsLine,
  parseKnownHosts,
} from '../transport/known-hosts.ts';

export interface TrustOptions {
  readonly generated: string;
  readonly knownHosts: string;
  /** The person has compared the fingerprints already. */
  readonly yes?: boolean;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Asks each machine whose key nobody knows for it, shows the fingerprints, and writes them after a yes. */
export async function trust(options: TrustOptions): Promise<number> {
  const { cluster } = await readDesired(options.generated);
  const known = parseKnownHosts(await readFile(options.knownHosts, 'utf8').catch(() => ''));
  const places = unpinned(cluster).filter(({ host, port }) => keysOf(known, host, port).keys.length === 0);
  if (places.length === 0) {
    process.stdout.write('Every machine has a host key already, in cluster.yaml or in the known_hosts file.\n');
    return 0;
  }
  const shown = await Promise.all(places.map(place => shownBy(place, cluster.timeouts.ssh)));
  const keys = shown.flatMap(one => ('key' in one ? [one] : []));
  for (const { place, key } of keys)
    process.stdout.write(`${hostName(place.host, place.port)}  ${key.type}  ${fingerprint(key.blob)}\n`);
  for (const one of shown) if ('error' in one) process.stderr.write(`${problemText(one.error.problem)}\n`);
  if (keys.length > 0 && (options.yes === true || (await confirmed(keys.length)))) {
    await appendFile(
      options.knownHosts,
      keys.map(({ place, key }) => `${knownHostsLine(place.host, place.port, key)}\n`).join(''),
    );
    process.stdout.write(`${keys.length} written to ${options.knownHosts}. Commit it.\n`);
  }
  return keys.length === shown.length ? 0 : 1;
}

/** Hosts and bastions that cluster.yaml pins no key of. A machine behind a bastion cannot be asked from here. */
function unpinned({ hosts }: ClusterJson): Place[] {
  const places = hosts.flatMap(({ ssh, maintenance }): Place[] => {
    const { bastion } = ssh;
    if (maintenance) return [];
    if (bastion !== null) return bastion.host_key === null ? [bastion] : [];
    return ssh.host_key === null ? [ssh] : [];
  });
  return [...new Map(places.map(place => [hostName(place.host, place.port), place])).values()];
}

async function shownBy(
  place: Place,
  limitSeconds: number,
): Promise<{ place: Place; key: HostKey } | { error: DeployError }> {
  try {
    return { place, key: await fetchHostKey(place, limitSeconds) };
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
