import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import type { Operation } from '../plan/operation.ts';
import { placesOf } from '../plan/place.ts';
import type { Step } from '../plan/step.ts';
import { stepTitle } from '../plan/step.ts';
import { compareReleases, releaseOfImage } from '../plan/version-path.ts';
import type { Container, HostWorld, World } from '../plan/world.ts';
import type { Truth } from './fault.ts';

/** What StarRocks' documentation forbids while releases change, in the words of whoever would have to explain it. */
export function releaseOrderBroken(desired: ClusterJson, truth: Truth, steps: readonly Step[]): string[] {
  const left = others(desired, truth);
  const activated = steps.flatMap(step =>
    step.operations.flatMap((operation, at) => {
      if (operation.kind !== 'activate') return [];
      const old = left.find(one => isOf(one, operation));
      if (old === undefined) return [];
      const before = step.operations.slice(0, at);
      const wrong = wrongChange(desired, truth, operation, before, old.release, left);
      return wrong.map(what => `${stepTitle(step)}: ${what}`);
    }),
  );
  return [...untried(desired, left, steps), ...activated];
}

const isOf = ({ host, container }: Other, operation: Activation): boolean =>
  host === operation.host && container.service === operation.service;

type Activation = Extract<Operation, { kind: 'activate' }>;

/** As long as no BE runs the wanted release, one alone tries it. */
function untried(desired: ClusterJson, left: readonly Other[], steps: readonly Step[]): string[] {
  const old = left.filter(one => one.container.service !== 'starrocks-fe');
  const backends = desired.hosts.reduce((sum, host) => sum + host.be.length, 0);
  const first = steps.filter(step =>
    step.operations.some(operation => operation.kind === 'activate' && old.some(one => isOf(one, operation))),
  );
  return first.length > 1 && old.length === backends
    ? [`${first.length} BEs try ${desired.version} at once, and none has run it yet`]
    : [];
}

interface Other {
  readonly host: string;
  readonly container: Container;
  readonly release: string;
}

/** Every container, of machines that are away too, that carries another release than the wanted one. */
function others(desired: ClusterJson, { world, away }: Truth): Other[] {
  const machines: [string, HostWorld][] = [
    ...Object.entries(world.hosts).flatMap(([host, answer]): [string, HostWorld][] =>
      answer.known ? [[host, answer.value]] : [],
    ),
    ...Object.entries(away),
  ];
  return machines.flatMap(([host, machine]) =>
    machine.containers.flatMap(container => {
      const release = releaseOfImage(container.image);
      if (release === null || release === desired.version) return [];
      const matters = !isWanted(desired, host, container) && !hasLeft(world, host, container);
      return matters ? [{ host, container, release }] : [];
    }),
  );
}

/** No row knows it any more: what its container was matters to nobody. */
function hasLeft({ cluster, leaving }: World, address: string, { service }: Container): boolean {
  if (!cluster.known) return false;
  const { frontends, backends } = cluster.value;
  const { frontendsOf, backendsOf } = placesOf(leaving);
  const fe = frontendsOf.get(address)?.find(place => place.service.name === service);
  const be = backendsOf.get(address)?.find(place => place.service.name === service);
  const port = be?.service.ports.heartbeat_service_port;
  return (
    (fe !== undefined && frontends.every(row => row.host !== address)) ||
    (be !== undefined && backends.every(row => row.host !== address || row.heartbeat_port !== port))
  );
}

/** The wanted image is the wanted release, whatever number somebody's own tag has. */
function isWanted(desired: ClusterJson, address: string, { service, image }: Container): boolean {
  const { frontendsOf, backendsOf } = placesOf(desired.hosts);
  const here = [...(frontendsOf.get(address) ?? []), ...(backendsOf.get(address) ?? [])];
  return here.some(place => place.service.name === service && place.service.image === image);
}

function wrongChange(
  desired: ClusterJson,
  truth: Truth,
  { host, service }: Activation,
  before: readonly Operation[],
  release: string,
  left: readonly Other[],
): string[] {
  const up = compareReleases(release, desired.version) < 0;
  const fe = service === 'starrocks-fe';
  const waits = (isFe: boolean) => left.some(one => (one.container.service === 'starrocks-fe') === isFe);
  const { cluster, switches } = truth.world;
  const rows = cluster.known ? cluster.value : null;
  const voters = new Set(rows?.frontends.filter(row => row.role !== 'OBSERVER').map(row => row.host));
  const leads = fe && rows?.leader === host;
  const followersLeft = left.some(
    one => one.container.service === 'starrocks-fe' && one.host !== host && voters.has(one.host),
  );
  const machine = truth.world.hosts[host];
  const knows = fe && machine?.known === true && machine.value.fe.meta === 'whole';
  const balanced = Object.values(switches).some(one => one.tablet_sched_disable_balance !== 'true');
  return [
    ...(fe && up && waits(false) ? ['an FE is upgraded before every BE is'] : []),
    ...(!fe && !up && waits(true) ? ['a BE is downgraded before every FE is'] : []),
    ...(leads && followersLeft ? ['the leader changes its release before the followers'] : []),
    ...(knows && !before.some(one => one.kind === 'copyMetadata') ? ['its metadata was not copied'] : []),
    ...(balanced && !fe ? ['a BE is away while tablets are balanced'] : []),
  ];
}
