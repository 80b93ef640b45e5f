import type { ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import type { Problem } from '../error.ts';
import type { Gate } from './gates.ts';
import type { Operation } from './operation.ts';

/** What a step is to the person who approves it. */
export type Action =
  | 'prepare'
  | 'found'
  | 'join'
  | 'add'
  | 'start'
  | 'restart'
  | 'upgrade'
  | 'downgrade'
  | 'note'
  | 'hold'
  | 'resume'
  | 'image'
  | 'stop'
  | 'adopt'
  | 'drop'
  | 'drain'
  | 'undrain'
  | 'remove'
  | 'convert'
  | 'register'
  | 'label'
  | 'password'
  | 'aside'
  | 'refresh'
  | 'remember';

/** What takes away for a moment what runs, and hopes that it comes back. */
export const RESTARTS: ReadonlySet<Action> = new Set(['restart', 'upgrade', 'downgrade']);

/** One thing done to one machine or to the cluster. Its operations run in order; the steps of a wave run together. */
export interface Step {
  readonly action: Action;
  readonly host: string | null;
  readonly service: ServiceName | null;
  /** Why it is needed, one clause. */
  readonly reason: string;
  readonly operations: readonly Operation[];
  /** Read again from the live cluster right before the step. */
  readonly gates: readonly Gate[];
  /** What cannot be used while this step runs, or null. Such a step runs only with `allow_outage: true`. */
  readonly outage: string | null;
}

/** What is to be done next, decided from the desired state and one observation. */
export type Next =
  | {
      readonly kind: 'wave';
      readonly title: string;
      readonly steps: readonly Step[];
    }
  | {
      readonly kind: 'wait';
      /** What is waited for, one clause; the same text as long as it is the same wait. */
      readonly reason: string;
      /** Machines worth looking at again while waiting. */
      readonly hosts: readonly string[];
      readonly service: ServiceName | null;
      readonly limit_seconds: number;
      /** For what may take days: the run ends well when the limit is over, and the next one looks again. */
      readonly days?: boolean;
    }
  | { readonly kind: 'blocked'; readonly problems: readonly Problem[] }
  | { readonly kind: 'done' };

/** Title as it stands in plans, logs and reports: `restart starrocks-be on 10.0.0.11`. */
export function stepTitle(step: Pick<Step, 'action' | 'host' | 'service'>): string {
  const where = step.host === null ? 'the cluster' : step.host;
  const verbs: Record<Action, string> = {
    prepare: `prepare ${where}`,
    found: `found the cluster on ${where}`,
    join: `join ${step.service} on ${where}`,
    add: `add ${step.service} on ${where}`,
    start: `start ${step.service} on ${where}`,
    adopt: `adopt ${step.service} on ${where}`,
    stop: `stop ${step.service} on ${where}`,
    drop: `drop ${step.service} on ${where}`,
    drain: `drain ${step.service} on ${where}`,
    undrain: `cancel the drain of ${step.service} on ${where}`,
    remove: `remove ${step.service} on ${where}`,
    convert: `take ${step.service} on ${where} out, to change its role`,
    restart: `restart ${step.service} on ${where}`,
    upgrade: `upgrade ${step.service} on ${where}`,
    downgrade: `downgrade ${step.service} on ${where}`,
    note: `write down on ${where} how tablets are balanced`,
    hold: 'switch tablet balancing off',
    resume: 'switch tablet balancing back',
    image: 'write the metadata as an image',
    register: `register ${step.service} on ${where}`,
    label: `label ${step.service} on ${where}`,
    password: "set root's password",
    aside: `move the metadata on ${where} aside`,
    refresh: `refresh files on ${where}`,
    remember: `write down the FEs on ${where}`,
  };
  return verbs[step.action];
}
