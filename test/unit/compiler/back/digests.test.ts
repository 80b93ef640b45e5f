import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterJson } from '../../../../compiler/contract/cluster-json.ts';
import { emit } from '../../../../compiler/emit/emit.ts';
import type { Cluster } from '../../../../compiler/model/cluster.ts';
import { be, cluster, fe, host, randomCluster, withHost } from './sample.ts';

/** `192.168.1.10 starrocks-fe` → digest. */
function digestsOf({ hosts }: ClusterJson): Record<string, string> {
  return Object.fromEntries(
    hosts.flatMap(({ address, fe: one, be: bes }) =>
      [...(one === null ? [] : [one]), ...bes].map(({ name, digest }) => [`${address} ${name}`, digest]),
    ),
  );
}

/** The services whose digest a change of the cluster changes, and those that come and go. */
function changed(before: Cluster, after: Cluster): string[] {
  const [old, now] = [digestsOf(emit(before).clusterJson), digestsOf(emit(after).clusterJson)];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(name => old[name] !== now[name]).sort();
}

const hostsChanged = (before: Cluster, after: Cluster): string[] => {
  const old = new Map(emit(before).clusterJson.hosts.map(({ address, digest }) => [address, digest]));
  return emit(after)
    .clusterJson.hosts.filter(({ address, digest }) => old.get(address) !== digest)
    .map(({ address }) => address);
};

describe('the digest of a service', () => {
  it('does not change with master_host: a role is decided before a node is initialised', () => {
    const moved = { ...cluster(), master_host: '192.168.1.12' };
    expect(changed(cluster(), moved)).toEqual([]);
    expect(hostsChanged(cluster(), moved)).toEqual(['192.168.1.10', '192.168.1.11', '192.168.1.12']);
  });

  it('changes with a conf override, for exactly that service', () => {
    const slower = withHost(cluster(), '192.168.1.11', () => ({
      be: [be(0, { conf: { max_compaction_threads: '2' } })],
    }));
    expect(changed(cluster(), slower)).toEqual(['192.168.1.11 starrocks-be']);
    const louder = withHost(cluster(), '192.168.1.11', () => ({ fe: fe({ conf: { sys_log_level: 'WARN' } }) }));
    expect(changed(cluster(), louder)).toEqual(['192.168.1.11 starrocks-fe']);
  });

  it('changes with memory, ports and image, for exactly the services that have them', () => {
    const heap = withHost(cluster(), '192.168.1.10', () => ({ fe: fe({ heap_mib: 8192 }) }));
    expect(changed(cluster(), heap)).toEqual(['192.168.1.10 starrocks-fe']);
    const limit = withHost(cluster(), '192.168.1.10', () => ({ be: [be(0, { container_memory: 2 ** 30 })] }));
    expect(changed(cluster(), limit)).toEqual(['192.168.1.10 starrocks-be']);
    const image = cluster({ images: { fe: 'starrocks/fe-ubuntu:3.3.19', be: 'starrocks/be-ubuntu:3.3.18' } });
    expect(changed(cluster(), image)).toEqual([10, 11, 12].map(last => `192.168.1.${last} starrocks-fe`));
  });

  it('changes with the FE’s query port for FEs only: a BE needs it to register, once', () => {
    const moved = cluster({ fe_ports: { ...cluster().fe_ports, query_port: 19030 } });
    expect(changed(cluster(), moved)).toEqual([10, 11, 12].map(last => `192.168.1.${last} starrocks-fe`));
  });

  it('changes with ulimits for every service of the host', () => {
    const lower = withHost(cluster(), '192.168.1.10', () => ({ ulimits: { nofile: 20000, nproc: 4096 } }));
    expect(changed(cluster(), lower)).toEqual(['192.168.1.10 starrocks-be', '192.168.1.10 starrocks-fe']);
  });

  it('changes with deploy_dir: the same relative folders are other folders then', () => {
    const elsewhere = withHost(cluster(), '192.168.1.10', () => ({ deploy_dir: '/srv/sr' }));
    expect(changed(cluster(), elsewhere)).toEqual(['192.168.1.10 starrocks-be', '192.168.1.10 starrocks-fe']);
  });

  it('does not change with what only the deploy reads', () => {
    const tended = withHost(cluster(), '192.168.1.10', ({ ssh }) => ({
      maintenance: true,
      location: 'rack:r1',
      memory: 2 ** 36,
      ssh: { ...ssh, user: 'deploy', sudo: true },
    }));
    expect(changed(cluster(), tended)).toEqual([]);
    expect(hostsChanged(cluster(), tended)).toEqual([]);
  });

  it('does not change when a second BE comes beside the first', () => {
    const two = withHost(cluster(), '192.168.1.10', () => ({ be: [be(0), be(1)] }));
    expect(changed(cluster(), two)).toEqual(['192.168.1.10 starrocks-be-1']);
  });

  it('stands in .env, where the label takes it from', () => {
    const { files, clusterJson } = emit(cluster());
    const env = files.get('hosts/192.168.1.10/.env')?.text;
    expect(env).toContain(`\nFE_DIGEST=${clusterJson.hosts[0]?.fe?.digest}\n`);
    expect(env).toContain(`\nBE_DIGEST=${clusterJson.hosts[0]?.be[0]?.digest}\n`);
  });
});

