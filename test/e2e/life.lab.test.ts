import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { ask } from '../faults/ask.ts';
import { observed } from '../faults/lab-sample.ts';
import { describeInLab } from '../lab/describe-in-lab.ts';
import { type Lab, type LabHost, labClusterYaml, startLab, users } from '../lab/lab.ts';
import { importStarRocks } from '../lab/starrocks-images.ts';
import { identities } from './identities.ts';
import { killedAt } from './killed-runner.ts';
import { EDIT_LOG_PORT, opens } from './lab-cluster.ts';
import { Project } from './project.ts';

const version = process.env['LAB_VERSION'] ?? '3.5.6';
const small = { resources: { memory: '2G', fe_heap: '512M' } };

const titles = (report: RunReport): string[] => report.steps.map(step => step.title);
const codes = (report: RunReport): string[] => report.problems.map(problem => problem.code);
const column = (rows: RunReport['frontends'], name: string): string[] => rows.map(row => row[name] ?? '');

describeInLab('a cluster on real machines', () => {
  let lab: Lab;
  let project: Project;

  beforeAll(async () => {
    lab = await startLab({ hosts: 4, docker: true });
    await importStarRocks(lab, version, { STANDIN_SPEED: '6' });
    project = new Project(lab.privateKey);
  });

  afterAll(async () => {
    project?.remove();
    await lab?.stop();
  });

  const host = (index: number): LabHost => {
    const found = lab.hosts[index];
    if (found === undefined) throw new Error(`the lab has no host ${index}`);
    return found;
  };
  const yaml = (hosts: number, options: Parameters<typeof labClusterYaml>[1] = {}): string =>
    labClusterYaml(lab, {
      version,
      hosts: lab.hosts.slice(0, hosts),
      ...options,
      defaults: { ...small, ...options.defaults },
    });

  /** Id and start of each container: equal means that nobody was touched. */
  const containers = async (hosts: readonly LabHost[] = lab.hosts): Promise<string[]> => {
    const command =
      "docker ps -aq --no-trunc | xargs -r docker inspect --format '{{.Name}} {{.Id}} {{.State.StartedAt}}'";
    const seen = await Promise.all(hosts.map(async one => ({ one, text: (await one.run(command)).stdout })));
    return seen
      .flatMap(({ one, text }) =>
        text
          .trim()
          .split('\n')
          .map(line => `${one.address} ${line}`),
      )
      .sort();
  };
  const files = async (): Promise<string[]> =>
    Promise.all(
      lab.hosts.map(
        async one =>
          (
            await one.run(
              'find /opt/starrocks-ha -type f ! -path "*/data/*" ! -path "*/log/*" -exec sha256sum {} + | sort',
            )
          ).stdout,
      ),
    );
  const converged = () =>
    expect
      .poll(async () => (await project.run('status')).outcome, { timeout: 120_000, interval: 1000 })
      .toBe('converged');

  it('is brought up from nothing: three FEs and three BEs registered and alive', async () => {
    project.compile(yaml(3));
    const report = await project.run('deploy');
    expect(report.problems).toEqual([]);
    expect(report.findings.filter(finding => finding.severity === 'error')).toEqual([]);
    expect(report.outcome).toBe('changed');
    expect(column(report.frontends, 'Alive')).toEqual(['true', 'true', 'true']);
    expect(column(report.frontends, 'Join')).toEqual(['true', 'true', 'true']);
    expect(column(report.backends, 'Alive')).toEqual(['true', 'true', 'true']);
  });

  it('is left alone by a second run, which costs one connection and one command per machine', async () => {
    const before = [await containers(), await files()];
    const report = await project.run('deploy');
    expect(report.outcome).toBe('unchanged');
    expect(report.counters).toMatchObject({ connections: 3, exchanges: 3 });
    expect([await containers(), await files()]).toEqual(before);
  });

  it('is left alone by a dry run that has much to say', async () => {
    const machines = async () => [await containers(), await files(), await identities(host(0).address)];
    const before = await machines();
    project.compile(yaml(4, { defaults: { fe_conf: { qe_slow_log_ms: '4000' } } }));
    const report = await project.run('deploy', { dryRun: true });
    expect(report.outcome).toBe('differs');
    expect(report.steps.length).toBeGreaterThan(5);
    expect(await machines()).toEqual(before);
  });

  it('gets one changed BE restarted and nobody else', async () => {
    project.compile(
      yaml(3, { host: one => (one === host(1) ? { be_conf: { load_process_max_memory_limit_percent: '20' } } : {}) }),
    );
    const before = await containers();
    const report = await project.run('deploy');
    expect(report.problems).toEqual([]);
    const touched = (await containers()).filter(line => !before.includes(line));
    expect(touched.map(line => line.split(' ').slice(0, 2).join(' '))).toEqual([`${host(1).address} /starrocks-be`]);
  });

  it('stops at a machine where another program holds a port, and says which', async () => {
    project.compile(yaml(4));
    const taken = await host(3).run(
      'nohup sh -c "while :; do :; done" >/dev/null 2>&1 & nohup python3 -m http.server 9050 >/dev/null 2>&1 & sleep 1; cat /proc/net/tcp | grep -c :235A',
    );
    expect(taken.stdout.trim()).toBe('1');
    const before = await containers();
    const report = await project.run('deploy');
    expect(codes(report)).toEqual(['E_PORT_TAKEN']);
    expect(report.problems[0]?.message).toMatch(
      /heartbeat_service_port 9050 of starrocks-be on .* is held by python3 \(\d+\)/,
    );
    expect(await containers()).toEqual(before);
    await host(3).run('pkill -f http.server; pkill -f "while :"');
  });

  it('takes in a fourth machine by one address, restarting nobody, though the runner is killed while its FE joins', async () => {
    project.compile(yaml(4));
    await project.run('deploy', { hosts: [host(1).address] });
    const before = await containers(lab.hosts.slice(0, 3));
    const isNew = (node: string) => node.startsWith(`${host(3).address} `);
    const [report, broken] = await observed(lab.hosts, isNew, async () => {
      await killedAt(project, /join starrocks-fe on/, () => opens(host(3), EDIT_LOG_PORT));
      return project.run('deploy');
    });
    expect([broken, report.problems]).toEqual([[], []]);
    expect(await containers(lab.hosts.slice(0, 3))).toEqual(before);
    expect(column(report.backends, 'Alive')).toEqual(['true', 'true', 'true', 'true']);
    expect(column(report.frontends, 'Alive')).toEqual(['true', 'true', 'true', 'true']);
  });

  it('gets its leader restarted last when that is not master_host', async () => {
    await host(0).run('docker stop starrocks-fe');
    await expect
      .poll(
        async () =>
          (await project.run('status')).frontends.find(row => row['Role'] === 'LEADER')?.['IP'] ?? host(0).address,
        { timeout: 60_000 },
      )
      .not.toBe(host(0).address);
    await host(0).run('docker start starrocks-fe');
    await converged();
    const leader = (await project.run('status')).frontends.find(row => row['Role'] === 'LEADER')?.['IP'];
    project.compile(yaml(4, { defaults: { fe_conf: { qe_slow_log_ms: '4000' } } }));
    const report = await project.run('deploy');
    expect(report.problems).toEqual([]);
    const restarts = titles(report).filter(title => title.startsWith('restart starrocks-fe'));
    expect(restarts.length).toBe(4);
    expect(restarts.at(-1)).toBe(`restart starrocks-fe on ${leader}`);
    expect(leader).not.toBe(host(0).address);
  });

  it('is repaired by the next run when the runner is killed in the middle of a rollout', async () => {
    project.compile(
      yaml(4, {
        defaults: { fe_conf: { qe_slow_log_ms: '3000' }, be_conf: { load_process_max_memory_limit_percent: '25' } },
      }),
    );
    const anyone = () => true;
    const [report, broken] = await observed(lab.hosts, anyone, async () => {
      await killedAt(project, /restart starrocks-be on .*2\b/);
      await killedAt(project, /restart starrocks-fe on/);
      return project.run('deploy');
    });
    expect([broken, report.problems]).toEqual([[], []]);
    expect((await project.run('deploy')).outcome).toBe('unchanged');
  });

  it('is reached by a user with sudo as well', async () => {
    project.compile(
      yaml(4, {
        defaults: { fe_conf: { qe_slow_log_ms: '3000' }, be_conf: { load_process_max_memory_limit_percent: '20' } },
        host: () => ({ ssh: { user: users.sudo, sudo: true } }),
      }),
    );
    const report = await project.run('deploy');
    expect(report.problems).toEqual([]);
    expect(report.outcome).toBe('changed');
  });

  it('says of a user who may not use Docker that this is so', async () => {
    project.compile(yaml(4, { host: () => ({ ssh: { user: users.plain } }) }));
    const report = await project.run('plan');
    expect(codes(report)).toContain('E_DOCKER');
    expect(report.problems.map(problem => problem.message).join(' ')).toContain('permission denied');
  });

  it('comes back by itself after every machine lost power', async () => {
    project.compile(
      yaml(4, {
        defaults: { fe_conf: { qe_slow_log_ms: '3000' }, be_conf: { load_process_max_memory_limit_percent: '20' } },
      }),
    );
    await Promise.all(lab.hosts.map(one => one.kill()));
    await Promise.all(lab.hosts.map(one => one.boot()));
    await converged();
    const plan = await project.run('plan');
    expect(titles(plan)).toEqual([]);
  });

  it('tells of a machine that is cut off, exits with failure, and stops nobody meanwhile', async () => {
    // Not the leader: the others would take most of a minute to miss it.
    const leader = (await project.run('status')).frontends.find(row => row['Role'] === 'LEADER')?.['IP'];
    const away = host(3).address === leader ? host(2) : host(3);
    const others = lab.hosts.filter(one => one !== away);
    await away.partition();
    try {
      project.compile(
        yaml(4, {
          defaults: { be_conf: { load_process_max_memory_limit_percent: '30' } },
          more: { timeouts: { ssh: 3 } },
        }),
      );
      const before = await containers(others);
      const report = await project.run('deploy');
      expect(report.outcome).toBe('refused');
      expect(report.hosts.find(one => one.address === away.address)?.outcome).toBe('failed');
      expect(codes(report)).toEqual(['E_SSH_TIMEOUT', 'E_GATE']);
      expect(await containers(others)).toEqual(before);
    } finally {
      await away.heal();
    }
  });

  it('stops at a machine that shows another host key', async () => {
    project.compile(yaml(4, { host: one => (one === host(1) ? { ssh: { host_key: host(2).hostKey } } : {}) }));
    const report = await project.run('plan');
    expect(report.problems.find(problem => problem.host === host(1).address)?.code).toBe('E_HOST_KEY_CHANGED');
  });

  it('was watched by one who sees what must never be, whoever does it', async () => {
    project.compile(yaml(4));
    const nobody = () => false;
    const [, broken] = await observed(lab.hosts, nobody, async () => {
      const frontends = async () => (await project.run('status')).frontends;
      await expect
        .poll(async () => column(await frontends(), 'Alive'), { timeout: 60_000 })
        .toEqual(['true', 'true', 'true', 'true']);
      const leader = (await frontends()).find(row => row['Role'] === 'LEADER')?.['IP'] ?? '';
      const [first, second, third] = lab.hosts.filter(one => one.address !== leader);
      await ask(leader, `ALTER SYSTEM DROP FOLLOWER "${first?.address}:9010"`);
      await ask(leader, `ALTER SYSTEM DROP BACKEND "${first?.address}:9050" FORCE`);
      await frontends();
      await second?.run('docker kill starrocks-fe starrocks-be; rm -r /opt/starrocks-ha/data/be/storage');
      await third?.run('docker kill starrocks-fe starrocks-be');
      await first?.run("sed -i 's/^clusterId=.*/clusterId=7/' /opt/starrocks-ha/data/fe/meta/image/VERSION");
    });
    const kinds = [
      'a second cluster was founded',
      'the majority was lost',
      'replicas were away',
      'which was dropped',
      'was touched, and the change is not about it',
      'was deleted, with what it held',
      'was dropped with',
    ];
    expect(kinds.filter(kind => !broken.some(one => one.includes(kind)))).toEqual([]);
  });
});
