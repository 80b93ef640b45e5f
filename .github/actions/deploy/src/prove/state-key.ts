import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { isUnheard, newestHeartbeat } from '../plan/heartbeat.ts';
import type { HostWorld } from '../plan/world.ts';
import type { Truth } from './fault.ts';

/**
 * One text for all states that no rule can tell apart: machines that carry BEs of the same definition in the same place
 * are exchangeable, so their parts are sorted and carry no address.
 */
export function stateKey(desired: ClusterJson, { world, away }: Truth): string {
  const rows = world.cluster.known ? world.cluster.value : null;
  const feNewest = newestHeartbeat(rows?.frontends ?? []);
  const beNewest = newestHeartbeat(rows?.backends ?? []);
  const named: string[] = [];
  const folded: string[] = [];
  const leaving = new Set(world.leaving.map(host => host.address));
  const hosts = new Map([...world.leaving, ...desired.hosts].map(host => [host.address, host]));
  for (const [address, host] of hosts) {
    const answer = world.hosts[address];
    const gone = away[address];
    const fe = rows?.frontends.find(row => row.host === address);
    const text = [
      answer?.known === true ? machineKey(answer.value, host.digest) : '?',
      gone === undefined ? '' : machineKey(gone, host.digest),
      fe === undefined
        ? ''
        : `${fe.role[0]}${Number(fe.alive)}${Number(fe.join)}${Number(fe.last_heartbeat !== null)}${Number(isUnheard(fe, feNewest))}${fe.version}${Object.values(world.switches[address] ?? {})}`,
      (rows?.backends ?? [])
        .filter(row => row.host === address)
        .map(
          row =>
            `${row.heartbeat_port}${Number(row.alive)}${Number(isUnheard(row, beNewest))}${Number(row.system_decommissioned)}${row.tablet_num}${row.version}`,
        )
        .join(','),
      [host.fe, ...host.be].map(one => told(world, address, one?.name)).join(''),
    ].join(';');
    if (host.fe === null && fe === undefined && !leaving.has(address)) {
      folded.push(`${host.location}${host.be.map(be => be.digest)}${text}`);
    } else named.push(`${address}${text}`);
  }
  return `${rows === null ? 'none' : `${rows.leader}${rows.root_open}`}/${named.join('/')}/${folded.sort().join('/')}`;
}

function told(world: Truth['world'], address: string, service: string | undefined): string {
  const answer = world.answers[`${address}/${service}`];
  return answer === undefined || !answer.known ? 'u' : answer.value ? '1' : '0';
}

const machineKey = ({ containers, fe, staged, files }: HostWorld, digest: string): string =>
  [
    containers.map(one => `${one.service}${one.digest}${one.state[0]}${one.health[0]}`).join(','),
    fe === null
      ? ''
      : `${fe.meta[0]}${Number(fe.state.member !== null)}${Number(fe.state.joining)}${Number(fe.state.founding)}${fe.state.peers}${fe.image}${fe.state.switches === null ? '' : Object.values(fe.state.switches)}`,
    Number(staged.includes(digest)),
    Object.values(files).join(''),
  ].join(' ');
