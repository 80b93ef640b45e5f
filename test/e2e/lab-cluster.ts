import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { expect, vi } from 'vitest';
import type { Doing } from '../../.github/actions/deploy/src/engine/converge.ts';
import type { Wish } from '../../.github/actions/deploy/src/engine/start.ts';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { type Lab, type LabHost, labClusterYaml } from '../lab/lab.ts';
import { Project } from './project.ts';

type Options = NonNullable<Parameters<typeof labClusterYaml>[1]>;

export const [EDIT_LOG_PORT, QUERY_PORT, BE_PORT] = [9010, 9030, 8040] as const;

/** Short limits: what a fault costs is mostly waiting. */
const timeouts = { ssh: 5, query: 10, fe_ready: 60, be_ready: 60, lock: 90 };

/** A person's clone and the machines of a lab that it is about; one lab may carry several clusters. */
export class LabCluster {
  readonly project: Project;
  readonly #lab: Lab;
  readonly #hosts: readonly LabHost[];

  /** @param hosts those that the cluster may ever have, the founding one first */
  constructor(lab: Lab, hosts: readonly LabHost[]) {
    this.#lab = lab;
    this.#hosts = hosts;
    this.project = new Project(lab.privateKey);
  }

  /** The host with this index. */
  host(index: number): LabHost {
    const found = this.#hosts[index];
    if (found === undefined) throw new Error(`the cluster has no host ${index}`);
    return found;
  }

  at(address: string | undefined): LabHost {
    const found = this.#hosts.find(host => host.address === address);
    if (found === undefined) throw new Error(`the cluster has no host ${address}`);
    return found;
  }

  /** cluster.yaml as it is from now on, compiled and committed. */
  declare(options: Options): void {
    const { more, defaults, hosts = this.#hosts } = options;
    const limits = { ...timeouts, ...(more?.['timeouts'] as object | undefined) };
    const text = labClusterYaml(this.#lab, {
      ...options,
      hosts,
      defaults: { resources: { memory: '2G', fe_heap: '512M' }, ...defaults },
      more: { ...more, timeouts: limits },
    });
    this.project.compile(text);
    this.project.commit('another cluster.yaml');
  }

  /** A deploy that must come to its end. */
  async deploy(): Promise<RunReport> {
    const report = await this.project.run('deploy');
    expect(problemsOf(report)).toEqual([]);
    expect(report.findings.filter(finding => finding.severity === 'error')).toEqual([]);
    return report;
  }

  /** A deploy in which `fault` comes in the very moment in which a step of that title begins. */
  async deployWith(title: RegExp, fault: (host: LabHost) => Promise<unknown>): Promise<RunReport> {
    let struck: Promise<unknown> | null = null;
    const doing: Doing = event => {
      if (struck === null && event.host !== null && title.test(event.doing ?? '')) struck = fault(this.at(event.host));
    };
    const report = await this.project.run('deploy', {}, doing);
    if (struck === null) throw new Error(`no step ${title} began: ${problemsOf(report).join('; ')}`);
    await struck;
    return report;
  }

  run(mode: Wish['mode'], wish: Partial<Wish> = {}): Promise<RunReport> {
    return this.project.run(mode, wish);
  }

  /** All is as declared: polled, because nodes that came back by themselves take a moment. */
  async settles(): Promise<void> {
    const outcome = async () => (await this.run('status')).outcome;
    await becomes(outcome, 'converged');
  }

  /** A leader answers on all machines: nodes that were away are back. */
  async answers(): Promise<void> {
    const alive = async () => {
      const { hosts, frontends } = await this.run('status');
      return hosts.every(one => one.outcome !== 'failed') && frontends.every(row => row['Alive'] === 'true');
    };
    await becomes(alive, true);
  }

  /** Somebody leads, though one of the FEs may be gone. */
  async elects(): Promise<void> {
    const leads = async () => column((await this.run('status')).frontends, 'Role').includes('LEADER');
    await becomes(leads, true);
  }

  /** Nobody brings the leader's rows any more. */
  async loses(): Promise<void> {
    const rows = async () => (await this.run('status')).frontends.length;
    await becomes(rows, 0);
  }

  async leader(): Promise<LabHost> {
    const { frontends } = await this.run('status');
    return this.at(frontends.find(row => row['Role'] === 'LEADER')?.['IP']);
  }

