import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { isUnheard, newestHeartbeat } from '../plan/heartbeat.ts';
import type { BackendRow, FrontendRow, HostWorld } from '../plan/world.ts';
import type { Truth } from './fault.ts';

/**
 * One text for all states that no rule can tell apart: machines that carry BEs of the same definition in the same place
 * are exchangeable, so their parts are sorted and carry no address.
 */
export function stateKey(desired: ClusterJson, { world, away }: Truth): string {
  const rows = world.cluster.known ? world.cluster.value : null;
  const frontends = new Map(rows?.frontends.map(row => [row.host, row]));
  const feNewest = newestHeartbeat(rows?.frontends ?? []);
  const beNewest = newestHeartbeat(rows?.backends ?? []);
  const backends = new Map<string, string>();
  for (const row of rows?.backends ?? [])
    backends.set(
      row.host,
      `${backends.get(row.host) ?? ''}${textOf(row, backendText)}${Number(isUnheard(row, beNewest))},`,
    );
  const named: string[] = [];
  const folded: string[] = [];
  const look = (host: CompiledHost, leaves: boolean): void => {
    const { address } = host;
    const answer = world.hosts[address];
    const gone = away[address];
    const fe = frontends.get(address);
    const text = [
      answer?.known === true ? textOf(answer.value, machineText) : '?',
      gone === undefined ? '' : textOf(gone, machineText),
      fe === undefined
        ? ''
        : `${textOf(fe, frontendText)}${Number(isUnheard(fe, feNewest))}${Object.values(world.switches[address] ?? {})}`,
      backends.get(address) ?? '',
      told(world, address, host.fe?.name),
      ...host.be.map(be => told(world, address, be.name)),
    ].join(';');
    if (host.fe === null && fe === undefined && !leaves) folded.push(`${textOf(host, kindOfHost)}${text}`);
    else named.push(`${address}${text}`);
  };
  const declared = new Set(desired.hosts.map(host => host.address));
  const leaving = new Set(world.leaving.map(host => host.address));
  for (const host of desired.hosts) look(host, leaving.has(host.address));
  for (const host of world.leaving) if (!declared.has(host.address)) look(host, true);
  const cluster = rows === null ? 'none' : `${rows.leader}${rows.root_open}${rows.unhealthy_tablets}`;
  return `${cluster}/${named.join('/')}/${folded.sort().join('/')}`;
}

/** Most parts of a world are those of the world before it: their texts are made once. */
const texts = new WeakMap<object, string>();

function textOf<T extends object>(part: T, make: (part: T) => string): string {
  const there = texts.get(part);
  if (there !== undefined) return there;
  const made = make(part);
  texts.set(part, made);
  return made;
}

function told(world: Truth['world'], address: string, service: string | undefined): string {
  if (service === undefined) return '';
  const answer = world.answers[`${address}/${service}`];
  return answer === undefined || !answer.known ? 'u' : answer.value ? '1' : '0';
}

const kindOfHost = (host: CompiledHost): string => `${host.location}${host.be.map(be => be.digest)}`;

const frontendText = ({ role, alive, join, last_heartbeat, version }: FrontendRow): string =>
  `${role[0]}${Number(alive)}${Number(join)}${Number(last_heartbeat !== null)}${version}`;

const backendText = ({ heartbeat_port, alive, system_decommissioned, tablet_num, version }: BackendRow): string =>
  `${heartbeat_port}${Number(alive)}${Number(system_decommissioned)}${tablet_num}${version}`;

const machineText = ({ containers, fe, be, staged, files, images, disks }: HostWorld): string =>
  [
    containers.map(one => `${one.service}${one.digest}${one.state[0]}${one.health[0]}`).join(','),
    `${fe.meta[0]}${fe.name}${fe.role}${Number(fe.state.member !== null)}${Number(fe.state.joining)}${Number(fe.state.founding)}${Number(fe.state.refused)}${fe.state.peers}${fe.image}${fe.state.switches === null ? '' : Object.values(fe.state.switches)}`,
    Object.values(be).map(data => `${data?.storage[0]}${Number(data?.member !== null)}`),
    staged.join(','),
    Object.values(images).filter(image => image !== null).length,
    Object.values(files).join(''),
    disks.filter(disk => disk.free === 0).length,
  ].join(' ');
