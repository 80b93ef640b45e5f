import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../../../compiler/compile.ts';
import { emit } from '../../../../compiler/emit/emit.ts';
import { type HostEnv, importEnvFiles } from '../../../../compiler/import/import-env-files.ts';
import { readEnv } from '../../../../compiler/import/read-env.ts';
import type { Cluster } from '../../../../compiler/model/cluster.ts';
import { be, cluster, fe, host } from './sample.ts';

const app = (address: string, more = ''): string =>
  `KAFKA_HOST=127.0.0.1\nDEFAULT_REPLICATION_NUM=3\nMASTER_HOST=192.168.1.10\nLOCAL_HOST=${address}\n${more}`;

const machine = (folder: string, appText: string, services: Record<string, string> = {}): HostEnv => ({
  app: { file: `${folder}/app.env`, text: appText },
  services: Object.entries(services).map(([name, text]) => ({ file: `${folder}/starrocks-${name}.env`, text })),
});

const three = (...more: HostEnv[]): HostEnv[] => [
  machine('h1', app('192.168.1.10')),
  machine('h2', app('192.168.1.11')),
  ...(more.length === 0 ? [machine('h3', app('192.168.1.12'))] : more),
];

describe('import', () => {
  it('makes the short cluster.yaml of three plain hosts', () => {
    expect(importEnvFiles(three()).text?.replace(/^#.*\n/gm, '')).toBe(`
cluster: starrocks
starrocks:
  version: 3.3.18
master_host: 192.168.1.10
hosts:
  - 192.168.1.10
  - 192.168.1.11
  - 192.168.1.12
`);
  });

  it('takes over what differs from the defaults: ports of all FEs, ports of one BE, Kafka, replication', () => {
    const other = (address: string) =>
      `KAFKA_HOST=192.168.1.50\nDEFAULT_REPLICATION_NUM=2\nMASTER_HOST=192.168.1.10\nLOCAL_HOST=${address}\n`;
    const services = { fe: 'HTTP_PORT=18030\nFE_QUERY_PORT=9030\n', be: 'BE_HTTP_PORT=8040\n' };
    const { text } = importEnvFiles([
      machine('h1', other('192.168.1.10'), services),
      machine('h2', other('192.168.1.11'), { ...services, be: 'BE_HTTP_PORT="18040" # taken\n' }),
    ]);
    expect(text?.replace(/^#.*\n/gm, '')).toBe(`
cluster: starrocks
starrocks:
  version: 3.3.18
master_host: 192.168.1.10
default_replication_num: 2
kafka_host: 192.168.1.50
defaults:
  ports:
    http_port: 18030
hosts:
  - 192.168.1.10
  - address: 192.168.1.11
    ports:
      be_http_port: 18040
`);
  });

  it.each<[string, HostEnv[], string]>([
    [
      'two founding hosts',
      three(machine('h3', app('192.168.1.12').replace('MASTER_HOST=192.168.1.10', 'MASTER_HOST=192.168.1.12'))),
      'h1/app.env and h3/app.env disagree: MASTER_HOST is 192.168.1.10 in h1/app.env, and MASTER_HOST is 192.168.1.12 in h3/app.env.',
    ],
    [
      'two Kafkas',
      three(machine('h3', app('192.168.1.12').replace('127.0.0.1', '192.168.1.50'))),
      'h1/app.env and h3/app.env disagree: KAFKA_HOST is 127.0.0.1 in h1/app.env, and KAFKA_HOST is 192.168.1.50 in h3/app.env.',
    ],
    [
      'two replication numbers',
      three(machine('h3', app('192.168.1.12'), { fe: 'DEFAULT_REPLICATION_NUM=1\n' })),
      'h1/app.env and h3/starrocks-fe.env disagree: DEFAULT_REPLICATION_NUM is 3 in h1/app.env, and DEFAULT_REPLICATION_NUM is 1 in h3/starrocks-fe.env.',
    ],
    [
      'an FE port that one file gives and another leaves to the default',
      three(
        machine('h3', app('192.168.1.12'), { fe: 'HTTP_PORT=18030\n' }),
        machine('h4', app('192.168.1.13'), { fe: 'RPC_PORT=9020\n' }),
      ),
      'h3/starrocks-fe.env and h4/starrocks-fe.env disagree: HTTP_PORT is 18030 in h3/starrocks-fe.env, and HTTP_PORT is 8030 in h4/starrocks-fe.env (the default: it does not say).',
    ],
    [
      'two addresses of one machine',
      three(machine('h3', app('192.168.1.12'), { be: 'HOST_IP=192.168.1.13\n' })),
      'h3/app.env and h3/starrocks-be.env disagree: LOCAL_HOST is 192.168.1.12 in h3/app.env, and HOST_IP is 192.168.1.13 in h3/starrocks-be.env.',
    ],
    [
      'one address of two machines',
      three(machine('h3', app('192.168.1.11'))),
      'h2/app.env and h3/app.env disagree: LOCAL_HOST is 192.168.1.11 in both.',
    ],
    [
      'a joiner that would found',
      three(machine('h3', app('192.168.1.12'), { fe: 'FE_INDEX=0\n' })),
      'h3/starrocks-fe.env and h3/app.env disagree: FE_INDEX is 0 in one, and MASTER_HOST is 192.168.1.10 in the other.',
    ],
    [
      'a founding host that is not among them',
      [machine('h2', app('192.168.1.11'))],
      'MASTER_HOST is 192.168.1.10, and no file has it as LOCAL_HOST: name the app.env of that machine too.',
    ],
    ['no address', three(machine('h3', 'MASTER_HOST=192.168.1.10\n')), 'h3/app.env has no LOCAL_HOST.'],
    ['no founding host', [machine('h1', 'LOCAL_HOST=192.168.1.10\n')], 'MASTER_HOST stands in none of h1/app.env.'],
    [
      'a port that is no number',
      three(machine('h3', app('192.168.1.12'), { be: 'BE_PORT=$PORT\n' })),
      'h3/starrocks-be.env: BE_PORT is "$PORT", and should be a number.',
    ],
    [
      'a gap in the instances',
      three(machine('h3', app('192.168.1.12'), { be: '', 'be-2': '' })),
      'Beside h3/app.env is no starrocks-be-1.env, but one of a later instance.',
    ],
  ])('refuses %s, and names the files and the values', (_what, hosts, problem) => {
    expect(importEnvFiles(hosts)).toEqual({ text: null, problems: [problem] });
  });

  it('tells all disagreements at once', () => {
    const hosts = three(machine('h3', 'KAFKA_HOST=a\nMASTER_HOST=192.168.1.12\nLOCAL_HOST=192.168.1.12\n'));
    expect(importEnvFiles(hosts).problems).toHaveLength(2);
  });

  it('quotes what YAML would read as something else', () => {
    const hosts = [machine('h1', 'KAFKA_HOST=yes: [\nMASTER_HOST=192.168.1.10\nLOCAL_HOST=192.168.1.10\n')];
    expect(importEnvFiles(hosts).text).toContain('\nkafka_host: "yes: ["\n');
  });

  it('reads env files as people write them', () => {
    const text =
      '\uFEFF# ports\r\n export A="1 # 2" # three\r\nB = \'x\'\r\nC=plain # why\nD=\nlower=1\nnot a line\nA=2\n';
    expect(readEnv('f', text).values).toEqual({ A: '2', B: 'x', C: 'plain', D: '' });
  });

  /** What `npm run import` reads of a compiled folder. */
  const generated = (of: Cluster): HostEnv[] => {
    const { files } = emit(of);
    return of.hosts.map(({ address }) => {
      const text = (path: string) => files.get(`hosts/${address}/${path}`)?.text ?? '';
      const names = [...files.keys()].flatMap(
        path => path.match(new RegExp(`^hosts/${address}/starrocks-(.*)\\.env$`))?.[1] ?? [],
      );
      return machine(
        address,
        text('app.env'),
        Object.fromEntries(names.map(name => [name, text(`starrocks-${name}.env`)])),
      );
    });
  };

  const port = fc.integer({ min: 10000, max: 10999 });
  const fePorts = fc.record({
    http_port: port,
    rpc_port: port.map(one => one + 1000),
    query_port: port.map(one => one + 2000),
    edit_log_port: port.map(one => one + 3000),
  });
  const shape = fc.record({
    fe: fc.constantFrom('follower' as const, 'observer' as const, null),
    bes: fc.integer({ min: 0, max: 3 }),
  });

  it('brings back the addresses, roles and ports of any compiled cluster', () => {
    fc.assert(
      fc.property(
        fc.array(shape, { maxLength: 4 }),
        fePorts,
        fc.integer({ min: 0, max: 40 }),
        (shapes, fe_ports, shift) => {
          const others = shapes
            .filter(({ fe: role, bes }) => role !== null || bes > 0)
            .map(({ fe: role, bes }, index) =>
              host(`192.168.1.${index + 11}`, {
                fe: role === null ? null : fe({ role }),
                be: Array.from({ length: bes }, (_, number) => be(number + shift)).map((one, number) => ({
                  ...one,
                  index: number,
                })),
              }),
            );
          const of = cluster({ fe_ports, default_replication_num: 1, hosts: [host('192.168.1.10'), ...others] });
          const imported = importEnvFiles(generated(of));
          const again = compile({ file: 'cluster.yaml', text: imported.text ?? '', previous: null });
          expect(again.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
          const facts = (json: typeof again.clusterJson) => ({
            ports: json?.fe_ports,
            master: json?.master_host,
            replication: json?.default_replication_num,
            name: json?.cluster,
            hosts: json?.hosts.map(one => [one.address, one.fe?.role, one.be.map(({ ports }) => ports)]),
          });
          expect(facts(again.clusterJson)).toEqual(facts(emit(of).clusterJson));
        },
      ),
      { numRuns: 60 },
    );
  });
});
