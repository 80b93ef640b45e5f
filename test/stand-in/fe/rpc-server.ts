import { listenJsonLines, type Peer } from '../wire/json-lines.ts';
import type { FrontendProcess } from './frontend-process.ts';
import { executeForwarded, type Result } from './session.ts';
import { SqlError } from './sql-error.ts';

export type RpcQuestion =
  | { readonly kind: 'forward'; readonly cluster_id: string; readonly user: string; readonly sql: string }
  | { readonly kind: 'setConfig'; readonly cluster_id: string; readonly key: string; readonly value: string }
  | { readonly kind: 'image'; readonly cluster_id: string; readonly index: number };

export type RpcAnswer =
  | { readonly result: Result; readonly journal_index: number }
  | { readonly error: { readonly message: string; readonly code: number; readonly state: string } }
  | { readonly refused: true }
  | { readonly notLeader: true };

/** rpc_port: statements that other FEs forward, and what the leader tells every FE. */
export async function serveRpc(fe: FrontendProcess): Promise<void> {
  await listenJsonLines(fe.addresses, fe.config.port('rpc_port'), peer => {
    peer.onMessage(message => {
      void answer(fe, peer, message as RpcQuestion).then(reply => peer.send(reply));
    });
  });
}

async function answer(fe: FrontendProcess, peer: Peer, question: RpcQuestion): Promise<RpcAnswer> {
  const { replication } = fe;
  const isMember = replication.state?.frontends.some(other => other.host === peer.address) === true;
  if (!isMember || question.cluster_id !== fe.me.cluster_id) return { refused: true };
  try {
    if (question.kind === 'forward') return await forwarded(fe, question.user, question.sql);
    if (question.kind === 'setConfig') fe.config.set(question.key, question.value);
    else fe.metadata.writeImage(question.index);
    return { result: null, journal_index: replication.position.index };
  } catch (error) {
    const { message, code, state } = error instanceof SqlError ? error : new SqlError(String(error));
    return { error: { message, code, state } };
  }
}

async function forwarded(fe: FrontendProcess, user: string, sql: string): Promise<RpcAnswer> {
  if (!fe.replication.isLeader) return { notLeader: true };
  const result = await executeForwarded(fe, user, sql);
  return { result, journal_index: fe.replication.position.index };
}
