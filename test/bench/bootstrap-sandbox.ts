import { Project } from '../e2e/project.ts';
import { Sandbox } from '../sandbox/sandbox.ts';

const HOSTS = 30;

/** Thirty hosts (3 FE, 30 BE) from nothing, in the sandbox, by the same program. */
export async function bootstrapSandbox(): Promise<string[]> {
  const sandbox = await Sandbox.start({ hosts: HOSTS, first: 151 });
  const project = new Project(sandbox.privateKey);
  try {
    project.compile(sandbox.clusterYaml('', (_host, index) => (index < 3 ? '' : ', fe: none')));
    const start = performance.now();
    const report = await project.run('deploy');
    return [
      `${report.outcome} in ${((performance.now() - start) / 1000).toFixed(1)} s, ${report.frontends.length} FEs and ${report.backends.length} BEs`,
      `memory of the process at its height (engine, SSH servers and fake engines): ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`,
      `counted: ${JSON.stringify(report.counters)}`,
      ...report.problems.map(problem => problem.message),
    ];
  } finally {
    await sandbox.stop();
    project.remove();
  }
}
