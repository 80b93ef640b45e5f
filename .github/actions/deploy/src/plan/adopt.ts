import type { Problem } from '../error.ts';
import { step, wave } from './rule.ts';
import type { Node, View } from './situation.ts';
import { reachable } from './situation.ts';
import type { Next } from './step.ts';
import type { HandMade } from './world.ts';

interface Found {
  readonly node: Node;
  readonly hand: HandMade;
}

const found = (v: View): Found[] =>
  [...v.frontends, ...v.backends].flatMap((node): Found[] => {
    const hand = node.machine?.by_hand.find(one => one.service === node.service.name);
    return !reachable(node) || hand === undefined || node.container !== null ? [] : [{ node, hand }];
  });

/** Everything that our container would do otherwise than the one that runs, one clause each. */
function differences(v: View, { node, hand }: Found): string[] {
  const { service, row } = node;
  const rows = v.rows?.frontends[0];
  const data = service.folders.filter(folder => folder.use === 'meta' || folder.use === 'storage');
  const id =
    service.kind === 'fe'
      ? (node.machine?.fe.cluster_id ?? null)
      : (node.machine?.be[service.name]?.cluster_id ?? null);
  return [
    ...(hand.state === 'running' ? [] : [`it is ${hand.state}`]),
    ...(hand.image === service.image ? [] : [`its image is ${hand.image}, and ${service.image} is compiled`]),
    ...(hand.network === 'host' ? [] : [`its network is ${hand.network}, and must be host`]),
    ...(/^(unless-stopped|always)$/.test(hand.restart_policy)
      ? []
      : [`its restart policy is ${hand.restart_policy}: docker update --restart unless-stopped ${hand.service}`]),
    ...data
      .filter(folder => hand.mounts[folder.container] !== folder.host)
      .map(
        folder =>
          `${folder.container} is ${hand.mounts[folder.container] ?? 'inside the container'}, and ${folder.host} is compiled`,
      ),
    ...(row === null ? [`no row names ${node.host.address} with its port: is it registered under a name?`] : []),
    ...portsOf(node),
    ...(rows !== undefined && id !== null && id !== rows.cluster_id
      ? [`its data belongs to the cluster ${id}, and this one is ${rows.cluster_id}`]
      : []),
    ...hand.conf_differs,
  ];
}

/** Ports as the row tells them, against the compiled ones. */
function portsOf({ service, row }: Node): string[] {
  if (row === null || service.kind === 'fe') return [];
  if (!('be_port' in row)) return [];
  const pairs = [
    ['be_port', row.be_port, service.ports.be_port],
    ['be_http_port', row.http_port, service.ports.be_http_port],
    ['brpc_port', row.brpc_port, service.ports.brpc_port],
  ] as const;
  return pairs
    .filter(([, is, wanted]) => is !== wanted)
    .map(([name, is, wanted]) => `${name} is ${is}, and ${wanted} is compiled`);
}

/** Whatever runs on a machine that nobody has looked at may differ. */
function unseen(v: View): Problem[] {
  const nodes = [...v.frontends, ...v.backends].filter(
    node => node.selected && node.machine === null && !node.host.maintenance,
  );
  return [...new Set(nodes.map(node => node.host.address))].map(host => ({
    code: 'E_ADOPT',
    host,
    step: 'adopt',
    message: `${host} was not reached, so nobody knows whether what it runs is what cluster.yaml compiles to.`,
    hint: 'Make it reachable and adopt again; nothing was touched.',
  }));
}

/** Containers of other names: Compose would make ours beside them. */
function misnamed(v: View): Problem[] {
  const machines = new Map(
    [...v.frontends, ...v.backends].filter(reachable).map(node => [node.host.address, node.machine]),
  );
  return [...machines].flatMap(([host, machine]) =>
    (machine?.strangers ?? [])
      .filter(stranger => !machine?.by_hand.some(hand => stranger.startsWith(`the container ${hand.service} `)))
      .map(stranger => ({
        code: 'E_ADOPT',
        host,
        step: 'adopt',
        message: `StarRocks runs on ${host} under a name that cannot be taken over: ${stranger}.`,
        hint: 'Give the container the name of its service (`docker rename OLD starrocks-fe`, `starrocks-be`, `starrocks-be-1` …) and adopt again; StarRocks without a container has to move into one first.',
      })),
  );
}

/** Nothing is taken over while anything differs anywhere: half a cluster of each kind is nobody's. */
export function refuseDifferent(v: View): Next | null {
  const away = unseen(v);
  if (away.length > 0) return { kind: 'blocked', problems: away };
  const strange = misnamed(v);
  if (strange.length > 0) return { kind: 'blocked', problems: strange };
  if (found(v).length > 0 && v.rows === null) {
    const [first] = found(v);
    return {
      kind: 'blocked',
      problems: [
        {
          code: 'E_ADOPT',
          host: first?.node.host.address ?? null,
          step: 'adopt',
          message: 'No FE answers, so nobody knows which cluster these containers belong to.',
          hint: 'Start the cluster as it was started so far, see that root can log in, and adopt again.',
        },
      ],
    };
  }
  const problems = found(v).flatMap(one => {
    const differ = differences(v, one);
    if (differ.length === 0) return [];
    const { node } = one;
    return [
      {
        code: 'E_ADOPT' as const,
        host: node.host.address,
        step: 'adopt',
        message: `${node.service.name} on ${node.host.address} is not what cluster.yaml compiles to: ${differ.join('; ')}.`,
        hint: 'Write into cluster.yaml what the machine has, compile, and adopt again; nothing was touched.',
      },
    ];
  });
  if (problems.length > 0) return { kind: 'blocked', problems };
  return null;
}

/** Without a restart: the next change of a service makes its container anew, on the same data. */
export const takeOver = (v: View): Next | null =>
  wave(
    'take over what runs',
    found(v).map(({ node, hand }) =>
      step(node, 'adopt', 'it is what cluster.yaml compiles to', [
        {
          kind: 'adopt',
          host: node.host.address,
          service: node.service.name,
          container: hand.id,
          digest: node.service.digest,
        },
      ]),
    ),
  );
