import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { describeInLab, describeSideBySide } from '../lab/describe-in-lab.ts';
import { type Lab, type LabHost, startLab } from '../lab/lab.ts';
import { importStarRocks, playRelease } from '../lab/starrocks-images.ts';
import {
  BE_PORT,
  codesOf,
  column,
  LabCluster,
  outcomesOf,
  problemsOf,
  QUERY_PORT,
  titlesOf,
  watched,
} from './lab-cluster.ts';

const [older, middle, newer] = ['3.3.18', '3.4.10', '3.5.6'] as const;
const ports = { 'starrocks-fe': QUERY_PORT, 'starrocks-be': BE_PORT } as const;
const columns = async (cluster: LabCluster): Promise<string[]> =>
  Object.keys((await cluster.run('status')).frontends[0] ?? {});

/** Three clusters on nine machines, side by side: a cut connection is noticed only after half a minute of silence. */
describeInLab('another release on real machines', () => {
  let lab: Lab;
  const clusters: LabCluster[] = [];

  beforeAll(async () => {
    lab = await startLab({ hosts: 9, docker: true });
    await importStarRocks(lab, older, { STANDIN_SPEED: '6' });
    await playRelease(lab, older, middle);
    await playRelease(lab, older, newer);
    for (const first of [0, 3, 6]) clusters.push(new LabCluster(lab, lab.hosts.slice(first, first + 3)));
  });

  afterAll(async () => {
    for (const cluster of clusters) cluster.remove();
    await lab?.stop();
  });

  const nth = (index: number): LabCluster => {
    const found = clusters[index];
    if (found === undefined) throw new Error(`there is no cluster ${index}`);
    return found;
  };
  const machines = (index: number) => lab.hosts.slice(3 * index, 3 * index + 3);

  /** How the FE on each machine balances tablets. */
  const balancing = (index: number, on = [0, 1, 2]): Promise<string[]> =>
    Promise.all(
      on.map(async at => {
        const host = nth(index).host(at);
        const rows = await nth(index).sql(host, "ADMIN SHOW FRONTEND CONFIG LIKE 'tablet_sched_disable_balance'");
        return rows[0]?.['Value'] ?? '';
      }),
    );

  /** A deploy that loses a machine, the first one without `at`, when its node is stopped: all others stay, and balance. */
  async function cutAt(index: number, service: keyof typeof ports, at?: LabHost): Promise<[LabHost, RunReport]> {
    const cluster = nth(index);
    const title = new RegExp(`^upgrade ${service} on ${at?.address ?? '.*'}$`);
    const [report, fewest] = await watched(machines(index), () =>
      cluster.deployWith(title, host => host.partition(ports[service])),
    );
    expect(report.outcome).toBe('failed');
    const cut = at ?? cluster.at(report.problems[0]?.host ?? '');
    expect(report.problems[0]).toMatchObject({
      code: 'E_CONNECTION_LOST',
      host: cut.address,
      step: `upgrade ${service} on ${cut.address}`,
    });
    expect(fewest).toEqual({ frontends: 2, backends: 2 });
    const others = [0, 1, 2].filter(other => cluster.host(other) !== cut);
    expect(await balancing(index, others)).toEqual(['false', 'false']);
    return [cut, report];
  }

  /** Machines whose node this run brought to the other release, in order. */
  const upgraded = (report: RunReport, service: keyof typeof ports): (string | null)[] =>
    report.steps
      .filter(step => step.title.startsWith(`upgrade ${service} on`) && step.outcome === 'done')
      .map(step => step.host);

  async function expectRelease(index: number, version: string): Promise<void> {
    const { frontends, backends } = await nth(index).run('status');
    const all = [...column(frontends, 'Version'), ...column(backends, 'Version')];
    expect(all.map(name => name.split('-')[0])).toEqual(Array.from({ length: 6 }, () => version));
    expect(await balancing(index)).toEqual(['false', 'false', 'false']);
    const left = await Promise.all(machines(index).map(host => host.run('ls /opt/starrocks-ha/state/fe')));
    expect(left.map(({ stdout }) => stdout.includes('switches'))).toEqual([false, false, false]);
    expect(await nth(index).clusterIds()).toHaveLength(1);
  }

  describe('of the next series', () => {
    describeSideBySide('whose trial BE is cut off', () => {
      it('is refused where a series would be left out, or more is wanted at the same time', async () => {
        const cluster = nth(0);
        cluster.declare({ version: older });
        await cluster.deploy();
        const before = await cluster.containers();
        cluster.declare({ version: newer });
        const far = await cluster.run('deploy');
        expect([far.outcome, codesOf(far)]).toEqual(['refused', ['E_VERSION_PATH']]);
        cluster.declare({ version: middle, host: one => (one === cluster.host(2) ? { fe: 'observer' } : {}) });
        const both = await cluster.run('deploy');
        expect([both.outcome, codesOf(both)]).toEqual(['refused', ['E_VERSION_AND_MORE']]);
        expect(await cluster.containers()).toEqual(before);
      });

      it('stops at that machine, and tablets are balanced again on the others', async () => {
        const cluster = nth(0);
        cluster.declare({ version: middle });
        const before = await cluster.containers(machines(0).slice(1));
        const [host, report] = await cutAt(0, 'starrocks-be');
        expect(host).toBe(cluster.host(0));
        expect(outcomesOf(report)).toEqual(['failed', 'not-reached', 'not-reached']);
        expect(await cluster.containers(machines(0).slice(1))).toEqual(before);
        await host.heal();
      });

      it('goes back when the change is reverted midway', async () => {
        const cluster = nth(0);
        cluster.declare({ version: older });
        const report = await cluster.deploy();
        expect(titlesOf(report)).toContain(`downgrade starrocks-be on ${cluster.host(0).address}`);
        await expectRelease(0, older);
      });

      it('stops when the machine of its second BE is cut off', async () => {
        const cluster = nth(0);
        cluster.declare({ version: middle });
        const [host, report] = await cutAt(0, 'starrocks-be', cluster.host(1));
        expect(upgraded(report, 'starrocks-be')).toEqual([cluster.host(0).address]);
        await host.heal();
      });

      it('is carried through by the next run although its leader dies at the moment of an FE step', async () => {
        const cluster = nth(0);
        const leader = await cluster.leader();
        const report = await cluster.deployWith(/^upgrade starrocks-fe on/, () =>
          leader.run('pkill -KILL -f starrocks-fe.cjs'),
        );
        expect([report.outcome, problemsOf(report)]).toEqual(['changed', []]);
        await expectRelease(0, middle);
      });
    });

    describeSideBySide('whose followers are cut off', () => {
      let first: LabHost;

      it('stops at the machine of the first, and another release leads only at the end', async () => {
        const cluster = nth(1);
        cluster.declare({ version: middle });
        await cluster.deploy();
        cluster.declare({ version: newer });
        const [host, report] = await cutAt(1, 'starrocks-fe');
        expect(upgraded(report, 'starrocks-be')).toHaveLength(3);
        expect(await columns(cluster)).not.toContain('Id');
        await host.heal();
        first = host;
      });

      it('stops at the machine of the second', async () => {
        const cluster = nth(1);
        const leader = await cluster.leader();
        const second = machines(1).find(host => host !== leader && host !== first);
        const [host] = await cutAt(1, 'starrocks-fe', second);
        expect(await columns(cluster)).not.toContain('Id');
        await host.heal();
      });

      it('is carried through by the next run, and the rows have another first column', async () => {
        const cluster = nth(1);
        const [, fewest] = await watched(machines(1), () => cluster.deploy());
        expect([fewest.frontends, fewest.backends >= 2]).toEqual([2, true]);
        await expectRelease(1, newer);
        expect((await columns(cluster))[0]).toBe('Id');
      });

      it('goes back in the other order: followers, leader, BEs', async () => {
        const cluster = nth(1);
        cluster.declare({ version: middle });
        const leader = await cluster.leader();
        const [report, fewest] = await watched(machines(1), () => cluster.deploy());
        const order = titlesOf(report).filter(title => title.startsWith('downgrade'));
        expect(order.slice(0, 3).every(title => title.includes('-fe '))).toBe(true);
        expect(order[2]).toBe(`downgrade starrocks-fe on ${leader.address}`);
        expect(order.slice(3).every(title => title.includes('-be '))).toBe(true);
        expect(fewest).toEqual({ frontends: 2, backends: 2 });
        await expectRelease(1, middle);
        expect(await columns(cluster)).not.toContain('Id');
      });
    });

    describeSideBySide('whose leader is in trouble', () => {
      it('stops when the machine of its third BE is cut off', async () => {
        const cluster = nth(2);
        cluster.declare({ version: middle });
        await cluster.deploy();
        cluster.declare({ version: newer });
        const [host, report] = await cutAt(2, 'starrocks-be', cluster.host(2));
        expect(upgraded(report, 'starrocks-be')).toEqual([cluster.host(0).address, cluster.host(1).address]);
        await host.heal();
      });

      it('stops when the machine of its leader is cut off at the last step of all', async () => {
        const cluster = nth(2);
        const leader = await cluster.leader();
        await cutAt(2, 'starrocks-fe', leader);
        // A follower of the new release leads now.
        expect((await columns(cluster))[0]).toBe('Id');
        await leader.heal();
      });

      it('is carried through by the next run', async () => {
        await nth(2).deploy();
        await expectRelease(2, newer);
      });

      it('stops when the machine of its leader reboots at the moment of an FE step, and the next run finishes', async () => {
        const cluster = nth(2);
        cluster.declare({ version: newer, defaults: { fe_conf: { qe_slow_log_ms: '4000' } } });
        const leader = await cluster.leader();
        const report = await cluster.deployWith(/^restart starrocks-fe on/, async () => {
          await leader.kill();
          await leader.boot();
        });
        expect(report.outcome).toBe('failed');
        expect(report.hosts.find(one => one.address === leader.address)?.outcome).not.toBe('applied');
        // Without that machine, nobody else may be stopped.
        const restarts = report.steps.filter(({ title }) => title.startsWith('restart starrocks-fe'));
        expect(restarts.map(step => step.outcome)).toEqual(['done', 'not-begun', 'not-begun']);
        await cluster.answers();
        await cluster.deploy();
        expect((await cluster.deploy()).outcome).toBe('unchanged');
        expect(await cluster.clusterIds()).toHaveLength(1);
      });
    });
  });
});
