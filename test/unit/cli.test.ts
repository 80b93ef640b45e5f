import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MODES } from '../../.github/actions/deploy/src/report/run-report.ts';
import { Project } from '../e2e/project.ts';
import { keyPair } from '../sandbox/key-pair.ts';

let project: Project;
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'starrocks-ha-home-'));
  project = new Project(keyPair().private);
  project.compile(`cluster: analytics
starrocks: { version: 3.3.18 }
master_host: 192.0.2.1
hosts: [192.0.2.1, 192.0.2.2, 192.0.2.3]
`);
  project.commit('three machines');
});

afterEach(() => {
  project.remove();
  rmSync(home, { recursive: true });
});

/** A command as a person types it who has no key. */
function command(...args: readonly string[]): { readonly code: number | null; readonly said: string } {
  const program = [
    '--import',
    'tsx',
    '--import',
    './compiler/sh-as-text.mjs',
    '.github/actions/deploy/src/cli/main.ts',
  ];
  const files = ['--generated', project.generated, '--cluster', join(project.folder, 'cluster.yaml')];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...program, ...args, ...files], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: home },
  });
  return { code: status, said: stdout + stderr };
}

describe('a person without a key', { timeout: 60_000 }, () => {
  it('is told at a deploy where a key is looked for', () => {
    const { code, said } = command('deploy');
    expect([code, said.replaceAll(home, '~')]).toEqual([
      1,
      expect.stringMatching(/E_NO_KEY .*The private key ~\/\.ssh\/id_ed25519 cannot be read: ENOENT\.\n.*--identity/s),
    ]);
    expect(said).not.toMatch(/^ {4}at /m);
  });

  it('doctor looks at the checkout, and asks no machine without a key', () => {
    const { code, said } = command('doctor');
    expect(code, said).toBe(2);
    expect(said.replaceAll(home, '~')).toContain('The private key ~/.ssh/id_ed25519');
    expect(said).toContain('cluster.yaml compiles to generated/: fresh');
    expect(said).not.toMatch(/^ {4}at /m);
  });
});

describe('--help', { timeout: 60_000 }, () => {
  it('lists every mode of the engine, and what a terminal has besides', () => {
    const { code, said } = command('--help');
    const listed = [...said.slice(said.indexOf('\nCommands:')).matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
    expect([code, listed.toSorted()]).toEqual([
      0,
      [...MODES, 'destroy', 'doctor', 'help', 'history', 'ports', 'trust'].toSorted(),
    ]);
  });
});

describe('a machine that is down', { timeout: 60_000 }, () => {
  it.each([
    ['status', 1],
    ['plan', 1],
    ['deploy', 1],
    // It differs from what is declared, and that was the question.
    ['drift', 2],
  ])('makes %s exit with %i, and is named', (mode, exit) => {
    const { private: key, public: hostKey } = keyPair();
    project.compile(`cluster: analytics
starrocks: { version: 3.3.18 }
master_host: 127.0.0.241
default_replication_num: 1
hosts:
  - { address: 127.0.0.241, ssh: { port: 1, host_key: ${JSON.stringify(hostKey.trim())} } }
`);
    project.commit('one machine');
    const identity = join(home, 'key');
    writeFileSync(identity, key, { mode: 0o600 });
    const { code, said } = command(mode, '--identity', identity, '--known-hosts', join(home, 'known_hosts'));
    expect([code, said]).toEqual([exit, expect.stringContaining('[127.0.0.241]:1 cannot be reached over SSH')]);
  });
});
