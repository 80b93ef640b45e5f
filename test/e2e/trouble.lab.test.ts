import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Problem } from '../../.github/actions/deploy/src/error.ts';
import { describeInLab } from '../lab/describe-in-lab.ts';
import { type Lab, type LabHost, labClusterYaml, startLab, users } from '../lab/lab.ts';
import { importStarRocks } from '../lab/starrocks-images.ts';
import { Project } from './project.ts';

const version = process.env['LAB_VERSION'] ?? '3.3.18';

/** What goes wrong on real machines, and whether a tired person is told what to do. One machine, nothing deployed. */
describeInLab('a machine in trouble', () => {
  let lab: Lab;
  let project: Project;
  let host: LabHost;

  beforeAll(async () => {
    lab = await startLab({ hosts: 1, docker: true });
    const [first] = lab.hosts;
    if (first === undefined) throw new Error('the lab has no host');
    host = first;
    await importStarRocks(lab, version);
    project = new Project(lab.privateKey);
  });

  afterEach(async () => {
    await host.run('docker rm -f starrocks-fe starrocks-be; rm -rf /opt/starrocks-ha /srv/*');
  });

  afterAll(async () => {
    project?.remove();
    await lab?.stop();
  });

  const deploy = async (options: Parameters<typeof labClusterYaml>[1] = {}): Promise<readonly Problem[]> => {
    const small = { resources: { memory: '2G', fe_heap: '512M' } };
    project.compile(labClusterYaml(lab, { version, ...options, defaults: { ...small, ...options.defaults } }));
    const { problems } = await project.run('deploy');
    for (const { message, hint } of problems) {
      expect(hint).not.toBe('');
      expect(message).not.toMatch(/\n\s+at /);
    }
    return problems;
  };

  it('whose Docker is stopped is named, with what to do, and nothing is written there', async () => {
    await host.stopDocker();
    const problems = await deploy();
    await host.startDocker();
    expect(problems.map(problem => problem.code)).toContain('E_DOCKER');
    expect((await host.run('ls -A /opt')).stdout).not.toContain('starrocks-ha');
  });

  it('that has no docker is told what to install, and nothing is written there', async () => {
    const programs = '/usr/local/bin/docker /usr/bin/docker';
    await host.run(`for one in ${programs}; do [ ! -e $one ] || mount --bind /dev/null $one; done`);
    const problems = await deploy();
    await host.run(`umount ${programs}`);
    expect(problems.map(problem => [problem.code, problem.message])).toEqual([
      ['E_DOCKER', `Docker cannot be used on ${host.address}: docker is not installed.`],
    ]);
    expect(problems[0]?.hint).toMatch(/^Install Docker Engine and the Compose plugin/);
    expect((await host.run('ls -A /opt')).stdout).not.toContain('starrocks-ha');
  });

  it('that shows another host key than known_hosts knows is refused, until somebody has replaced that one', async () => {
    const known = join(project.folder, 'known_hosts');
    const unpinned = { host: () => ({ ssh: { host_key: undefined } }) };
    await writeFile(known, lab.knownHosts);
    expect((await host.run('cd /etc/ssh && cp -p lab_host_key lab_host_key.old')).code).toBe(0);
    const made = await host.run(
      'cd /etc/ssh && rm lab_host_key && ssh-keygen -q -t ed25519 -N "" -f lab_host_key && kill -HUP $(pgrep -o -x sshd) && cut -d " " -f 1,2 lab_host_key.pub && ssh-keygen -l -f lab_host_key.pub',
    );
    const [key = '', print = ''] = made.stdout.split('\n');
    const [, shown = ''] = print.split(' ');
    const refused = await deploy(unpinned);
    await writeFile(known, `${host.address} ${key}\n`);
    const trusted = await project.run('plan');
    await host.run('cd /etc/ssh && mv lab_host_key.old lab_host_key && kill -HUP $(pgrep -o -x sshd)');
    await rm(known);
    expect(refused.map(problem => problem.code)).toEqual(['E_HOST_KEY_CHANGED', 'E_FOUNDING_REFUSED']);
    expect(refused[0]?.message).toMatch(
      new RegExp(
        `shows the ssh-ed25519 host key ${escaped(shown)}, and known_hosts says SHA256:\\S+: another machine answers`,
      ),
    );
    expect(refused[0]?.hint).toContain('Only if the machine was installed anew, replace its key where it is pinned.');
    expect([trusted.problems, trusted.outcome]).toEqual([[], 'differs']);
  });

  it('that cannot get the image says so, and no service is touched', async () => {
    const problems = await deploy({ more: { images: { fe: 'localhost:1/no-such-image:1.0.0' } } });
    expect(problems.map(problem => problem.code)).toEqual([expect.stringMatching(/^E_(IMAGE|REGISTRY)$/)]);
    expect((await host.run('docker ps -aq')).stdout).toBe('');
  });

  it('whose deploy folder belongs to somebody else says who may not write where', async () => {
    const problems = await deploy({
      defaults: { deploy_dir: '/srv/starrocks' },
      host: () => ({ ssh: { user: users.plain } }),
    });
    expect(problems.map(problem => problem.code)).toContain('E_DOCKER');
    await host.run(`mkdir -p /srv/starrocks && usermod -aG docker ${users.plain}`);
    const permitted = await deploy({
      defaults: { deploy_dir: '/srv/starrocks' },
      host: () => ({ ssh: { user: users.plain } }),
    });
    await host.run(`gpasswd -d ${users.plain} docker`);
    expect(permitted.map(problem => problem.code)).toEqual(['E_READ_ONLY']);
    expect(permitted[0]?.message).toContain('/srv/starrocks');
  });

  it('whose deploy folder is on a disk that went read-only is told so, and where to look', async () => {
    await host.run('mkdir -p /srv/fixed && mount -t tmpfs -o ro tmpfs /srv/fixed');
    const problems = await deploy({ defaults: { deploy_dir: '/srv/fixed' } });
    await host.run('umount /srv/fixed');
    expect(problems.map(problem => [problem.code, problem.message])).toEqual([
      ['E_READ_ONLY', `/srv/fixed on ${host.address} is on a file system that is mounted read-only.`],
    ]);
    expect(problems[0]?.hint).toContain('`dmesg`');
    expect((await host.run('docker ps -aq')).stdout).toBe('');
  });

  it('whose disk is full is left with its services as they are', async () => {
    await host.run(
      'mkdir -p /srv/full && mount -t tmpfs -o size=64k tmpfs /srv/full && head -c 60000 /dev/zero > /srv/full/filler',
    );
    const problems = await deploy({
      defaults: { deploy_dir: '/srv/full', fe: 'none' },
      host: () => ({ fe: 'follower' }),
    });
    await host.run('umount /srv/full');
    expect(problems.map(problem => problem.code)).toEqual([expect.stringMatching(/^E_DISK_FULL$/)]);
    expect((await host.run('docker ps -aq')).stdout).toBe('');
  });

  it('whose FE does not become ready in time is shown with the last lines of its log', async () => {
    const problems = await deploy({ more: { timeouts: { fe_ready: 1 } } });
    expect(problems.map(problem => problem.code)).toEqual(['E_NOT_READY']);
    expect(problems[0]?.detail?.join('\n')).toContain('fe-entrypoint: founding the cluster');
  });
});

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
