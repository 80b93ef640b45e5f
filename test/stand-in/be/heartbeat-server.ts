import { cpus } from 'node:os';
import { buildName } from '../process/release.ts';
import { listenJsonLines } from '../wire/json-lines.ts';
import type { Heartbeat, HeartbeatAnswer } from './heartbeat-message.ts';
import { diskSpace, readClusterId, type StoragePath, writeClusterId } from './storage.ts';

export interface BackendProcess {
  readonly release: string;
  readonly host: string;
  readonly addresses: readonly string[];
  readonly storage: readonly StoragePath[];
  readonly ports: Readonly<Record<'be_port' | 'http_port' | 'heartbeat_port' | 'brpc_port' | 'starlet_port', number>>;
  /** Bytes. */
  readonly mem_limit: number;
  readonly started_at: number;
}

/** heartbeat_service_port: obeys one cluster, the one whose id its storage carries (heartbeat_server.cpp). */
export async function serveHeartbeats(be: BackendProcess): Promise<void> {
  let leader: { readonly host: string; readonly epoch: number; readonly token: string } | null = null;
  let clusterId = readClusterId(be.storage);
  const refusal = (beat: Heartbeat): string | null => {
    if (leader !== null && beat.leader !== leader.host && beat.epoch <= leader.epoch) return 'Out-dated epoch';
    if (clusterId !== null && beat.cluster_id !== clusterId) return 'Unmatched cluster id';
    if (beat.backend_host !== be.host) return 'FE saved address not match backend address';
    if (leader !== null && beat.token !== leader.token) return 'Unmatched token';
    return null;
  };
  const answer = (beat: Heartbeat): HeartbeatAnswer => {
    const error = refusal(beat);
    if (error !== null) return { error };
    if (clusterId === null) writeClusterId(be.storage, beat.cluster_id, be.release);
    clusterId = beat.cluster_id;
    leader = { host: beat.leader, epoch: beat.epoch, token: beat.token };
    return report(be);
  };
  await listenJsonLines(be.addresses, be.ports.heartbeat_port, peer => {
    peer.onMessage(message => peer.send(answer(message as Heartbeat)));
  });
}

function report(be: BackendProcess): HeartbeatAnswer {
  const { free, total } = diskSpace(be.storage);
  const { be_port, http_port, brpc_port } = be.ports;
  return {
    be_port,
    http_port,
    brpc_port,
    start_time: be.started_at,
    version: buildName(be.release),
    cpu_cores: cpus().length,
    mem_limit: be.mem_limit,
    disk_free: free,
    disk_total: total,
  };
}
