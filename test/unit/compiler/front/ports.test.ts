import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocatePorts, type PortAnswer, type PortRequest } from '../../../../compiler/ports/allocate.ts';
import { bePortNames, fePortNames } from '../../../../compiler/ports/names.ts';
import { readAllocations } from '../../../../compiler/ports/previous.ts';
import { readCluster } from '../../../../compiler/read.ts';
import { diagnose, three, withHosts } from './diagnose.ts';

type Shape = readonly { readonly address: string; readonly fe: boolean; readonly count: number }[];

const at = { start: 0, end: 0 };

const request = (shape: Shape, fe: PortRequest['fe'] = {}): PortRequest => ({
  fe,
  hosts: shape.map(({ address, fe: carriesFe, count }) => ({
    address,
    at,
    carriesFe,
    be: Array.from({ length: count }, () => ({ at, ports: {} })),
  })),
});

/** The part of cluster.json that the next compile reads. */
const asPrevious = (shape: Shape, answer: PortAnswer): unknown => ({
  fe_ports: answer.fe,
  hosts: shape.map(({ address }, host) => ({
    address,
    be: (answer.be[host] ?? []).map((ports, index) => ({ index, ports })),
  })),
});

const allocate = (shape: Shape, previous?: unknown, fe?: PortRequest['fe']): PortAnswer =>
  allocatePorts(request(shape, fe), readAllocations(previous));

const shapes = fc
  .uniqueArray(
    fc.record({ number: fc.integer({ min: 1, max: 250 }), fe: fc.boolean(), count: fc.integer({ min: 0, max: 5 }) }),
    {
      minLength: 1,
      maxLength: 6,
      selector: ({ number }) => number,
    },
  )
  .map((hosts): Shape => hosts.map(({ number, fe, count }) => ({ address: `10.0.0.${number}`, fe, count })));

const fePort = fc.option(fc.constantFrom(8040, 8041, 9050, 9060, 9061, 18030), { nil: undefined });

/** Ports of the FEs that people write, among them those that BEs would like to have. */
const written = fc
  .record({ http_port: fePort })
  .map(({ http_port }) => (http_port === undefined ? {} : { http_port: { value: http_port, at } }));

describe('allocation of ports', () => {
  it('gives every service of a machine ports of its own', () => {
    fc.assert(
      fc.property(shapes, written, (shape, fe) => {
        const answer = allocate(shape, undefined, fe);
        for (const [host, instances] of answer.be.entries()) {
          const ofFe = shape[host]?.fe ? Object.values(answer.fe) : [];
          const all = [...ofFe, ...instances.flatMap(ports => Object.values(ports))];
          expect(new Set(all).size).toBe(all.length);
        }
        expect(answer.findings.filter(({ code }) => code !== 'N_PORT_MOVED')).toEqual([]);
      }),
    );
  });

  it('changes nothing when it is asked twice, and says nothing the second time', () => {
    fc.assert(
      fc.property(shapes, written, (shape, fe) => {
        const first = allocate(shape, undefined, fe);
        const second = allocate(shape, asPrevious(shape, first), fe);
        expect([second.fe, second.be, second.findings]).toEqual([first.fe, first.be, []]);
      }),
    );
  });

  it('moves nobody’s port when a host, or the last BE of a host, goes', () => {
    fc.assert(
      fc.property(shapes, written, fc.nat(), fc.boolean(), (shape, fe, choice, whole) => {
        const before = allocate(shape, undefined, fe);
        const victim = choice % shape.length;
        const count = (shape[victim]?.count ?? 0) - 1;
        const smaller = shape.flatMap((host, index) =>
          index !== victim ? host : whole || count < 0 ? [] : { ...host, count },
        );
        const after = allocate(smaller, asPrevious(shape, before), fe);
        const kept = before.be.flatMap((instances, host) =>
          host !== victim ? [instances] : whole || count < 0 ? [] : [instances.slice(0, count)],
        );
        expect(after.be).toEqual(kept);
        expect(after.fe).toEqual(before.fe);
      }),
    );
  });

  it('moves nobody’s port when a host comes, wherever it is written', () => {
    fc.assert(
      fc.property(shapes, fc.nat(), fc.integer({ min: 0, max: 5 }), (shape, choice, count) => {
        const before = allocate(shape);
        const position = choice % (shape.length + 1);
        const larger = shape.toSpliced(position, 0, { address: '10.0.1.1', fe: true, count });
        const after = allocate(larger, asPrevious(shape, before));
        expect(after.be.toSpliced(position, 1)).toEqual(before.be);
      }),
    );
  });

  it('keeps a moved port when what it gave way to is gone', () => {
    const http = { http_port: { value: 8040, at } };
    const shape: Shape = [{ address: '10.0.0.1', fe: true, count: 1 }];
    const first = allocate(shape, undefined, http);
    expect(first.be[0]?.[0]?.be_http_port).toBe(8041);
    expect(allocate(shape, asPrevious(shape, first), { http_port: { value: 8030, at } }).be).toEqual(first.be);
  });
});

