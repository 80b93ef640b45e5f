import { randomBytes } from 'node:crypto';
import type { Duplex, Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { ClusterJson, CompiledHost, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import { observeArguments, parseObservation, type SeenBefore, stateFolder } from '../observe/host.ts';
import type { Operation } from '../plan/operation.ts';
import { servicesOf } from '../plan/place.ts';
import { unreachableCase } from '../plan/unreachable.ts';
import { type HostWorld, type LockOwner, type Marker, SWITCHES } from '../plan/world.ts';
import { redact } from '../report/redact.ts';
import { type Connection, connectionLost } from '../transport/connect.ts';
import type { Counters } from '../transport/counters.ts';
import { quote } from '../transport/quote.ts';
import { explainFailure } from './failure.ts';
import observeScript from './observe.sh';
import sessionScript from './session.sh';

/** What a session needs to know besides the operations. */
export interface SessionContext {
  readonly cluster: ClusterJson;
  /** The host's compiled files by path. */
  readonly files: ReadonlyMap<string, Buffer>;
  readonly owner: Omit<LockOwner, 'since'>;
  readonly repository: string;
  readonly secrets: readonly string[];
  readonly counters: Counters;
  /** What the first look saw. */
  readonly before: SeenBefore;
  /** Seconds after which a session that hears nothing ends. */
  readonly silenceSeconds?: number;
}

type OnMachine = Exclude<Operation, { kind: 'sql' }>;

/** A resident shell on one machine: see session.sh. */
export interface Session {
  /** Takes the machine's lock and looks at the machine under it, or tells who has it. */
  lock(): Promise<
    | { readonly locked: true; readonly machine: HostWorld }
    | { readonly locked: false; readonly owner: LockOwner | null }
  >;
  observe(): Promise<HostWorld>;
  run(operation: OnMachine): Promise<void>;
  /** The same, and a look in the same breath, which costs no exchange of its own; null: what it saw did not arrive. */
  runAndLook(operation: OnMachine): Promise<HostWorld | null>;
  logs(service: ServiceName, lines: number): Promise<string>;
  /** Keeps the text in the machine's history, which holds the newest fifty, and ends the session with that. */
  record(text: string): Promise<void>;
  /** Ends it and gives the lock back. */
  close(): Promise<void>;
}

interface Answer {
  readonly code: number;
  readonly output: Buffer;
}

interface Request {
  readonly op: string;
  readonly words: readonly string[];
  readonly payload?: Buffer;
}

const PING_MS = 10_000;
const SILENCE_SECONDS = 60;
/** Longer than any graceful stop: Compose has the container's grace, docker its own limits. */
const OPERATION_SECONDS = 900;
/** For the shell to end and free the lock once it was told to. */
const RELEASE_MS = 5_000;
const COMPLAINT_MS = 500;

/**
 * Starts the shell on the machine. Nothing is locked yet.
 * @throws DeployError with the address, from here and from every method: E_CONNECTION_LOST, E_SSH_TIMEOUT, or what the
 * operation met (failure.ts)
 */
export async function openSession(
  connection: Connection,
  host: CompiledHost,
  context: SessionContext,
): Promise<Session> {
  const nonce = randomBytes(12).toString('hex');
  const words = [
    nonce,
    host.deploy_dir,
    String(context.silenceSeconds ?? SILENCE_SECONDS),
    observeScript,
    ...observeArguments(host, context.before),
  ];
  const command = [
    ...(host.ssh.sudo ? ['sudo', '-n'] : []),
    'sh',
    '-c',
    quote(sessionScript),
    'sh',
    ...words.map(quote),
  ].join(' ');
  const { stream, stderr } = await connection.open(command);
  const frames = new Frames(stream, stderr, nonce, host.address);
  const { query, pull } = context.cluster.timeouts;
  const ready = await frames.answer('the session was started', query);
  if (ready.code !== 0) throw explainFailure(host, 'start the session', ready.output.toString());
  const ask = async (request: Request, what: string, seconds: number): Promise<Answer> => {
    context.counters.exchanges += 1;
    context.counters.operations[request.op] = (context.counters.operations[request.op] ?? 0) + 1;
    return frames.ask(request, what, seconds);
  };
  const say = (output: Buffer): string => redact(output.toString(), context.secrets);
  const parse = (stdout: Buffer, asked: number, code = 0): HostWorld =>
    parseObservation(host, context.cluster, { stdout, stderr: '', code }, asked, context.before);
  const observe = async (): Promise<HostWorld> => {
    const asked = Date.now();
    const { code, output } = await ask({ op: 'observe', words: [] }, 'it was looked at', query);
    return parse(output, asked, code);
  };
  const begin = async (request: Request, operation: OnMachine): Promise<void> => {
    const title = 'service' in operation ? `${operation.kind} ${operation.service}` : operation.kind;
    const limit = operation.kind === 'pull' ? pull + 60 : OPERATION_SECONDS;
    const { code, output } = await ask(request, `it was busy with ${title}`, limit);
    if (code !== 0) throw explainFailure(host, title, say(output));
  };
  return {
    lock: async () => {
      const asked = new Date();
      const owner: LockOwner = { ...context.owner, since: asked.toISOString() };
      const { code, output } = await ask({ op: 'lock', words: [JSON.stringify(owner)] }, 'the lock was taken', query);
      if (code === 0) return { locked: true, machine: parse(output, asked.getTime()) };
      if (code === 75) return { locked: false, owner: ownerOf(output.toString()) };
      throw explainFailure(host, 'lock', say(output));
    },
    observe,
    run: async operation => {
      await begin(await render(operation, host, context), operation);
    },
    runAndLook: async operation => {
      const done = begin(await render(operation, host, context), operation);
      const seen = observe().catch(() => null);
      await done;
      return seen;
    },
    logs: async (service, lines) => {
      const { output } = await ask({ op: 'logs', words: [service, String(lines)] }, 'logs were read', query);
      return say(output);
    },
    record: async text => {
      const payload = Buffer.from(text);
      const kept = ask({ op: 'record', words: [nonce], payload }, 'the record was kept', query);
      frames.release();
      const { code, output } = await kept;
      if (code !== 0) throw explainFailure(host, 'record', say(output));
    },
    close: () => frames.close(),
  };
}

function ownerOf(text: string): LockOwner | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What an operation is on the wire; every kind has an entry. */
async function render(operation: OnMachine, host: CompiledHost, context: SessionContext): Promise<Request> {
  const { kind: op } = operation;
  const copy = host.fe?.folders.find(folder => folder.use === 'state-copy')?.host ?? '';
  const meta = host.fe?.folders.find(folder => folder.use === 'meta')?.host ?? '';
  switch (operation.kind) {
    case 'stage': {
      const sums = host.files.map(file => `${file.sha256}  ${file.path}\n`).join('');
      return { op, words: [host.digest, sums], payload: await archive(host, context.files) };
    }
    case 'pull':
      return { op, words: [operation.image, String(context.cluster.timeouts.pull)] };
    case 'activate': {
      const service = servicesOf(host).find(one => one.name === operation.service);
      const data = service?.folders.filter(folder => folder.use === 'meta' || folder.use === 'storage') ?? [];
      const mounts = data.map(folder => `${folder.container} ${folder.host}`).join('\n');
      const paths = host.files.filter(file => file.service === null || file.service === operation.service);
      return {
        op,
        words: [
          operation.service,
          operation.expects ?? '',
          operation.digest,
          host.digest,
          marker(context),
          mounts,
          ...paths.map(file => file.path),
        ],
      };
    }
    case 'refresh':
      return { op, words: [host.digest, marker(context), ...host.files.map(file => file.path)] };
    case 'writeState':
      return { op, words: [copiesOf(host).join('\n'), ...operation.peers] };
    case 'writeSwitches': {
      const { switches, unhealthy } = operation;
      if (switches === null) return { op, words: [] };
      const tablets = unhealthy === null ? [] : [`unhealthy ${unhealthy}`];
      return { op, words: [...SWITCHES.map(key => `${key} ${switches[key]}`), ...tablets] };
    }
    case 'writeDrain': {
      const { service, tablets } = operation;
      return { op, words: [stateFolder(host, service), ...(tablets === null ? [] : [String(tablets)])] };
    }
    case 'copyMetadata':
      return { op, words: [meta, operation.release, operation.expects] };
    case 'asideMetadata': {
      return { op, words: [meta, copy, operation.reason.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 60)] };
    }
    case 'adopt': {
      const paths = host.files.filter(file => file.service === null || file.service === operation.service);
      const { service, container, digest } = operation;
      const words = [service, container, digest, host.digest, marker(context), ...paths.map(file => file.path)];
      return { op, words };
    }
    case 'restart':
    case 'stop':
    case 'removeContainer':
      return { op, words: [operation.service, operation.expects] };
    case 'retire':
      return {
        op,
        words: [
          marker(context),
          stateFolder(host, operation.service),
          copyOf(host, operation.service),
          ...operation.folders,
        ],
      };
    default:
      return unreachableCase(operation);
  }
}

/** Where a machine without an FE remembers FEs a second time: beside the data of its BEs. */
const copiesOf = ({ fe, be }: CompiledHost): string[] =>
  (fe === null ? be : [fe]).flatMap(({ folders }) =>
    folders.filter(folder => folder.use === 'state-copy').map(folder => folder.host),
  );

const copyOf = (host: CompiledHost, service: ServiceName): string =>
  servicesOf(host)
    .find(one => one.name === service)
    ?.folders.find(folder => folder.use === 'state-copy')?.host ?? stateFolder(host, service);

function marker({ cluster, owner, repository }: SessionContext): string {
  const written: Marker = {
    cluster: cluster.cluster,
    repository,
    commit: owner.commit,
    run: owner.run,
    time: new Date().toISOString(),
  };
  return JSON.stringify(written);
}

/** The host's folder as a tar, the same bytes for the same files. */
async function archive(host: CompiledHost, files: ReadonlyMap<string, Buffer>): Promise<Buffer> {
  const tar = pack();
  for (const { path, mode } of host.files) {
    tar.entry({ name: path, mode: Number.parseInt(mode, 8), mtime: new Date(0) }, files.get(path) ?? Buffer.alloc(0));
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Arguments that fit in are a part of it: one thing less to wait for. */
const HEADER_BYTES = 2048;
const ANSWER_HEADER_BYTES = 64;
const NEWLINE = 10;

function frame({ op, words, payload = Buffer.alloc(0) }: Request): Buffer {
  if (words.some(word => word.includes('\0'))) throw new Error('NUL cannot be part of a request');
  const block = words.map(word => `${escaped(word)}\n`).join('');
  const first = `${op} ${block.length} ${payload.length}\n`;
  const fits = first.length + block.length < HEADER_BYTES;
  const header = `${first}${fits ? block : ''}`.padEnd(HEADER_BYTES - 1);
  // The shell would eat newlines at its end.
  return Buffer.concat([Buffer.from(`${header}.${fits ? '' : block}`), payload]);
}

/** For the shell's own `printf %b`: a program for each word would cost more than what is done with it. */
const escaped = (word: string): string =>
  word.replace(/[^\w./:@=+-]/gu, character =>
    [...Buffer.from(character)].map(byte => `\\0${byte.toString(8).padStart(3, '0')}`).join(''),
  );

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: DeployError) => void;
  readonly what: string;
  readonly seconds: number;
}

/** Requests and answers in order on one stream. */
class Frames {
  readonly #stream: Duplex;
  readonly #address: string;
  readonly #nonce: string;
  readonly #waiting: Waiting[] = [];
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => undefined;
  readonly #ping: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #line: Buffer[] = [];
  #complaints = '';
  #over = false;

  constructor(stream: Duplex, stderr: Readable, nonce: string, address: string) {
    this.#stream = stream;
    this.#nonce = nonce;
    this.#address = address;
    this.#ended = new Promise(resolve => {
      this.#resolveEnded = resolve;
    });
    this.#ping = setInterval(() => stream.write(frame({ op: 'ping', words: [] })), PING_MS);
    stderr.on('data', (chunk: Buffer) => {
      this.#complaints = `${this.#complaints}${chunk.toString('utf8')}`.slice(-2000);
    });
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    const over = () => {
      if (stderr.readableEnded || stderr.destroyed) return this.#end();
      // Why the shell ended may still be on its way, but nothing may wait for it for long.
      for (const told of ['end', 'close']) stderr.once(told, () => this.#end());
      setTimeout(() => this.#end(), COMPLAINT_MS);
    };
    // A stream that is cut while something is written to it must not end the process.
    stream.on('error', over);
    stream.once('end', over).once('close', over);
  }

  ask(request: Request, what: string, seconds: number): Promise<Answer> {
    if (this.#over) return Promise.reject(this.#lost(what));
    this.#stream.write(frame(request));
    return this.answer(what, seconds);
  }

  answer(what: string, seconds: number): Promise<Answer> {
    if (this.#over) return Promise.reject(this.#lost(what));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject, what, seconds });
      if (this.#waiting.length === 1) this.#watch();
    });
  }

  /** Nothing more will be asked: the shell ends once it has answered what was. */
  release(): void {
    clearInterval(this.#ping);
    if (!this.#over && !this.#stream.writableEnded) this.#stream.end(frame({ op: 'release', words: [] }));
  }

  async close(): Promise<void> {
    this.release();
    const timer = setTimeout(() => this.#end(), RELEASE_MS);
    await this.#ended;
    clearTimeout(timer);
    this.#stream.destroy();
  }

  /** One timer, for the request whose turn it is: the machine works them off one by one. */
  #watch(): void {
    clearTimeout(this.#timer);
    const [first] = this.#waiting;
    if (first !== undefined) this.#timer = setTimeout(() => this.#tooLate(first), first.seconds * 1000);
  }

  /** After an answer that never came, the next one would be taken for it: the session is over. */
  #tooLate({ what, seconds }: Waiting): void {
    const error = new DeployError({
      code: 'E_SSH_TIMEOUT',
      host: this.#address,
      message: `${this.#address} did not answer within ${seconds} s while ${what}.`,
      hint: 'Look whether the machine is overloaded or its Docker hangs, then deploy again: it goes on from what it finds.',
    });
    this.#waiting.shift()?.reject(error);
    this.#end();
    this.#stream.destroy();
  }

  #end(): void {
    this.#over = true;
    clearInterval(this.#ping);
    clearTimeout(this.#timer);
    for (const { reject, what } of this.#waiting.splice(0)) reject(this.#lost(what));
    this.#resolveEnded();
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    for (let at = rest.indexOf(NEWLINE); at >= 0; at = rest.indexOf(NEWLINE)) {
      this.#read(Buffer.concat([...this.#line, rest.subarray(0, at)]).toString('latin1'));
      this.#line = [];
      rest = rest.subarray(at + 1);
    }
    if (rest.length > 0) this.#line.push(rest);
  }

  #read(line: string): void {
    const plain = line.startsWith('= ');
    const bytes = plain ? Buffer.from(line.slice(2)) : Buffer.from(line, 'base64');
    const [nonce, , code] = bytes.toString('latin1', 0, ANSWER_HEADER_BYTES).trimEnd().split(' ');
    // Whatever a login shell prints does not know the nonce.
    if (nonce !== this.#nonce) return;
    this.#waiting.shift()?.resolve({ code: Number(code), output: bytes.subarray(ANSWER_HEADER_BYTES) });
    this.#watch();
  }

  #lost(what: string): DeployError {
    const said = this.#complaints.trim();
    const error = connectionLost(this.#address, what);
    return said === '' ? error : new DeployError({ ...error.problem, detail: said.split('\n') });
  }
}
