import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { describeInLab } from '../lab/describe-in-lab.ts';
import { type Lab, type LabHost, labClusterYaml, startLab } from '../lab/lab.ts';
import { importStarRocks } from '../lab/starrocks-images.ts';
import { Project } from './project.ts';

const version = process.env['LAB_VERSION'] ?? '3.3.18';

/** A cluster that a person has made with plain `docker run` commands, on a real host. */
describeInLab('a cluster that was made by hand', () => {
  let lab: Lab;
  let project: Project;

  beforeAll(async () => {
    lab = await startLab({ hosts: 1, docker: true });
    await importStarRocks(lab, version);
    project = new Project(lab.privateKey);
    project.compile(yaml({}));
    const folder = join(project.generated, 'hosts', host().address);
    const files = execFileSync('tar', ['-c', '-C', folder, '.']).toString('base64');
    await host().run(`mkdir -p ${there} && echo ${files} | base64 -d | tar -x -C ${there}`);
    await runByHand('fe', '/opt/starrocks/fe/bin/start_fe.sh --logconsole --host_type IP');
    const patience = { timeout: 60_000, interval: 500 };
    await vi.waitFor(async () => expect((await sql('select 1')).code).toBe(0), patience);
    await runByHand('be', '/opt/starrocks/be/bin/start_be.sh --logconsole');
    await sql(`ALTER SYSTEM ADD BACKEND '${host().address}:9050'`);
    await vi.waitFor(async () => expect((await sql('SHOW BACKENDS')).stdout).toContain('true'), patience);
  });

  afterAll(async () => {
    project?.remove();
    await lab?.stop();
  });

  const there = '/opt/starrocks-ha';
  const host = (): LabHost => {
    const [first] = lab.hosts;
    if (first === undefined) throw new Error('the lab has no host');
    return first;
  };
  const yaml = (defaults: object): string =>
    labClusterYaml(lab, {
      version,
      hosts: lab.hosts,
      defaults: { resources: { memory: '2G', fe_heap: '512M' }, ...defaults },
    }).replace(/^(cluster: .*)$/m, '$1\nallow_outage: true');

  async function runByHand(kind: 'fe' | 'be', command: string): Promise<void> {
    const data = kind === 'fe' ? ['fe/meta'] : ['be/storage'];
    const mounts = data.map(path => `-v ${there}/data/${path}:/opt/starrocks/${path}`).join(' ');
    await host().run(
      `mkdir -p ${data.map(path => `${there}/data/${path}`).join(' ')} && docker run -d --name starrocks-${kind} --network host --restart unless-stopped ` +
        `--env-file ${there}/starrocks-${kind}.env -v ${there}/conf/${kind}/${kind}.conf:/opt/starrocks/${kind}/conf/${kind}.conf ` +
        `${mounts} starrocks/${kind}-ubuntu:${version} ${command}`,
    );
  }
  const sql = (statement: string) =>
    host().run(`docker exec starrocks-fe mysql -h ${host().address} -P 9030 -u root -e "${statement}"`);
  const started = async (): Promise<string> =>
    (await host().run("docker inspect --format '{{.Id}} {{.State.StartedAt}}' starrocks-fe starrocks-be")).stdout;

  it('is left alone by a deploy, which says what can be done', async () => {
    const before = await started();
    const report = await project.run('deploy');
    expect([report.outcome, report.problems.map(problem => problem.code)]).toEqual([
      'refused',
      ['E_FOREIGN_STARROCKS', 'E_FOREIGN_STARROCKS'],
    ]);
    expect(report.problems[0]?.hint).toContain('adopt');
    expect(await started()).toBe(before);
  });

  it('is not taken over while its conf is another one, and is told which line', async () => {
    project.compile(yaml({ fe_conf: { qe_slow_log_ms: '777' } }));
    const report = await project.run('adopt', { reason: 'a test' });
    expect(report.outcome).toBe('refused');
    expect(report.problems.map(problem => problem.message).join()).toContain(
      'fe.conf: qe_slow_log_ms is not set, and 777 is compiled',
    );
    project.compile(yaml({}));
  });

  it('is taken over without a restart when nothing differs, and then is as declared', async () => {
    const before = await started();
    const report = await project.run('adopt', { reason: 'from hand to git' });
    expect(report.problems).toEqual([]);
    expect(report.outcome).toBe('changed');
    expect(await started()).toBe(before);
    expect((await project.run('deploy')).outcome).toMatch(/^(unchanged|changed)$/);
    expect(await started()).toBe(before);
    expect((await project.run('plan')).outcome).toBe('converged');
  });

  it('changes from then on as any other, on the same data', async () => {
    const id = async () => (await sql('SHOW FRONTENDS')).stdout.match(/\b\d{6,}\b/)?.[0];
    const before = await id();
    project.compile(yaml({ be_conf: { load_process_max_memory_limit_percent: '20' } }));
    const report = await project.run('deploy');
    expect([report.outcome, report.problems]).toEqual(['changed', []]);
    expect(report.backends.map(row => row['Alive'])).toEqual(['true']);
    expect(await id()).toBe(before);
  });
});
