import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

const PROGRAM = 'chromium';

/** Is there one on this machine? Looks only; `.ci/run` installs it. */
export function hasBrowser(): boolean {
  try {
    execFileSync(PROGRAM, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly error?: { readonly message: string };
  readonly result?: Readonly<Record<string, unknown>>;
}

export interface Looked {
  /** What the page's own script has promised as `window.looked`. */
  readonly found: unknown;
  /** PNG of the whole page. */
  readonly picture: Buffer;
}

/** A headless Chromium without a network, spoken to over its debugging pipe: one process looks at many pages. */
export class Browser {
  readonly #folder = mkdtempSync(join(tmpdir(), 'starrocks-ha-browser-'));
  readonly #child: ChildProcess;
  readonly #commands: Writable;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #loaded = new Map<string, () => void>();
  readonly #ended: Promise<Answer>;
  #last = 0;

  constructor() {
    const flags = [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars'],
      ...['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-extensions'],
      // A page that asks for anything of others gets nothing, and says so.
      ...['--host-resolver-rules=MAP * ~NOTFOUND', '--proxy-server=127.0.0.1:9'],
      ...[`--user-data-dir=${join(this.#folder, 'profile')}`, '--remote-debugging-pipe', 'about:blank'],
    ];
    this.#child = spawn(PROGRAM, flags, {
      env: { PATH: process.env['PATH'], HOME: this.#folder, LANG: 'C.UTF-8', TZ: 'UTC' },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#ended = once(this.#child, 'exit').then(() => ({ error: { message: 'the browser ended' } }));
    this.#commands = this.#child.stdio[3] as Writable;
    let rest = '';
    const answers = this.#child.stdio[4] as Readable;
    answers.setEncoding('utf8').on('data', (chunk: string) => {
      const texts = `${rest}${chunk}`.split('\0');
      rest = texts.pop() ?? '';
      for (const text of texts) this.#hear(JSON.parse(text));
    });
  }

  #hear(answer: Answer): void {
    if (answer.id !== undefined) this.#answers.get(answer.id)?.(answer);
    else if (answer.method === 'Page.loadEventFired') this.#loaded.get(answer.sessionId ?? '')?.();
    else if (answer.method === 'Page.javascriptDialogOpening') {
      // A page that talks holds everything up; that it could is for the test to see.
      this.#ask('Page.handleJavaScriptDialog', { accept: false }, answer.sessionId).catch(() => undefined);
    }
  }

  async #ask(method: string, params: object, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#last;
    const answered = new Promise<Answer>(done => this.#answers.set(id, done));
    this.#commands.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { error, result } = await Promise.race([answered, this.#ended]);
    this.#answers.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  /** @param width of the window, in pixels */
  async look(html: string, width: number): Promise<Looked> {
    const file = join(this.#folder, `page-${++this.#last}.html`);
    writeFileSync(file, html);
    const { targetId } = await this.#ask('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.#ask('Target.attachToTarget', { targetId, flatten: true });
    const session = String(sessionId);
    const ask = (method: string, params: object = {}) => this.#ask(method, params, session);
    await ask('Page.enable');
    await ask('Emulation.setDeviceMetricsOverride', { width, height: 800, deviceScaleFactor: 1, mobile: false });
    const loaded = new Promise<void>(done => this.#loaded.set(session, done));
    await ask('Page.navigate', { url: pathToFileURL(file).href });
    await loaded;
    const { result, exceptionDetails } = await ask('Runtime.evaluate', {
      expression: 'window.looked',
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(`the page's script: ${JSON.stringify(exceptionDetails)}`);
    const found = (result as { readonly value?: unknown }).value;
    const { cssContentSize } = await ask('Page.getLayoutMetrics');
    const { height } = cssContentSize as { readonly height: number };
    const shot = await ask('Page.captureScreenshot', {
      captureBeyondViewport: true,
      clip: { x: 0, y: 0, width, height: Math.min(height, 12_000), scale: 1 },
    });
    await this.#ask('Target.closeTarget', { targetId });
    return { found, picture: Buffer.from(String(shot['data']), 'base64') };
  }

  async close(): Promise<void> {
    await this.#ask('Browser.close', {}).catch(() => this.#child.kill('SIGKILL'));
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
