import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { $ } from 'zx';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { observed } from '../faults/lab-sample.ts';
import { describeInLab } from '../lab/describe-in-lab.ts';
import { type Lab, type LabHost, type LabOptions, labClusterYaml, startLab } from '../lab/lab.ts';
import { type StarRocksImages, starRocksImages } from '../lab/starrocks-images.ts';
import { killedAt } from './killed-runner.ts';
import { Project } from './project.ts';

const version = process.env['LAB_VERSION'] ?? '3.3.18';
const small = { resources: { memory: '2G', fe_heap: '512M' } };

/** Fresh machines for each test: this is about their first cluster. */
describeInLab('the first cluster on real machines', () => {
  let lab: Lab;
  let project: Project;
  let images: StarRocksImages;

  beforeAll(async () => {
    images = await starRocksImages(version);
  });

  afterAll(() => images?.remove());

  afterEach(async () => {
    project?.remove();
    await lab?.stop();
  });

  async function machines(options: Partial<LabOptions> = {}): Promise<void> {
    lab = await startLab({ hosts: 2, docker: true, ...options });
    await images.importInto(lab, { STANDIN_SPEED: '6' });
    project = new Project(lab.privateKey);
  }

  const yaml = (options: Parameters<typeof labClusterYaml>[1] = {}): string =>
    labClusterYaml(lab, { version, ...options, defaults: { ...small, ...options.defaults } });

  function expectWhole(report: RunReport, backends = lab.hosts.length): void {
    expect(report.problems).toEqual([]);
    expect(report.findings.filter(finding => finding.severity === 'error')).toEqual([]);
    expect(report.frontends.map(row => `${row['Join']} ${row['Alive']}`)).toEqual(lab.hosts.map(() => 'true true'));
    expect(report.backends.map(row => row['Alive'])).toEqual(Array.from({ length: backends }, () => 'true'));
    expect(new Set(report.frontends.map(row => row['ClusterId'])).size).toBe(1);
  }

  it.each([
    ['while it uploads', /prepare /],
    ['while it founds', /found the cluster/],
    ['while an FE joins', /join starrocks-fe/],
    ['while BEs are added', /add starrocks-be/],
  ])('is finished by the next run when the runner is killed %s', async (_when, line) => {
    await machines();
    project.compile(yaml());
    const anyone = () => true;
    const [report, broken] = await observed(lab.hosts, anyone, async () => {
      await killedAt(project, line);
      return project.run('deploy');
    });
    expectWhole(report);
    expect(broken).toEqual([]);
    expect((await project.run('deploy')).outcome).toBe('unchanged');
  });

  it('comes up by hand, `docker compose up -d` on each of three machines, the founding one last', async () => {
    await machines({ hosts: 3 });
    project.compile(yaml());
    for (const host of [...lab.hosts].reverse()) {
      await copyTo(lab, host, join(project.generated, 'hosts', host.address));
      const up = await host.run('cd /opt/starrocks-ha && docker compose up -d');
      expect(up.code, up.stderr).toBe(0);
    }
    await expect
      .poll(async () => (await project.run('status')).outcome, { timeout: 120_000, interval: 1000 })
      .toBe('converged');
    expectWhole(await project.run('status'));
    const report = await project.run('deploy');
    expectWhole(report);
    expect(report.steps.filter(step => step.title.startsWith('restart'))).toEqual([]);
  });

  it('has the password that was wanted, though its runner was killed then, two BEs on one machine, and a bastion', async () => {
    await machines({ bastion: 'one' });
    const secret = 'a long "secret" of root';
    project.env = { STARROCKS_PASSWORD: secret };
    const [first] = lab.hosts;
    project.compile(
      yaml({
        host: host => (host === first ? { be: { count: 2 } } : {}),
        more: { starrocks: { version, password: true } },
      }),
    );
    await killedAt(project, /set root's password/);
    const report = await project.run('deploy');
    expectWhole(report, 3);
    const machinesSay = await Promise.all(
      lab.hosts.map(host =>
        host.run(
          'grep -rl "a [l]ong" /opt/starrocks-ha /tmp /proc/[0-9]*/cmdline 2>/dev/null; docker logs starrocks-fe 2>&1 | grep "a [l]ong"; docker inspect starrocks-fe | grep "a [l]ong"',
        ),
      ),
    );
    expect(machinesSay.map(one => one.stdout)).toEqual(['', '']);
    expect(JSON.stringify(report)).not.toContain('a long');
    project.env = { STARROCKS_PASSWORD: 'wrong' };
    expect((await project.run('plan')).problems.map(problem => problem.code)).toEqual(['E_PASSWORD_WRONG']);
  });
});

/** As a person copies a folder: over SSH, with tar. */
async function copyTo(lab: Lab, host: LabHost, folder: string): Promise<void> {
  const known = `${folder}.known_hosts`;
  await cp(folder, `${folder}.copy`, { recursive: true });
  await $({ quiet: true })`printf ${lab.knownHosts} > ${known}`;
  const options = ['-i', lab.privateKeyFile, '-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=yes'];
  await $({
    quiet: true,
  })`tar -C ${`${folder}.copy`} -c . | ssh ${options} root@${host.address} 'mkdir -p /opt/starrocks-ha && tar -C /opt/starrocks-ha -x'`;
  expect(await readFile(known, 'utf8')).toContain(host.address);
}
