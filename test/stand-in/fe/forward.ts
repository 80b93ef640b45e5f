import { scaled, sleep } from '../process/pace.ts';
import { askJsonLines, codeOf } from '../wire/json-lines.ts';
import type { FrontendProcess } from './frontend-process.ts';
import type { RpcAnswer, RpcQuestion } from './rpc-server.ts';
import type { Result } from './session.ts';
import { SqlError } from './sql-error.ts';

const connectMs = scaled(20_000, 3000);
const readMs = scaled(300_000, 5000);

/**
 * Sends a statement to the leader over rpc_port and waits until this FE has replayed what it wrote. Without a leader it
 * goes to the last one known, and fails or hangs as its host does.
 */
export async function forwardToLeader(fe: FrontendProcess, user: string, sql: string): Promise<Result> {
  const limit = Date.now() + readMs;
  for (;;) {
    const answer = await ask(fe, { kind: 'forward', cluster_id: fe.me.cluster_id, user, sql });
    if ('refused' in answer) throw new SqlError('Internal error processing forward');
    if ('error' in answer) throw new SqlError(answer.error.message, answer.error.code, answer.error.state);
    if ('result' in answer) {
      await replayed(fe, answer.journal_index, limit);
      return answer.result;
    }
    // The other one no longer leads, and this FE will learn who does.
    if (Date.now() > limit) throw new SqlError('java.net.SocketTimeoutException: Read timed out');
    await sleep(scaled(200, 50));
  }
}

async function ask(fe: FrontendProcess, question: RpcQuestion): Promise<RpcAnswer> {
  const host = fe.replication.leader?.host ?? fe.me.host;
  try {
    const target = { host, port: fe.config.port('rpc_port'), from: fe.me.host };
    return await askJsonLines<RpcAnswer>(target, question, { connectMs, answerMs: readMs });
  } catch (error) {
    throw new SqlError(javaText(codeOf(error)));
  }
}

/** What Thrift's socket says. */
export function javaText(code: string): string {
  if (code === 'ECONNREFUSED') return 'java.net.ConnectException: Connection refused';
  if (code === 'ETIMEDOUT') return 'java.net.SocketTimeoutException: Connect timed out';
  if (code === 'ESOCKETTIMEDOUT') return 'java.net.SocketTimeoutException: Read timed out';
  if (code === 'EHOSTUNREACH') return 'java.net.NoRouteToHostException: No route to host';
  return 'Socket is closed by peer';
}

async function replayed(fe: FrontendProcess, index: number, limit: number): Promise<void> {
  while (fe.replication.position.index < index && Date.now() < limit) await sleep(10);
}