  /** `address service id started` of each container: equal means that nobody was touched. */
  async containers(hosts = this.#hosts): Promise<string[]> {
    const command =
      "docker ps -aq --no-trunc | xargs -r docker inspect --format '{{.Name}} {{.Id}} {{.State.StartedAt}}'";
    const seen = await Promise.all(hosts.map(async host => ({ host, text: (await host.run(command)).stdout })));
    return seen
      .flatMap(({ host, text }) =>
        text
          .split('\n')
          .filter(line => line !== '')
          .map(line => `${host.address} ${line.replace('/', '')}`),
      )
      .sort();
  }

  /** `address service` of what is not as it was. */
  async touchedSince(before: readonly string[]): Promise<string[]> {
    const touched = (await this.containers()).filter(line => !before.includes(line));
    return touched.map(line => line.split(' ').slice(0, 2).join(' '));
  }

  /** Cluster ids that the metadata on the machines carries: more than one would be a second cluster. */
  async clusterIds(): Promise<string[]> {
    const command = "sed -n 's/^clusterId=//p' /opt/starrocks-ha/data/fe/meta/image/VERSION";
    const seen = await Promise.all(this.#hosts.map(host => host.run(command)));
    return [...new Set(seen.map(({ stdout }) => stdout.trim()).filter(id => id !== ''))];
  }

  /** Rows of a statement, asked of the FE on that host directly. */
  async sql(host: LabHost, statement: string): Promise<Record<string, string>[]> {
    const connection = await createConnection({ host: host.address, port: QUERY_PORT, user: 'root' });
    try {
      const [rows] = await connection.query(statement);
      return Array.isArray(rows) ? (rows as Record<string, string>[]) : [];
    } finally {
      connection.destroy();
    }
  }

  remove(): void {
    this.project.remove();
  }
}

export const problemsOf = (report: RunReport): string[] => report.problems.map(one => `${one.code} ${one.message}`);
export const codesOf = (report: RunReport): string[] => report.problems.map(problem => problem.code);
export const titlesOf = (report: RunReport): string[] => report.steps.map(step => step.title);
export const outcomesOf = (report: RunReport): string[] => report.hosts.map(one => one.outcome);
export const column = (rows: RunReport['frontends'], name: string): string[] => rows.map(row => row[name] ?? '');

/** Asks until this is the answer. Not by `expect.poll`: that is of one test, and not for those that run side by side. */
export const becomes = <T>(ask: () => Promise<T>, wanted: T): Promise<void> =>
  vi.waitFor(async () => expect(await ask()).toEqual(wanted), { timeout: 90_000, interval: 500 });

/** The fewest nodes that answered at one moment. */
export interface Fewest {
  readonly frontends: number;
  readonly backends: number;
}

/** Resolves in the moment in which nobody listens there any more: what a step does has begun. */
export async function closes(host: LabHost, port: number): Promise<void> {
  while (await isOpen(host.address, port)) await sleep(20);
}

/** Resolves in the moment in which somebody listens there. */
export async function opens(host: LabHost, port: number): Promise<void> {
  while (!(await isOpen(host.address, port))) await sleep(20);
}

const PATIENCE_MS = 400;

/** Asks every FE and BE at their ports, past the deploy, for as long as `work` takes. */
export async function watched<T>(hosts: readonly LabHost[], work: () => Promise<T>): Promise<[T, Fewest]> {
  let over = false;
  let fewest: Fewest = { frontends: hosts.length, backends: hosts.length };
  const watch = async () => {
    while (!over) {
      const [frontends, backends] = await Promise.all([count(hosts, QUERY_PORT), count(hosts, BE_PORT)]);
      fewest = {
        frontends: Math.min(fewest.frontends, frontends),
        backends: Math.min(fewest.backends, backends),
      };
      await sleep(100);
    }
  };
  const watching = watch();
  try {
    return [await work(), fewest];
  } finally {
    over = true;
    await watching;
  }
}

async function count(hosts: readonly LabHost[], port: number): Promise<number> {
  const open = await Promise.all(hosts.map(host => isOpen(host.address, port)));
  return open.filter(Boolean).length;
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port });
    const told = (open: boolean) => () => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(PATIENCE_MS, told(false)).once('connect', told(true)).once('error', told(false));
  });
}
