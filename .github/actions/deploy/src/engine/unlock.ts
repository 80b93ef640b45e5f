import type { CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import unlockScript from '../host/unlock.sh';
import type { LockOwner } from '../plan/world.ts';
import { quote } from '../transport/quote.ts';
import type { Course, RunOptions } from './course.ts';
import type { Machines } from './machines.ts';

/** `alive`: a run holds it. `left`: a run that is gone has left something running that holds it. */
type LockState = 'free' | 'alive' | 'left' | 'freed' | 'stuck';

/** Tells who holds the locks, and frees those whose holder is gone. One that stays held is a problem, but for a dry run. */
export async function unlock(options: RunOptions, machines: Machines, course: Course): Promise<void> {
  const { desired, request, dryRun } = options;
  const locked = desired.cluster.hosts.flatMap(host => {
    const answer = course.world?.hosts[host.address];
    if (answer?.known !== true || answer.value.lock === null) return [];
    return (request.hosts?.has(host.address) ?? true) ? [{ host, owner: answer.value.lock }] : [];
  });
  const answers = await Promise.all(locked.map(async one => ({ ...one, ...(await ask(machines, one.host, dryRun)) })));
  for (const { host, owner, state, processes } of answers) {
    const { address } = host;
    const message = sentence(address, state, who(owner), processes.join(', '));
    if (dryRun || (state !== 'alive' && state !== 'stuck')) course.notes.push(message);
    else course.problems.push({ code: 'E_LOCKED', host: address, step: 'unlock', message, hint: HINTS[state] });
  }
  if (locked.length === 0) course.notes.push('No machine is locked.');
  course.freed = answers.flatMap(({ host, state }) => (state === 'freed' ? [host] : []));
  const states = answers.map(answer => answer.state);
  course.ended = states.includes('freed')
    ? 'changed'
    : states.every(state => state === 'free')
      ? 'converged'
      : 'differs';
}

interface Answer {
  readonly state: LockState;
  /** `docker (812)` … */
  readonly processes: readonly string[];
}

async function ask(machines: Machines, host: CompiledHost, dryRun: boolean): Promise<Answer> {
  const words = ['sh', '-c', quote(unlockScript), 'sh', quote(host.deploy_dir), dryRun ? 'look' : 'free'];
  const { stdout } = await machines.exec(host, words.join(' '));
  const lines = (stdout.split('\nstarrocks-ha unlock\n')[1] ?? '').split('\n');
  const said = lines.find(line => line.startsWith('state '))?.slice('state '.length);
  const state = STATES.find(one => one === said) ?? 'stuck';
  const processes = lines.flatMap(line => {
    const match = /^process (\d+) (.*)$/.exec(line);
    return match === null ? [] : [`${match[2]} (${match[1]})`];
  });
  return { state, processes };
}

const STATES: readonly LockState[] = ['free', 'alive', 'left', 'freed', 'stuck'];

const who = (owner: LockOwner): string =>
  owner.run ? `${owner.run} (${owner.actor || 'somebody'}, since ${owner.since})` : 'a program that left no name';

const HINTS = {
  alive: 'Let that run end, or cancel it where it runs.',
  stuck: 'Look at that process on the machine: only somebody there can tell what it waits for.',
};

function sentence(address: string, state: LockState, by: string, processes: string): string {
  switch (state) {
    case 'free':
      return `The lock of ${address} is free again.`;
    case 'alive':
      return `${address} is locked by ${by}, which is alive: ${processes}.`;
    case 'left':
      return `${address} is locked by ${by}, which is gone, and what it began still runs: ${processes}. Run unlock without a dry run to end that.`;
    case 'freed':
      return `The lock of ${address}, held by ${by}, is free. What was left of that run was ended: ${processes}. Deploy again.`;
    case 'stuck':
      return `The lock of ${address}, held by ${by}, could not be freed: ${processes || 'its holder belongs to another user'}.`;
  }
}
