import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterState } from './cluster-state.ts';

/** Place in the history of a cluster: which leader wrote it (term), and the number of the entry. */
export interface Position {
  readonly term: number;
  readonly index: number;
}

/** One entry carries the whole state, so that a newer one replaces every older one. */
export interface Entry extends Position {
  readonly state: ClusterState;
}

interface Vote {
  readonly term: number;
  readonly candidate: string;
}

const fileLimit = 1_000_000;

export const isNewer = (a: Position, b: Position): boolean =>
  a.term > b.term || (a.term === b.term && a.index > b.index);

/** `meta/bdb/`: an append-only journal of entries and votes that survives a kill at any byte. */
export class Journal {
  readonly #folder: string;
  #number = 0;
  #bytes = 0;
  #entry: Entry | null = null;
  #vote: Vote = { term: 0, candidate: '' };

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    for (const file of journalFiles(folder)) this.#replay(file);
    for (const name of ['je.info.0', 'je.lck']) appendFileSync(join(folder, name), '');
  }

  get entry(): Entry | null {
    return this.#entry;
  }

  get vote(): Vote {
    return this.#vote;
  }

  /** Position of the newest entry; zero before the first. */
  get position(): Position {
    return { term: this.#entry?.term ?? 0, index: this.#entry?.index ?? 0 };
  }

  append(entry: Entry): void {
    this.#entry = entry;
    this.#write({ entry });
  }

  saveVote(vote: Vote): void {
    this.#vote = vote;
    this.#write({ vote });
  }

  #write(record: object): void {
    const line = `${JSON.stringify(record)}\n`;
    this.#bytes += line.length;
    if (this.#bytes > fileLimit) this.#nextFile();
    else appendFileSync(this.#file(this.#number), line);
  }

  /** The new file is complete before an old one goes: a kill in between loses nothing. */
  #nextFile(): void {
    const old = journalFiles(this.#folder);
    const text = `${JSON.stringify({ vote: this.#vote })}\n${JSON.stringify({ entry: this.#entry })}\n`;
    this.#number += 1;
    this.#bytes = text.length;
    writeFileSync(this.#file(this.#number), text);
    for (const file of old) rmSync(join(this.#folder, file));
  }

  #replay(file: string): void {
    this.#number = Number.parseInt(file, 16);
    const text = readFileSync(join(this.#folder, file), 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    for (const line of whole.split('\n')) {
      if (line === '') continue;
      const record = JSON.parse(line) as { readonly entry?: Entry; readonly vote?: Vote };
      if (record.entry !== undefined) this.#entry = record.entry;
      if (record.vote !== undefined) this.#vote = record.vote;
    }
    // What a kill cut off must go, or the next record would be glued to it.
    if (whole.length < text.length) writeFileSync(join(this.#folder, file), whole);
    this.#bytes = whole.length;
  }

  #file(number: number): string {
    return join(this.#folder, `${number.toString(16).padStart(8, '0')}.jdb`);
  }
}

/** Journal files of a `bdb/` folder, oldest first; none when it does not exist. */
export function journalFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter(name => name.endsWith('.jdb'))
      .sort();
  } catch {
    return [];
  }
}
