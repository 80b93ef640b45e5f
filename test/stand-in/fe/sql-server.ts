import { randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { listen } from '../wire/json-lines.ts';
import {
  Fields,
  isTokenOf,
  lengthEncoded,
  lengthEncodedNumber,
  type PacketStream,
  packetStream,
} from '../wire/mysql-packets.ts';
import type { FrontendProcess } from './frontend-process.ts';
import { execute, type Result, type Session, serverVersion } from './session.ts';
import { SqlError } from './sql-error.ts';

// LONG_FLAG, CONNECT_WITH_DB, PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, CONNECT_ATTRS, PLUGIN_AUTH_LENENC_CLIENT_DATA
const capabilities = 0x4 | 0x8 | 0x200 | 0x8000 | 0x80000 | 0x100000 | 0x200000;
const pluginAuthLenenc = 0x200000;
const connectWithDb = 0x8;
const plugin = 'mysql_native_password';
const ok = Buffer.from([0, 0, 0, 0, 0, 0, 0]);
const endOfRows = Buffer.from([0xfe, 0, 0, 0, 0]);

/** query_port: the MySQL text protocol as StarRocks speaks it (MysqlHandshakePacket.java). */
export async function serveSql(fe: FrontendProcess): Promise<void> {
  let connections = 0;
  for (const address of fe.addresses) {
    const server = createServer(socket => void serve(fe, socket, ++connections).catch(() => socket.destroy()));
    await listen(server, fe.config.port('query_port'), address);
  }
}

async function serve(fe: FrontendProcess, socket: Socket, id: number): Promise<void> {
  socket.setNoDelay(true);
  const stream = packetStream(socket);
  const user = await logIn(fe, stream, id);
  if (user === null) return void socket.end();
  const session: Session = { fe, user, forward_to_leader: false };
  for (;;) {
    stream.restart();
    const packet = await stream.receive();
    if (packet === null || packet[0] === 0x01) return void socket.end();
    await command(session, stream, packet);
  }
}

async function logIn(fe: FrontendProcess, stream: PacketStream, id: number): Promise<string | null> {
  // No zero byte: clients read the scramble as text that a zero ends.
  const scramble = Buffer.from(randomBytes(20).map(byte => (byte % 126) + 1));
  stream.send(handshake(serverVersion(fe.release), id, scramble));
  const response = await stream.receive();
  if (response === null) return null;
  const { user, token: first, isNative } = readResponse(response);
  let token = first;
  if (!isNative) {
    stream.send(Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${plugin}\0`), scramble, Buffer.from([0])]));
    token = (await stream.receive()) ?? Buffer.alloc(0);
  }
  const known = fe.replication.state?.users[user];
  if (known !== undefined && isTokenOf(known.password_hash, token, scramble)) {
    stream.send(ok);
    return user;
  }
  const using = token.length > 0 ? 'YES' : 'NO';
  stream.send(errorPacket(new SqlError(`Access denied for user '${user}' (using password: ${using})`, 1045, '28000')));
  return null;
}

function handshake(version: string, id: number, scramble: Buffer): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16LE(capabilities & 0xffff, 0);
  fixed.writeUInt8(33, 2);
  fixed.writeUInt16LE(capabilities >>> 16, 5);
  fixed.writeUInt8(scramble.length + 1, 7);
  const thread = Buffer.alloc(4);
  thread.writeUInt32LE(id);
  return Buffer.concat([
    Buffer.from([10]),
    Buffer.from(`${version}\0`),
    thread,
    scramble.subarray(0, 8),
    Buffer.from([0]),
    fixed,
    Buffer.alloc(10),
    scramble.subarray(8),
    Buffer.from([0]),
    Buffer.from(`${plugin}\0`),
  ]);
}

function readResponse(packet: Buffer): { readonly user: string; readonly token: Buffer; readonly isNative: boolean } {
  const fields = new Fields(packet);
  const flags = fields.number(4);
  fields.take(4 + 1 + 23);
  const user = fields.zeroTerminated();
  const token = fields.take(flags & pluginAuthLenenc ? fields.lengthEncodedNumber() : fields.number(1));
  if (flags & connectWithDb) fields.zeroTerminated();
  const asked = fields.left > 0 ? fields.zeroTerminated() : plugin;
  return { user, token, isNative: asked === plugin || asked === '' };
}

async function command(session: Session, stream: PacketStream, packet: Buffer): Promise<void> {
  switch (packet[0]) {
    case 0x03:
      return query(session, stream, packet.subarray(1).toString('utf8'));
    case 0x02: // init db
    case 0x0e: // ping
    case 0x1f: // reset connection
      return stream.send(ok);
    case 0x16:
      return stream.send(
        errorPacket(new SqlError('This command is not supported in the prepared statement protocol yet', 1295)),
      );
    default:
      return stream.send(errorPacket(new SqlError(`Unsupported command(${packet[0]})`)));
  }
}

async function query(session: Session, stream: PacketStream, sql: string): Promise<void> {
  try {
    const result = await execute(session, sql);
    if (result === null) stream.send(ok);
    else sendRows(stream, result);
  } catch (error) {
    stream.send(
      errorPacket(error instanceof SqlError ? error : new SqlError(`Unexpected exception: ${String(error)}`)),
    );
  }
}

function sendRows(stream: PacketStream, result: NonNullable<Result>): void {
  stream.send(lengthEncodedNumber(result.columns.length));
  for (const column of result.columns) stream.send(columnDefinition(column));
  stream.send(endOfRows);
  for (const row of result.rows) stream.send(Buffer.concat(row.map(lengthEncoded)));
  stream.send(endOfRows);
}

/** Every column is a string of utf8. */
function columnDefinition(name: string): Buffer {
  const names = ['def', '', '', '', name, ''].map(lengthEncoded);
  const type = Buffer.from([0x0c, 33, 0, 255, 255, 0, 0, 0xfd, 0, 0, 0, 0, 0]);
  return Buffer.concat([...names, type]);
}

function errorPacket(error: SqlError): Buffer {
  const code = Buffer.from([0xff, error.code & 255, error.code >> 8]);
  return Buffer.concat([code, Buffer.from(`#${error.state}`), Buffer.from(error.message)]);
}
