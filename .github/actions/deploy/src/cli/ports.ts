import { readFile, rename, writeFile } from 'node:fs/promises';
import { rewritePorts } from '../../../../../compiler/ports/rewrite.ts';
import { readDesired } from '../engine/desired.ts';
import { checkFreshness } from '../engine/freshness.ts';
import { DeployError } from '../error.ts';
import { problemText } from '../report/problem-text.ts';
import { type Connection, connect } from '../transport/connect.ts';
import { counting } from '../transport/counters.ts';
import { parseKnownHosts } from '../transport/known-hosts.ts';
import { freePorts } from './free-ports.ts';
import { type Occupied, occupied } from './occupied.ts';
import { privateKey } from './private-key.ts';

export interface PortsOptions {
  readonly generated: string;
  readonly cluster: string;
  readonly knownHosts: string;
  readonly identity?: string;
}

/**
 * Asks every machine that is not deployed yet which ports are taken, and writes free ones into the cluster file: BE
 * ports per host, FE ports for all FEs alike.
 */
export async function ports(options: PortsOptions): Promise<number> {
  const { cluster } = await readDesired(options.generated);
  await checkFreshness(options.cluster, options.generated);
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
            return await occupied(host, cluster, connection);
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
  // Renamed into place: a kill or a full disk leaves the old file whole.
  await writeFile(`${options.cluster}.next`, text);
  await rename(`${options.cluster}.next`, options.cluster);
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
