/**
 * What is left of a run once it is cancelled: a runner kills it about ten seconds after it has asked it to end, and by
 * then it must have said where it stopped. One per signal, so that everybody counts from the same moment.
 */
export class Grace {
  static readonly #all = new WeakMap<AbortSignal, Grace>();
  readonly #armed = new Set<() => void>();
  #since: number | null = null;

  private constructor(signal: AbortSignal) {
    const begin = () => {
      this.#since = performance.now();
      for (const arm of this.#armed) arm();
      this.#armed.clear();
    };
    if (signal.aborted) begin();
    else signal.addEventListener('abort', begin, { once: true });
  }

  static of(signal: AbortSignal): Grace {
    const there = Grace.#all.get(signal) ?? new Grace(signal);
    Grace.#all.set(signal, there);
    return there;
  }

  /** What the work gives; null when it is not over so many milliseconds after the cancellation. It goes on all the same. */
  within<T>(ms: number, work: Promise<T>): Promise<T | null> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const arm = () => {
        const left = (this.#since ?? 0) + ms - performance.now();
        timer = setTimeout(() => resolve(null), Math.max(0, left));
      };
      if (this.#since === null) this.#armed.add(arm);
      else arm();
      const over = () => {
        clearTimeout(timer);
        this.#armed.delete(arm);
      };
      work.finally(over).then(resolve, reject);
    });
  }
}

/** In milliseconds after the cancellation: each has to leave time for what comes behind it. */
export const GRACE_MS = {
  /** An operation under way on a machine, or a statement. */
  operation: 3000,
  /** One more look at the cluster's rows. */
  look: 4000,
  /** All of the run but its record. */
  run: 4500,
  record: 5500,
  /** Locks given back, connections closed. */
  close: 6000,
} as const;
