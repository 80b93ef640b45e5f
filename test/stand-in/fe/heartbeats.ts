import type { Heartbeat, HeartbeatAnswer } from '../be/heartbeat-message.ts';
import { scaled, sleep } from '../process/pace.ts';
import { buildName } from '../process/release.ts';
import { httpGet } from '../wire/http-get.ts';
import { askJsonLines, codeOf } from '../wire/json-lines.ts';
import type { Backend, ClusterState, Frontend } from './cluster-state.ts';
import { javaText } from './forward.ts';
import type { FrontendProcess } from './frontend-process.ts';
import { moveTablets } from './tablets.ts';

const periodMs = scaled(5000, 100);
const limitMs = scaled(5000, 1500);
/** Misses that leave Alive as it is (heartbeat_retry_times). */
const tolerated = 3;
/** Tablets of a BE that is dead for so long are cloned elsewhere. */
const repairDelayMs = scaled(60_000);

type Seen = Partial<Frontend> & Partial<Backend>;

/** The leader asks every FE and BE once per period and writes what it saw; tablets move in the same beat. */
export async function keepHeartbeats(fe: FrontendProcess): Promise<void> {
  for (;;) {
    const begun = Date.now();
    if (fe.replication.isLeader) await beat(fe).catch(() => {});
    await sleep(Math.max(0, begun + periodMs - Date.now()));
  }
}

async function beat(fe: FrontendProcess): Promise<void> {
  const { state } = fe.replication;
  if (state === null) return;
  const [frontends, backends] = await Promise.all([
    Promise.all(state.frontends.map(async other => [other.name, await askFrontend(fe, other)] as const)),
    Promise.all(state.backends.map(async be => [be.id, await askBackend(fe, be)] as const)),
  ]);
  const seen = new Map<string | number, Seen | string>([...frontends, ...backends]);
  await fe.replication.change(now => moveTablets(record(now, seen), fe.config, isGone));
}

const isGone = (be: Backend): boolean =>
  !be.alive && be.last_heartbeat !== null && Date.now() - be.last_heartbeat > repairDelayMs;

function record(state: ClusterState, seen: ReadonlyMap<string | number, Seen | string>): ClusterState {
  return {
    ...state,
    frontends: state.frontends.map(fe => merged(fe, seen.get(fe.name))),
    backends: state.backends.map(be => merged(be, seen.get(be.id))),
  };
}

/** A text is a failure, and counts only after the tolerated ones. */
function merged<Node extends Frontend | Backend>(node: Node, seen: Seen | string | undefined): Node {
  if (seen === undefined) return node;
  if (typeof seen !== 'string') {
    return { ...node, ...seen, alive: true, error: '', missed: 0, last_heartbeat: Date.now() };
  }
  if (node.missed < tolerated) return { ...node, missed: node.missed + 1 };
  return { ...node, alive: false, error: seen };
}

async function askFrontend(fe: FrontendProcess, other: Frontend): Promise<Seen | string> {
  if (other.name === fe.me.name) return selfSeen(fe);
  const target = { host: other.host, port: fe.config.port('http_port'), from: fe.me.host };
  const query = `cluster_id=${fe.version.cluster_id}&token=${fe.version.token}`;
  try {
    const { body } = await httpGet(target, `/api/bootstrap?${query}`, limitMs);
    const answer = JSON.parse(body) as Readonly<Record<string, unknown>>;
    if (answer['status'] !== 'OK') return String(answer['msg']);
    return {
      query_port: Number(answer['queryPort']),
      rpc_port: Number(answer['rpcPort']),
      replayed: Number(answer['replayedJournalId']),
      start_time: Number(answer['feStartTime']),
      version: String(answer['feVersion']),
    };
  } catch {
    // What 3.3.15 really says when nobody answers: the ErrMsg of an FE explains nothing.
    return 'Cannot invoke "String.length()" because "s" is null';
  }
}

function selfSeen(fe: FrontendProcess): Seen {
  return {
    query_port: fe.config.port('query_port'),
    rpc_port: fe.config.port('rpc_port'),
    replayed: fe.replication.position.index,
    start_time: fe.started_at,
    version: buildName(fe.release),
  };
}

async function askBackend(fe: FrontendProcess, be: Backend): Promise<Seen | string> {
  const question: Heartbeat = {
    cluster_id: fe.version.cluster_id,
    token: fe.version.token,
    epoch: fe.replication.position.term,
    leader: fe.me.host,
    backend_host: be.host,
  };
  try {
    const target = { host: be.host, port: be.heartbeat_port, from: fe.me.host };
    const answer = await askJsonLines<HeartbeatAnswer>(target, question, { connectMs: limitMs, answerMs: limitMs });
    if ('error' in answer) return answer.error;
    const { start_time, ...rest } = answer;
    return { ...rest, last_start_time: start_time };
  } catch (error) {
    return javaText(codeOf(error));
  }
}
