import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ClusterJson, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import type { Env } from '../github/client.ts';
import { servicesOf } from '../plan/place.ts';
import type { Intent, Request } from '../plan/situation.ts';
import type { Mode, RunReport } from '../report/run-report.ts';
import { counting } from '../transport/counters.ts';
import { parseKnownHosts } from '../transport/known-hosts.ts';
import { readPrivateKey } from '../transport/private-key.ts';
import { readApproval } from './approval-text.ts';
import type { Doing } from './converge.ts';
import type { RunOptions } from './course.ts';
import { type Desired, readDesired } from './desired.ts';
import { checkFreshness } from './freshness.ts';
import { headOfMain, provenance } from './provenance.ts';
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
  /** As given; null: take it from the environment variable that cluster.yaml names. Without effect where it names none. */
  readonly password: string | null;
  /** For GitHub's API, in a workflow. */
  readonly token: string | null;
  /** Addresses, or [] for all. */
  readonly hosts: readonly string[];
  /** Name of a service, or '' for all. */
  readonly service: string;
  /** Why, in the words of whoever started it, or ''. */
  readonly reason: string;
  /** The output `approval` of a plan, or '': whatever is found necessary. */
  readonly approved: string;
  readonly dryRun: boolean;
  readonly parallelism: number;
  /** Limits of this run in the place of those of cluster.yaml, in seconds: `lock=60 fe_ready=900`, or ''. */
  readonly timeouts: string;
}

/** Reads what the run needs from disk and environment, and runs it. @throws DeployError before anything is touched */
export async function start(
  wish: Wish,
  env: Env,
  doing: Doing,
  signal: AbortSignal,
  begins?: RunOptions['begins'],
): Promise<RunReport> {
  const options = await prepare(wish, env, doing, signal);
  return run(begins === undefined ? options : { ...options, begins });
}

/** @throws DeployError for whatever a person has to mend first */
export async function prepare(wish: Wish, env: Env, doing: Doing, signal: AbortSignal): Promise<RunOptions> {
  const desired = withTimeouts(await readDesired(wish.generated), wish.timeouts);
  if (wish.clusterFile !== null) await checkFreshness(wish.clusterFile, wish.generated);
  // Once, and not again by every machine.
  readPrivateKey(wish.privateKey, wish.passphrase);
  const clone = dirname(resolve(wish.generated));
  const password = passwordOf(desired.cluster, wish.password, env);
  const counters = counting();
  return {
    mode: wish.mode,
    desired,
    provenance: await provenance(clone, env),
    generated: wish.generated,
    clone,
    headOfMain: () => headOfMain(clone, env, wish.token),
    request: requestOf(wish, desired),
    approved: readApproval(wish.approved),
    why: reasonOf(wish, env),
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
    doing,
    signal,
    secrets: [wish.privateKey, wish.passphrase, wish.password, password, wish.token].flatMap(secret =>
      secret ? [secret] : [],
    ),
    counters: () => {
      const { operations, ...totals } = counters;
      return { ...totals, ...operations };
    },
  };
}

const DAY = 86_400;

/** @throws DeployError E_INPUT */
function withTimeouts({ cluster, ...rest }: Desired, wanted: string): Desired {
  const names = Object.keys(cluster.timeouts);
  const given = wanted.split(/[\s,]+/).filter(limit => limit !== '');
  const limits = given.map((limit): [string, number] => {
    const [, name = '', seconds = ''] = /^([a-z_]+)=(\d{1,5})$/.exec(limit) ?? [];
    // Whoever does not want to wait for another run says 0.
    const fewest = name === 'lock' ? 0 : 1;
    if (names.includes(name) && Number(seconds) >= fewest && Number(seconds) <= DAY) return [name, Number(seconds)];
    throw new DeployError({
      code: 'E_INPUT',
      message: `timeouts: ${JSON.stringify(limit)} is no limit of a run.`,
      hint: `Write NAME=SECONDS, up to a day, one or more of ${names.join(', ')}: \`lock=60 fe_ready=900\`.`,
    });
  });
  return { ...rest, cluster: { ...cluster, timeouts: { ...cluster.timeouts, ...Object.fromEntries(limits) } } };
}

/** One that is given and not declared is not used: it would lock out everybody who logs in with none. */
function passwordOf(cluster: ClusterJson, given: string | null, env: Env): string | null {
  // '' is given by whoever asks nothing of SQL.
  if (cluster.password_env === null || given === '') return null;
  const value = given ?? env[cluster.password_env];
  if (value) return value;
  throw new DeployError({
    code: 'E_PASSWORD_MISSING',
    message: `cluster.yaml says that root's password is in ${cluster.password_env}, and that is empty.`,
    hint: `Set the environment variable ${cluster.password_env}; in the workflow, give the Action the input starrocks-password from a secret.`,
  });
}

const INTENTS: Partial<Record<Mode, Intent>> = {
  restart: 'restart',
  register: 'register',
  drop: 'drop',
  stop: 'stop',
  start: 'start',
  adopt: 'adopt',
};

function requestOf({ mode, hosts, service }: Wish, { cluster }: Desired): Request {
  const intent = INTENTS[mode] ?? 'converge';
  const strangers = hosts.filter(address => !cluster.hosts.some(host => host.address === address));
  // What is dropped is by definition not in cluster.yaml.
  if (strangers.length > 0 && intent !== 'drop') {
    throw new DeployError({
      code: 'E_UNKNOWN_HOST',
      message: `${strangers.join(', ')} ${strangers.length === 1 ? 'is' : 'are'} not in cluster.yaml.`,
      hint: `Choose among ${cluster.hosts.map(host => host.address).join(', ')}.`,
    });
  }
  return { hosts: hosts.length === 0 ? null : new Set(hosts), service: serviceOf(service, cluster), intent };
}

function serviceOf(wanted: string, { hosts }: ClusterJson): ServiceName | null {
  if (wanted === '') return null;
  const names = [...new Set(hosts.flatMap(servicesOf).map(one => one.name))];
  const service = names.find(name => name === wanted);
  if (service !== undefined) return service;
  throw new DeployError({
    code: 'E_UNKNOWN_SERVICE',
    message: `No host of cluster.yaml has a service of the name ${JSON.stringify(wanted)}.`,
    hint: `Choose among ${names.join(', ')}.`,
  });
}

/** Modes for which somebody has to say why: they change a cluster, or end what a run has begun, by hand. */
const NEEDS_REASON: ReadonlySet<Mode> = new Set(['restart', 'register', 'drop', 'stop', 'start', 'adopt', 'unlock']);

function reasonOf({ mode, reason, dryRun, approved }: Wish, env: Env): string | null {
  const why = reason.trim();
  if (why !== '') return why;
  // A commit says why main is deployed; one that nobody approved, started in a workflow by hand, is a repair.
  const byHand = mode === 'deploy' && approved === '' && env['GITHUB_EVENT_NAME'] === 'workflow_dispatch';
  if (dryRun || !(byHand || NEEDS_REASON.has(mode))) return null;
  throw new DeployError({
    code: 'E_NO_REASON',
    message: `${mode} changes the cluster by hand, and nobody said why.`,
    hint: 'Give the reason in a few words (--reason, or the input reason): it is kept in the record of the run.',
  });
}
