import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterJson } from '../../compiler/contract/cluster-json.ts';
import { readClusterJson } from '../../compiler/contract/read-cluster-json.ts';
import { Project } from '../e2e/project.ts';
import { Sandbox } from '../sandbox/sandbox.ts';
import { Cutter } from './cutter.ts';
import type { Change } from './scenarios.ts';

/** The first release of a sandbox is that of its cluster.yaml. */
const RELEASE = '3.3.18';

/** Machines with a cutter in front of each, and somebody's clone from which they are changed. */
export class Stage {
  readonly sandbox: Sandbox;
  readonly project: Project;
  readonly cutter: Cutter;

  private constructor(sandbox: Sandbox, cutter: Cutter) {
    this.sandbox = sandbox;
    this.cutter = cutter;
    this.project = new Project(sandbox.privateKey);
  }

  /** @param network the first three parts of its machines' addresses: two stages at once want two */
  static async open(machines: number, network: string): Promise<Stage> {
    let sandbox: Sandbox | null = null;
    const cutter = new Cutter(() => {
      for (const host of sandbox?.hosts ?? []) host.sever();
    });
    sandbox = await Sandbox.start({
      hosts: machines,
      network,
      first: 11,
      version: RELEASE,
      env: { STANDIN_SPEED: '8', STANDIN_START_MS: '500', STANDIN_TABLETS: '30' },
      tap: address => cutter.tap(address),
    });
    return new Stage(sandbox, cutter);
  }

  /** cluster.yaml says so from now on. @returns what it compiles to */
  declare(change: Change): ClusterJson {
    const text = this.sandbox
      .clusterYaml(
        change.policy,
        host => change.perHost(this.sandbox.hosts.indexOf(host), host),
        this.sandbox.hosts.filter((_host, index) => change.names(index)),
      )
      .replace(`version: ${RELEASE}`, `version: ${change.release}`);
    this.project.compile(text);
    this.project.commit(change.name);
    const { cluster, problems } = readClusterJson(readFileSync(join(this.project.generated, 'cluster.json'), 'utf8'));
    if (cluster === null) throw new Error(problems.join('\n'));
    return cluster;
  }

  /** A new runner gets in. */
  mend(): void {
    for (const host of this.sandbox.hosts) host.mend();
  }

  async close(): Promise<void> {
    await this.sandbox.stop();
    this.project.remove();
  }
}
