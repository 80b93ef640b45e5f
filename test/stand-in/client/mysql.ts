import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { codeOf } from '../wire/json-lines.ts';
import { Fields, type PacketStream, packetStream, passwordToken } from '../wire/mysql-packets.ts';
import { resolveLocalhost } from './localhost.ts';

/** The mysql client, as far as scripts use it: batch output, its error texts, its exit codes. */
const { values } = parseArgs({
  args: process.argv.slice(2).map(arg => arg.replace(/^-([hPueDp])(.+)$/s, '-$1=$2').replace(/^(-[hPueD])=/, '$1')),
  options: {
    host: { type: 'string', short: 'h', default: '127.0.0.1' },
    port: { type: 'string', short: 'P', default: '3306' },
    user: { type: 'string', short: 'u', default: 'root' },
    execute: { type: 'string', short: 'e' },
    batch: { type: 'boolean', short: 'B' },
    'skip-column-names': { type: 'boolean', short: 'N' },
    silent: { type: 'boolean', short: 's' },
    raw: { type: 'boolean', short: 'r' },
    table: { type: 'boolean', short: 't' },
    'connect-timeout': { type: 'string', default: '0' },
    protocol: { type: 'string' },
  },
});

interface ServerError {
  readonly code: number;
  readonly state: string;
  readonly message: string;
}
type Rows = readonly (readonly (string | null)[])[];

function die(text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

const host = resolveLocalhost(values.host);

/** --connect-timeout holds until the log-in is over. */
function open(): Promise<Socket> {
  return new Promise(resolve => {
    const socket = connect({ host, port: Number(values.port) });
    const fail = (error: unknown): never =>
      die(`ERROR 2003 (HY000): Can't connect to MySQL server on '${host}:${values.port}' (${errnoOf(error)})`);
    let late = (): never => fail({ code: 'ETIMEDOUT' });
    socket.setTimeout(Number(values['connect-timeout']) * 1000, () => late());
    socket.once('error', fail);
    socket.once('connect', () => {
      late = () => die(`${lostAt('reading initial communication packet')}, system error: 110`);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

const lostAt = (moment: string): string => `ERROR 2013 (HY000): Lost connection to MySQL server at '${moment}'`;
const errnoOf = (error: unknown): number =>
  ({ ECONNREFUSED: 111, EHOSTUNREACH: 113, ETIMEDOUT: 110 })[codeOf(error)] ?? 110;

async function logIn(stream: PacketStream): Promise<void> {
  const greeting = await stream.receive();
  if (greeting === null) die(lostAt('reading initial communication packet'));
  const fields = new Fields(greeting);
  fields.take(1);
  fields.zeroTerminated();
  fields.take(4);
  const first = fields.take(8);
  fields.take(1 + 2 + 1 + 2 + 2 + 1 + 10);
  const token = passwordToken(process.env['MYSQL_PWD'] ?? '', Buffer.concat([first, fields.take(12)]));
  const head = Buffer.alloc(32);
  head.writeUInt32LE(0x200 | 0x8000 | 0x80000, 0);
  head.writeUInt32LE(0xffffff, 4);
  head.writeUInt8(33, 8);
  const plugin = Buffer.from('mysql_native_password\0');
  stream.send(Buffer.concat([head, Buffer.from(`${values.user}\0`), Buffer.from([token.length]), token, plugin]));
  const answer = await stream.receive();
  if (answer === null) die(lostAt('reading authorization packet'));
  if (answer[0] === 0xff) {
    const { code, state, message } = readError(answer);
    die(`ERROR ${code} (${state}): ${message}`);
  }
}

function readError(packet: Buffer): ServerError {
  const text = packet.subarray(3).toString('utf8');
  return { code: packet.readUInt16LE(1), state: text.slice(1, 6), message: text.slice(6) };
}

const isEnd = (packet: Buffer): boolean => packet[0] === 0xfe && packet.length < 9;

async function run(stream: PacketStream, sql: string, line: number): Promise<void> {
  const next = async (): Promise<Buffer> =>
    (await stream.receive()) ?? die(`ERROR 2013 (HY000) at line ${line}: Lost connection to MySQL server during query`);
  stream.restart();
  stream.send(Buffer.concat([Buffer.from([3]), Buffer.from(sql)]));
  const head = await next();
  if (head[0] === 0xff) {
    const { code, state, message } = readError(head);
    die(`ERROR ${code} (${state}) at line ${line}: ${message}`);
  }
  if (head[0] === 0) return;
  const count = new Fields(head).lengthEncodedNumber();
  const columns: string[] = [];
  for (let packet = await next(); !isEnd(packet); packet = await next()) {
    const fields = new Fields(packet);
    for (let i = 0; i < 4; i++) fields.lengthEncoded();
    columns.push(fields.lengthEncoded() ?? '');
  }
  const rows: (string | null)[][] = [];
  for (let packet = await next(); !isEnd(packet); packet = await next()) {
    const fields = new Fields(packet);
    rows.push(Array.from({ length: count }, () => fields.lengthEncoded()));
  }
  process.stdout.write(
    values.table || (process.stdout.isTTY && !values.batch) ? asTable(columns, rows) : asBatch(columns, rows),
  );
}

function asBatch(columns: readonly string[], rows: Rows): string {
  const escaped = (text: string): string =>
    values.raw ? text : text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
  const lines = rows.map(row => row.map(cell => escaped(cell ?? 'NULL')).join('\t'));
  const all = values['skip-column-names'] || rows.length === 0 ? lines : [columns.join('\t'), ...lines];
  return all.map(line => `${line}\n`).join('');
}

function asTable(columns: readonly string[], rows: Rows): string {
  const cells = [columns, ...rows.map(row => row.map(cell => cell ?? 'NULL'))];
  const widths = columns.map((_, i) => Math.max(...cells.map(row => row[i]?.length ?? 0)));
  const rule = `+${widths.map(width => '-'.repeat(width + 2)).join('+')}+\n`;
  const [head, ...body] = cells.map(row => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |\n`);
  return rows.length === 0 ? '' : `${rule}${head}${rule}${body.join('')}${rule}`;
}

/** Statements with the number of the line on which each begins. */
function statements(text: string): readonly { readonly sql: string; readonly line: number }[] {
  const parts = text.split(/;(?=(?:[^'"]|'[^']*'|"[^"]*")*$)/);
  let line = 1;
  return parts.flatMap(part => {
    const begins = line + (/^\s*/.exec(part)?.[0].split('\n').length ?? 1) - 1;
    line += part.split('\n').length - 1;
    return part.trim() === '' ? [] : [{ sql: part.trim(), line: begins }];
  });
}

async function main(): Promise<void> {
  const text = values.execute ?? readFileSync(0, 'utf8');
  const socket = await open();
  const stream = packetStream(socket);
  await logIn(stream);
  socket.setTimeout(0);
  for (const { sql, line } of statements(text)) await run(stream, sql, line);
  socket.end();
}

void main();
