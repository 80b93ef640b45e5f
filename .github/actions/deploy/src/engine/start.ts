import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import type { Request } from '../plan/situation.ts';
import type { Mode, RunReport } from '../report/run-report.ts';
import { counting } from '../transport/counters.ts';
import { parseKnownHosts } from '../transport/known-hosts.ts';
import type { Doing } from './converge.ts';
import { type Desired, readDesired } from './desired.ts';
import { checkFreshness } from './freshness.ts';
import { provenance } from './provenance.ts';
import { run } from './run.ts';

/** A run as a person or a workflow asks for it; nothing is checked yet. */
export interface Wish {
  readonly mode: Mode;
  readonly generated: string;
  /** The cluster file that `generated` must be fresh for, or null where there is none (a copied folder). */
  readonly clusterFile: string | null;
  readonly knownHosts: string;
  readonly privateKey: string;
  readonly passphrase: string | null;
  /** As given; null: take it from the environment variable that cluster.yaml names. */
  readonly password: string | null;
  /** Addresses, or [] for all. */
  readonly hosts: readonly string[];
  readonly dryRun: boolean;
  readonly parallelism: number;
  readonly lockLimit: number | null;
}

/** Reads what the run needs from disk and environment, and runs it. @throws DeployError before anything is touched */
export async function start(
  wish: Wish,
  env: Readonly<Record<string, string | undefined>>,
  doing: Doing,
  signal: AbortSignal,
): Promise<RunReport> {
  const desired = await readDesired(wish.generated);
  if (wish.clusterFile !== null) await checkFreshness(wish.clusterFile, wish.generated);
  const clone = dirname(resolve(wish.generated));
  const password = wish.password ?? passwordOf(desired.cluster, env);
  const counters = counting();
  return run({
    mode: wish.mode,
    desired,
    provenance: await provenance(clone, env),
    clone,
    request: requestOf(wish.hosts, desired),
    dryRun: wish.dryRun,
    connection: {
      privateKey: wish.privateKey,
      passphrase: wish.passphrase,
      knownHosts: parseKnownHosts(await readFile(wish.knownHosts, 'utf8').catch(() => '')),
      counters,
      signal,
    },
    password,
    parallelism: wish.parallelism,
    lockLimit: wish.lockLimit,
    doing,
    signal,
    secrets: [wish.privateKey, wish.passphrase, password].flatMap(secret => (secret ? [secret] : [])),
    counters: () => {
      const { operations, ...totals } = counters;
      return { ...totals, ...operations };
    },
  });
}

function passwordOf(cluster: ClusterJson, env: Readonly<Record<string, string | undefined>>): string | null {
  if (cluster.password_env === null) return null;
  const value = env[cluster.password_env];
  if (value) return value;
  throw new DeployError({
    code: 'E_PASSWORD_MISSING',
    message: `cluster.yaml says that root's password is in ${cluster.password_env}, and that is empty.`,
    hint: `Set the environment variable ${cluster.password_env}; in the workflow, give the Action the input starrocks-password from a secret.`,
  });
}

function requestOf(hosts: readonly string[], { cluster }: Desired): Request {
  if (hosts.length === 0) return { hosts: null };
  const strangers = hosts.filter(address => !cluster.hosts.some(host => host.address === address));
  if (strangers.length === 0) return { hosts: new Set(hosts) };
  throw new DeployError({
    code: 'E_UNKNOWN_HOST',
    message: `${strangers.join(', ')} ${strangers.length === 1 ? 'is' : 'are'} not in cluster.yaml.`,
    hint: `Choose among ${cluster.hosts.map(host => host.address).join(', ')}.`,
  });
}
