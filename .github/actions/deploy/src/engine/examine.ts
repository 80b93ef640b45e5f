import { type Checked, examine } from '../doctor/checks.ts';
import type { DeployError } from '../error.ts';
import { parseProbe, probeCommand, type Question } from '../observe/probe.ts';
import type { RunOptions } from './course.ts';
import { Machines } from './machines.ts';

export interface Examination {
  readonly checked: readonly Checked[];
  /** Why machines were not examined, by address. */
  readonly unreached: ReadonlyMap<string, DeployError>;
}

/** Looks at every machine of cluster.yaml, deployed or not. */
export async function examineMachines(options: RunOptions): Promise<Examination> {
  const machines = new Machines(options);
  const { cluster } = options.desired;
  try {
    const hosts = await machines.observeMachines();
    const all = await Promise.all(
      cluster.hosts.map(async host => {
        const answer = hosts[host.address];
        if (answer?.known !== true) return [];
        const asked: Question[] = [{ kind: 'machine', address: host.address, folder: host.deploy_dir }];
        const { stdout } = await machines.exec(host, probeCommand(asked));
        const { machine: facts } = parseProbe(asked, stdout);
        return examine({ host, desired: cluster, machine: answer.value, facts });
      }),
    );
    return { checked: all.flat(), unreached: new Map(machines.unreached) };
  } finally {
    await machines.close();
  }
}
