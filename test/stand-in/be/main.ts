import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { MissingVariable, readConf } from '../process/conf-file.ts';
import { openLog } from '../process/log.ts';
import { boundAddresses, ownAddress } from '../process/own-address.ts';
import { sleep } from '../process/pace.ts';
import { readRelease } from '../process/release.ts';
import { listen } from '../wire/json-lines.ts';
import { type BackendProcess, serveHeartbeats } from './heartbeat-server.ts';
import { openStorage, type StoragePath } from './storage.ts';

/** A BE is up sooner than an FE. */
const startMs = Number(process.env['STANDIN_START_MS'] ?? '1500') / 3;
const home = process.env['STARROCKS_HOME'] ?? process.cwd();
const { values } = parseArgs({ options: { logconsole: { type: 'boolean' } } });
const log = openLog(`${home}/log/be.INFO`, values.logconsole === true ? 'console' : 'file');

const known = new Set(
  'be_port be_http_port webserver_port heartbeat_service_port brpc_port starlet_port storage_root_path priority_networks mem_limit cluster_id sys_log_dir sys_log_level sys_log_roll_mode sys_log_roll_num default_rowset_type arrow_flight_port loop_count_wait_fragments_finish'.split(
    ' ',
  ),
);

/** LOG(FATAL) aborts. */
function fatal(message: string): never {
  log('ERROR', message);
  process.exit(134);
}

function fail(message: string): never {
  log('ERROR', message);
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

process.on('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => process.exit(130));
process.on('uncaughtException', error => fatal(error.stack ?? String(error)));

function readBeConf(): Map<string, string> {
  const file = `${home}/conf/be.conf`;
  let conf: Map<string, string>;
  try {
    conf = readConf(readFileSync(file, 'utf8'), process.env);
  } catch (error) {
    if (error instanceof MissingVariable) fail(`Non-existent environment variable: ${error.variable}`);
    return fail(`Fail to open ${file}\nerror read config file.`);
  }
  for (const key of conf.keys()) {
    if (!known.has(key) && !/^[A-Z]/.test(key)) log('WARN', `Ignored unknown config: ${key}`);
  }
  return conf;
}

/** Ends the process for what is no number, as every BE does. */
function port(conf: ReadonlyMap<string, string>, key: string, fallback: number): number {
  const text = conf.get(key) ?? String(fallback);
  if (!/^-?\d+$/.test(text)) fail(`Invalid value of config item ${key}: ${text}`);
  return Number(text);
}

/** `80%` of the machine, or `4G` (parse_util.cpp): a quoted value or `4GB` does not parse. */
function memLimit(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(%|[BKMGT]?)$/i.exec(text);
  if (match === null) fail(`Failed to parse mem limit from '${text}'.`);
  const [, number, unit = ''] = match;
  if (unit === '%') return (totalmem() * Number(number)) / 100;
  return Number(number) * 1024 ** Math.max(0, 'BKMGT'.indexOf(unit.toUpperCase() || 'B'));
}

function storage(conf: ReadonlyMap<string, string>): readonly StoragePath[] {
  try {
    return openStorage(conf.get('storage_root_path') ?? `${home}/storage`);
  } catch (error) {
    return fatal(error instanceof Error ? error.message : String(error));
  }
}

async function main(): Promise<void> {
  const conf = readBeConf();
  const host = ownAddress(conf.get('priority_networks') ?? '');
  port(conf, 'arrow_flight_port', -1);
  const be: BackendProcess = {
    release: readRelease(`${home}/lib`),
    host,
    addresses: boundAddresses(host),
    storage: storage(conf),
    ports: {
      be_port: port(conf, 'be_port', 9060),
      http_port: port(conf, conf.has('be_http_port') ? 'be_http_port' : 'webserver_port', 8040),
      heartbeat_port: port(conf, 'heartbeat_service_port', 9050),
      brpc_port: port(conf, 'brpc_port', 8060),
      starlet_port: port(conf, 'starlet_port', 9070),
    },
    mem_limit: memLimit(conf.get('mem_limit') ?? '90%'),
    started_at: Date.now(),
  };
  await sleep(startMs);
  await openPorts(be).catch(error => fatal(`BE start failed: ${String(error)}`));
  log('INFO', 'BE started successfully');
}

async function openPorts(be: BackendProcess): Promise<void> {
  for (const address of be.addresses) {
    for (const name of ['be_port', 'brpc_port', 'starlet_port'] as const) {
      await listen(
        createServer(socket => void socket.on('error', () => {}).resume()),
        be.ports[name],
        address,
      );
    }
    await listen(httpServer(), be.ports.http_port, address);
  }
  await serveHeartbeats(be);
}

function httpServer(): ReturnType<typeof createHttpServer> {
  return createHttpServer((request, response) => {
    const healthy = request.url?.split('?')[0] === '/api/health';
    response.writeHead(healthy ? 200 : 404, { 'Content-Type': 'application/json' });
    response.end(healthy ? '{"status": "OK","msg": "To Be Added"}' : '');
  });
}

void main();
