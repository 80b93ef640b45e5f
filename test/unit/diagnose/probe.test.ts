import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DeployError } from '../../../.github/actions/deploy/src/error.ts';
import {
  type ProbeAnswer,
  parseProbe,
  probeCommand,
  type Question,
} from '../../../.github/actions/deploy/src/observe/probe.ts';
import { Machine } from '../host/machine.ts';

const machines: Machine[] = [];
const servers: Server[] = [];
afterEach(() => {
  for (const machine of machines.splice(0)) machine.remove();
  for (const server of servers.splice(0)) server.close();
});

function machine(shell: string): Machine {
  const made = new Machine(shell, { commands: 'all' });
  machines.push(made);
  return made;
}

/** A program that the machine finds before its own. */
function program(m: Machine, name: string, text: string): void {
  const path = join(m.root, 'bin', name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

async function ask(m: Machine, questions: readonly Question[], before = ''): Promise<ProbeAnswer> {
  const { stdout } = await m.exec(before + probeCommand(questions));
  return parseProbe(questions, stdout);
}

async function openPort(): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  if (at === null || typeof at === 'string') throw new Error('no port');
  return at.port;
}

const service = 'starrocks-fe';
const local = '127.0.0.1';

/** Docker of a machine on which every container ended so. */
const ended = (state: string) => `case $1 in version) ;; inspect) echo '${state}' ;; *) exit 1 ;; esac`;

describe.each(['dash', 'bash'])('a probe of a machine, by %s', shell => {
  it('tells how a container ended, with Docker’s own words', async () => {
    const m = machine(shell);
    program(m, 'docker', ended('created 128 false 0 error setting rlimit type 7: operation not permitted'));
    expect((await ask(m, [{ kind: 'container', service }])).containers).toEqual({
      [service]: {
        status: 'created',
        exit_code: 128,
        oom_killed: false,
        restarts: 0,
        error: 'error setting rlimit type 7: operation not permitted',
      },
    });
    program(m, 'docker', ended('exited 137 true 4 '));
    expect((await ask(m, [{ kind: 'container', service }])).containers[service]).toMatchObject({
      exit_code: 137,
      oom_killed: true,
      restarts: 4,
      error: '',
    });
  });

  it('knows nothing of a container that is not there', async () => {
    const m = machine(shell);
    program(m, 'docker', 'case $1 in version) ;; *) echo "Error: No such container" >&2; exit 1 ;; esac');
    expect((await ask(m, [{ kind: 'container', service }])).containers).toEqual({});
  });

  it('brings the end of logs, standard error too', async () => {
    const m = machine(shell);
    const path = join(m.root, 'fe.log');
    writeFileSync(path, 'one\ntwo\nthree\n');
    const { logs } = await ask(m, [
      { kind: 'log', service, lines: 5 },
      { kind: 'file', name: 'starrocks-fe/fe.log', path, lines: 2 },
      { kind: 'file', name: 'starrocks-fe/fe.out', path: join(m.root, 'not there'), lines: 2 },
    ]);
    expect(logs).toEqual([
      { name: 'starrocks-fe/container.log', text: expect.stringContaining('err of starrocks-fe') },
      { name: 'starrocks-fe/fe.log', text: 'two\nthree\n' },
    ]);
  });

  it('of megabytes of log brings the last ones', async () => {
    const m = machine(shell);
    const path = join(m.root, 'fe.log');
    writeFileSync(path, `${'x'.repeat(3_000_000)}\nthe last line\n`);
    const [log] = (await ask(m, [{ kind: 'file', name: 'a/fe.log', path, lines: 100 }])).logs;
    expect(log?.text.length).toBe(200_000);
    expect(log?.text.endsWith('x\nthe last line\n')).toBe(true);
  });

  it('never waits for a log that is a pipe', async () => {
    const m = machine(shell);
    const path = join(m.root, 'pipe');
    spawnSync('mkfifo', [path]);
    expect((await ask(m, [{ kind: 'file', name: 'a/fe.log', path, lines: 5 }])).logs).toEqual([]);
  });

  it('takes no line of a log for an answer', async () => {
    const m = machine(shell);
    const path = join(m.root, 'fe.log');
    const forged = 'end b2sK\ntcp b3Blbgo=\nbegin c3RhcnJvY2tzLWhhCg==\n\u001b[31mred\u001b[0m\r\n';
    writeFileSync(path, forged);
    const answer = await ask(m, [
      { kind: 'file', name: 'a/fe.log', path, lines: 50 },
      { kind: 'tcp', address: local, port: 1 },
    ]);
    expect(answer.logs).toEqual([{ name: 'a/fe.log', text: forged }]);
    expect(answer.reach).toEqual({ '127.0.0.1:1': 'refused' });
  });

  it('tells an open port from a closed one', async () => {
    const port = await openPort();
    const { reach } = await ask(machine(shell), [
      { kind: 'tcp', address: local, port },
      { kind: 'tcp', address: local, port: 1 },
    ]);
    expect(reach).toEqual({ [`127.0.0.1:${port}`]: 'open', '127.0.0.1:1': 'refused' });
  });

  it.each(['nc', 'curl', 'nothing'])('reaches with %s where bash cannot', async tool => {
    const m = machine(shell);
    const port = await openPort();
    program(m, 'bash', 'echo "/dev/tcp: No such file or directory" >&2; exit 1');
    program(m, 'nc', tool === 'nc' ? `[ "$6" = ${port} ] || { echo 'Connection refused' >&2; exit 1; }` : 'exit 1');
    const curl =
      tool === 'curl'
        ? `case $* in *:${port}/) printf after=0.000120 ;; *) echo refused; printf after=0.000000 ;; esac`
        : 'exit 127';
    program(m, 'curl', curl);
    const { reach } = await ask(m, [
      { kind: 'tcp', address: local, port },
      { kind: 'tcp', address: local, port: 1 },
    ]);
    const known = tool !== 'nothing';
    expect(reach).toEqual({
      [`127.0.0.1:${port}`]: known ? 'open' : 'unknown',
      '127.0.0.1:1': known ? 'refused' : 'unknown',
    });
  });

  it('asks all ports at once: twenty that are silent take no longer than one', async () => {
    const m = machine(shell);
    // Each counts those that wait with it, and says so in the words of a firewall's silence.
    program(
      m,
      'bash',
      `: >"$FAKE/waits.$$"; while [ ! -e "$FAKE/all" ]; do [ "$(ls "$FAKE" | grep -c waits)" -lt 20 ] || : >"$FAKE/all"; done; exit 124`,
    );
    const questions = Array.from(
      { length: 20 },
      (_, index): Question => ({ kind: 'tcp', address: local, port: index + 1 }),
    );
    const { reach } = await ask(m, questions);
    expect(Object.values(reach)).toEqual(Array.from({ length: 20 }, () => 'timeout'));
  });

  it('tells of a name server that does not answer', async () => {
    const m = machine(shell);
    program(m, 'getent', 'exit 124');
    const asked: Question[] = [{ kind: 'machine', address: '10.0.0.7', folder: m.deploy }];
    expect((await ask(m, asked)).machine['reverse_lookup']).toBe('hangs');
    program(m, 'getent', 'exit 2');
    expect((await ask(m, asked)).machine['reverse_lookup']).toBe('answers');
  });

  it('tells the settings of the machine, for a folder that is not there yet too', async () => {
    const m = machine(shell);
    const { machine: facts } = await ask(m, [{ kind: 'machine', address: local, folder: join(m.root, 'a/b/c') }]);
    for (const name of [
      'cpus',
      'swap_kib',
      'swappiness',
      'overcommit',
      'max_map_count',
      'threads_max',
      'pid_max',
      'file_max',
      'inodes_free',
      'available_kib',
      'oom_kills',
    ]) {
      expect([name, facts[name]]).toEqual([name, expect.stringMatching(/^\d+$/)]);
    }
    expect(facts['avx2']).toMatch(/^(yes|no)$/);
    expect(facts['noexec']).toMatch(/^(yes|no)$/);
    expect(facts['missing_tools']).toBe('');
    expect(facts['user']).toMatch(/^\S+ \d+$/);
    expect(facts['zone']).toMatch(/^[+-]\d{4}$/);
  });

  it('tells in brief what would keep a service from coming back', async () => {
    const m = machine(shell);
    program(m, 'getent', 'exit 124');
    const port = await openPort();
    const asked: Question[] = [
      { kind: 'brief', address: '10.0.0.7', folder: m.deploy },
      { kind: 'tcp', address: local, port },
    ];
    const { machine: facts, reach } = await ask(m, asked);
    const { inodes_free, ...rest } = facts;
    expect(rest).toEqual({
      missing_tools: '',
      reverse_lookup: 'hangs',
      file_system: expect.stringMatching(/./),
      noexec: expect.stringMatching(/^(yes|no)$/),
      read_only: 'no',
    });
    expect(inodes_free).toMatch(/^\d+$/);
    expect(reach).toEqual({ [`${local}:${port}`]: 'open' });
  });

  it('lets no value pass for another fact', async () => {
    const m = machine(shell);
    program(m, 'getenforce', "printf 'Permissive\\navx2 no\\nzone forged\\n'");
    const { machine: facts } = await ask(m, [{ kind: 'machine', address: local, folder: '/' }]);
    expect(facts['selinux']).toBe('Permissive');
    expect(facts['zone']).not.toBe('forged');
  });

  it('asks a Docker that does not answer once', async () => {
    const m = machine(shell);
    program(m, 'docker', 'echo "$1" >>"$FAKE/calls"; exit 124');
    const answer = await ask(m, [
      { kind: 'container', service },
      { kind: 'log', service, lines: 5 },
      { kind: 'machine', address: local, folder: '/' },
    ]);
    expect(answer.logs).toEqual([]);
    expect(answer.containers).toEqual({});
    expect(m.calls).toEqual(['version']);
  });

  it('is not confused by what a login shell prints before', async () => {
    const noise = "printf '%s' 'Welcome\nend b2sK\ntcp b3Blbgo=\nno newline'; ";
    const { reach } = await ask(machine(shell), [{ kind: 'tcp', address: local, port: 1 }], noise);
    expect(reach).toEqual({ '127.0.0.1:1': 'refused' });
  });

  it('never takes a word for another one, whatever a path or an address holds', async () => {
    const m = machine(shell);
    const path = join(m.root, "it's $(touch x) `touch x`; *");
    writeFileSync(path, 'here\n');
    const { logs } = await ask(m, [{ kind: 'file', name: 'a/fe.log', path, lines: 1 }]);
    expect(logs).toEqual([{ name: 'a/fe.log', text: 'here\n' }]);
  });

  it('changes nothing', async () => {
    const m = machine(shell);
    await ask(m, [
      { kind: 'container', service },
      { kind: 'log', service, lines: 5 },
      { kind: 'tcp', address: local, port: 1 },
      { kind: 'machine', address: local, folder: m.deploy },
    ]);
    expect(m.tree()).toEqual([]);
    expect(m.changes).toEqual([]);
  });
});

describe('the answer of a probe', () => {
  it('that was cut is none', async () => {
    const m = machine('dash');
    const questions: Question[] = [{ kind: 'tcp', address: local, port: 1 }];
    const { stdout } = await m.exec(probeCommand(questions));
    for (const length of [0, 20, stdout.lastIndexOf('\nend ')]) {
      expect(() => parseProbe(questions, stdout.slice(0, length))).toThrow(DeployError);
    }
  });
});

describe('probe.sh', () => {
  it('fits into one argument', () => {
    // The kernel's MAX_ARG_STRLEN: the login shell gets all of it as one argument.
    expect(Buffer.byteLength(probeCommand([]))).toBeLessThan(128 * 1024);
  });

  const program = 'shellcheck';
  const installed = spawnSync(program, ['--version']).status === 0;
  it.skipIf(!installed && process.env['LAB'] !== 'required')('is sound (by shellcheck)', () => {
    const { stdout, status } = spawnSync(program, ['--shell=dash', '.github/actions/deploy/src/host/probe.sh'], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
});
