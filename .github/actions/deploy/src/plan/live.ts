import { step, wave } from './rule.ts';
import type { Node, View } from './situation.ts';
import { peersFor, reachable, staleFiles } from './situation.ts';
import type { Next, Step } from './step.ts';

export function setLocations(v: View): Next | null {
  const differ = v.backends.filter(
    node =>
      node.selected && node.row !== null && node.host.location !== null && node.row.location !== node.host.location,
  );
  return wave(
    'set location labels',
    differ.map(node => {
      const statement = {
        kind: 'setLocation' as const,
        host: node.host.address,
        port: node.service.ports.heartbeat_service_port,
        location: node.host.location ?? '',
      };
      return step(node, 'label', `its location is ${node.host.location}`, [{ kind: 'sql', statement }]);
    }),
  );
}

/** Files that no running service has to be restarted for: identity keys, app.env. */
export function refreshFiles(v: View): Next | null {
  const steps = v.desired.hosts.flatMap((host): Step[] => {
    const answer = v.world.hosts[host.address];
    const selected = !host.maintenance && (v.request.hosts === null || v.request.hosts.has(host.address));
    if (!selected || answer?.known !== true) return [];
    const paths = staleFiles(host, answer.value);
    if (paths.length === 0) return [];
    return [
      {
        action: 'refresh',
        host: host.address,
        service: null,
        reason: `${paths.join(', ')} differ`,
        operations: [{ kind: 'refresh', host: host.address, digest: host.digest }],
        gates: [],
        outage: null,
      },
    ];
  });
  return wave('refresh files, restarting nothing', steps);
}

/** So that an FE which loses its metadata still finds the others when the founding host is down. */
export function rememberPeers(v: View): Next | null {
  const steps = v.frontends.filter(reachable).flatMap((node): Step[] => {
    const peers = peersFor(v, node.host.address);
    const { missing, gone } = peersDiffer(v, node, peers);
    if (missing.length + gone.length === 0) return [];
    const reasons = [
      ...(missing.length > 0 ? [`it has not met ${missing.join(', ')}`] : []),
      ...(gone.length > 0 ? [`${gone.join(', ')} left`] : []),
    ];
    return [step(node, 'remember', reasons.join(', '), [{ kind: 'writeState', host: node.host.address, peers }])];
  });
  return wave('write down which FEs exist', steps);
}

/** One that left must be forgotten as well: another cluster may answer at its address one day. */
export function peersDiffer(
  v: View,
  { machine }: Node,
  peers: readonly string[],
): { missing: string[]; gone: string[] } {
  const remembered = machine?.fe.state.peers ?? [];
  const members = new Set(v.rows?.frontends.map(row => row.host));
  return {
    missing: peers.filter(peer => !remembered.includes(peer)),
    gone: remembered.filter(peer => !members.has(peer)),
  };
}
