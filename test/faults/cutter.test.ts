import { describe, expect, it } from 'vitest';
import type { Passage } from '../sandbox/ssh-server.ts';
import { Cutter } from './cutter.ts';
import type { Cut } from './position.ts';

const word = (text: string): string => `${text}\n`;

function frame(op: string, words: readonly string[], payload = ''): string {
  const block = words.map(word).join('');
  return `${`${op} ${block.length} ${payload.length}\n${block}`.padEnd(2047)}.${payload}`;
}

function query(text: string): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 3]);
  header.writeUIntLE(text.length + 1, 0, 3);
  return Buffer.concat([header, Buffer.from(text)]);
}

/** A cutter that cuts the first operation of this kind, and what it let pass both ways. */
function cutting(kind: string, cut: Cut, open: (cutter: Cutter) => Passage | null) {
  let severed = 0;
  const cutter = new Cutter(() => {
    severed += 1;
  });
  cutter.arm(position => (position.kind === kind ? cut : null));
  const passage = open(cutter);
  if (passage === null) throw new Error('nothing looks at this channel');
  const passed = { up: '', down: '' };
  passage.up.on('data', (chunk: Buffer) => {
    passed.up += chunk.toString('latin1');
  });
  passage.down.on('data', (chunk: Buffer) => {
    passed.down += chunk.toString('latin1');
  });
  const turn = () => new Promise(resolve => setImmediate(resolve));
  return { cutter, passage, passed, severed: () => severed, turn };
}

const session = (cutter: Cutter) => cutter.tap('127.0.0.9').exec("sh -c 'do_activate() { :; }'");
const sql = (cutter: Cutter) => cutter.tap('127.0.0.9').forward(9030);

const STOP = frame('stop', ['starrocks-fe']);

describe('a run that is cut at an operation on a machine', () => {
  it.each([
    ['before' as const, '', ''],
    ['during' as const, STOP, ''],
    ['after' as const, STOP, ''],
  ])('%s it, leaves no more behind than that', async (cut, arrives, answered) => {
    const { cutter, passage, passed, severed, turn } = cutting('stop', cut, session);
    const before = frame('observe', []);
    // Requests arrive in pieces of any length.
    for (const piece of [before + STOP.slice(0, 10), STOP.slice(10)]) passage.up.write(piece);
    await turn();
    expect(severed()).toBe(cut === 'after' ? 0 : 1);
    passage.down.write('nonce stop 0 \n');
    passage.up.write(frame('removeContainer', ['starrocks-fe']));
    await turn();
    expect(passed).toEqual({ up: before + arrives, down: answered });
    expect(severed()).toBe(1);
    expect(cutter.killed).toEqual({
      cut,
      position: { kind: 'stop', what: 'stop starrocks-fe on 127.0.0.9', carries: false, nth: 1 },
    });
  });

  it('in the middle of an upload, leaves half of it', async () => {
    const upload = frame('stage', ['digest'], 'x'.repeat(1000));
    const { passage, passed, severed, turn } = cutting('stage', 'half', session);
    passage.up.write(upload);
    await turn();
    expect([passed.up, severed()]).toEqual([upload.slice(0, upload.length / 2), 1]);
  });

  it('counts what it does, and lets pass what only looks', async () => {
    const { cutter, passage, turn } = cutting('none', 'before', session);
    for (const text of [frame('ping', []), STOP, frame('observe', []), STOP]) passage.up.write(text);
    await turn();
    expect(cutter.met.map(({ what, nth }) => `${what} #${nth}`)).toEqual([
      'stop starrocks-fe on 127.0.0.9 #1',
      'stop starrocks-fe on 127.0.0.9 #2',
    ]);
  });
});

describe('a run that is cut at a statement', () => {
  const add = query('ALTER SYSTEM ADD FOLLOWER "127.0.0.9:9010"');

  it.each([
    ['before' as const, 1],
    ['during' as const, 2],
    ['after' as const, 2],
  ])('%s it, has sent that much', async (cut, packets) => {
    const { passage, passed, severed, turn } = cutting('SQL ADD FOLLOWER', cut, sql);
    const show = query('SHOW FRONTENDS');
    passage.up.write(Buffer.concat([show, add]));
    await turn();
    passage.down.write('an answer');
    await turn();
    expect(passed.up).toBe(Buffer.concat([show, add].slice(0, packets)).toString('latin1'));
    expect([passed.down, severed()]).toEqual(['', 1]);
  });

  it('shows no password', async () => {
    const { cutter, passage, turn } = cutting('none', 'before', sql);
    passage.up.write(query("SET PASSWORD = PASSWORD('secret')"));
    await turn();
    expect(cutter.met.map(({ what }) => what)).toEqual(['SQL SET PASSWORD']);
  });
});
