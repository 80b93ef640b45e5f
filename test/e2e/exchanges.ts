import { Transform } from 'node:stream';
import { sessionFrame } from '../faults/requests.ts';
import type { Tap } from '../sandbox/ssh-server.ts';

/** What runs ask of machines, as it passes their SSH servers: SQL and health questions have channels of their own. */
export class Exchanges {
  readonly #of = new Map<string, { asked: string[]; answered: boolean }[]>();

  tap(address: string): Tap {
    const exchanges = () => this.#of.get(address) ?? [];
    const ask = (name: string) => {
      const last = exchanges().at(-1);
      // What is asked before anything was answered costs no time of its own.
      if (last?.answered === false) last.asked.push(name);
      else this.#of.set(address, [...exchanges(), { asked: [name], answered: false }]);
    };
    const answer = () => {
      const last = exchanges().at(-1);
      if (last !== undefined) last.answered = true;
    };
    return {
      exec: command => {
        const session = command.includes('do_activate()');
        ask(session ? 'session' : 'command');
        let arrived: Buffer = Buffer.alloc(0);
        const up = new Transform({
          transform: (chunk: Buffer, _encoding, done) => {
            arrived = session ? Buffer.concat([arrived, chunk]) : arrived;
            for (let frame = sessionFrame(arrived); frame !== null; frame = sessionFrame(arrived)) {
              arrived = arrived.subarray(frame.bytes.length);
              if (frame.op !== 'ping') ask(frame.name);
            }
            done(null, chunk);
          },
        });
        const down = new Transform({
          transform: (chunk: Buffer, _encoding, done) => {
            answer();
            done(null, chunk);
          },
        });
        return { up, down };
      },
      forward: () => null,
    };
  }

  forget(): void {
    this.#of.clear();
  }

  /** Of one machine in order, each with all that it asked for. A look of its own is a wait: those of steps come along. */
  at(address: string): string[] {
    const all = (this.#of.get(address) ?? []).map(({ asked }) => asked.join(' + '));
    return all.filter(asked => asked !== 'observe');
  }
}
