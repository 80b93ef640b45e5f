import { lookupService } from 'node:dns/promises';
import { readFileSync, statfsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { MissingVariable, readConf } from '../process/conf-file.ts';
import { openLog } from '../process/log.ts';
import { boundAddresses, ownAddress } from '../process/own-address.ts';
import { sleep } from '../process/pace.ts';
import { readRelease } from '../process/release.ts';
import { emptyState, foundedBy } from './cluster-state.ts';
import { FeConfig } from './fe-config.ts';
import type { FrontendProcess } from './frontend-process.ts';
import { keepHeartbeats } from './heartbeats.ts';
import { serveHttp } from './http-server.ts';
import { Journal } from './journal.ts';
import { Metadata } from './metadata.ts';
import { type Address, type Identity, Replication } from './replication.ts';
import { serveRpc } from './rpc-server.ts';
import { serveSql } from './sql-server.ts';
import { ensureHelper, StartFailure, type StartIdentity, startIdentity } from './start-identity.ts';

/** Shorter than the 10 to 16 s of a real FE, and yet long enough to matter. */
const startMs = Number(process.env['STANDIN_START_MS'] ?? '1500');
/** Below this much free space (GB) an FE refuses to start (MetaHelper.checkMetaDir). */
const minFree = Number(process.env['STANDIN_META_MIN_FREE_GB'] ?? '5');
const begun = Date.now();
const home = process.env['STARROCKS_HOME'] ?? process.cwd();
const { values } = parseArgs({
  options: { helper: { type: 'string' }, host_type: { type: 'string' }, logconsole: { type: 'boolean' } },
});
const log = openLog(`${home}/log/fe.log`, values.logconsole === true ? 'console' : 'file');

function fail(message: string): never {
  log('ERROR', message);
  process.stderr.write(`${message}\nStarRocksFE start failed\n`);
  process.exit(255);
}

function exit(message: string): void {
  log('ERROR', message);
  process.exit(255);
}

process.on('SIGTERM', () => process.exit(143));
process.on('SIGINT', () => process.exit(130));
process.on('uncaughtException', error => fail(error.stack ?? String(error)));

function readFeConf(): Map<string, string> {
  const file = `${home}/conf/fe.conf`;
  try {
    return readConf(readFileSync(file, 'utf8'), process.env);
  } catch (error) {
    if (error instanceof MissingVariable) {
      fail(`com.starrocks.common.InvalidConfException: no such env variable: ${error.variable}`);
    }
    fail(`java.io.FileNotFoundException: ${file} (No such file or directory)`);
  }
}

function readHelpers(text: string | undefined): readonly Address[] {
  const parts = (text ?? '').split(',').filter(part => part !== '');
  return parts.map(part => {
    const [host = '', port = ''] = part.split(':');
    if (!/^\d+$/.test(port)) fail(`Invalid host port: ${part}`);
    return { host, port: Number(port) };
  });
}

async function identityOf(metadata: Metadata, host: string, config: FeConfig): Promise<StartIdentity> {
  const helpers = readHelpers(values.helper);
  const self = { host, edit_log_port: config.port('edit_log_port'), http_port: config.port('http_port') };
  try {
    return await startIdentity(metadata, self, helpers, log);
  } catch (error) {
    return fail(error instanceof StartFailure ? error.message : String(error));
  }
}

function checkSpace(metaDir: string): void {
  const { bavail, bsize } = statfsSync(metaDir);
  const free = (bavail * bsize) / 1024 ** 3;
  if (free < minFree) fail(`Free capacity left for meta dir: ${metaDir} is less than ${minFree}GB`);
}

/** ROLE and VERSION are there and the journal is not: it leads a group of its own for a moment, and is not in it. */
function refuseForeignJournal(journal: Journal, me: Identity, hasJournal: boolean): void {
  if (!hasJournal) journal.append({ term: 1, index: 1, state: emptyState });
  if (journal.entry?.state.frontends.length !== 0) return;
  log('INFO', `transfer FE type from INIT to LEADER. node name: ${me.name}`);
  exit('current node is not added to the cluster, will exit');
}

async function main(): Promise<void> {
  const conf = readFeConf();
  const config = new FeConfig(conf);
  const host = ownAddress(conf.get('priority_networks') ?? '');
  const addresses = boundAddresses(host);
  // BDB asks for its own address backwards: where nobody answers, the start hangs here.
  if (!host.startsWith('127.')) await lookupService(host, config.port('edit_log_port')).catch(() => null);

  const metaDir = conf.get('meta_dir') ?? `${home}/meta`;
  checkSpace(metaDir);
  const metadata = new Metadata(metaDir);
  const identity = await identityOf(metadata, host, config);
  const me: Identity = {
    ...identity.role,
    host,
    edit_log_port: config.port('edit_log_port'),
    cluster_id: identity.version.cluster_id,
  };
  const hasJournal = metadata.hasJournal();
  const journal = new Journal(metadata.bdb);
  const { start, helper } = identity;
  if (start === 'founds') journal.append({ term: 0, index: 1, state: foundedBy(me.name, host, me.edit_log_port) });
  if (start === 'initialised' && helper === null) refuseForeignJournal(journal, me, hasJournal);

  const replication = new Replication({ me, journal, helper: start === 'joins' ? helper : null, log, exit });
  await replication
    .start(addresses)
    .catch(() => exit(`edit_log_port ${me.edit_log_port} is already in use. will exit.`));
  if (start === 'initialised' && helper !== null) {
    const isMember = (): boolean => replication.state?.frontends.some(fe => fe.host === helper.host) === true;
    await ensureHelper({ ...me, http_port: config.port('http_port') }, helper, isMember, log);
  }
  await untilReady(replication);
  metadata.writeRole(identity.role, 'IP');
  const fe: FrontendProcess = {
    release: readRelease(`${home}/lib`),
    me,
    version: identity.version,
    addresses,
    config,
    metadata,
    replication,
    log,
    started_at: Date.now(),
  };
  await openPorts(fe);
  leaveWhenRemoved(fe);
  void keepHeartbeats(fe);
}

async function untilReady(replication: Replication): Promise<void> {
  let said = 0;
  while (!(replication.inTouch && replication.state !== null) || Date.now() - begun < startMs) {
    if (Date.now() - said > 2000) {
      log('INFO', `wait globalStateMgr to be ready. FE type: INIT. is ready: false`);
      said = Date.now();
    }
    await sleep(20);
  }
}

async function openPorts(fe: FrontendProcess): Promise<void> {
  const { config } = fe;
  await serveRpc(fe).catch(() => fail(`thrift server started failed, port ${config.port('rpc_port')}`));
  log('INFO', `thrift server started with port ${config.port('rpc_port')}.`);
  await serveHttp(fe).catch(error => fail(`http server started failed: ${String(error)}`));
  await serveSql(fe).catch(error => fail(`mysql server started failed: ${String(error)}`));
  log('INFO', 'FE started successfully');
}

/** An observer reads of its own removal in the journal; a follower that was dropped hears nothing more. */
function leaveWhenRemoved(fe: FrontendProcess): void {
  const check = (): void => {
    const { state } = fe.replication;
    if (fe.me.role !== 'OBSERVER' || state === null || state.frontends.some(other => other.name === fe.me.name)) return;
    setTimeout(() => exit(`current fe name: ${fe.me.name}, role: ${fe.me.role}, is removed. will exit`), 500);
  };
  fe.replication.onChange(check);
  check();
}

void main();
