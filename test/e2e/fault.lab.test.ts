import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { observed } from '../faults/lab-sample.ts';
import { describeInLab, describeSideBySide } from '../lab/describe-in-lab.ts';
import { type Lab, type LabHost, startLab } from '../lab/lab.ts';
import { importStarRocks } from '../lab/starrocks-images.ts';
import { silentWay, slowWay } from '../lab/way.ts';
import { killedAt } from './killed-runner.ts';
import { becomes, closes, codesOf, column, LabCluster, outcomesOf, QUERY_PORT, titlesOf } from './lab-cluster.ts';

const version = process.env['LAB_VERSION'] ?? '3.5.6';
const there = '/opt/starrocks-ha';

/** Two clusters on seven machines, side by side: one meets faults, the other changes its shape. */
describeInLab('a cluster of several machines', () => {
  let lab: Lab;
  let faulty: LabCluster;
  let shaped: LabCluster;

  beforeAll(async () => {
    lab = await startLab({ hosts: 7, docker: true });
    await importStarRocks(lab, version, { STANDIN_SPEED: '6' });
    faulty = new LabCluster(lab, lab.hosts.slice(0, 3));
    shaped = new LabCluster(lab, lab.hosts.slice(3));
  });

  afterAll(async () => {
    faulty?.remove();
    shaped?.remove();
    await lab?.stop();
  });

  describe('of its', () => {
    describeSideBySide('own in trouble', () => {
      type Options = Parameters<LabCluster['declare']>[0];
      /** A BE of the second machine is to be restarted. */
      const wantsBe = (value: string, more: (host: LabHost) => object = () => ({})): Options => ({
        version,
        host: host => ({
          ...(host === faulty.host(1) ? { be_conf: { load_process_max_memory_limit_percent: value } } : {}),
          ...more(host),
        }),
      });
      const only = (index: number, ssh: object) => (host: LabHost) => (host === faulty.host(index) ? { ssh } : {});

      it('is brought up', async () => {
        faulty.declare({ version });
        await faulty.deploy();
      });

      it('is left alone while the clocks of two machines differ by a minute', async () => {
        const ahead =
          'case $1 in +%s%3N) echo $(($(/usr/bin/date +%s%3N) + 60000)) ;; *) exec /usr/bin/date "$@" ;; esac';
        await faulty
          .host(1)
          .run(`printf '#!/bin/sh\\n%s\\n' '${ahead}' >/usr/local/bin/date; chmod +x /usr/local/bin/date`);
        faulty.declare(wantsBe('20'));
        const before = await faulty.containers();
        const report = await faulty.run('deploy');
        await faulty.host(1).run('rm /usr/local/bin/date');
        expect([report.outcome, codesOf(report)]).toEqual(['refused', ['E_CLOCK']]);
        expect(report.problems[0]).toMatchObject({
          host: faulty.host(1).address,
          message: expect.stringMatching(/differ by (59|60|61)\.\d s/),
        });
        expect(await faulty.containers()).toEqual(before);
      });

      it('is left alone while the SSH server of one machine takes connections and says nothing', async () => {
        const way = await silentWay();
        faulty.declare(wantsBe('20', only(2, { ssh_host: '127.0.0.1', port: way.port })));
        const before = await faulty.containers();
        const report = await faulty.run('deploy');
        await way.close();
        expect([report.outcome, codesOf(report)]).toEqual(['refused', ['E_SSH_TIMEOUT', 'E_GATE']]);
        expect(report.problems[0]?.host).toBe(faulty.host(2).address);
        expect(await faulty.containers()).toEqual(before);
      });

      it('is left alone by a machine that has no room for the upload', async () => {
        faulty.declare(wantsBe('20'));
        const staged = `${there}/.staged`;
        await faulty.host(1).run(`mkdir -p ${staged}`);
        await faulty.host(1).fillDisk(staged, 2 ** 20);
        const before = await faulty.containers();
        const report = await faulty.run('deploy');
        await faulty.host(1).run(`umount ${staged}`);
        expect([report.outcome, codesOf(report)]).toEqual(['failed', ['E_DISK_FULL']]);
        expect(report.problems[0]).toMatchObject({
          host: faulty.host(1).address,
          step: `prepare ${faulty.host(1).address}`,
        });
        expect(await faulty.containers()).toEqual(before);
      });

      it('is left alone while an FE that shall restart would not find room for its metadata', async () => {
        faulty.declare({ version, defaults: { fe_conf: { qe_slow_log_ms: '4000' } } });
        await faulty.host(2).fillDisk(`${there}/data/fe/meta`, 64 * 2 ** 20);
        const before = await faulty.containers();
        const report = await faulty.run('deploy');
        await faulty.host(2).run(`umount ${there}/data/fe/meta`);
        expect([report.outcome, codesOf(report)]).toEqual(['refused', ['E_DISK_FULL']]);
        expect(report.problems[0]?.host).toBe(faulty.host(2).address);
        expect(await faulty.containers()).toEqual(before);
      });

      it('stops when Docker ends at the moment of a step, and the next run finishes', async () => {
        faulty.declare(wantsBe('20'));
        const untouched = [faulty.host(0), faulty.host(2)];
        const before = await faulty.containers(untouched);
        const step = `restart starrocks-be on ${faulty.host(1).address}`;
        const report = await faulty.deployWith(new RegExp(`^${step}$`), host => host.stopDocker());
        expect(report.outcome).toBe('failed');
        expect(report.problems[0]).toMatchObject({ host: faulty.host(1).address, step });
        await faulty.host(1).startDocker();
        await faulty.answers();
        await faulty.deploy();
        expect(await faulty.containers(untouched)).toEqual(before);
        expect((await faulty.deploy()).outcome).toBe('unchanged');
      });

      it('is changed over a link that takes 200 ms, in no more exchanges than over another', async () => {
        const way = await slowWay(faulty.host(1).address, 100);
        faulty.declare(wantsBe('30', only(1, { ssh_host: '127.0.0.1', port: way.port })));
        const report = await faulty.deploy();
        const { exchanges = 0, observe = 0 } = report.counters;
        await way.close();
        expect(report.outcome).toBe('changed');
        // Three looks, what would keep a BE from coming back, two locks, then stage, activate and record; looks of waits
        // come on top.
        expect(exchanges - observe).toBe(3 + 1 + 2 + 3);
      });

      it('has an FE that lost its metadata back under the same cluster id', async () => {
        faulty.declare(wantsBe('30'));
        const [id] = await faulty.clusterIds();
        await faulty
          .host(0)
          .run(`docker stop starrocks-fe && mv ${there}/data/fe/meta /opt/lost && mkdir ${there}/data/fe/meta`);
        await faulty.elects();
        const report = await faulty.deploy();
        expect(titlesOf(report)).toContain(`join starrocks-fe on ${faulty.host(0).address}`);
        expect([await faulty.clusterIds(), new Set(column(report.frontends, 'ClusterId'))]).toEqual([
          [id],
          new Set([id]),
        ]);
      });

      it('has an FE back that somebody dropped and added again, with what it knew by its old name aside', async () => {
        const leader = await faulty.leader();
        const other = [0, 1, 2].map(at => faulty.host(at)).find(host => host !== leader);
        if (other === undefined) throw new Error('there is a follower');
        for (const verb of ['DROP', 'ADD']) {
          await faulty.sql(leader, `ALTER SYSTEM ${verb} FOLLOWER "${other.address}:9010"`);
        }
        const report = await faulty.deploy();
        expect(titlesOf(report)).toEqual([
          `move the metadata on ${other.address} aside`,
          `join starrocks-fe on ${other.address}`,
        ]);
        expect(column(report.frontends, 'Join')).toEqual(['true', 'true', 'true']);
        expect(await faulty.clusterIds()).toHaveLength(1);
      });

      it('is not given a BE whose storage is gone', async () => {
        const storage = `${there}/data/be/storage`;
        await faulty.host(2).run(`docker stop starrocks-be && mv ${storage} /opt/away && mkdir ${storage}`);
        const report = await faulty.run('deploy');
        await faulty.host(2).run(`rmdir ${storage} && mv /opt/away ${storage} && docker start starrocks-be`);
        expect([report.outcome, codesOf(report)]).toEqual(['refused', ['E_STORAGE_LOST']]);
        expect(report.problems[0]?.host).toBe(faulty.host(2).address);
        await faulty.settles();
      });

      it('that lost its quorum is started together, another conf or not', async () => {
        const away = [faulty.host(1), faulty.host(2)];
        await Promise.all(away.map(host => host.run('docker stop starrocks-fe')));
        faulty.declare({ ...wantsBe('30'), defaults: { fe_conf: { qe_slow_log_ms: '3000' } } });
        const report = await faulty.deploy();
        const [first, second] = report.steps.filter(step => step.title.startsWith('start starrocks-fe'));
        expect([first?.host, second?.host].sort()).toEqual(away.map(host => host.address));
        expect(Date.parse(second?.started ?? '')).toBeLessThan(Date.parse(first?.ended ?? ''));
      });

      it('whose majority lost its metadata is refused with the recipe, and nothing is founded', async () => {
        const away = [faulty.host(0), faulty.host(1)];
        const id = await faulty.clusterIds();
        const meta = `${there}/data/fe/meta`;
        await Promise.all(
          away.map(host => host.run(`docker stop starrocks-fe && mv ${meta} /opt/kept && mkdir ${meta}`)),
        );
        await faulty.loses();
        const report = await faulty.run('deploy');
        expect([report.outcome, codesOf(report)]).toEqual(['refused', ['E_MAJORITY_LOST']]);
        expect(report.problems[0]?.hint).toContain('bdbje_reset_election_group');
        await Promise.all(
          away.map(host => host.run(`rmdir ${meta} && mv /opt/kept ${meta} && docker start starrocks-fe`)),
        );
        await faulty.settles();
        expect(await faulty.clusterIds()).toEqual(id);
      });

      it('is left alone while a majority of its machines cannot be reached', async () => {
        const away = [faulty.host(1), faulty.host(2)];
        await Promise.all(away.map(host => host.partition()));
        faulty.declare(wantsBe('20'));
        const before = await faulty.containers([faulty.host(0)]);
        const report = await faulty.run('deploy');
        await Promise.all(away.map(host => host.heal()));
        expect(report.problems.slice(0, 2).map(one => [one.code, one.host])).toEqual(
          away.map(host => ['E_SSH_TIMEOUT', host.address]),
        );
        expect(report.steps.filter(step => step.outcome === 'done')).toEqual([]);
        expect(outcomesOf(report).slice(1)).toEqual(['failed', 'failed']);
        // An FE that loses its majority may end by itself, and Docker starts it again.
        const ids = (all: readonly string[]) => all.map(one => one.split(' ').slice(0, 3));
        expect(ids(await faulty.containers([faulty.host(0)]))).toEqual(ids(before));
        await faulty.answers();
      });

      it('stands still and is started in order: all FEs together, then BEs', async () => {
        await Promise.all(lab.hosts.slice(0, 3).map(host => host.run('docker stop starrocks-fe starrocks-be')));
        faulty.declare(wantsBe('30'));
        const report = await faulty.deploy();
        const starts = titlesOf(report).filter(title => title.startsWith('start '));
        expect(starts.slice(0, 3).every(title => title.includes('starrocks-fe'))).toBe(true);
        expect(await faulty.clusterIds()).toHaveLength(1);
      });
    });

    describeSideBySide('shape changes', () => {
      const last = () => shaped.host(3);
      const rack = (host: LabHost) => `rack:r${host.address.split('.').at(-1)}`;
      const disks = (...names: string[]) => ({ storage: names.map(name => ({ path: `/data/${name}` })) });
      const declare = (entry: object, more: object = {}, hosts = lab.hosts.slice(3)) =>
        shaped.declare({
          version,
          hosts,
          host: host => ({
            labels: { location: rack(host) },
            ...(host === last() ? { fe: 'observer', be: disks('disk1'), ...entry } : {}),
          }),
          more: { timeouts: { drain: 60, ...more } },
        });
      const roles = (report: Awaited<ReturnType<LabCluster['run']>>) =>
        report.frontends.map(row => (row['Role'] === 'LEADER' ? 'FOLLOWER' : row['Role'])).sort();

      it('is brought up with an observer and with labels, and other labels restart nobody', async () => {
        declare({});
        const report = await shaped.deploy();
        expect(roles(report)).toEqual(['FOLLOWER', 'FOLLOWER', 'FOLLOWER', 'OBSERVER']);
        expect(column(report.backends, 'Location').sort()).toEqual(lab.hosts.slice(3).map(rack));
        const before = await shaped.containers();
        declare({ labels: { location: 'rack:far' } });
        expect(column((await shaped.deploy()).backends, 'Location')).toContain('rack:far');
        expect(await shaped.containers()).toEqual(before);
      });

      it('makes its observer a follower', async () => {
        declare({ fe: 'follower' });
        expect(roles(await shaped.deploy())).toEqual(['FOLLOWER', 'FOLLOWER', 'FOLLOWER', 'FOLLOWER']);
      });

      it('makes it an observer again, with its metadata aside each time', async () => {
        declare({});
        expect(roles(await shaped.deploy())).toEqual(['FOLLOWER', 'FOLLOWER', 'FOLLOWER', 'OBSERVER']);
        const aside = await last().run(`ls -d ${there}/data/fe/meta.aside-*`);
        expect(aside.stdout.trim().split('\n')).toHaveLength(2);
      });

      it('gives one BE a second disk and restarts that one only', async () => {
        const before = await shaped.containers();
        declare({ be: disks('disk1', 'disk2') });
        await shaped.deploy();
        expect(await shaped.touchedSince(before)).toEqual([`${last().address} starrocks-be`]);
      });

      it('takes that disk away again once no tablet is on it, and its folder stays', async () => {
        const before = await shaped.containers();
        await last().run('mkdir -p /data/disk2/data/7/10042');
        declare({ be: disks('disk1') });
        const report = await shaped.run('deploy');
        expect([report.outcome, codesOf(report)]).toEqual(['refused', ['E_DATA_MOVED']]);
        expect(await shaped.containers()).toEqual(before);
        await last().run('rmdir /data/disk2/data/7/10042');
        await shaped.deploy();
        expect(await shaped.touchedSince(before)).toEqual([`${last().address} starrocks-be`]);
        const left = await last().run('ls /data/disk2 && cat /data/disk2.retired');
        expect(left.stdout).toMatch(/^cluster_id\ndata\n.*"cluster":/s);
      });

      it('lets a BE begin anew whose disks are empty, once the others have all that it had', async () => {
        declare({ be: disks('disk1', 'disk2') });
        await last().run('docker stop starrocks-be && mkdir /opt/lost && mv /data/disk1 /data/disk2 /opt/lost');
        await last().run('mkdir /data/disk1 /data/disk2');
        const seen = async () => {
          const row = (await shaped.run('status')).backends.find(one => one['IP'] === last().address);
          return [row?.['Alive'], row?.['TabletNum']];
        };
        await becomes(seen, ['false', '0']);
        const report = await shaped.deploy();
        expect(titlesOf(report)).toEqual([
          `remove starrocks-be on ${last().address}`,
          `add starrocks-be on ${last().address}`,
          `label starrocks-be on ${last().address}`,
        ]);
        expect(column(report.backends, 'Alive')).toEqual(['true', 'true', 'true', 'true']);
      });

      it('does not move the port of its FEs', async () => {
        const before = await shaped.containers();
        shaped.declare({ version, defaults: { ports: { edit_log_port: 9011 } } });
        const report = await shaped.run('deploy');
        expect(report.outcome).toBe('refused');
        expect(codesOf(report).filter(code => code === 'E_FE_PORT_MOVED')).toHaveLength(4);
        expect(await shaped.containers()).toEqual(before);
        // A port that was written once stays in generated/ until another one is written.
        shaped.declare({ version, defaults: { ports: { edit_log_port: 9010 } } });
      });

      it('tells of a BE that never drains, run after run, until it may stay', async () => {
        const scheduling = (most: string) =>
          `ADMIN SET FRONTEND CONFIG ("tablet_sched_max_scheduling_tablets" = "${most}")`;
        await shaped.sql(await shaped.leader(), scheduling('0'));
        declare({ be: 'none' }, { drain: 1 });
        const draining = await shaped.deploy();
        expect(draining.outcome).toBe('draining');
        expect(draining.findings).toMatchObject([
          { kind: 'draining', severity: 'warning', node: `${last().address}:9050` },
        ]);
        expect((await shaped.run('drift')).outcome).toBe('draining');
        const before = await shaped.containers();
        declare({ be: disks('disk1', 'disk2') });
        const back = await shaped.deploy();
        expect(back.outcome).toBe('changed');
        expect(titlesOf(back)).toContain(`cancel the drain of starrocks-be on ${last().address}`);
        // Its FE has less memory again, now that a BE stays beside it.
        expect(await shaped.touchedSince(before)).toEqual([`${last().address} starrocks-fe`]);
        await shaped.sql(await shaped.leader(), scheduling('10000'));
      });

      const isOf = (host: LabHost) => (node: string) => node.startsWith(`${host.address} `);

      it('lets a machine go though its runner is killed in the drain, and its data stays and says since when', async () => {
        const leader = await shaped.leader();
        const drains = async () =>
          expect(column(await shaped.sql(leader, 'SHOW BACKENDS'), 'SystemDecommissioned')).toContain('true');
        declare({}, {}, lab.hosts.slice(3, 6));
        const [report, broken] = await observed(lab.hosts.slice(3), isOf(last()), async () => {
          await killedAt(shaped.project, /drain starrocks-be on/, () => vi.waitFor(drains, { timeout: 30_000 }));
          return shaped.deploy();
        });
        expect([broken, report.outcome]).toEqual([[], 'changed']);
        expect([column(report.frontends, 'IP').length, column(report.backends, 'IP').length]).toEqual([3, 3]);
        expect((await last().run('docker ps -aq')).stdout).toBe('');
        const left = await last().run('ls -d /data/disk1 /data/disk1.retired /data/disk2.retired');
        expect(left.stdout.trim().split('\n')).toHaveLength(3);
      });

      it('takes a machine in and lets its leader go, killed when that is stopped, and stays one cluster', async () => {
        const leader = await shaped.leader();
        const id = await shaped.clusterIds();
        declare(
          { fe: 'follower' },
          {},
          lab.hosts.slice(3).filter(host => host !== leader),
        );
        const touched = [isOf(last()), isOf(leader)];
        const stop = new RegExp(`stop starrocks-fe on ${leader.address}`);
        const [report, broken] = await observed(
          lab.hosts.slice(3),
          node => touched.some(is => is(node)),
          async () => {
            await killedAt(shaped.project, stop, () => closes(leader, QUERY_PORT));
            return shaped.deploy();
          },
        );
        expect(broken).toEqual([]);
        // The new FE had joined before the old one was stopped.
        expect(titlesOf(report)).not.toContain(`join starrocks-fe on ${last().address}`);
        expect(column(report.frontends, 'IP')).not.toContain(leader.address);
        expect(column(report.frontends, 'Alive')).toEqual(['true', 'true', 'true']);
        expect(new Set(column(report.frontends, 'ClusterId')).size).toBe(1);
        expect(await shaped.clusterIds()).toEqual(id);
      });
    });
  });
});
