import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewritePorts, type WantedPorts } from '../../../../compiler/ports/rewrite.ts';
import { readCluster } from '../../../../compiler/read.ts';
import { three, withHosts } from './diagnose.ts';

const rewritten = (text: string, wanted: Partial<WantedPorts>): string => {
  const result = rewritePorts(text, { fe: {}, be: [], ...wanted });
  expect(result.unplaced).toEqual([]);
  return result.text;
};

const be = (address: string, ports: WantedPorts['be'][number]['ports'], index = 0) => ({ address, index, ports });

describe('ports written into cluster.yaml', () => {
  it('make a plain address the long form, with its comment kept', () => {
    const text = three.replace('- 192.168.1.11\n', '- 192.168.1.11       # rack 2\n');
    expect(rewritten(text, { be: [be('192.168.1.11', { be_port: 9061, brpc_port: 8061 })] })).toBe(
      text.replace('- 192.168.1.11 ', '- { address: 192.168.1.11, ports: { be_port: 9061, brpc_port: 8061 } } '),
    );
  });

  it('go into the long form in one line', () => {
    const text = withHosts(
      '{ address: 192.168.1.10 }',
      '{ address: 192.168.1.11, ports: {} } # x',
      '{ address: 192.168.1.12, ports: { be_port: 1 }, fe: none }',
    );
    const ports = { be_port: 9061, starlet_port: 9071 };
    expect(
      rewritten(text, { be: ['192.168.1.10', '192.168.1.11', '192.168.1.12'].map(address => be(address, ports)) }),
    ).toBe(
      withHosts(
        '{ address: 192.168.1.10, ports: { be_port: 9061, starlet_port: 9071 } }',
        '{ address: 192.168.1.11, ports: { be_port: 9061, starlet_port: 9071 } } # x',
        '{ address: 192.168.1.12, ports: { be_port: 9061, starlet_port: 9071 }, fe: none }',
      ),
    );
  });

  it('go into the long form in many lines', () => {
    const text = withHosts(
      'address: 192.168.1.10 # the first\n    ports:\n      be_port: 9060 # as ever\n    fe: follower',
      'address: 192.168.1.11',
      '192.168.1.12',
    );
    expect(
      rewritten(text, {
        be: [be('192.168.1.10', { be_port: 9061, brpc_port: 8061 }), be('192.168.1.11', { be_port: 9062 })],
      }),
    ).toBe(
      withHosts(
        'address: 192.168.1.10 # the first\n    ports:\n      be_port: 9061 # as ever\n      brpc_port: 8061\n    fe: follower',
        'address: 192.168.1.11\n    ports: { be_port: 9062 }',
        '192.168.1.12',
      ),
    );
  });

  it('go under an empty key', () => {
    const text = withHosts('address: 192.168.1.10\n    ports:\n    fe: follower');
    expect(rewritten(text, { be: [be('192.168.1.10', { be_port: 9061 })] })).toBe(
      text.replace('ports:\n', 'ports: { be_port: 9061 }\n'),
    );
  });

  it('of FEs go into defaults, which come to stand before the hosts', () => {
    expect(rewritten(three, { fe: { http_port: 8031 } })).toBe(
      three.replace('hosts:', 'defaults: { ports: { http_port: 8031 } }\nhosts:'),
    );
    const flow = `${three}defaults: { fe: follower, } # all\n`;
    expect(rewritten(flow, { fe: { http_port: 8031 } })).toBe(
      flow.replace('follower, }', 'follower, ports: { http_port: 8031 }, }'),
    );
    const block = three.replace('hosts:', '# policy\ndefaults:\n  ports:\n    # moved\n    http_port: 8030\nhosts:');
    expect(rewritten(block, { fe: { http_port: 8031, rpc_port: 9021 } })).toBe(
      block.replace('8030\n', '8031\n    rpc_port: 9021\n'),
    );
  });

  it('of further BEs go to their instances', () => {
    const text = withHosts(
      '{ address: 192.168.1.10, be: { count: 3 } }',
      'address: 192.168.1.11\n    be:\n      instances:\n        - {}\n        - storage: [{ path: /d2/be }] # new disk',
      '192.168.1.12',
    );
    const third = be('192.168.1.10', { be_port: 9063 }, 2);
    const second = be('192.168.1.11', { be_port: 9062 }, 1);
    expect(rewritten(text, { be: [third, second, be('192.168.1.11', { be_port: 9061 }, 0)] })).toBe(
      withHosts(
        '{ address: 192.168.1.10, be: { count: 3, instances: [{}, {}, { ports: { be_port: 9063 } }] } }',
        'address: 192.168.1.11\n    be:\n      instances:\n        - {}\n        - storage: [{ path: /d2/be }] # new disk\n          ports: { be_port: 9062 }\n    ports: { be_port: 9061 }',
        '192.168.1.12',
      ),
    );
  });

  it('take the old name where the file has it', () => {
    const text = withHosts('{ address: 192.168.1.10, ports: { webserver_port: 8040 } }');
    expect(rewritten(text, { be: [be('192.168.1.10', { be_http_port: 8041 })] })).toBe(text.replace('8040', '8041'));
  });

  it('keep CRLF, a byte order mark, and a missing line feed at the end', () => {
    const text = `\ufeff${withHosts('address: 192.168.1.10').trimEnd()}`.replaceAll('\n', '\r\n');
    expect(rewritten(text, { be: [be('192.168.1.10', { be_port: 9061 })] })).toBe(
      `${text}\r\n    ports: { be_port: 9061 }`,
    );
  });

  it('are left to a person where hosts share a value, where defaults have instances, and where the host is unknown', () => {
    const shared = withHosts(
      '{ address: 192.168.1.10, ports: &p { be_port: 1 } }',
      '{ address: 192.168.1.11, ports: *p }',
    );
    const wanted = { fe: {}, be: [be('192.168.1.11', { be_port: 9061 }), be('192.168.1.99', { be_port: 9061 })] };
    expect(rewritePorts(shared, wanted)).toEqual({ text: shared, unplaced: ['192.168.1.11', '192.168.1.99'] });
    const defaults = `${three}defaults: { be: { instances: [{ storage: [{ path: /d1 }] }, {}] } }\n`;
    expect(rewritePorts(defaults, { fe: {}, be: [be('192.168.1.10', { be_port: 9062 }, 1)] }).unplaced).toEqual([
      '192.168.1.10',
    ]);
  });

  it('are what the compiler reads then, and everything else is as before', () => {
    const hosts = fc.array(fc.constantFrom('plain', 'flow', 'block', 'two', 'ports'), { minLength: 1, maxLength: 6 });
    const entry = (kind: string, address: string): string =>
      ({
        flow: `{ address: ${address}, fe: follower } # flow`,
        block: `address: ${address} # block\n    # between\n    labels:\n      location: "rack:r1"`,
        two: `{ address: ${address}, be: { count: 2 } }`,
        ports: `address: ${address}\n    ports:\n      be_port: 9060 # old\n    maintenance: true`,
      })[kind] ?? address;
    fc.assert(
      fc.property(hosts, fc.boolean(), fc.integer({ min: 20000, max: 20100 }), (kinds, crlf, port) => {
        const addresses = kinds.map((_kind, host) => `192.168.1.1${host}`);
        const plain = withHosts(...kinds.map((kind, host) => entry(kind, addresses[host] ?? '')));
        const text = `${crlf ? plain.replaceAll('\n', '\r\n') : plain}default_replication_num: 1 # last\n`;
        const wanted: WantedPorts = {
          fe: { http_port: 30001, edit_log_port: 30002 },
          be: kinds.flatMap((kind, host) =>
            [0, ...(kind === 'two' ? [1] : [])].map(index =>
              be(addresses[host] ?? '', { be_port: port + index, brpc_port: port + 200 + index }, index),
            ),
          ),
        };
        const result = rewritten(text, wanted);
        const read = (file: string) => readCluster({ file: 'cluster.yaml', text: file, previous: undefined }).cluster;
        const [before, after] = [read(text), read(result)];
        expect(after).toEqual({
          ...before,
          fe_ports: { ...before?.fe_ports, http_port: 30001, edit_log_port: 30002 },
          hosts: before?.hosts.map(host => ({
            ...host,
            be: host.be.map(instance => ({
              ...instance,
              ports: { ...instance.ports, be_port: port + instance.index, brpc_port: port + 200 + instance.index },
            })),
          })),
        });
        expect(result.match(/#.*/g)).toEqual(text.match(/#.*/g));
        expect(rewritten(result, wanted)).toBe(result);
      }),
    );
  });
});