describe('the digest of a host', () => {
  it('covers every file of its folder, with its mode', () => {
    const { files, clusterJson } = emit(cluster());
    for (const { address, files: listed } of clusterJson.hosts) {
      const folder = [...files].filter(([path]) => path.startsWith(`hosts/${address}/`));
      expect(listed.map(({ path, sha256, mode }) => [path, sha256, mode])).toEqual(
        folder.map(([path, { text, mode }]) => [
          path.slice(`hosts/${address}/`.length),
          createHash('sha256').update(text).digest('hex'),
          mode,
        ]),
      );
    }
  });

  it('changes when any file does: here one that no container sees', () => {
    const other = cluster({ kafka_host: '192.168.1.50' });
    expect(changed(cluster(), other)).toEqual([]);
    expect(hostsChanged(cluster(), other)).toEqual(['192.168.1.10', '192.168.1.11', '192.168.1.12']);
  });
});

describe('adding a host', () => {
  const folderFiles = (of: Cluster): Map<string, string> =>
    new Map([...emit(of).files].filter(([path]) => path.startsWith('hosts/')).map(([path, { text }]) => [path, text]));

  it('writes its folder, cluster.json and README.md, and not one byte elsewhere', () => {
    const before = emit(cluster()).files;
    const after = emit(cluster({ hosts: [...cluster().hosts, host('192.168.1.13')] })).files;
    const touched = [...after].filter(([path, { text }]) => before.get(path)?.text !== text).map(([path]) => path);
    const others = touched.filter(path => !path.startsWith('hosts/192.168.1.13/')).sort();
    expect(others).toEqual(['README.md', 'cluster.json']);
    expect(touched.length - others.length).toBe(10);
  });

  it('changes no byte of another host’s folder, in any cluster and at any place of the list', () => {
    fc.assert(
      fc.property(randomCluster, fc.nat(), fc.ipV4(), (of, place, address) => {
        fc.pre(of.hosts.every(one => one.address !== address));
        const hosts = [...of.hosts];
        hosts.splice(place % (hosts.length + 1), 0, host(address));
        const after = folderFiles({ ...of, hosts });
        for (const [path, text] of folderFiles(of)) expect(after.get(path)).toBe(text);
      }),
      { numRuns: 60 },
    );
  });

  it('changes no digest in any cluster whose founding host is renamed', () => {
    fc.assert(
      fc.property(randomCluster, fc.nat(), (of, place) => {
        const master = of.hosts[place % of.hosts.length]?.address ?? '';
        expect(changed(of, { ...of, master_host: master })).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
