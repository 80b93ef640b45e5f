import type { CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { type Checked, examine } from '../doctor/checks.ts';
import { DeployError } from '../error.ts';
import { parseProbe, probeCommand, type Question } from '../observe/probe.ts';
import type { HostWorld } from '../plan/world.ts';
import type { RunOptions } from './course.ts';
import { Machines } from './machines.ts';

export interface Examination {
  readonly checked: readonly Checked[];
  /** Why machines were not examined, by address. */
  readonly unreached: ReadonlyMap<string, DeployError>;
}

/** Looks at the chosen machines of cluster.yaml, deployed or not. */
export async function examineMachines(options: RunOptions): Promise<Examination> {
  const { cluster } = options.desired;
  const { hosts: wanted } = options.request;
  const hosts = cluster.hosts.filter(({ address }) => wanted?.has(address) ?? true);
  const machines = new Machines({ ...options, desired: { ...options.desired, cluster: { ...cluster, hosts } } });
  const unreached = new Map<string, DeployError>();
  try {
    const seen = await machines.observeMachines();
    for (const [address, error] of machines.unreached) unreached.set(address, error);
    const all = await Promise.all(
      hosts.map(async host => {
        const answer = seen[host.address];
        if (answer?.known !== true) return [];
        try {
          return await examineOne(options, machines, host, answer.value);
        } catch (error) {
          if (!(error instanceof DeployError)) throw error;
          // One that breaks off must not take along what the others have told.
          unreached.set(host.address, error);
          return [];
        }
      }),
    );
    return { checked: all.flat(), unreached };
  } finally {
    await machines.close();
  }
}

async function examineOne(
  { desired }: RunOptions,
  machines: Machines,
  host: CompiledHost,
  machine: HostWorld,
): Promise<Checked[]> {
  const asked: Question[] = [{ kind: 'machine', address: host.address, folder: host.deploy_dir }];
  const { stdout } = await machines.exec(host, probeCommand(asked));
  return examine({ host, desired: desired.cluster, machine, facts: parseProbe(asked, stdout).machine });
}
