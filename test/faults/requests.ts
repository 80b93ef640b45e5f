import type { Operation } from './position.ts';

/** A whole request out of a stream; `operation` is null for what changes nothing. */
export interface Request {
  readonly bytes: Buffer;
  readonly operation: Operation | null;
}

/** Takes what has arrived and has not been used yet. @returns null while the first request is not whole */
export type ReadRequest = (arrived: Buffer, address: string) => Request | null;

const HEADER_BYTES = 64;
const HARMLESS = new Set(['ping', 'observe', 'logs', 'release']);

/** The frames of a session on a machine (host/session.sh). */
export const sessionRequest: ReadRequest = (arrived, address) => {
  if (arrived.length < HEADER_BYTES) return null;
  const [op = '', words = '0', payload = '0'] = arrived.subarray(0, HEADER_BYTES).toString().trim().split(' ');
  const length = HEADER_BYTES + Number(words) + Number(payload);
  if (arrived.length < length) return null;
  const [first = ''] = arrived
    .subarray(HEADER_BYTES, HEADER_BYTES + Number(words))
    .toString()
    .split('\n');
  const word = Buffer.from(first, 'base64').toString();
  const of = word.startsWith('starrocks-') ? ` ${word}` : '';
  const bytes = arrived.subarray(0, length);
  if (HARMLESS.has(op)) return { bytes, operation: null };
  return { bytes, operation: { kind: op, what: `${op}${of} on ${address}`, carries: Number(payload) > 0 } };
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
