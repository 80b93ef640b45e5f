import { stringify } from 'yaml';
import type { Lab, LabHost } from './lab.ts';

type Yaml = Readonly<Record<string, unknown>>;

export interface LabClusterOptions {
  /** `3.3.18` without. */
  readonly version?: string;
  /** Which hosts of the lab form the cluster, the founding FE first; all of them without. */
  readonly hosts?: readonly LabHost[];
  /** What the long form of one host's entry says besides address and host key. */
  readonly host?: (host: LabHost) => Yaml;
  readonly defaults?: Yaml;
  /** Further keys at the top, which also replace those written here. */
  readonly more?: Yaml;
}

/** Text of a cluster.yaml for the hosts of a lab: root logs in, every host key is pinned. */
export function labClusterYaml(lab: Lab, options: LabClusterOptions = {}): string {
  const hosts = options.hosts ?? lab.hosts;
  return stringify({
    cluster: 'lab',
    starrocks: { version: options.version ?? '3.3.18' },
    master_host: hosts[0]?.address,
    default_replication_num: Math.min(3, hosts.length),
    hosts: hosts.map(host => entry(host, options.host?.(host) ?? {})),
    // A lab's engine may not raise the limits of a container above this machine's own.
    defaults: merge({ ulimits: { nofile: 4096, nproc: 4096 }, ...bastion(lab) }, options.defaults ?? {}),
    ...options.more,
  });
}

function entry(host: LabHost, more: Yaml): Yaml {
  return { address: host.address, ...merge({ ssh: { host_key: host.hostKey } }, more) };
}

function bastion({ bastion }: Lab): Yaml {
  if (bastion === null) return {};
  return { ssh: { bastion: { host: bastion.address, host_key: bastion.hostKey } } };
}

function merge(base: Yaml, more: Yaml): Yaml {
  const ssh = { ...(base['ssh'] as Yaml | undefined), ...(more['ssh'] as Yaml | undefined) };
  return { ...base, ...more, ...(Object.keys(ssh).length > 0 ? { ssh } : {}) };
}
