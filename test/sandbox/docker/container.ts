import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Rendered } from './compose-file.ts';

export interface Surroundings {
  /** Folder that plays the container's root file system's /opt/starrocks. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  /** Told of every process that is started, so that none outlives the sandbox. */
  readonly started: (pid: number) => void;
}

const IMAGE_ROOT = '/opt/starrocks';
const LOG_LIMIT = 200_000;
/** Docker's own: doubled at each restart, forgotten after a container has run for ten seconds. */
const BACKOFF_MS = 100;
const BACKOFF_LIMIT_MS = 60_000;
const SETTLED_MS = 10_000;

/** A container of the sandbox: a process under a restart policy, its bind mounts as symbolic links. */
export class Container {
  readonly id = randomBytes(32).toString('hex');
  readonly service: Rendered;
  readonly imageId: string;
  status: 'created' | 'running' | 'restarting' | 'exited' = 'created';
  health: 'none' | 'starting' | 'healthy' | 'unhealthy' = 'none';
  startedAt = '0001-01-01T00:00:00Z';
  restarts = 0;
  exitCode = 0;
  log = '';
  #process: ChildProcess | null = null;
  #wanted = false;
  #backoff = BACKOFF_MS;
  #timers: NodeJS.Timeout[] = [];
  readonly #around: Surroundings;

  constructor(service: Rendered, imageId: string, around: Surroundings) {
    this.service = service;
    this.imageId = imageId;
    this.#around = around;
  }

  get pid(): number {
    return this.status === 'running' ? (this.#process?.pid ?? 0) : 0;
  }

  start(): void {
    this.#wanted = true;
    if (this.status !== 'running') this.#run();
  }

  /** TERM, and KILL after the grace period; a stopped container stays stopped. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM', this.service.graceMs);
  }

  /** Power loss: at once, and nothing is said to anybody. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL', 0);
  }

  async #end(signal: NodeJS.Signals, graceMs: number): Promise<void> {
    this.#wanted = false;
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    const running = this.#process;
    if (running === null || running.exitCode !== null || running.signalCode !== null) {
      this.status = 'exited';
      return;
    }
    const gone = new Promise(resolve => running.once('exit', resolve));
    const timer = setTimeout(() => running.kill('SIGKILL'), graceMs);
    running.kill(signal);
    await gone;
    clearTimeout(timer);
  }

  #run(): void {
    this.#mount();
    const { root, env } = this.#around;
    const [program = '', ...args] = this.service.command.map(word => this.#inside(word));
    const running = spawn(program, args, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    if (running.pid !== undefined) this.#around.started(running.pid);
    this.#process = running;
    this.status = 'running';
    this.startedAt = new Date().toISOString();
    const began = Date.now();
    const keep = (chunk: Buffer) => {
      this.log = `${this.log}${chunk.toString('utf8')}`.slice(-LOG_LIMIT);
    };
    running.stdout?.on('data', keep);
    running.stderr?.on('data', keep);
    running.once('error', error => keep(Buffer.from(`${error.message}\n`)));
    running.once('exit', (code, signal) => {
      this.exitCode = code ?? (signal === 'SIGKILL' ? 137 : 143);
      // A container takes all its processes along.
      if (running.pid !== undefined) killGroup(running.pid);
      for (const timer of this.#timers.splice(0)) clearTimeout(timer);
      this.status = 'exited';
      if (this.#wanted) this.#again(Date.now() - began);
    });
    this.#watchHealth();
  }

  #again(ranMs: number): void {
    this.#backoff = ranMs > SETTLED_MS ? BACKOFF_MS : Math.min(this.#backoff * 2, BACKOFF_LIMIT_MS);
    this.status = 'restarting';
    this.#timers.push(
      setTimeout(() => {
        this.restarts += 1;
        this.#run();
      }, this.#backoff),
    );
  }

  /** The path as this container's processes see it on the machine. */
  #inside(text: string): string {
    return text.replaceAll(IMAGE_ROOT, this.#around.root);
  }

  #mount(): void {
    for (const { source, target } of this.service.mounts) {
      if (!existsSync(source)) mkdirSync(source, { recursive: true });
      const path = this.#inside(target);
      mkdirSync(dirname(path), { recursive: true });
      if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) rmSync(path, { recursive: true });
      symlinkSync(source, path);
    }
  }

  #watchHealth(): void {
    const { health } = this.service;
    if (health === null) return;
    this.health = 'starting';
    const began = Date.now();
    let failures = 0;
    const check = () => {
      const [program = '', ...args] = health.test.map(word => this.#inside(word));
      const asked = spawn(program, args, {
        cwd: this.#around.root,
        env: this.#around.env,
        stdio: 'ignore',
        timeout: health.timeoutMs,
      });
      asked.once('error', () => undefined);
      asked.once('exit', code => {
        if (this.status !== 'running') return;
        failures = code === 0 ? 0 : failures + (Date.now() - began < health.startMs ? 0 : 1);
        if (code === 0) this.health = 'healthy';
        else if (failures >= health.retries) this.health = 'unhealthy';
        this.#timers.push(setTimeout(check, health.intervalMs));
      });
    };
    this.#timers.push(setTimeout(check, health.intervalMs));
  }
}

/** Ends every process that a container started. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of them are gone already.
  }
}

export const containerRoot = (folder: string, name: string): string => join(folder, 'containers', name, 'starrocks');
