import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderForTerminal } from '../../../../compiler/diagnostics/terminal.ts';
import { readCluster } from '../../../../compiler/read.ts';
import { schemaKeys } from '../../../../compiler/schema/keys.ts';

/** A file with every key that the schema knows. */
const everyKey = `cluster: analytics
starrocks: { version: 3.3.18, password: ANALYTICS_ROOT }
master_host: 192.168.1.10
images: { fe: "reg:5000/fe:3.3.18", be: "reg:5000/be:3.3.18" }
default_replication_num: 3
kafka_host: kafka.internal
allow_outage: true
timeouts: { ssh: 1, query: 2, pull: 3, fe_ready: 4, be_ready: 5, drain: 7, lock: 6 }
defaults:
  fe: none
  be: { count: 1, mem_limit: 40G, storage: &disks [{ path: /d1/be, medium: SSD, capacity: 1T }, { path: /d2/be }], instances: [{ storage: *disks, mem_limit: 41G, ports: {} }] }
  ports: { http_port: 18030, rpc_port: 19020, query_port: 19030, edit_log_port: 19010, be_port: 19060, be_http_port: 18040, heartbeat_service_port: 19050, brpc_port: 18060, starlet_port: 19070 }
  ulimits: { nofile: 20000, nproc: 20000 }
  labels: { location: rack:r1 }
  resources: { memory: 64G, fe_heap: 8G }
  fe_conf: { max_query_retry_time: 3 }
  be_conf: { base_compaction_check_interval_seconds: 120 }
  deploy_dir: /srv/starrocks
  ssh: { user: deploy, port: 2222, sudo: true, bastion: { host: gate, port: 22, user: jump, host_key: "SHA256:2ZRVFwGrqbGm1z1ZqWLTqSvxKpRk0wQSbiD5eLxtdIA" } }
hosts:
  - { address: 192.168.1.10, fe: follower }
  - 192.168.1.11
  - address: 192.168.1.12
    maintenance: true
    fe: observer
    be: { count: 2, mem_limit: 20G, storage: [{ path: /d1/be, medium: HDD, capacity: 500G }], instances: [{}, { storage: [{ path: /d3/be, medium: SSD, capacity: 1T }], mem_limit: 22G, ports: { be_port: 29060, be_http_port: 28040, heartbeat_service_port: 29050, brpc_port: 28060, starlet_port: 29070 } }] }
    ports: { be_port: 39060, be_http_port: 38040, heartbeat_service_port: 39050, brpc_port: 38060, starlet_port: 39070 }
    ulimits: { nofile: 30000, nproc: 30000 }
    labels: { location: rack:r2 }
    resources: { memory: 128G, fe_heap: 16G }
    fe_conf: {}
    be_conf: {}
    deploy_dir: /srv/other
    ssh: { user: ops, port: 22, ssh_host: db-3, sudo: false, host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB, bastion: { host: gate2, port: 22, user: jump, host_key: "SHA256:2ZRVFwGrqbGm1z1ZqWLTqSvxKpRk0wQSbiD5eLxtdIA" } }
`;

const read = (text: string) => readCluster({ file: 'cluster.yaml', text, previous: undefined });

describe('a file with every key', () => {
  it('is a cluster about which nothing is said but that one key has no effect', () => {
    expect(new Set(read(everyKey).diagnostics.map(({ code }) => code))).toEqual(new Set(['W_STORAGE_CAPACITY']));
    expect(read(everyKey).cluster?.hosts[2]).toMatchObject({
      maintenance: true,
      fe: { role: 'observer', heap_mib: 16384 },
      be: [{ mem_limit: '20G' }, { mem_limit: '22G', ports: { be_port: 29060 } }],
      ssh: { host: 'db-3', user: 'ops', port: 22, sudo: false, bastion: { host: 'gate2' } },
    });
  });

  it('has every key', () => {
    for (const { name, path } of schemaKeys()) expect(everyKey, path).toMatch(new RegExp(`\\b${name}:`));
  });

  it('becomes a message, never an exception, whatever is done to it', () => {
    const places = fc.nat({ max: everyKey.length });
    const pieces = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom(
        '[',
        '{',
        '"',
        '\n',
        ': ',
        '- ',
        '&a ',
        '*disks',
        '!!map ',
        '\t',
        '# ',
        '---\n',
        'null',
        '\u0000',
        '%',
        '<<: ',
      ),
    );
    const edits = fc.array(fc.record({ at: places, remove: fc.nat({ max: 30 }), insert: pieces }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(edits, all => {
        const text = all.reduce(
          (before, { at, remove, insert }) => before.slice(0, at) + insert + before.slice(at + remove),
          everyKey,
        );
        const { cluster, diagnostics } = read(text);
        expect(cluster === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
        const lines = text.replace(/^\ufeff/, '').split('\n');
        // What the file says itself may be quoted: fast-check likes to write `NaN` into it.
        const slips = ['undefined', '[object', 'NaN'].filter(word => !text.includes(word));
        for (const { line, column, endLine, endColumn, message, hint } of diagnostics) {
          expect(endLine).toBe(line);
          expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
          expect(endColumn).toBeGreaterThanOrEqual(column);
          expect(slips.filter(word => `${message} ${hint}`.includes(word))).toEqual([]);
        }
        expect(renderForTerminal(diagnostics, text, 'never')).not.toMatch(/(?!\n)\p{Cc}/u);
      }),
      { numRuns: 400 },
    );
  });
});