describe('the previous cluster.json', () => {
  const portsIn = (text: string, previous: unknown) => readCluster({ file: 'cluster.yaml', text, previous }).cluster;

  it('keeps ports of FEs and BEs that cluster.yaml no longer writes', () => {
    const previous = {
      fe_ports: { query_port: 19030 },
      hosts: [{ address: '192.168.1.11', be: [{ index: 0, ports: { be_port: 19060 } }] }],
    };
    const cluster = portsIn(three, previous);
    expect(cluster?.fe_ports).toEqual({ http_port: 8030, rpc_port: 9020, query_port: 19030, edit_log_port: 9010 });
    expect(cluster?.hosts.map(({ be }) => be[0]?.ports.be_port)).toEqual([9060, 19060, 9060]);
  });

  it('gives way to what cluster.yaml writes', () => {
    const previous = { hosts: [{ address: '192.168.1.12', be: [{ index: 0, ports: { be_port: 19060 } }] }] };
    const text = withHosts('192.168.1.10', '192.168.1.11', '{ address: 192.168.1.12, ports: { be_port: 9061 } }');
    expect(portsIn(text, previous)?.hosts[2]?.be[0]?.ports.be_port).toBe(9061);
  });

  it('never moves an allocated port: what collides with it is an error', () => {
    const previous = { hosts: [{ address: '192.168.1.12', be: [{ index: 0, ports: { brpc_port: 9061 } }] }] };
    const text = withHosts('192.168.1.10', '192.168.1.11', '{ address: 192.168.1.12, ports: { be_port: 9061 } }');
    expect(diagnose(text, previous)).toEqual([
      '7:48 E_PORT_COLLISION On 192.168.1.12, `be_port` of BE 0 is 9061, and so is `brpc_port` of BE 0, as allocated before. | Give one of them another port. @ 7:16',
    ]);
  });

  it('gives an allocated BE port no other place when an FE comes to want it', () => {
    const previous = { hosts: [{ address: '192.168.1.12', be: [{ index: 0, ports: { brpc_port: 9030 } }] }] };
    expect(diagnose(three, previous)).toEqual([
      '7:5 E_PORT_COLLISION On 192.168.1.12, `brpc_port` of BE 0 is 9030, as allocated before, and so is `query_port` of the FE, the default. | Give one of them another port: write `brpc_port` under `ports`. @ 7:5',
    ]);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a list', []],
    ['text', 'x'],
    ['hosts of another type', { fe_ports: 3, hosts: { a: 1 } }],
    [
      'ports that are none',
      {
        fe_ports: { http_port: '8031', rpc_port: 0, query_port: 70000, edit_log_port: 1.5 },
        hosts: [
          null,
          3,
          { address: 1, be: [{ index: 0 }] },
          { address: '192.168.1.10', be: [null, { index: 0, ports: { be_port: -1 } }] },
        ],
      },
    ],
  ])('may be %s', (_name, previous) => {
    const cluster = portsIn(three, previous);
    expect(cluster).toEqual(portsIn(three, undefined));
  });
});

it('the ports are StarRocks’ own, in its own names', () => {
  expect([...fePortNames, ...bePortNames]).toEqual([
    'http_port',
    'rpc_port',
    'query_port',
    'edit_log_port',
    'be_port',
    'be_http_port',
    'heartbeat_service_port',
    'brpc_port',
    'starlet_port',
  ]);
});
