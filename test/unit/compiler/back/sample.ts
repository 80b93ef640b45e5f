/** Clusters as the rules let them through: small hand-made ones, and random ones. */
import fc from 'fast-check';
import type { BePorts } from '../../../../compiler/contract/cluster-json.ts';
import type { Be, Cluster, Fe, Host } from '../../../../compiler/model/cluster.ts';

const bePorts: BePorts = {
  be_port: 9060,
  be_http_port: 8040,
  heartbeat_service_port: 9050,
  brpc_port: 8060,
  starlet_port: 9070,
};

export const fe = (more: Partial<Fe> = {}): Fe => ({
  role: 'follower',
  heap_mib: 4096,
  container_memory: 0,
  conf: {},
  ...more,
});

export const be = (index = 0, more: Partial<Be> = {}): Be => ({
  index,
  ports: Object.fromEntries(Object.entries(bePorts).map(([name, port]) => [name, port + index])) as unknown as BePorts,
  mem_limit: '70%',
  container_memory: 0,
  storage: [{ path: null, medium: null, capacity: null }],
  conf: {},
  ...more,
});

export const host = (address: string, more: Partial<Host> = {}): Host => ({
  address,
  ssh: { host: address, port: 22, user: 'root', sudo: false, host_key: null, bastion: null },
  maintenance: false,
  deploy_dir: '/opt/starrocks-ha',
  location: null,
  memory: null,
  ulimits: { nofile: 655350, nproc: 65535 },
  fe: fe(),
  be: [be()],
  ...more,
});

export const cluster = (more: Partial<Cluster> = {}): Cluster => ({
  name: 'analytics',
  version: '3.3.18',
  master_host: '192.168.1.10',
  fe_ports: { http_port: 8030, rpc_port: 9020, query_port: 9030, edit_log_port: 9010 },
  default_replication_num: 3,
  kafka_host: '127.0.0.1',
  password_env: null,
  allow_outage: false,
  timeouts: { ssh: 20, query: 20, pull: 1800, fe_ready: 300, be_ready: 300, drain: 300, lock: 600 },
  images: { fe: 'starrocks/fe-ubuntu:3.3.18', be: 'starrocks/be-ubuntu:3.3.18' },
  hosts: ['192.168.1.10', '192.168.1.11', '192.168.1.12'].map(address => host(address)),
  ...more,
});

/** The cluster with one host changed. */
export const withHost = (of: Cluster, address: string, change: (host: Host) => Partial<Host>): Cluster => ({
  ...of,
  hosts: of.hosts.map(one => (one.address === address ? { ...one, ...change(one) } : one)),
});

const conf = (...keys: string[]): fc.Arbitrary<Record<string, string>> =>
  fc.dictionary(fc.constantFrom(...keys), fc.stringMatching(/^[a-z0-9]{1,8}$/));

const storage = fc.array(
  fc.record({
    path: fc.constantFrom(null, '/disk1/be', '/disk2/be', '/disk3/be'),
    medium: fc.constantFrom(null, 'SSD' as const, 'HDD' as const),
    capacity: fc.constantFrom(null, 500 * 2 ** 30),
  }),
  { minLength: 1, maxLength: 3 },
);

const randomHost = fc.record({
  address: fc.ipV4(),
  maintenance: fc.boolean(),
  deploy_dir: fc.constantFrom('/opt/starrocks-ha', '/srv/sr'),
  location: fc.constantFrom(null, 'rack:r1', 'rack:r2'),
  fe: fc.option(
    fc.record({
      role: fc.constantFrom('follower' as const, 'observer' as const),
      heap_mib: fc.integer({ min: 512, max: 65536 }),
      container_memory: fc.constantFrom(0, 2 ** 34),
      conf: conf('max_bdbje_clock_delta_ms', 'sys_log_level'),
    }),
  ),
  be: fc.array(
    fc.record({ mem_limit: fc.constantFrom('70%', '50G'), storage, conf: conf('max_compaction_threads', 'pprof_dir') }),
    { maxLength: 3 },
  ),
});

/** At least one host; the first one founds. */
export const randomCluster: fc.Arbitrary<Cluster> = fc
  .uniqueArray(randomHost, { minLength: 1, maxLength: 6, selector: ({ address }) => address })
  .map(hosts => {
    const built = hosts.map(({ be: bes, fe: one, ...more }, index) =>
      host(more.address, {
        ...more,
        fe: index === 0 ? (one ?? fe()) : one,
        be: bes.map((instance, position) => be(position, instance)),
      }),
    );
    return cluster({ hosts: built, master_host: built[0]?.address ?? '' });
  });
