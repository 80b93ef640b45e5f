import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { $ } from 'zx';

/** `npm start` as a person types it; its machines are 127.0.0.31 and the next ones. */
let temporary: string;
let running: Started | null = null;

beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'starrocks-ha-start-'));
});

afterEach(() => {
  running?.signal('SIGKILL');
  running = null;
});

afterAll(() => {
  rmSync(temporary, { recursive: true, force: true });
});

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, TMPDIR: temporary, NO_COLOR: '1' });

/** A process group of its own, as a shell gives to what is started in a terminal. */
class Started {
  readonly #child;
  readonly ended: Promise<number | null>;
  said = '';

  constructor(...args: string[]) {
    this.#child = spawn('npm', ['start', ...args], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child.stdout.on('data', chunk => (this.said += chunk));
    this.#child.stderr.on('data', chunk => (this.said += chunk));
    this.ended = new Promise(resolve => this.#child.once('close', resolve));
  }

  /** To everybody in the group: so a terminal does at Ctrl-C. */
  signal(name: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, name);
  }

  /** @throws Error with all that was said, when it ends first */
  async says(text: string): Promise<void> {
    const told = new Promise<void>(resolve => {
      this.#child.stdout.on('data', () => this.said.includes(text) && resolve());
    });
    const over = this.ended.then(() => {
      throw new Error(this.said);
    });
    await Promise.race([told, over]);
  }
}

const start = (...args: string[]): Started => {
  running = new Started(...args);
  return running;
};

/** Every process of the sandbox has its folder in its environment or its arguments. */
function left(): string[] {
  const processes = readdirSync('/proc').filter(name => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return ['environ', 'cmdline'].some(file => readFileSync(join('/proc', name, file), 'utf8').includes(temporary));
    } catch {
      return false;
    }
  });
  // The loader's cache of what it has translated is not the program's.
  return [...processes, ...readdirSync(temporary).filter(name => !name.startsWith('tsx-'))];
}

/** The table that follows a heading, as MySQL's client draws it: its rows by the names of its columns. */
function table(said: string, heading: string): Record<string, string>[] {
  const lines = said
    .slice(said.indexOf(`\n${heading}\n`))
    .split('\n')
    .slice(2);
  const drawn = lines.slice(
    0,
    lines.findIndex(line => !/^[|+]/.test(line)),
  );
  const [names = [], ...rows] = drawn
    .filter(line => line.startsWith('|'))
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    );
  return rows.map(row => Object.fromEntries(names.map((name, index) => [name, row[index] ?? ''])));
}

const addresses = [31, 32, 33, 34].map(last => `127.0.0.${last}`);

describe('npm start', () => {
  it('shows three machines and then a fourth, whose rows it draws as StarRocks would, and leaves nothing', async () => {
    const program = start();
    expect([await program.ended, program.said]).toEqual([0, expect.stringContaining('stopped and removed')]);
    const frontends = table(program.said, 'SHOW FRONTENDS');
    const backends = table(program.said, 'SHOW BACKENDS');
    expect(frontends.map(row => row['IP']).sort()).toEqual(addresses);
    expect(frontends.map(row => row['Role']).sort()).toEqual(['FOLLOWER', 'FOLLOWER', 'FOLLOWER', 'LEADER']);
    for (const row of frontends) {
      expect(row).toMatchObject({ EditLogPort: '9010', Join: 'true', Alive: 'true' });
      expect(Number(row['ReplayedJournalId'])).toBeGreaterThan(0);
    }
    expect(backends.map(row => row['IP']).sort()).toEqual(addresses);
    for (const row of backends) expect(row).toMatchObject({ HeartbeatPort: '9050', Alive: 'true' });
    const [first, second] = program.said.split('2. One more machine');
    expect(first).toContain('is as declared: 3 FEs and 3 BEs registered and alive.');
    expect(second).toContain('sandbox changed on 1 of 4 hosts and is as declared: 4 FEs and 4 BEs');
    await expect.poll(left).toEqual([]);
  });

  it('-- --keep leaves it up to play with as it says, and Ctrl-C ends that without a trace', async () => {
    const program = start('--', '--keep');
    await program.says('-u root\n');
    const client = await createConnection({ host: '127.0.0.31', port: 9030, user: 'root' });
    const [rows] = await client.query('SHOW FRONTENDS');
    client.destroy();
    expect(rows).toHaveLength(4);
    const advice = program.said.split('\n').filter(line => /^ {2}(export|npm run) /.test(line));
    expect(advice).toHaveLength(3);
    const followed = await $({ quiet: true, nothrow: true, env: environment() })`sh -ec ${advice.join('\n')}`;
    expect([followed.exitCode, followed.stdout]).toEqual([0, expect.stringContaining('4 FEs and 4 BEs')]);
    expect(left()).not.toEqual([]);
    program.signal('SIGINT');
    await program.ended;
    expect(program.said).toContain('Everything is stopped and removed.');
    await expect.poll(left).toEqual([]);
  });
});
