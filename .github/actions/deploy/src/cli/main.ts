import { Command } from 'commander';
import { DeployError } from '../error.ts';
import { diskProblem } from '../report/disk-problem.ts';
import { problemText } from '../report/problem-text.ts';
import type { Mode } from '../report/run-report.ts';
import { destroy } from './destroy.ts';
import { type DoctorOptions, doctor } from './doctor.ts';
import { history } from './history.ts';
import { type LogsOptions, logs } from './logs.ts';
import { type PortsOptions, ports } from './ports.ts';
import { runInTerminal, type TerminalOptions } from './run.ts';
import { type TrustOptions, trust } from './trust.ts';

/** The Action's engine in a terminal: every verb is a command of the same name. */
const program = new Command('starrocks-ha').showHelpAfterError('(see --help)');

const machineOptions = (command: Command): Command =>
  command
    .option('--generated <folder>', 'the compiled folder', 'generated')
    .option('--cluster <file>', 'the cluster file that the folder must be fresh for', 'cluster.yaml')
    .option('--known-hosts <file>', "the machines' host keys", '.github/known_hosts')
    .option('--identity <file>', 'private key; default: the text in SSH_PRIVATE_KEY, else ~/.ssh/id_ed25519')
    .option('--hosts <addresses>', 'only these hosts, separated by commas')
    .option('--json', 'the whole report as JSON');

/** A mode of the engine, under its own name. */
function machineCommand(mode: Mode, description: string, kind: 'look' | 'change' = 'look'): void {
  const command = machineOptions(program.command(mode).description(description));
  if (kind !== 'look') {
    command
      .option('--dry-run', 'show what would be done and change nothing')
      .option('--timeouts <limits>', 'in seconds, instead of those of cluster.yaml: lock=60,fe_ready=900')
      .option('--service <name>', 'only this service: starrocks-fe, starrocks-be, starrocks-be-1 …')
      .option('--reason <text>', 'why; kept in the record of the run');
  }
  command.action((options: TerminalOptions) => finish(runInTerminal(mode, options)));
}

machineCommand('plan', 'show what a deploy would do, from what the machines report');
machineCommand('deploy', 'bring the machines to generated/, and prove it', 'change');
machineCommand('status', 'registration and health of every FE and BE');
machineCommand('verify', 'the same as status');
machineCommand('drift', 'what differs from cluster.yaml: files, containers, labels, registration, versions, strangers');
machineCommand('diagnose', 'for each node that is not healthy: what is seen, the most likely cause, what to do');
machineCommand('restart', 'restart services in safe order, though nothing differs', 'change');
machineCommand('register', 'ADD nodes that run and are not registered', 'change');
machineCommand('drop', 'DROP registered nodes that cluster.yaml no longer names', 'change');
machineCommand('stop', 'stop chosen hosts, or the whole cluster, in safe order', 'change');
machineCommand('start', 'start what stands still, in safe order', 'change');
machineCommand('adopt', 'take over a cluster that was made by hand', 'change');
machineCommand('unlock', 'show who holds a lock, and free one whose holder is gone', 'change');

machineOptions(program.command('logs').description("the last lines of the containers' and StarRocks' own logs"))
  .option('--service <name>', 'only this service')
  .option('--out <folder>', 'write them there instead of printing them')
  .action((options: LogsOptions) => finish(logs(options)));

machineOptions(
  program.command('history').description('the last runs that changed something, from the machines'),
).action((options: TerminalOptions) => finish(history(options)));

program
  .command('destroy')
  .description('print the commands that delete a cluster; nothing runs them but you')
  .option('--generated <folder>', 'the compiled folder', 'generated')
  .option('--hosts <addresses>', 'only these hosts, separated by commas')
  .action((options: { generated: string; hosts?: string }) => finish(destroy(options)));

machineOptions(
  program.command('doctor').description('what is missing for the first deploy, and the command that mends it'),
).action((options: DoctorOptions) => finish(doctor(options)));

program
  .command('trust')
  .description("learn the machines' host keys, after a look at their fingerprints")
  .option('--generated <folder>', 'the compiled folder', 'generated')
  .option('--known-hosts <file>', 'where they are written', '.github/known_hosts')
  .option('--identity <file>', 'private key for bastions; default: SSH_PRIVATE_KEY, else ~/.ssh/id_ed25519')
  .option('--yes', 'the fingerprints were compared already')
  .action((options: TrustOptions) => finish(trust(options)));

program
  .command('ports')
  .description('find ports that are free on machines not deployed yet, and write them into the cluster file')
  .option('--generated <folder>', 'the compiled folder', 'generated')
  .option('--cluster <file>', 'the cluster file', 'cluster.yaml')
  .option('--known-hosts <file>', "the machines' host keys", '.github/known_hosts')
  .option('--identity <file>', 'private key; default: the text in SSH_PRIVATE_KEY, else ~/.ssh/id_ed25519')
  .action((options: PortsOptions) => finish(ports(options)));

async function finish(work: Promise<number>): Promise<void> {
  try {
    process.exitCode = await work;
  } catch (error) {
    const problem = error instanceof DeployError ? error.problem : diskProblem(error);
    if (problem === null) throw error;
    process.stderr.write(`${problemText(problem)}\n`);
    process.exitCode = 1;
  }
}

// Whoever reads may stop before the end (`| head`); a deploy must not die of it midway.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

await program.parseAsync();
