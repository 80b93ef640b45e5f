import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Cluster, Host } from '../../../../compiler/model/cluster.ts';
import { readCluster } from '../../../../compiler/read.ts';
import { diagnose, three, withHost, withHosts, withLine, withVersion } from './diagnose.ts';

function read(text: string | Uint8Array, previous?: unknown): Cluster {
  const { cluster, diagnostics } = readCluster({ file: 'cluster.yaml', text, previous });
  if (cluster === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return cluster;
}

const fourth = (keys: string): Host | undefined => read(withHost(keys)).hosts[3];

const plainHost = (address: string): Host => ({
  address,
  ssh: { host: address, port: 22, user: 'root', sudo: false, host_key: null, bastion: null },
  maintenance: false,
  deploy_dir: '/opt/starrocks-ha',
  location: null,
  memory: null,
  ulimits: { nofile: 655350, nproc: 65535 },
  fe: { role: 'follower', heap_mib: 4096, container_memory: 0, conf: {} },
  be: [
    {
      index: 0,
      ports: { be_port: 9060, be_http_port: 8040, heartbeat_service_port: 9050, brpc_port: 8060, starlet_port: 9070 },
      mem_limit: '70%',
      container_memory: 0,
      storage: [{ path: null, medium: null, capacity: null }],
      conf: {},
    },
  ],
});

describe('a file of three addresses', () => {
  it('is a cluster with every default', () => {
    expect(read(three)).toEqual({
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
      hosts: ['192.168.1.10', '192.168.1.11', '192.168.1.12'].map(plainHost),
    });
  });

  it('has nothing said about it', () => {
    expect(diagnose(three)).toEqual([]);
  });

  it.each([
    ['as bytes', new TextEncoder().encode(three)],
    ['with a byte order mark', `\ufeff${three}`],
    ['with a byte order mark in bytes', new TextEncoder().encode(`\ufeff${three}`)],
    ['with CRLF', three.replaceAll('\n', '\r\n')],
    ['without a line feed at the end', three.trimEnd()],
    [
      'in flow style',
      '{ cluster: analytics, starrocks: { version: 3.3.18 }, master_host: 192.168.1.10, hosts: [192.168.1.10, 192.168.1.11, 192.168.1.12] }',
    ],
    ['with a comment behind a tab', three.replace('analytics', 'analytics\t# a comment')],
    ['with an alias', three.replace('192.168.1.10\n', '&master 192.168.1.10\n').replace('- 192.168.1.10', '- *master')],
  ])('reads the same %s', (_name, text) => {
    expect(read(text)).toEqual(read(three));
  });

  it('is the sample at the top of the repository, which editors check against the schema', () => {
    const sample = readFileSync('cluster.yaml', 'utf8');
    expect(read(sample)).toEqual(read(three));
    expect(sample.split('\n').slice(0, 2)).toEqual([
      '# yaml-language-server: $schema=./compiler/cluster.schema.json',
      '# $schema: ./compiler/cluster.schema.json',
    ]);
  });
});

describe('places in the file', () => {
  it('do not move with a byte order mark or CRLF', () => {
    const wrong = withHosts('192.168.1.10', 'db-2', '192.168.1.12');
    expect(diagnose(`\ufeff${wrong.replaceAll('\n', '\r\n')}`)).toEqual(diagnose(wrong));
  });

  it('end where the value ends, and never beyond the line', () => {
    const { diagnostics } = readCluster({ file: 'x.yaml', text: `${withHosts('db-2')}zzz:\n  a: 1\n`, previous: null });
    const ranges = diagnostics.map(({ file, code, line, column, endLine, endColumn }) => [
      file,
      code,
      line,
      column,
      endLine,
      endColumn,
    ]);
    expect(ranges).toContainEqual(['x.yaml', 'E_ADDRESS_NAME', 5, 5, 5, 9]);
    expect(ranges).toContainEqual(['x.yaml', 'E_UNKNOWN_KEY', 6, 1, 6, 4]);
  });
});

describe('what hosts share', () => {
  it('comes from defaults, and a host overrides it key by key', () => {
    const text = `${withHosts(
      '{ address: 192.168.1.10, fe: follower }',
      '192.168.1.11',
      '{ address: 192.168.1.12, ulimits: { nproc: 2000 }, ssh: { port: 2222, ssh_host: db-3.internal }, fe_conf: { b: 3 }, be_conf: { x: 9 } }',
    )}defaults: { fe: none, ulimits: { nofile: 20000 }, ssh: { user: deploy, sudo: true, bastion: { host: gate, user: jump } }, be_conf: { x: 1, y: 2 }, labels: { location: "rack:r1" }, deploy_dir: /srv/sr }\n`;
    const [, plain, own] = read(text).hosts;
    expect(plain?.fe).toBeNull();
    expect(plain?.ssh).toEqual({
      host: '192.168.1.11',
      port: 22,
      user: 'deploy',
      sudo: true,
      host_key: null,
      bastion: { host: 'gate', port: 22, user: 'jump', host_key: null },
    });
    expect(own?.ssh).toMatchObject({ host: 'db-3.internal', port: 2222, user: 'deploy', sudo: true });
    expect(own?.ulimits).toEqual({ nofile: 20000, nproc: 2000 });
    expect(own?.be[0]?.conf).toEqual({ x: '9', y: '2' });
    expect([plain?.location, plain?.deploy_dir]).toEqual(['rack:r1', '/srv/sr']);
  });

  it('makes thirty machines with three FEs one line of policy and thirty entries', () => {
    const entries = Array.from({ length: 30 }, (_, host) => `192.168.1.1${String(host).padStart(2, '0')}`).map(
      (address, host) => (host < 3 ? `{ address: ${address}, fe: follower }` : address),
    );
    const text = `${withHosts(...entries).replace('192.168.1.10\n', '192.168.1.100\n')}defaults: { fe: none }\n`;
    const { hosts } = read(text);
    expect(hosts.map(({ fe }) => fe?.role ?? 'none')).toEqual([
      ...Array(3).fill('follower'),
      ...Array(27).fill('none'),
    ]);
    expect(text.split('\n').length - 1).toBe(4 + 30 + 1);
    expect(diagnose(text)).toEqual([]);
  });

  it('hides a default BE behind be: none, and lays a BE over a default of none', () => {
    const text = `${withHosts('192.168.1.10', '{ address: 192.168.1.11, be: { count: 1 } }', '{ address: 192.168.1.12, be: { mem_limit: 40G } }')}defaults: { be: none }\ndefault_replication_num: 2\n`;
    expect(read(text).hosts.map(({ be }) => be.map(({ mem_limit }) => mem_limit))).toEqual([[], ['70%'], ['40G']]);
  });
});

describe('the long form of a host', () => {
  it('has instances with folders, limits and ports of their own', () => {
    const host = fourth(
      'be: { mem_limit: 30%, instances: [{ storage: [{ path: /d1/be, medium: SSD, capacity: 2T }, { path: /d2/be }] }, { storage: [{ path: /d3/be }], mem_limit: 20G, ports: { be_port: 19060 } }] }, ports: { be_port: 9160 }',
    );
    expect(
      host?.be.map(({ index, mem_limit, storage, ports }) => ({ index, mem_limit, storage, be_port: ports.be_port })),
    ).toEqual([
      {
        index: 0,
        mem_limit: '30%',
        be_port: 9160,
        storage: [
          { path: '/d1/be', medium: 'SSD', capacity: 2 * 2 ** 40 },
          { path: '/d2/be', medium: null, capacity: null },
        ],
      },
      { index: 1, mem_limit: '20G', be_port: 19060, storage: [{ path: '/d3/be', medium: null, capacity: null }] },
    ]);
  });

  it('keeps the digits of conf numbers', () => {
    const host = fourth('be_conf: { a: 1.10, b: 9223372036854775807, c: true, d: x=1;y }');
    expect(host?.be[0]?.conf).toEqual({ a: '1.10', b: '9223372036854775807', c: 'true', d: 'x=1;y' });
  });

  it('can be in maintenance, with a pinned key', () => {
    const host = fourth('maintenance: true, ssh: { host_key: "SHA256:2ZRVFwGrqbGm1z1ZqWLTqSvxKpRk0wQSbiD5eLxtdIA" }');
    expect([host?.maintenance, host?.ssh.host_key]).toEqual([
      true,
      'SHA256:2ZRVFwGrqbGm1z1ZqWLTqSvxKpRk0wQSbiD5eLxtdIA',
    ]);
  });
});

describe('values of the whole cluster', () => {
  it.each([
    ['true', 'STARROCKS_PASSWORD'],
    ['ANALYTICS_ROOT', 'ANALYTICS_ROOT'],
    ['false', null],
  ])('reads password: %s as %s', (written, expected) => {
    expect(read(withVersion(`3.3.18, password: ${written}`)).password_env).toBe(expected);
  });

  it('takes a candidate for a release, a digest, and other timeouts', () => {
    const digest = `reg:5000/be@sha256:${'a'.repeat(64)}`;
    const cluster = read(
      `${withVersion('3.5.0-rc01')}images: { be: "${digest}" }\ntimeouts: { lock: 5 }\nallow_outage: true\nkafka_host: kafka.internal:9092\n`,
    );
    expect(cluster.images).toEqual({ fe: 'starrocks/fe-ubuntu:3.5.0-rc01', be: digest });
    expect(cluster.timeouts).toMatchObject({ ssh: 20, lock: 5 });
    expect([cluster.allow_outage, cluster.kafka_host]).toEqual([true, 'kafka.internal:9092']);
  });

  it('takes the value of a renamed key', () => {
    expect(read(withLine('replication_num: 2')).default_replication_num).toBe(2);
    expect(fourth('ports: { webserver_port: 8041, heartbeat_port: 9051 }')?.be[0]?.ports).toMatchObject({
      be_http_port: 8041,
      heartbeat_service_port: 9051,
    });
  });

  it('takes loopback where all hosts are loopback, and temporary folders there', () => {
    const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3'].map(
      address => `{ address: ${address}, deploy_dir: /tmp/sandbox/${address} }`,
    );
    expect(diagnose(withHosts(...hosts).replace('192.168.1.10', '127.0.0.1'))).toEqual([]);
  });
});

describe('many hosts', () => {
  const addresses = (count: number): string[] =>
    Array.from({ length: count }, (_, host) => `10.${1 + (host >> 14)}.${(host >> 7) & 127}.${1 + (host & 127)}`);

  it('are read in the order of the file', () => {
    const all = addresses(10_000);
    const text = `${withHosts(...all).replace('192.168.1.10', '10.1.0.1')}defaults: { fe: observer }\n`.replace(
      '- 10.1.0.1\n',
      '- { address: 10.1.0.1, fe: follower }\n',
    );
    expect(read(text).hosts.map(({ address }) => address)).toEqual(all);
  });

  it('have all their faults told', () => {
    const wrong = withHosts(...addresses(3000).map(address => `${address}.1`));
    expect(diagnose(wrong).filter(line => line.includes('E_ADDRESS ')).length).toBe(3000);
  });
});
