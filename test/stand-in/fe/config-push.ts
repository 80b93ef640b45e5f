import { scaled } from '../process/pace.ts';
import { askJsonLines, codeOf } from '../wire/json-lines.ts';
import { javaText } from './forward.ts';
import type { FrontendProcess } from './frontend-process.ts';
import type { RpcAnswer, RpcQuestion } from './rpc-server.ts';
import { SqlError } from './sql-error.ts';

const limits = { connectMs: scaled(5000, 1500), answerMs: scaled(5000, 1500) };

/**
 * ADMIN SET FRONTEND CONFIG: the leader sets its own value, then every other FE's. With one FE down the statement fails
 * and has yet changed all the others (NodeMgr.setConfig).
 */
export async function pushConfig(fe: FrontendProcess, key: string, value: string): Promise<void> {
  if (!fe.config.set(key, value)) throw new SqlError(`Config '${key}' does not exist or is not mutable`);
  const question: RpcQuestion = { kind: 'setConfig', cluster_id: fe.me.cluster_id, key, value };
  const failures = (await tellOthers(fe, question)).flatMap(({ host, code }) =>
    code === null ? [] : [`set config for fe[${host}] failed: ${javaText(code).replace(/: .*/, '')}`],
  );
  if (failures.length > 0) throw new SqlError(`set config failed: ${failures.join('; ')}`, 5076, '42000');
}

/** Sends it to every other FE; `code` is null where it arrived. */
export async function tellOthers(
  fe: FrontendProcess,
  question: RpcQuestion,
): Promise<readonly { readonly host: string; readonly code: string | null }[]> {
  const others = fe.replication.state?.frontends.filter(other => other.name !== fe.me.name) ?? [];
  return Promise.all(
    others.map(async ({ host }) => {
      try {
        const target = { host, port: fe.config.port('rpc_port'), from: fe.me.host };
        await askJsonLines<RpcAnswer>(target, question, limits);
        return { host, code: null };
      } catch (error) {
        return { host, code: codeOf(error) };
      }
    }),
  );
}
