import type { CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import unlockScript from '../host/unlock.sh';
import type { LockOwner } from '../plan/world.ts';
import { quote } from '../transport/quote.ts';
import type { Course, RunOptions } from './course.ts';
import type { Machines } from './machines.ts';

/** `alive`: a run holds it. `left`: a run that is gone has left something running that holds it. */
type LockState = 'free' | 'alive' | 'left' | 'freed' | 'stuck';

/** Tells who holds the locks, and frees those whose holder is gone. */
export async function unlock(options: RunOptions, machines: Machines, course: Course): Promise<void> {
  const { desired, request, dryRun } = options;
  const locked = desired.cluster.hosts.filter(({ address }) => {
    const answer = course.world?.hosts[address];
    return answer?.known === true && answer.value.lock !== null && (request.hosts?.has(address) ?? true);
  });
  const states = await Promise.all(
    locked.map(async host => {
      const state = await ask(machines, host, dryRun);
      const answer = course.world?.hosts[host.address];
      course.notes.push(sentence(host.address, state, answer?.known === true ? answer.value.lock : null));
      return state.state;
    }),
  );
  if (locked.length === 0) course.notes.push('No machine is locked.');
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

function sentence(address: string, { state, processes }: Answer, owner: LockOwner | null): string {
  const who =
    owner?.run === undefined ? 'another run' : `${owner.run} (${owner.actor || 'somebody'}, since ${owner.since})`;
  switch (state) {
    case 'free':
      return `The lock of ${address} is free again.`;
    case 'alive':
      return `${address} is locked by ${who}, which is alive: let it end, or cancel it.`;
    case 'left':
      return `${address} is locked by ${who}, which is gone, and what it began still runs: ${processes.join(', ')}. Run unlock without a dry run to end that.`;
    case 'freed':
      return `The lock of ${address}, held by ${who}, is free: ${processes.join(', ')} was ended. Deploy again.`;
    case 'stuck':
      return `The lock of ${address}, held by ${who}, could not be freed: ${processes.join(', ') || 'its holder belongs to another user'}. Look at that process on the machine.`;
  }
}
