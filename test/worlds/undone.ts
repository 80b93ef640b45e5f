import { leavingBetween } from '../../.github/actions/deploy/src/plan/leaving.ts';
import { isAt, nodeKey, type World } from '../../.github/actions/deploy/src/plan/world.ts';
import type { ClusterJson, CompiledHost } from '../../compiler/contract/cluster-json.ts';

/** What is not as declared, one clause each, of all machines that can be looked at; tablets may leave for days. */
export function undone(desired: ClusterJson, was: ClusterJson, world: World): string[] {
  if (!world.cluster.known) return ['no leader answers'];
  const rows = world.cluster.value;
  const looked = desired.hosts.filter(host => world.hosts[host.address]?.known === true);
  return [
    ...looked.flatMap(host => (host.fe === null ? [] : frontend(host, host.fe, world))),
    ...looked.flatMap(host => host.be.flatMap(be => backend(host, be, world))),
    ...leavingBetween(was, desired)
      .filter(host => !host.maintenance)
      .flatMap(host => left(host, world)),
    ...(rows.root_open && desired.password_env !== null ? ['root has no password'] : []),
  ];
}

function frontend(host: CompiledHost, fe: NonNullable<CompiledHost['fe']>, world: World): string[] {
  const key = nodeKey(host.address, fe.name);
  const row = world.cluster.known ? world.cluster.value.frontends.find(one => one.host === host.address) : undefined;
  if (row === undefined) return [`${key} has no row`, `${key} does not run`];
  return [
    ...((row.role === 'OBSERVER') === (fe.role === 'observer') ? [] : [`${key} has the other role`]),
    ...(row.alive && row.join ? [] : [`${key} is not alive`]),
    ...container(host, fe, world),
  ];
}

function backend(host: CompiledHost, be: CompiledHost['be'][number], world: World): string[] {
  const key = nodeKey(host.address, be.name);
  const port = be.ports.heartbeat_service_port;
  const row = world.cluster.known
    ? world.cluster.value.backends.find(one => isAt(one, { host: host.address, port }))
    : undefined;
  if (row === undefined) return [`${key} has no row`, `${key} does not run`];
  return [
    ...(row.alive ? [] : [`${key} is not alive`]),
    ...(row.system_decommissioned ? [`${key} drains`] : []),
    ...(host.location === null || row.location === host.location ? [] : [`${key} has the label ${row.location}`]),
    ...container(host, be, world),
  ];
}

function container(
  { address }: CompiledHost,
  { name, digest }: { readonly name: string; readonly digest: string },
  world: World,
): string[] {
  const answer = world.hosts[address];
  const found = answer?.known === true ? answer.value.containers.find(one => one.service === name) : undefined;
  if (found?.state !== 'running') return [`${nodeKey(address, name)} does not run`];
  return found.digest === digest ? [] : [`${nodeKey(address, name)} is not as declared`];
}

/** A BE whose tablets still leave is on its way; one whose machine is gone may wait for it. */
function left({ address, fe, be }: CompiledHost, world: World): string[] {
  if (!world.cluster.known) return [];
  const { frontends, backends } = world.cluster.value;
  const ports = be.map(one => one.ports.heartbeat_service_port);
  return [
    ...(fe !== null && frontends.some(row => row.host === address) ? [`${address}/${fe.name} is still a member`] : []),
    ...backends
      .filter(row => row.host === address && ports.includes(row.heartbeat_port))
      .filter(row => !row.system_decommissioned || row.tablet_num === 0)
      .map(row => `${address}:${row.heartbeat_port} still takes tablets`),
  ];
}
