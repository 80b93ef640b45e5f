import { createHash } from 'node:crypto';
import { connect, type Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Connection, createServer } from 'mysql2';
import type { SqlRow } from '../../../.github/actions/deploy/src/starrocks/rows.ts';

/** What the FE does with a statement. `cut`: the connection ends. `hang`: silence. */
export type Answer = 'ok' | 'hang' | 'cut' | { readonly error: string; readonly code?: number } | readonly SqlRow[];

export interface FakeFe {
  readonly port: number;
  /** root's password, '' for none. */
  password: string;
  answer: (sql: string) => Answer;
  /** Every statement that arrived. */
  readonly statements: string[];
  /** Connections that are open now. */
  readonly open: () => number;
  readonly connect: () => Promise<Duplex>;
  close(): Promise<void>;
}

interface ServerSide extends Connection {
  readonly stream: Socket;
  writeOk(): void;
  handlePacket(packet?: { readonly sequenceId: number }): void;
}

interface AuthRequest {
  readonly authPluginData1: Buffer;
  readonly authPluginData2: Buffer;
  readonly authToken: Buffer;
}

/** PROTOCOL_41, CONNECT_WITH_DB, SECURE_CONNECTION, PLUGIN_AUTH, LONG_FLAG: as StarRocks' handshake announces. */
const capabilities = 0x200 | 0x8 | 0x8000 | 0x80000 | 0x4;

const sha1 = (...parts: readonly Buffer[]): Buffer => createHash('sha1').update(Buffer.concat(parts)).digest();

function nativeToken(password: string, scramble: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const once = sha1(Buffer.from(password));
  const mix = sha1(scramble, sha1(once));
  return Buffer.from(once.map((byte, at) => byte ^ (mix[at] ?? 0)));
}

/** What speaks the MySQL protocol as an FE does, on a port of 127.0.0.1, with answers that the test decides. */
export async function fakeFe(answer: (sql: string) => Answer = () => 'ok'): Promise<FakeFe> {
  const sockets = new Set<Socket>();
  const fe = { password: '', answer, statements: [] as string[] };
  let id = 0;
  const server = createServer(connection => {
    const side = connection as unknown as ServerSide;
    sockets.add(side.stream);
    side.stream.on('close', () => sockets.delete(side.stream));
    side.on('error', () => undefined);
    let authenticated = false;
    // mysql2's server does not start the sequence again with each command, and both sides would warn.
    const handle = side.handlePacket.bind(side);
    side.handlePacket = packet => {
      if (packet !== undefined && authenticated) side.sequenceId = packet.sequenceId;
      handle(packet);
    };
    side.serverHandshake({
      protocolVersion: 10,
      serverVersion: '5.1.0',
      connectionId: ++id,
      statusFlags: 0,
      characterSet: 33,
      capabilityFlags: capabilities,
      authCallback(request: AuthRequest, reply: (error: null, refusal?: { message: string; code: number }) => void) {
        const scramble = Buffer.concat([request.authPluginData1, request.authPluginData2]).subarray(0, 20);
        authenticated = nativeToken(fe.password, scramble).equals(request.authToken);
        const using = request.authToken.length > 0 ? 'YES' : 'NO';
        const message = `Access denied for user 'root' (using password: ${using})`;
        if (authenticated) reply(null);
        else reply(null, { message, code: 1045 });
      },
    });
    const take = (sql: string) => {
      fe.statements.push(sql);
      respond(side, fe.answer(sql));
    };
    side.on('query', take);
    // mysql2's server tells of the text `SET …` as of a statement to prepare.
    side.on('stmt_prepare', take);
  });
  const net = (server as unknown as { readonly _server: NetServer })._server;
  await new Promise<void>(resolve => net.listen(0, '127.0.0.1', resolve));
  const address = net.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return Object.assign(fe, {
    port,
    open: () => sockets.size,
    connect: () => dial(port),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => net.close(resolve));
    },
  });
}

function respond(side: ServerSide, answer: Answer): void {
  if (answer === 'cut') side.stream.destroy();
  else if (answer === 'ok') side.writeOk();
  else if (answer !== 'hang' && 'error' in answer)
    side.writeError({ message: answer.error, code: answer.code ?? 1064 });
  else if (answer !== 'hang') side.writeTextResult([...answer], columns(answer));
}

const columns = (rows: readonly SqlRow[]) =>
  Object.keys(rows[0] ?? { empty: '' }).map(name => ({
    ...{ catalog: 'def', schema: '', table: '', orgTable: '', name, orgName: name },
    ...{ characterSet: 33, columnLength: 255, columnType: 253, flags: 0, decimals: 0 },
  }));

/** A stream to a port of 127.0.0.1; rejects when it is closed, as a forwarded channel does. */
export function dial(port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
