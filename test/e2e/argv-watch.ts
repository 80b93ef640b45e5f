import { type ChildProcess, spawn } from 'node:child_process';

export interface Watched {
  /** Every command line that was seen, its words joined by blanks. */
  readonly arguments: readonly string[];
  /** How many processes of sandbox machines had their environment looked at. */
  readonly environments: number;
  /** Where one of the texts was seen. */
  readonly hits: readonly string[];
}

const EVERY_MS = 20;

/** Looks at all processes of this machine all the time, from a process of its own; texts come on standard input. */
const PROGRAM = `
const { readdirSync, readFileSync } = require('node:fs');
const read = (pid, name) => { try { return readFileSync('/proc/' + pid + '/' + name, 'utf8'); } catch { return ''; } };
const seen = new Set(), machines = new Set(), hits = new Set();
let input = '', texts = null;
const look = () => {
  for (const pid of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(pid) || Number(pid) === process.pid) continue;
    const line = read(pid, 'cmdline').replaceAll('\\0', ' ').trim();
    if (line === '') continue;
    const known = seen.has(line);
    seen.add(line);
    if (!known && texts.some(text => line.includes(text))) hits.add('arguments: ' + line.slice(0, 200));
    const key = pid + ' ' + line;
    if (machines.has(key)) continue;
    const environment = read(pid, 'environ');
    if (!environment.includes('SANDBOX_DOCKER=')) continue;
    machines.add(key);
    if (texts.some(text => environment.includes(text))) hits.add('environment: ' + line.slice(0, 200));
  }
};
process.stdin.on('data', chunk => {
  input += chunk;
  if (texts !== null || !input.includes('\\n')) return;
  texts = JSON.parse(input);
  setInterval(look, ${EVERY_MS});
});
process.stdin.on('end', () => {
  process.stdout.write(JSON.stringify({ arguments: [...seen], environments: machines.size, hits: [...hits] }), () => process.exit());
});
`;

/** Watches the arguments of all processes, and the environments of those that run on machines of a sandbox. */
export class ArgvWatch {
  readonly #child: ChildProcess;
  readonly #said: Promise<Watched>;

  constructor(texts: readonly string[]) {
    this.#child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
    let said = '';
    this.#child.stdout?.on('data', chunk => (said += chunk));
    this.#said = new Promise((done, failed) =>
      this.#child.once('close', () => {
        try {
          done(JSON.parse(said));
        } catch (error) {
          failed(error);
        }
      }),
    );
    this.#child.stdin?.write(`${JSON.stringify(texts)}\n`);
  }

  /** Ends it and tells what it saw; a second time, the same. */
  end(): Promise<Watched> {
    this.#child.stdin?.end();
    return this.#said;
  }
}
