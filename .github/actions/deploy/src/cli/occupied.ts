import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { inTheWay, observeCommand, parseObservation } from '../observe/host.ts';
import type { Connection } from '../transport/connect.ts';

/** What a machine that carries nothing of ours yet says: TCP ports that somebody listens on. */
export interface Occupied {
  readonly host: CompiledHost;
  readonly taken: ReadonlySet<number>;
}

/** Listening sockets as the kernel lists them: no program is needed for that. */
const LISTENING = 'cat /proc/net/tcp /proc/net/tcp6 2>/dev/null; true';

/** null: the cluster lives there already, whoever started it, and its own ports are not in anybody's way. */
export async function occupied(
  host: CompiledHost,
  cluster: ClusterJson,
  connection: Connection,
): Promise<Occupied | null> {
  const limits = { timeoutMs: cluster.timeouts.query * 1000, maxBytes: 64 * 2 ** 20 };
  const asked = Date.now();
  const answer = await connection.exec(observeCommand(host), limits);
  const { marker, containers, by_hand } = parseObservation(host, cluster, answer, asked);
  if (marker?.cluster === cluster.cluster || containers.length + by_hand.length > 0) return null;
  const { stdout } = await connection.exec(LISTENING, limits);
  const lines = stdout.split('\n');
  const taken = lines.flatMap(line => {
    const [, local, , state] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local?.split(':') ?? [];
    return state === '0A' && inTheWay(address, host.address) ? [Number.parseInt(port, 16)] : [];
  });
  return { host, taken: new Set(taken) };
}
