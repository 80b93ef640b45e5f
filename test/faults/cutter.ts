import { Transform } from 'node:stream';
import type { Passage, Tap } from '../sandbox/ssh-server.ts';
import type { Cut, Operation, Position } from './position.ts';
import { type ReadRequest, sessionRequest, sqlRequest } from './requests.ts';

const QUERY_PORT = 9030;

/** Asked of every operation before the machine hears of it; null: let it pass. */
export type Decide = (position: Position) => Cut | null;

/** Where that happened, and how. */
export interface Kill {
  readonly position: Position;
  readonly cut: Cut;
}

/**
 * Stands in every SSH server of a sandbox, reads what a run sends, and ends all its connections where it is told to.
 * The run knows nothing of it.
 */
export class Cutter {
  readonly #sever: () => void;
  #decide: Decide = () => null;
  #met: Position[] = [];
  #killed: Kill | null = null;

  constructor(sever: () => void) {
    this.#sever = sever;
  }

  /** For the run that begins now. */
  arm(decide: Decide): void {
    this.#decide = decide;
    this.#met = [];
    this.#killed = null;
  }

  /** Operations of this run in the order in which they were sent, up to the one where it was killed. */
  get met(): readonly Position[] {
    return this.#met;
  }

  get killed(): Kill | null {
    return this.#killed;
  }

  tap(address: string): Tap {
    return {
      // Whatever else is run on a machine looks and changes nothing.
      exec: command => (command.includes('do_activate()') ? this.#passage(sessionRequest, address) : null),
      forward: port => (port === QUERY_PORT ? this.#passage(sqlRequest, address) : null),
    };
  }

  #passage(read: ReadRequest, address: string): Passage {
    const state: { kill: Kill | null } = { kill: null };
    let arrived: Buffer = Buffer.alloc(0);
    const up = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        arrived = Buffer.concat([arrived, chunk]);
        for (let request = read(arrived, address); request !== null; request = read(arrived, address)) {
          arrived = arrived.subarray(request.bytes.length);
          if (this.#over) break;
          const kill = request.operation === null ? null : this.#meet(request.operation);
          if (kill?.cut === 'half') up.push(request.bytes.subarray(0, request.bytes.length / 2));
          else if (kill?.cut !== 'before') up.push(request.bytes);
          if (kill?.cut === 'after') state.kill = kill;
          else if (kill !== null) this.#kill(kill);
        }
        done();
      },
    });
    const down = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        // What comes back first is the answer: nothing else was asked on this channel meanwhile.
        if (state.kill !== null && !this.#over) this.#kill(state.kill);
        done(null, this.#over ? undefined : chunk);
      },
    });
    return { up, down };
  }

  get #over(): boolean {
    return this.#killed !== null;
  }

  #meet(operation: Operation): Kill | null {
    const nth = this.#met.filter(one => one.what === operation.what).length + 1;
    const position = { ...operation, nth };
    this.#met.push(position);
    const cut = this.#decide(position);
    return cut === null ? null : { position, cut };
  }

  #kill(kill: Kill): void {
    this.#killed = kill;
    this.#sever();
  }
}
