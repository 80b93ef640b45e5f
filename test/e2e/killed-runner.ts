import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Project } from './project.ts';

/**
 * Runs `npm run deploy` as a process of its own and kills it without mercy at the first line that matches.
 *
 * @param moment what is still waited for then: that the step is under way, for one
 */
export function killedAt(project: Project, line: RegExp, moment = async (): Promise<void> => undefined): Promise<void> {
  const key = project.keepKey();
  const program = [
    '--import',
    'tsx',
    '--import',
    './compiler/sh-as-text.mjs',
    '.github/actions/deploy/src/cli/main.ts',
  ];
  const files = [
    '--generated',
    project.generated,
    '--cluster',
    join(project.folder, 'cluster.yaml'),
    '--identity',
    key,
  ];
  const runner = spawn(process.execPath, [...program, 'deploy', ...files], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...project.env },
  });
  let said = '';
  let struck = false;
  const hear = (chunk: Buffer) => {
    said += chunk.toString();
    if (struck || !line.test(said)) return;
    struck = true;
    void moment().then(() => runner.kill('SIGKILL'));
  };
  runner.stdout.on('data', hear);
  runner.stderr.on('data', hear);
  return new Promise((resolve, reject) =>
    runner.once('exit', (_code, signal) => (signal === 'SIGKILL' ? resolve() : reject(new Error(said)))),
  );
}
