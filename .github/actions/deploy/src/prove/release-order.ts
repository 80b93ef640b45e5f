import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import type { Operation } from '../plan/operation.ts';
import type { Step } from '../plan/step.ts';
import { stepTitle } from '../plan/step.ts';
import { compareReleases, releaseOfImage } from '../plan/version-path.ts';
import type { Container, HostWorld } from '../plan/world.ts';
import type { Truth } from './fault.ts';

/** What StarRocks' documentation forbids while releases change, in the words of whoever would have to explain it. */
export const releaseOrderBroken = (desired: ClusterJson, truth: Truth, steps: readonly Step[]): string[] => [
  ...untried(desired, truth, steps),
  ...steps.flatMap(step =>
    step.operations.flatMap((operation, at) => {
      if (operation.kind !== 'activate') return [];
      const old = others(desired, truth).find(
        one => one.host === operation.host && one.container.service === operation.service,
      );
      if (old === undefined) return [];
      const before = step.operations.slice(0, at);
      return wrongChange(desired, truth, operation, before, old.release).map(what => `${stepTitle(step)}: ${what}`);
    }),
  ),
];

/** As long as no BE runs the wanted release, one alone tries it. */
function untried(desired: ClusterJson, truth: Truth, steps: readonly Step[]): string[] {
  const old = others(desired, truth).filter(one => one.container.service !== 'starrocks-fe');
  const backends = desired.hosts.reduce((sum, host) => sum + host.be.length, 0);
  const first = steps.filter(step =>
    step.operations.some(
      operation =>
        operation.kind === 'activate' &&
        old.some(one => one.host === operation.host && one.container.service === operation.service),
    ),
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
  // The wanted image is the wanted release, whatever number somebody's own tag has.
  const wanted = new Map(
    desired.hosts.flatMap(host => [host.fe, ...host.be].map(one => [`${host.address}/${one?.name}`, one?.image])),
  );
  return machines.flatMap(([host, machine]) =>
    machine.containers.flatMap(container => {
      const release = releaseOfImage(container.image);
      const same = release === desired.version || wanted.get(`${host}/${container.service}`) === container.image;
      return release === null || same ? [] : [{ host, container, release }];
    }),
  );
}

function wrongChange(
  desired: ClusterJson,
  truth: Truth,
  { host, service }: Extract<Operation, { kind: 'activate' }>,
  before: readonly Operation[],
  release: string,
): string[] {
  const up = compareReleases(release, desired.version) < 0;
  const fe = service === 'starrocks-fe';
  const left = others(desired, truth);
  const waits = (isFe: boolean) => left.some(one => (one.container.service === 'starrocks-fe') === isFe);
  const { cluster, switches } = truth.world;
  const rows = cluster.known ? cluster.value : null;
  const voters = new Set(rows?.frontends.filter(row => row.role !== 'OBSERVER').map(row => row.host));
  const leads = fe && rows?.leader === host;
  const followersLeft = left.some(
    one => one.container.service === 'starrocks-fe' && one.host !== host && voters.has(one.host),
  );
  const machine = truth.world.hosts[host];
  const knows = fe && machine?.known === true && machine.value.fe?.meta === 'whole';
  const balanced = Object.values(switches).some(one => one.tablet_sched_disable_balance !== 'true');
  return [
    ...(fe && up && waits(false) ? ['an FE is upgraded before every BE is'] : []),
    ...(!fe && !up && waits(true) ? ['a BE is downgraded before every FE is'] : []),
    ...(leads && followersLeft ? ['the leader changes its release before the followers'] : []),
    ...(knows && !before.some(one => one.kind === 'copyMetadata') ? ['its metadata was not copied'] : []),
    ...(balanced && !fe ? ['a BE is away while tablets are balanced'] : []),
  ];
}
