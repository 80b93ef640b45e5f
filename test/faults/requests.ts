import type { Operation } from './position.ts';

/** A whole request out of a stream; `operation` is null for what changes nothing. */
export interface Request {
  readonly bytes: Buffer;
  readonly operation: Operation | null;
}

/** Takes what has arrived and has not been used yet. @returns null while the first request is not whole */
export type ReadRequest = (arrived: Buffer, address: string) => Request | null;

const HEADER_BYTES = 2048;
const HARMLESS = new Set(['ping', 'observe', 'logs', 'release']);

interface Frame {
  readonly bytes: Buffer;
  readonly op: string;
  /** `activate starrocks-be`: with the service, where it is about one. */
  readonly name: string;
  readonly carries: boolean;
}

/** The first frame of a session on a machine (host/session.sh). @returns null while it is not whole */
export function sessionFrame(arrived: Buffer): Frame | null {
  if (arrived.length < HEADER_BYTES) return null;
  const head = arrived.indexOf('\n') + 1;
  const [op = '', words = '0', payload = '0'] = arrived.toString('latin1', 0, head).trim().split(' ');
  const inside = head + Number(words) < HEADER_BYTES;
  const length = HEADER_BYTES + (inside ? 0 : Number(words)) + Number(payload);
  if (arrived.length < length) return null;
  const from = inside ? head : HEADER_BYTES;
  const [first = ''] = arrived.toString('latin1', from, from + Number(words)).split('\n');
  const name = first.startsWith('starrocks-') ? `${op} ${first}` : op;
  return { bytes: arrived.subarray(0, length), op, name, carries: Number(payload) > 0 };
}

export const sessionRequest: ReadRequest = (arrived, address) => {
  const frame = sessionFrame(arrived);
  if (frame === null) return null;
  const { bytes, op, name, carries } = frame;
  return { bytes, operation: HARMLESS.has(op) ? null : { kind: op, what: `${name} on ${address}`, carries } };
};

const PACKET_HEADER = 4;
const COM_QUERY = 3;
const CHANGES = /^(?:ALTER SYSTEM|ADMIN SET|CANCEL|SET PASSWORD|CREATE|DROP|GRANT)\b/i;

/** What a MySQL client sends: packets of a length, a number, and what is asked. A new command has the number 0. */
export const sqlRequest: ReadRequest = arrived => {
  if (arrived.length < PACKET_HEADER) return null;
  const length = PACKET_HEADER + arrived.readUIntLE(0, 3);
  if (arrived.length < length) return null;
  const bytes = arrived.subarray(0, length);
  const command = arrived[3] === 0 && arrived[PACKET_HEADER] === COM_QUERY;
  const text = command ? bytes.subarray(PACKET_HEADER + 1).toString() : '';
  return { bytes, operation: CHANGES.test(text) ? statement(text) : null };
};

function statement(text: string): Operation {
  const secret = /^SET PASSWORD/i.test(text);
  const [verb = ''] = text.split(/["(]/);
  const kind = `SQL ${(secret ? 'SET PASSWORD' : verb).replace(/^ALTER SYSTEM /i, '').trim()}`;
  return { kind, what: secret ? kind : `SQL ${text}`, carries: false };
}
