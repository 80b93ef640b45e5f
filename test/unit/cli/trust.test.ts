import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { trust } from '../../../.github/actions/deploy/src/cli/trust.ts';
import { Project } from '../../e2e/project.ts';
import { describeWithSshd, Sshds } from '../transport/sshd.ts';

describeWithSshd('trust, where a machine stands behind a bastion', () => {
  let sshds: Sshds;
  let project: Project;
  let gate: { port: number; hostKey: string };
  let machine: { port: number; hostKey: string };
  let said = '';
  let answers: string[] = [];
  const terminal = Object.assign(new PassThrough(), { isTTY: true }) as unknown as typeof process.stdin & PassThrough;
  const knownHosts = () => join(project.folder, 'known_hosts');
  const run = (yes: boolean) =>
    trust({ generated: project.generated, knownHosts: knownHosts(), identity: join(sshds.folder, 'client'), yes });
  const line = (at: { port: number; hostKey: string }) => `[127.0.0.1]:${at.port} ${at.hostKey.trim()}`;

  beforeAll(async () => {
    sshds = new Sshds();
    gate = await sshds.start('gate');
    machine = await sshds.start('machine');
  });
  afterAll(() => sshds?.stop());

  beforeEach(() => {
    project = new Project('');
    project.compile(
      [
        'cluster: test',
        'starrocks: { version: 3.3.18 }',
        'master_host: 127.0.0.5',
        'default_replication_num: 1',
        'hosts:',
        '  - address: 127.0.0.5',
        `    ssh: { user: ${sshds.user}, ssh_host: 127.0.0.1, port: ${machine.port}, bastion: { host: 127.0.0.1, port: ${gate.port}, user: ${sshds.user} } }`,
        '',
      ].join('\n'),
    );
    said = '';
    for (const stream of [process.stdout, process.stderr])
      vi.spyOn(stream, 'write').mockImplementation(text => {
        said += text;
        if (PROMPT.test(String(text))) terminal.write(`${answers.shift()}\n`);
        return true;
      });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    project.remove();
  });

  it('learns the bastion’s key, and through it the machine’s own', async () => {
    expect([await run(true), said]).toEqual([0, expect.stringContaining('known_hosts. Commit it.')]);
    const written = readFileSync(knownHosts(), 'utf8').trim().split('\n');
    expect(written).toEqual([line(gate), line(machine)]);
    said = '';
    expect([await run(false), said]).toEqual([0, expect.stringContaining('Every machine has a host key already')]);
  });

  it('does not say that all is well while only the bastion is known', async () => {
    writeFileSync(knownHosts(), `${line(gate)}\n`);
    expect(await run(true)).toBe(0);
    expect(readFileSync(knownHosts(), 'utf8').trim().split('\n')).toEqual([line(gate), line(machine)]);
  });

  it('names the machine that could not be asked yet, and fails', async () => {
    expect([await run(false), said]).toEqual([1, expect.stringContaining(`Not asked yet, because they stand behind`)]);
    expect(said).toContain(`[127.0.0.1]:${machine.port}`);
    expect(() => readFileSync(knownHosts())).toThrow('ENOENT');
  });

  describe('asked at a terminal', () => {
    beforeEach(() => {
      vi.spyOn(process, 'stdin', 'get').mockReturnValue(terminal);
    });

    it.each(['yes', ' YES '])(
      'writes what was shown after %j, and asks again for what it learns then',
      async answer => {
        answers = [answer, answer];
        expect([await run(false), answers]).toEqual([0, []]);
        expect(readFileSync(knownHosts(), 'utf8').trim().split('\n')).toEqual([line(gate), line(machine)]);
        expect(said.match(/Are these the machines' own fingerprints\? Write "yes" to trust it: /g)).toHaveLength(2);
      },
    );

    it.each(['no', 'y', ''])('writes nothing after %j', async answer => {
      answers = [answer];
      expect([await run(false), answers]).toEqual([1, []]);
      expect(said).toContain('SHA256:');
      expect(() => readFileSync(knownHosts())).toThrow('ENOENT');
    });

    it('keeps what was agreed to when the next answer is no', async () => {
      answers = ['yes', 'no'];
      await run(false);
      expect(readFileSync(knownHosts(), 'utf8')).toBe(`${line(gate)}\n`);
    });
  });
});

const PROMPT = /Write "yes" to trust/;
