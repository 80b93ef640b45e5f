import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';

/** MySQL packets: three bytes of length, one sequence number, payload. */
export interface PacketStream {
  send(payload: Buffer): void;
  /** Resolves null at the end of the connection. */
  receive(): Promise<Buffer | null>;
  /** A new command begins: sequence numbers start again. */
  restart(): void;
}

export function packetStream(socket: Socket): PacketStream {
  let buffered = Buffer.alloc(0);
  let sequence = 0;
  let ended = false;
  let wake = (): void => {};
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    wake();
  });
  const end = (): void => {
    ended = true;
    wake();
  };
  socket.on('error', end);
  socket.on('close', end);
  const take = (): Buffer | null => {
    if (buffered.length < 4) return null;
    const length = buffered.readUIntLE(0, 3);
    if (buffered.length < 4 + length) return null;
    sequence = buffered.readUInt8(3) + 1;
    const payload = buffered.subarray(4, 4 + length);
    buffered = buffered.subarray(4 + length);
    return payload;
  };
  return {
    send: payload => {
      const header = Buffer.alloc(4);
      header.writeUIntLE(payload.length, 0, 3);
      header.writeUInt8(sequence & 255, 3);
      sequence += 1;
      if (socket.writable) socket.write(Buffer.concat([header, payload]));
    },
    receive: async () => {
      for (;;) {
        const payload = take();
        if (payload !== null || ended) return payload;
        await new Promise<void>(resolve => {
          wake = resolve;
        });
      }
    },
    restart: () => {
      sequence = 0;
    },
  };
}

export function lengthEncoded(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([lengthEncodedNumber(bytes.length), bytes]);
}

export function lengthEncodedNumber(value: number): Buffer {
  if (value < 251) return Buffer.from([value]);
  if (value < 65536) return Buffer.from([0xfc, value & 255, value >> 8]);
  return Buffer.from([0xfd, value & 255, (value >> 8) & 255, value >> 16]);
}

/** Reads the fields of one packet in order. */
export class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Buffer {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number(bytes: number): number {
    return this.left < bytes ? 0 : this.take(bytes).readUIntLE(0, bytes);
  }

  lengthEncodedNumber(): number {
    const first = this.number(1);
    if (first === 0xfc) return this.number(2);
    if (first === 0xfd) return this.number(3);
    return first;
  }

  /** null for SQL's NULL. */
  lengthEncoded(): string | null {
    if (this.#bytes[this.#at] === 0xfb) {
      this.#at += 1;
      return null;
    }
    return this.take(this.lengthEncodedNumber()).toString('utf8');
  }

  zeroTerminated(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    const text = this.#bytes.subarray(this.#at, end < 0 ? undefined : end).toString('utf8');
    this.#at = end < 0 ? this.#bytes.length : end + 1;
    return text;
  }

  rest(): Buffer {
    return this.take(this.left);
  }
}

const sha1 = (...parts: readonly Buffer[]): Buffer => createHash('sha1').update(Buffer.concat(parts)).digest();
const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));

/** What mysql_native_password keeps of a password, in hex; '' for none. */
export const passwordHash = (password: string): string =>
  password === '' ? '' : sha1(sha1(Buffer.from(password))).toString('hex');

/** The client's proof for the server's scramble. */
export function passwordToken(password: string, scramble: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const once = sha1(Buffer.from(password));
  return xor(once, sha1(scramble, sha1(once)));
}

export function isTokenOf(hash: string, token: Buffer, scramble: Buffer): boolean {
  if (hash === '' || token.length === 0) return hash === '' && token.length === 0;
  const stored = Buffer.from(hash, 'hex');
  return sha1(xor(token, sha1(scramble, stored))).equals(stored);
}
