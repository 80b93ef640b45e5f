import { setMaxListeners } from 'node:events';
import type { DeployError } from '../error.ts';

/** What may end a piece of work before it ends itself. */
interface Bounds {
  readonly ms: number;
  readonly late: () => DeployError;
  readonly stops: readonly (readonly [signal: AbortSignal, reason: () => DeployError])[];
}

/**
 * Settles with the work, its time limit or a signal, whichever comes first, and leaves no listener behind. The work
 * itself goes on: whoever owns its stream closes it.
 */
export function bounded<T>(work: Promise<T>, { ms, late, stops }: Bounds): Promise<T> {
  return new Promise((resolve, reject) => {
    const undo: (() => void)[] = [];
    const timer = setTimeout(() => settle(() => reject(late())), ms);
    const settle = (act: () => void) => {
      clearTimeout(timer);
      for (const one of undo) one();
      act();
    };
    for (const [signal, reason] of stops) {
      const stop = () => settle(() => reject(reason()));
      if (signal.aborted) {
        stop();
        continue;
      }
      // One signal stops the whole run: Node takes more than ten listeners for a leak.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', stop);
      undo.push(() => signal.removeEventListener('abort', stop));
    }
    work.then(
      value => settle(() => resolve(value)),
      error => settle(() => reject(error)),
    );
  });
}
