import type { CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import historyScript from '../host/history.sh';
import { quote } from '../transport/quote.ts';

export const historyCommand = (host: CompiledHost): string =>
  ['sh', '-c', quote(historyScript), 'sh', quote(host.deploy_dir)].join(' ');

/** The records' texts, newest first; what the login shell says before them is left out. */
export function parseHistory(stdout: string): string[] {
  const said = stdout.split('\nstarrocks-ha history\n')[1]?.split('\nend\n')[0] ?? '';
  return said
    .split('\n')
    .flatMap(line =>
      /^[A-Za-z0-9+/=]+$/.test(line) && line !== 'end' ? [Buffer.from(line, 'base64').toString('utf8')] : [],
    );
}
