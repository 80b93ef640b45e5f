import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { $ } from 'zx';
import type { Diagnosis } from '../../.github/actions/deploy/src/diagnose/diagnosis.ts';
import type { Checked } from '../../.github/actions/deploy/src/doctor/checks.ts';
import { describeInLab } from '../lab/describe-in-lab.ts';
import { type Lab, type LabHost, labClusterYaml, startLab, users } from '../lab/lab.ts';
import { importStarRocks } from '../lab/starrocks-images.ts';
import { Project } from './project.ts';

const version = process.env['LAB_VERSION'] ?? '3.3.18';

/** Signs made for real on real machines: what is seen there must lead to the cause. */
describeInLab('the causes of trouble on real machines', () => {
  let lab: Lab;
  let project: Project;

  const host = (index: number): LabHost => {
    const found = lab.hosts[index];
    if (found === undefined) throw new Error(`the lab has no host ${index}`);
    return found;
  };
  const yaml = (ulimits: object = {}): string =>
    labClusterYaml(lab, {
      version,
      defaults: { resources: { memory: '2G', fe_heap: '512M' }, ...ulimits },
      more: { timeouts: { ssh: 5 } },
    });

  beforeAll(async () => {
    lab = await startLab({ hosts: 3, docker: true });
    await importStarRocks(lab, version);
    project = new Project(lab.privateKey);
    project.compile(yaml());
    const { outcome, problems } = await project.run('deploy');
    expect(problems).toEqual([]);
    expect(outcome).toBe('changed');
  });

  afterAll(async () => {
    project?.remove();
    await lab?.stop();
  });

  const diagnoses = async (node: string): Promise<Diagnosis[]> => {
    const { diagnoses: all } = await project.run('diagnose');
    for (const { cause, todo } of all) {
      expect(cause).not.toBe('');
      expect(todo).not.toBe('');
    }
    return all.filter(one => one.node === node);
  };
  const codes = async (node: string): Promise<string[]> => (await diagnoses(node)).map(one => one.code);
  /** A person's checkout who logs in to the last machine as somebody without sudo. */
  const withoutSudo = async <T>(use: (other: Project) => Promise<T>): Promise<T> => {
    const other = new Project(lab.privateKey);
    try {
      const poor = (one: LabHost) => (one === host(2) ? { ssh: { user: users.plain, sudo: true } } : {});
      other.compile(labClusterYaml(lab, { version, host: poor, more: { timeouts: { ssh: 5 } } }));
      return await use(other);
    } finally {
      other.remove();
    }
  };
  const doctor = (): Promise<Checked[]> =>
    withoutSudo(async other => {
      const files = ['--cluster', join(other.folder, 'cluster.yaml'), '--generated', other.generated];
      const { stdout } = await $({
        env: { ...process.env, SSH_PRIVATE_KEY: lab.privateKey },
        nothrow: true,
      })`npm run --silent doctor -- --json ${files} --known-hosts ${join(other.folder, 'known_hosts')}`;
      return JSON.parse(stdout);
    });
  const eventually = (node: string, code: string) =>
    expect.poll(() => codes(node), { timeout: 60_000, interval: 1000 }).toContain(code);
  const well = () =>
    expect.poll(async () => (await project.run('diagnose')).diagnoses, { timeout: 60_000, interval: 1000 }).toEqual([]);

  it('are none while all is well', well);

  it('name a user who may not become root', async () => {
    const { diagnoses: found } = await withoutSudo(other => other.run('diagnose'));
    expect(found.map(one => [one.node, one.code])).toEqual([[host(2).address, 'D_SUDO']]);
  });

  it('are none of a BE that somebody stopped, but that', async () => {
    await host(1).run('docker stop starrocks-be');
    expect(await codes(`${host(1).address}/starrocks-be`)).toEqual(['D_STOPPED']);
    await host(1).run('docker start starrocks-be');
    await well();
  });

  it('name the process that has the port of a BE', async () => {
    await host(2).run('docker stop starrocks-be');
    const { stdout: pid } = await host(2).run('cd /tmp; nohup python3 -m http.server 9050 >/dev/null 2>&1 & echo $!');
    await expect
      .poll(async () => (await host(2).run('grep -c :235A /proc/net/tcp')).stdout.trim(), { timeout: 10_000 })
      .toBe('1');
    await host(2).run('docker start starrocks-be');
    const [taken] = await diagnoses(`${host(2).address}/starrocks-be`);
    await host(2).run(`kill ${Number(pid)}; docker restart starrocks-be`);
    expect(taken).toMatchObject({
      code: 'D_PORT_TAKEN',
      seen: expect.stringMatching(/^port 9050 is held by python3 \(\d+\)$/),
    });
    await well();
  });

  it('name the kernel that killed a BE for want of memory', async () => {
    const limited = (memory: string) =>
      host(1).run(
        `docker stop -t 1 starrocks-be; docker update --memory ${memory} --memory-swap ${memory} starrocks-be && docker start starrocks-be`,
      );
    // Less than any process of it takes.
    await limited('8m');
    await eventually(`${host(1).address}/starrocks-be`, 'D_OOM');
    await limited('2g');
    await well();
  });

  it('name storage that belongs to another cluster', async () => {
    const file = '/opt/starrocks-ha/data/be/storage/cluster_id';
    await host(1).run(
      `docker stop starrocks-be; cp ${file} /root/kept; printf 424242-${version} >${file}; docker start starrocks-be`,
    );
    await eventually(`${host(1).address}/starrocks-be`, 'D_CLUSTER_ID');
    await host(1).run(`docker stop starrocks-be; cp /root/kept ${file}; docker start starrocks-be`);
    await well();
  });

  it('name the way between two machines that is cut', async () => {
    const { frontends } = await project.run('status');
    const leader = frontends.find(row => row['Role'] === 'LEADER')?.['IP'] ?? '';
    const other = lab.hosts.find(one => one.address !== leader);
    if (other === undefined) throw new Error('there is a follower');
    await other.run(`ip route add unreachable ${leader}/32`);
    await eventually(`${other.address}/starrocks-be`, 'D_BLOCKED');
    const [blocked] = (await diagnoses(`${other.address}/starrocks-be`)).filter(one => one.code === 'D_BLOCKED');
    await other.run(`ip route del unreachable ${leader}/32`);
    expect(blocked?.seen).toContain(`${other.address} cannot reach ${leader}:9030 (query_port)`);
    await well();
  });

  it('name an engine that is stopped', async () => {
    await host(1).stopDocker();
    const found = await codes(host(1).address);
    const missing = await doctor();
    await host(1).startDocker();
    expect(found).toEqual(['D_DOCKER']);
    expect(missing.filter(one => one.level === 'fail' && one.host !== 'here')).toEqual([
      expect.objectContaining({
        host: host(2).address,
        check: 'reached over SSH',
        seen: expect.stringMatching(/sudo/),
      }),
      expect.objectContaining({
        ...{ host: host(1).address, check: 'Docker Engine' },
        mend: 'sudo systemctl enable --now docker',
      }),
    ]);
    await well();
  });

  describe('of an FE that does not run', () => {
    const there = '/opt/starrocks-ha';
    const meta = `${there}/data/fe/meta`;
    const storage = `${there}/data/be/storage`;
    const script = `${there}/run/bin/fe-entrypoint.sh`;
    const fe = () => `${host(1).address}/starrocks-fe`;
    /** Everything else goes on: two of three lead. */
    const started = async (broken: string): Promise<void> => {
      const { code, stderr } = await host(1).run(
        `set -e; docker stop starrocks-fe; ${broken}; docker start starrocks-fe`,
      );
      expect([code, stderr]).toEqual([0, '']);
    };

    it('name a clock that is wrong, and a row with another port', async () => {
      const { frontends } = await project.run('status');
      const leader = frontends.find(row => row['Role'] === 'LEADER' && row['IP'] !== host(1).address)?.['IP'];
      const stranger = `${host(1).address.replace(/\d+$/, '250')}:9011`;
      const date = '/usr/local/bin/date';
      const fast =
        'case $* in +%s%3N) echo "$(($(/usr/bin/date +%s%3N) + 60000))" ;; *) exec /usr/bin/date "$@" ;; esac';
      await host(1).run(`printf '#!/bin/sh\\n%s\\n' '${fast}' >${date}; chmod +x ${date}; docker stop starrocks-fe`);
      const connection = await createConnection({ host: leader ?? host(0).address, port: 9030, user: 'root' });
      await connection.query(`ALTER SYSTEM ADD OBSERVER "${stranger}"`);
      const found = await diagnoses(fe());
      await connection.query(`ALTER SYSTEM DROP OBSERVER "${stranger}"`);
      await connection.end();
      await host(1).run(`rm ${date}`);
      expect(Object.fromEntries(found.map(one => [one.code, one.seen]))).toMatchObject({
        D_CLOCK: expect.stringMatching(/^its clock is (59|60|61)\.\d s away from that of /),
        D_FE_PORTS_DIFFER: expect.stringMatching(/^edit_log_port differs between the FEs: (9010, 9011|9011, 9010)$/),
      });
    });

    it('name a folder that it may not write', async () => {
      try {
        await started(`chattr -R +i ${meta}`);
        await eventually(fe(), 'D_PERMISSION');
      } finally {
        // Or nobody could remove the lab.
        await host(1).run(`chattr -R -i ${meta}`);
      }
    });

    it('name disks that are too small, and a processor that is too old for its BE', async () => {
      await host(1).run('docker stop starrocks-fe starrocks-be');
      for (const folder of [meta, storage]) await host(1).fillDisk(folder, 64 * 2 ** 20);
      await host(1).run("sed 's/avx2//' /proc/cpuinfo >/root/cpuinfo; mount --bind /root/cpuinfo /proc/cpuinfo");
      await host(1).run('docker start starrocks-fe');
      await eventually(fe(), 'D_META_DISK');
      expect(await codes(`${host(1).address}/starrocks-be`)).toEqual(['D_NO_AVX2', 'D_STORAGE_DISK', 'D_STOPPED']);
      await host(1).run(`docker stop starrocks-fe; umount ${meta} ${storage} /proc/cpuinfo`);
      await host(1).run('docker start starrocks-be');
    });

    it('name a helper that somebody gave to an FE that has metadata', async () => {
      const helper = `${host(1).address.replace(/\d+$/, '250')}:9010`;
      await started(`cp ${script} /root/script; sed -i 's/^      start$/      start --helper ${helper}/' ${script}`);
      await eventually(fe(), 'D_WRONG_HELPER');
      await started(`cp /root/script ${script}`);
      await well();
    });
  });

  it('name a machine that is off the network', async () => {
    await host(2).partition();
    const found = await codes(host(2).address);
    await host(2).heal();
    expect(found).toEqual(['D_UNREACHABLE']);
    await well();
  });

  it('name a majority that is lost', async () => {
    await Promise.all([host(1), host(2)].map(one => one.run('docker stop starrocks-fe')));
    const lost = { code: 'D_QUORUM_LOST', seen: '1 of 3 followers run, and 2 are needed' };
    // The one that is left needs a moment to notice.
    await expect
      .poll(() => diagnoses(`${host(1).address}/starrocks-fe`), { timeout: 60_000, interval: 1000 })
      .toContainEqual(expect.objectContaining(lost));
    await Promise.all([host(1), host(2)].map(one => one.run('docker start starrocks-fe')));
    await well();
  });

  it('come with a deploy that failed: limits that the engine may not raise', async () => {
    project.compile(yaml({ ulimits: { nofile: 655_350, nproc: 4096 } }));
    const { problems, diagnoses: found } = await project.run('deploy');
    expect(problems.map(problem => problem.code)).toEqual(['E_ULIMIT']);
    expect(found.map(one => one.code)).toContain('D_ULIMIT');
  });

  it('can be looked for in the logs of every machine', async () => {
    const { logs } = await project.run('logs');
    for (const { address } of lab.hosts) {
      const container = logs.find(one => one.name === `${address}/starrocks-fe/container.log`);
      expect(container?.text).toContain('FE started successfully');
    }
  });
});
