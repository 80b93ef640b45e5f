import { createHash } from 'node:crypto';
import type { ClusterJson, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import type { Action, Step } from './step.ts';

/** One thing that may be done: to which service, towards which digest. Not when, and not what it replaces. */
export interface ApprovedStep {
  readonly host: string | null;
  readonly service: ServiceName | null;
  readonly action: Action;
  /** Digest of the service, of the host where no service is meant, null for the cluster. */
  readonly digest: string | null;
  /** What cannot be used meanwhile, or null. */
  readonly outage: string | null;
}

/** What a person said yes to. A deploy may do any part of it and nothing else. */
export interface Approval {
  readonly format: 1;
  /** SHA-256 over all of cluster.json, and by it over every file: which generated/ was approved. */
  readonly tree: string;
  /** The plan's digest, for people to compare. */
  readonly digest: string;
  readonly steps: readonly ApprovedStep[];
}

interface Waves {
  readonly waves: readonly { readonly steps: readonly Step[] }[];
}

const sha256 = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/** Which generated/ this is: labels, policies and the way to a machine stand in no file of a host. */
export const treeDigest = (desired: ClusterJson): string => sha256(desired);

export const approvalOf = (desired: ClusterJson, { waves, digest }: { readonly digest: string } & Waves): Approval => ({
  format: 1,
  tree: treeDigest(desired),
  digest,
  steps: approvable(desired, stepsOf(waves)),
});

/** The same as long as the same would be done: not who leads, how healthy the world is, or what runs now. */
export const planDigest = (desired: ClusterJson, waves: Waves['waves']): string =>
  sha256([treeDigest(desired), approvable(desired, stepsOf(waves))]);

/** What goes beyond the approval; which wave a step is in does not matter. */
export function beyond(approval: Approval, desired: ClusterJson, steps: readonly Step[]): ApprovedStep[] {
  // Whoever allows an outage allows the same without one.
  const approved = new Set(approval.steps.flatMap(step => [key(step), key({ ...step, outage: null })]));
  const hosts = new Set(approval.steps.map(step => step.host));
  return approvable(desired, steps).filter(step => {
    // Files of a host whose services may change: a run that was killed leaves only this of it.
    if (step.action === 'refresh' && hosts.has(step.host)) return false;
    return !approved.has(key(step));
  });
}

/** How a node comes to run its new definition depends on whether it runs now, and that is no question of approval. */
const ALIKE: Partial<Record<Action, Action>> = {
  start: 'restart',
  upgrade: 'restart',
  downgrade: 'restart',
  register: 'add',
  join: 'add',
};

const key = ({ host, service, action, digest, outage }: ApprovedStep): string =>
  JSON.stringify([host, service, ALIKE[action] ?? action, digest, outage]);

/** They come with what is approved, and how many of them only the live cluster shows. */
const ATTENDANT: ReadonlySet<Action> = new Set(['prepare', 'remember', 'note', 'hold', 'resume', 'image']);

const stepsOf = (waves: Waves['waves']): Step[] => waves.flatMap(wave => [...wave.steps]);

/** The steps as an approval names them, in an order of their own. */
function approvable(desired: ClusterJson, steps: readonly Step[]): ApprovedStep[] {
  const hosts = new Map(desired.hosts.map(host => [host.address, host]));
  const all = steps
    .filter(step => !ATTENDANT.has(step.action))
    .map((step): ApprovedStep => {
      const host = step.host === null ? undefined : hosts.get(step.host);
      const service = [host?.fe, ...(host?.be ?? [])].find(one => one?.name === step.service);
      const digest = service?.digest ?? host?.digest ?? null;
      return { host: step.host, service: step.service, action: step.action, digest, outage: step.outage };
    });
  const sorted = all.map(step => [key(step), step] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return [...new Map(sorted).values()];
}
