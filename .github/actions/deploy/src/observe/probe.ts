import type { ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import probeScript from '../host/probe.sh';
import { quote } from '../transport/quote.ts';

/** What a machine can be asked beyond what every look tells: see probe.sh. */
export type Question =
  | { readonly kind: 'container'; readonly service: ServiceName }
  | { readonly kind: 'log'; readonly service: ServiceName; readonly lines: number }
  /** `name`: below the machine's folder of logs, `starrocks-fe/fe.log`. */
  | { readonly kind: 'file'; readonly name: string; readonly path: string; readonly lines: number }
  /** Can this machine reach that port? */
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
  /** Can this machine reach the registry of the image? */
  | { readonly kind: 'registry'; readonly image: string }
  | { readonly kind: 'machine'; readonly address: string; readonly folder: string }
  /** Of `machine`, what can change on one that runs and costs little to ask. */
  | { readonly kind: 'brief'; readonly address: string; readonly folder: string };

export type Reach = 'open' | 'refused' | 'timeout' | 'unreachable' | 'unknown';

export interface ContainerState {
  readonly status: string;
  readonly exit_code: number;
  readonly oom_killed: boolean;
  readonly restarts: number;
  /** What the engine says, for one why it could not be started. */
  readonly error: string;
}

export interface ProbeAnswer {
  readonly containers: Readonly<Record<string, ContainerState>>;
  /** Container logs under `<service>/container.log`, files under their names; empty ones left out. */
  readonly logs: readonly { readonly name: string; readonly text: string }[];
  /** By `address:port`, and by image for its registry. */
  readonly reach: Readonly<Record<string, Reach>>;
  /** Facts of `machine` or `brief` by name; '?' what it would not say. */
  readonly machine: Readonly<Record<string, string>>;
}

const words = (question: Question): string[] => {
  switch (question.kind) {
    case 'container':
      return ['container', question.service];
    case 'log':
      return ['log', question.service, String(question.lines)];
    case 'file':
      return ['file', question.name, question.path, String(question.lines)];
    case 'tcp':
      return ['tcp', question.address, String(question.port)];
    case 'registry':
      return ['registry', question.image];
    case 'machine':
    case 'brief':
      return [question.kind, question.address, question.folder];
  }
};

export const probeCommand = (questions: readonly Question[]): string =>
  ['sh', '-c', quote(probeScript), 'sh', ...questions.flatMap(words).map(quote)].join(' ');

const REACH: readonly Reach[] = ['open', 'refused', 'timeout', 'unreachable', 'unknown'];

/**
 * @param questions the same and in the same order as in the command: answers carry no names of their own
 * @throws DeployError E_PROBE when the answer is not whole
 */
export function parseProbe(questions: readonly Question[], stdout: string): ProbeAnswer {
  const lines = stdout.split('\n').flatMap(line => {
    const match = /^([a-z]+) ([A-Za-z0-9+/=]*)$/.exec(line);
    return match === null
      ? []
      : [{ name: match[1] ?? '', text: Buffer.from(match[2] ?? '', 'base64').toString('utf8') }];
  });
  const begin = lines.findIndex(line => line.name === 'begin' && line.text === 'starrocks-ha\n');
  const answers = lines.slice(begin + 1);
  if (begin < 0 || answers.at(-1)?.name !== 'end' || answers.length !== questions.length + 1) {
    throw new DeployError({
      code: 'E_PROBE',
      step: 'diagnose',
      message: 'The machine gave no whole answer.',
      hint: 'Run it again; see whether the login shell of the SSH user ends early.',
    });
  }
  const containers: Record<string, ContainerState> = {};
  const logs: { name: string; text: string }[] = [];
  const reach: Record<string, Reach> = {};
  const machine: Record<string, string> = {};
  for (const [at, question] of questions.entries()) {
    const text = answers[at]?.text ?? '';
    if (question.kind === 'container') Object.assign(containers, containerState(question.service, text));
    else if (question.kind === 'log') logs.push({ name: `${question.service}/container.log`, text });
    else if (question.kind === 'file') logs.push({ name: question.name, text });
    else if (question.kind === 'tcp' || question.kind === 'registry') {
      const to = question.kind === 'tcp' ? `${question.address}:${question.port}` : question.image;
      reach[to] = REACH.find(one => one === text.trim()) ?? 'unknown';
    } else Object.assign(machine, facts(text));
  }
  return { containers, logs: logs.filter(log => log.text.trim() !== ''), reach, machine };
}

function containerState(service: string, text: string): Record<string, ContainerState> {
  const match = /^(\S+) (-?\d+) (true|false) (\d+) ?(.*)/s.exec(text.trim());
  if (match === null) return {};
  const [, status = '', exit = '', oom = '', restarts = '', error = ''] = match;
  const state = { status, exit_code: Number(exit), oom_killed: oom === 'true', restarts: Number(restarts), error };
  return { [service]: state };
}

const facts = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.split('\n').flatMap(line => {
      const match = /^(\w+) (.*)$/.exec(line);
      return match === null ? [] : [[match[1] ?? '', (match[2] ?? '').trim()] as const];
    }),
  );
