import { Command, InvalidArgumentError } from 'commander';
import { DeployError } from '../error.ts';
import { problemText } from '../report/problem-text.ts';
import { type PortsOptions, ports } from './ports.ts';
import { runInTerminal, type TerminalOptions } from './run.ts';
import { type TrustOptions, trust } from './trust.ts';

/** `npm run plan|deploy|status|trust|ports`: the Action's engine in a terminal. */
const program = new Command('starrocks-ha').showHelpAfterError('(see --help)');

const seconds = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a whole number of seconds');
  return value;
};

const machineOptions = (command: Command): Command =>
  command
    .option('--generated <folder>', 'the compiled folder', 'generated')
    .option('--cluster <file>', 'the cluster file that the folder must be fresh for', 'cluster.yaml')
    .option('--known-hosts <file>', "the machines' host keys", '.github/known_hosts')
    .option('--identity <file>', 'private key; default: the text in SSH_PRIVATE_KEY, else ~/.ssh/id_ed25519')
    .option('--hosts <addresses>', 'only these hosts, separated by commas')
    .option('--json', 'the whole report as JSON');

machineOptions(
  program.command('plan').description('show what a deploy would do, from what the machines report'),
).action((options: TerminalOptions) => finish(runInTerminal('plan', options)));

machineOptions(program.command('deploy').description('bring the machines to generated/, and prove it'))
  .option('--dry-run', 'show what would be done and change nothing')
  .option('--lock-timeout <seconds>', 'how long to wait for another run', seconds)
  .action((options: TerminalOptions) => finish(runInTerminal('deploy', options)));

machineOptions(program.command('status').description('registration and health of every FE and BE')).action(
  (options: TerminalOptions) => finish(runInTerminal('status', options)),
);

program
  .command('trust')
  .description("learn the machines' host keys, after a look at their fingerprints")
  .option('--generated <folder>', 'the compiled folder', 'generated')
  .option('--known-hosts <file>', 'where they are written', '.github/known_hosts')
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
    if (!(error instanceof DeployError)) throw error;
    process.stderr.write(`${problemText(error.problem)}\n`);
    process.exitCode = 1;
  }
}

await program.parseAsync();
