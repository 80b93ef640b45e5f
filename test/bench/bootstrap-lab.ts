import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { Project } from '../e2e/project.ts';
import { labAvailable } from '../lab/available.ts';
import { labClusterYaml, startLab } from '../lab/lab.ts';
import { importStarRocks } from '../lab/starrocks-images.ts';

/** Milliseconds until ports open: as quick as the stand-in is by itself, and as real FEs were seen to (10 to 16 s). */
const PACES = [1500, 13_000];

/**
 * The first bootstrap of 3 FE + 3 BE on real machines: how much of it is not waiting for FEs and BEs to become ready.
 * What they need is counted from the end of the step that starts them to the end of the wait for them.
 */
export async function bootstrapLab(): Promise<string[]> {
  const available = await labAvailable();
  if (!available.ok) return [`not measured: ${available.why}`];
  const told: string[] = [];
  for (const pace of PACES) told.push(...(await bootstrap(pace)));
  return told;
}

async function bootstrap(pace: number): Promise<string[]> {
  const lab = await startLab({ hosts: 3, docker: true });
  const project = new Project(lab.privateKey);
  try {
    await importStarRocks(lab, '3.3.18', { STANDIN_START_MS: String(pace) });
    project.compile(labClusterYaml(lab, { defaults: { resources: { memory: '2G', fe_heap: '512M' } } }));
    let waited = 0;
    let since: number | null = null;
    const start = performance.now();
    const report: RunReport = await project.run('deploy', {}, ({ doing }) => {
      const waiting = doing?.startsWith('waiting until') === true;
      if (waiting) since ??= performance.now();
      if (!waiting && since !== null) {
        waited += performance.now() - since;
        since = null;
      }
    });
    const total = (performance.now() - start) / 1000;
    const ready = waited / 1000;
    return [
      `FEs that take ${pace} ms: ${report.outcome} in ${total.toFixed(1)} s, of which ${ready.toFixed(1)} s are waits until a node is ready; the rest is ${(((total - ready) / ready) * 100).toFixed(0)} % of that`,
      `counted: ${JSON.stringify(report.counters)}`,
    ];
  } finally {
    project.remove();
    await lab.stop();
  }
}
