/**
 * `npm start`: a cluster of three hosts on this machine, deployed by the real engine, then a fourth one.
 * `npm start -- --keep` leaves it up until Ctrl-C.
 */
import { styleText } from 'node:util';
import { telling } from '../../.github/actions/deploy/src/cli/run.ts';
import { DeployError } from '../../.github/actions/deploy/src/error.ts';
import { problemText } from '../../.github/actions/deploy/src/report/problem-text.ts';
import { liveProgress, type ProgressView, plainProgress } from '../../.github/actions/deploy/src/report/progress.ts';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { mysqlTable } from '../../.github/actions/deploy/src/report/table.ts';
import { verdict } from '../../.github/actions/deploy/src/report/verdict.ts';
import { Project } from '../e2e/project.ts';
import { Sandbox } from './sandbox.ts';

const keep = process.argv.includes('--keep');
const { stdout } = process;
const colour = stdout.isTTY && !process.env['NO_COLOR'] ? 'always' : 'never';
const write = (text: string) => void stdout.write(text);
const heading = (text: string) => write(`\n${colour === 'always' ? styleText('bold', text) : text}\n`);

/** Columns that tell whether a node is well; the rest is in `npm run status -- --json`. */
const SHOWN = {
  fe: [
    'IP',
    'EditLogPort',
    'HttpPort',
    'QueryPort',
    'Role',
    'Join',
    'Alive',
    'ReplayedJournalId',
    'LastHeartbeat',
    'Version',
  ],
  be: [
    'BackendId',
    'IP',
    'HeartbeatPort',
    'BePort',
    'HttpPort',
    'LastHeartbeat',
    'Alive',
    'SystemDecommissioned',
    'TabletNum',
    'Version',
  ],
};

const columns = (rows: readonly Readonly<Record<string, string>>[], names: readonly string[]) =>
  rows.map(row => Object.fromEntries(names.map(name => [name, row[name] ?? ''])));

function view(): ProgressView {
  if (!stdout.isTTY) return plainProgress({ write });
  const size = () => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 });
  return liveProgress({ write, size, now: () => performance.now(), colour });
}

async function deploy(project: Project): Promise<RunReport> {
  const progress = view();
  const ticking = setInterval(() => progress.tick(), 200);
  const shown = new Set<string>();
  const tell = telling(progress);
  try {
    const report = await project.run('deploy', {}, event => {
      // Steps stay on the screen, waits come and go.
      if (
        event.doing !== null &&
        event.service !== null &&
        !event.doing.startsWith('waiting') &&
        !shown.has(event.doing)
      ) {
        shown.add(event.doing);
        if (stdout.isTTY) progress.print(`  ${event.doing}`);
      }
      tell(event);
    });
    progress.done();
    write(`${verdict(report)}\n`);
    for (const problem of report.problems) write(`${problemText(problem, colour)}\n`);
    if (report.outcome !== 'changed')
      throw new Error('the deploy did not do what it should: this is a defect, please report it');
    return report;
  } finally {
    progress.done();
    clearInterval(ticking);
  }
}

async function play(sandbox: Sandbox, project: Project): Promise<void> {
  heading('cluster.yaml: three machines');
  write(
    sandbox
      .clusterYaml()
      .replace(/, deploy_dir.*\}/g, ' }')
      .replace(/^defaults.*\n/m, ''),
  );
  heading('1. Deploy: compile, look, plan, bring up, verify');
  project.compile(sandbox.clusterYaml());
  await deploy(project);
  heading('2. One more machine: one more line in cluster.yaml');
  const added = await sandbox.addHost();
  write(`  - ${added.address}\n`);
  project.compile(sandbox.clusterYaml());
  const report = await deploy(project);
  heading('SHOW FRONTENDS');
  write(mysqlTable(columns(report.frontends, SHOWN.fe)));
  heading('SHOW BACKENDS');
  write(mysqlTable(columns(report.backends, SHOWN.be)));
}

async function hold(sandbox: Sandbox, project: Project): Promise<void> {
  heading('The sandbox stays up until you press Ctrl-C.');
  const [host] = sandbox.hosts;
  write(`cluster.yaml and generated/ are in ${project.folder}
Change cluster.yaml there, then, in this folder, in another terminal:
  export SSH_PRIVATE_KEY="$(cat ${project.folder}/key)"
  npm run compile -- --cluster ${project.folder}/cluster.yaml --out ${project.generated}
  npm run deploy -- --cluster ${project.folder}/cluster.yaml --generated ${project.generated}
A MySQL client reaches the cluster with: mysql -h ${host?.address} -P 9030 -u root
`);
  await new Promise<void>(resolve => process.once('SIGINT', () => resolve()).once('SIGTERM', () => resolve()));
}

async function main(): Promise<void> {
  // A person would mostly wait for heartbeats, which a real FE sends every five seconds, and for nodes that start.
  const sandbox = await Sandbox.start({ hosts: 3, env: { STANDIN_SPEED: '8', STANDIN_START_MS: '800' } });
  const project = new Project(sandbox.privateKey);
  const end = () =>
    void sandbox
      .stop()
      .finally(() => project.remove())
      .finally(() => process.exit(130));
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    await play(sandbox, project);
    if (keep) {
      process.removeListener('SIGINT', end).removeListener('SIGTERM', end);
      project.keepKey();
      await hold(sandbox, project);
    }
  } finally {
    await sandbox.stop();
    project.remove();
  }
  write(
    '\nEverything is stopped and removed. To deploy to machines of your own: README.md, "The first cluster in five minutes".\n',
  );
}

main().catch(error => {
  write(
    error instanceof DeployError
      ? `${problemText(error.problem, colour)}\n`
      : `${error instanceof Error ? error.message : error}\n`,
  );
  process.exitCode = 1;
});
