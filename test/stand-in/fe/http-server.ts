import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buildName, isAtLeast } from '../process/release.ts';
import { listen } from '../wire/json-lines.ts';
import type { FrontendProcess } from './frontend-process.ts';

interface Reply {
  readonly status: number;
  readonly type: 'application/json' | 'text/html';
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** http_port: what health checks, joining FEs and the leader's heartbeat ask. */
export async function serveHttp(fe: FrontendProcess): Promise<void> {
  for (const address of fe.addresses) {
    const server = createServer((request, response) => send(response, reply(fe, request)));
    server.keepAliveTimeout = 0;
    await listen(server as unknown as Parameters<typeof listen>[0], fe.config.port('http_port'), address);
  }
}

function send(response: ServerResponse, { status, type, body, headers }: Reply): void {
  response.sendDate = false;
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers, 'content-type': type });
  response.end(body);
}

function reply(fe: FrontendProcess, request: IncomingMessage): Reply {
  const url = new URL(request.url ?? '/', 'http://fe');
  const from = request.socket.remoteAddress ?? '';
  switch (url.pathname) {
    case '/api/bootstrap':
      return bootstrap(fe, url.searchParams.get('token'));
    case '/api/health':
      return health(fe);
    case '/role':
    case '/version':
    case '/info':
    case '/check':
      return forMembers(fe, url, from);
    default:
      return { status: 404, type: 'text/html', body: 'Not Found' };
  }
}

function bootstrap(fe: FrontendProcess, token: string | null): Reply {
  const mayKnow = token === fe.version.token;
  const { config, replication } = fe;
  const heap = isAtLeast(fe.release, '3.5.0') ? '"heapUsedPercent":0.0,' : '';
  const facts = mayKnow
    ? `"replayedJournalId":${replication.position.index},"queryPort":${config.port('query_port')},"rpcPort":${config.port('rpc_port')},"feStartTime":${fe.started_at},"feVersion":"${buildName(fe.release)}",`
    : '"replayedJournalId":0,"queryPort":0,"rpcPort":0,"feStartTime":0,';
  const failed = token !== null && !mayKnow;
  const verdict = failed
    ? '"status":"FAILED","code":"0","msg":"invalid parameter","message":"OK"'
    : '"status":"OK","code":"0","msg":"Success","message":"OK"';
  return { status: 200, type: 'application/json', body: `{${facts}${heap}${verdict}}` };
}

function health(fe: FrontendProcess): Reply {
  const backends = fe.replication.state?.backends.filter(be => be.kind === 'backend') ?? [];
  const online = backends.filter(be => be.alive).length;
  const body = `{"online_backend_num":${online},"total_backend_num":${backends.length},"status":"OK"}`;
  return { status: 200, type: 'application/json', body };
}

/** MetaBaseAction.java: only registered FEs may ask. */
function forMembers(fe: FrontendProcess, url: URL, from: string): Reply {
  const frontends = fe.replication.state?.frontends ?? [];
  if (!frontends.some(other => other.host === from)) {
    return { status: 400, type: 'text/html', body: 'invalid client host.' };
  }
  const { cluster_id, token } = fe.version;
  if (url.pathname === '/version') return { status: 200, type: 'text/html', body: fe.metadata.versionText() };
  if (url.pathname === '/info') {
    const body = JSON.stringify({ clusterID: Number(cluster_id), imageSeq: 0, editsSeq: 0 });
    return { status: 200, type: 'application/json', body };
  }
  if (url.pathname === '/check') {
    const headers = { cluster_id, token, run_mode: 'shared_nothing' };
    return { status: 200, type: 'text/html', body: '', headers };
  }
  const { host, port } = Object.fromEntries(url.searchParams) as { readonly host?: string; readonly port?: string };
  const found = frontends.find(other => other.host === host && String(other.edit_log_port) === port);
  const headers = found === undefined ? { role: 'UNKNOWN' } : { role: found.role, name: found.name };
  return { status: 200, type: 'text/html', body: '', headers };
}
