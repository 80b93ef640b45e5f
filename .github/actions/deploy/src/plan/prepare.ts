import { byHost } from './place.ts';
import { wave } from './rule.ts';
import type { Node, View } from './situation.ts';
import { current, reachable, running, staleFiles } from './situation.ts';
import type { Next, Step } from './step.ts';

/** Uploads and pulls everywhere before anything is touched anywhere: a failed one can never leave a service down. */
export function prepare(v: View): Next | null {
  const chosen = [...v.frontends, ...v.backends].filter(reachable);
  const hosts = new Set(chosen.filter(lacksSomething).map(node => node.host));
  if (hosts.size === 0) return null;
  const there = byHost(chosen, node => node.host.address);
  const steps = v.desired.hosts.flatMap((host): Step[] => {
    const nodes = there.get(host.address) ?? [];
    const machine = nodes[0]?.machine;
    if (machine === null || machine === undefined || !hosts.has(host)) return [];
    const stale = staleFiles(host, machine);
    const changing = nodes.filter(node => !current(node) || !running(node));
    const images = [...new Set(changing.map(node => node.service.image))].filter(image => !machine.images[image]);
    const upload = (stale.length > 0 || changing.some(node => !current(node))) && !machine.staged.includes(host.digest);
    if (images.length === 0 && !upload) return [];
    return [
      {
        action: 'prepare',
        host: host.address,
        service: null,
        reason: [
          ...(upload ? [`${stale.length} files differ`] : []),
          ...images.map(image => `${image} is not there`),
        ].join(', '),
        operations: [
          ...(upload
            ? [
                {
                  kind: 'stage' as const,
                  host: host.address,
                  digest: host.digest,
                },
              ]
            : []),
          ...images.map(image => ({
            kind: 'pull' as const,
            host: host.address,
            image,
          })),
        ],
        gates: [],
        outage: null,
      },
    ];
  });
  return wave('upload the files and pull the images', steps);
}

/** Of what its next start needs, as far as it alone can tell. */
function lacksSomething(node: Node): boolean {
  const { host, service, machine } = node;
  if (machine === null) return false;
  const changes = !current(node);
  if ((changes || !running(node)) && !machine.images[service.image]) return true;
  return !machine.staged.includes(host.digest) && (changes || staleFiles(host, machine).length > 0);
}
