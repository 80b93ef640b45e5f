import { basename, dirname, resolve } from 'node:path';
import { getExecOutput } from '@actions/exec';
import type { ClusterJson, CompiledHost, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { readHost } from '../../../../../compiler/contract/read-host.ts';
import { servicesOf } from '../plan/place.ts';
import type { World } from '../plan/world.ts';

/** How many commits are read for one host, newest first. */
const COMMITS = 20;

/**
 * What hosts were before cluster.yaml stopped naming them or some of their services, from git: only services that the
 * cluster's rows or the machine still know. What git does not know either is left out.
 * @param generated the folder of this deploy, inside a clone
 */
export async function leavingHosts(generated: string, desired: ClusterJson, world: World): Promise<CompiledHost[]> {
  const hosts = await Promise.all(
    [...undeclared(desired, world)].map(([address, wanted]) => lookUp(generated, desired, address, wanted)),
  );
  const inOrder = new Intl.Collator('en', { numeric: true });
  return hosts.flatMap(host => host ?? []).sort((a, b) => inOrder.compare(a.address, b.address));
}

/** Is this service, as it once was, one of those that are still known? */
type Wanted = (host: CompiledHost, name: ServiceName) => boolean;

function undeclared(desired: ClusterJson, world: World): Map<string, Wanted[]> {
  const found = new Map<string, Wanted[]>();
  const add = (address: string, wanted: Wanted) => found.set(address, [...(found.get(address) ?? []), wanted]);
  const declared = new Map(desired.hosts.map(host => [host.address, host]));
  if (world.cluster.known) {
    const { frontends, backends } = world.cluster.value;
    for (const row of frontends) {
      if ((declared.get(row.host)?.fe ?? null) !== null) continue;
      add(row.host, ({ fe }, name) => name === fe?.name && fe.ports.edit_log_port === row.edit_log_port);
    }
    for (const { host, heartbeat_port: port } of backends) {
      if (declared.get(host)?.be.some(be => be.ports.heartbeat_service_port === port)) continue;
      add(host, ({ be }, name) => be.some(one => one.name === name && one.ports.heartbeat_service_port === port));
    }
  }
  for (const host of desired.hosts) {
    const { address } = host;
    const answer = world.hosts[address];
    for (const { service } of answer?.known === true ? answer.value.containers : []) {
      if (servicesOf(host).every(one => one.name !== service)) add(address, (_, name) => name === service);
    }
  }
  return found;
}

async function lookUp(
  generated: string,
  desired: ClusterJson,
  address: string,
  wanted: readonly Wanted[],
): Promise<CompiledHost | null> {
  const now = desired.hosts.find(host => host.address === address);
  const gone = (name: ServiceName): boolean => now === undefined || servicesOf(now).every(one => one.name !== name);
  const services: { fe: CompiledHost['fe']; be: readonly CompiledHost['be'][number][] } = { fe: null, be: [] };
  let last: CompiledHost | null = null;
  for await (const before of earlier(generated, address)) {
    const kept = (name: ServiceName): boolean => gone(name) && wanted.some(is => is(before, name));
    last ??= before;
    if (before.fe !== null && kept(before.fe.name)) services.fe ??= before.fe;
    const known = new Set(services.be.map(one => one.name));
    services.be = [...services.be, ...before.be.filter(one => kept(one.name) && !known.has(one.name))];
    if (services.be.length + Number(services.fe !== null) >= wanted.length) break;
  }
  // How a machine that stays is reached, and where its files lie, is what cluster.yaml says today.
  const host = now ?? last;
  return host === null || (services.fe === null && services.be.length === 0) ? null : { ...host, ...services };
}

/** What the host was in the last commit, and before each commit that took files of a service from it, newest first. */
async function* earlier(generated: string, address: string): AsyncGenerator<CompiledHost> {
  const folder = resolve(generated);
  const quiet = { cwd: dirname(folder), silent: true, ignoreReturnCode: true };
  const git = (...args: string[]) =>
    getExecOutput('git', args, quiet).catch(() => ({ exitCode: 1, stdout: '', stderr: '' }));
  const files = `${basename(folder)}/hosts/${address}/starrocks-*.env`;
  const log = await git('log', '--format=%H', '--diff-filter=D', `--max-count=${COMMITS}`, '--', files);
  const removals = log.exitCode === 0 ? log.stdout.split('\n').filter(line => line !== '') : [];
  for (const commit of ['HEAD', ...removals.map(removal => `${removal}^`)]) {
    const { exitCode, stdout } = await git('show', `${commit}:./${basename(folder)}/cluster.json`);
    const host = exitCode === 0 ? readHost(stdout, address) : null;
    if (host !== null) yield host;
  }
}
