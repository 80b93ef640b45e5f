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
