import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './ask.ts';
import { type Allowed, Invariants } from './invariants.ts';
import type { Sample } from './sample.ts';

/** Every so many samples the FEs are asked as well. */
const ASK_EVERY = 5;

/** Looks at a cluster until it is told to end; knows nothing of the program that changes it. */
export class Observer {
  readonly #take: () => Promise<Sample>;
  readonly #pause: number;
  readonly #invariants: Invariants;
  readonly #watching: Promise<void>;
  #ended = false;
  #samples = 0;

  /** @param pause ms between two looks */
  constructor(take: () => Promise<Sample>, allowed: Allowed, pause = 100) {
    this.#take = take;
    this.#pause = pause;
    this.#invariants = new Invariants(allowed);
    this.#watching = this.#watch();
  }

  get samples(): number {
    return this.#samples;
  }

  /** One more look, so that nothing at the very end is missed. @returns what was broken */
  async end(): Promise<readonly string[]> {
    this.#ended = true;
    await this.#watching;
    for (let last = 0; last < 2; last += 1) await this.#look();
    await this.#hear(await this.#take());
    return this.#invariants.violations;
  }

  async #watch(): Promise<void> {
    while (!this.#ended) {
      const sample = await this.#look();
      if (this.#samples % ASK_EVERY === 0) await this.#hear(sample);
      await sleep(this.#pause);
    }
  }

  async #look(): Promise<Sample> {
    const sample = await this.#take();
    this.#samples += 1;
    this.#invariants.see(sample);
    return sample;
  }

  async #hear({ nodes }: Sample): Promise<void> {
    const ready = nodes.filter(node => node.kind === 'fe' && node.ready);
    const answers = await Promise.all(ready.map(({ address }) => ask(address, 'SHOW FRONTENDS')));
    this.#invariants.hear(answers.flatMap(rows => (rows ?? []).map(row => row['ClusterId'] ?? '')));
  }
}
