import type { DeployError } from '../error.ts';
import { historyCommand, parseHistory } from '../observe/history.ts';
import type { AuditRecord } from '../report/run-report.ts';
import type { RunOptions } from './course.ts';
import { Machines } from './machines.ts';

export interface History {
  /** Newest first, each run once. */
  readonly runs: readonly (AuditRecord & { readonly hosts: readonly string[] })[];
  /** Why machines were not asked, by address. */
  readonly unreached: ReadonlyMap<string, DeployError>;
}

/** What the chosen machines remember of the runs that changed them. */
export async function readHistory(options: RunOptions): Promise<History> {
  const { desired, request } = options;
  const hosts = desired.cluster.hosts.filter(({ address }) => request.hosts?.has(address) ?? true);
  const machines = new Machines({ ...options, desired: { ...desired, cluster: { ...desired.cluster, hosts } } });
  const runs = new Map<string, AuditRecord & { hosts: string[] }>();
  try {
    await machines.observeMachines();
    for (const host of hosts) {
      if (host.maintenance || machines.unreached.has(host.address)) continue;
      const { stdout } = await machines.exec(host, historyCommand(host));
      for (const record of parseHistory(stdout).flatMap(parsed)) {
        const key = `${record.started} ${record.run}`;
        const known = runs.get(key);
        if (known === undefined) runs.set(key, { ...record, hosts: [host.address] });
        else known.hosts.push(host.address);
      }
    }
  } finally {
    await machines.close();
  }
  const newestFirst = [...runs.values()].sort((a, b) => (a.started < b.started ? 1 : -1));
  return { runs: newestFirst, unreached: machines.unreached };
}

/** A record that cannot be read is left out: somebody else wrote it. */
function parsed(text: string): AuditRecord[] {
  try {
    const record = JSON.parse(text);
    const whole = record?.format === 1 && typeof record.started === 'string' && Array.isArray(record.steps);
    return whole ? [record] : [];
  } catch {
    return [];
  }
}
