import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emit } from '../../../../compiler/emit/emit.ts';
import { be, cluster, fe, randomCluster, withHost } from './sample.ts';

const textOf = (path: string, of = cluster()): string => emit(of).files.get(`hosts/${path}`)?.text ?? '';

describe('env files', () => {
  it('app.env says who founds and who this host is', () => {
    expect(textOf('192.168.1.11/app.env')).toBe(
      'KAFKA_HOST=127.0.0.1\nDEFAULT_REPLICATION_NUM=3\nMASTER_HOST=192.168.1.10\nLOCAL_HOST=192.168.1.11\n',
    );
  });

  it('starrocks-fe.env has index 0 on the founding host and 1 elsewhere', () => {
    expect(textOf('192.168.1.10/starrocks-fe.env')).toContain('FE_INDEX=0\n');
    expect(textOf('192.168.1.12/starrocks-fe.env')).toContain('FE_INDEX=1\n');
  });

  it('starrocks-fe.env has StarRocks’ ports under their fixed names', () => {
    const observer = withHost(cluster(), '192.168.1.12', () => ({ fe: fe({ role: 'observer', heap_mib: 2048 }) }));
    expect(textOf('192.168.1.12/starrocks-fe.env', observer)).toBe(
      [
        'HOST_IP=192.168.1.12',
        'FE_INDEX=1',
        'HTTP_PORT=8030',
        'RPC_PORT=9020',
        'FE_QUERY_PORT=9030',
        'EDIT_LOG_PORT=9010',
        'MASTER_FE_HOST=192.168.1.10',
        'MASTER_FE_EDIT_LOG_PORT=9010',
        'MASTER_FE_QUERY_PORT=9030',
        'DEFAULT_REPLICATION_NUM=3',
        'CLUSTER=analytics',
        'FE_ROLE=observer',
        'FE_HEAP_MIB=2048',
        '',
      ].join('\n'),
    );
  });

  it('a second BE has an env file, an index and ports of its own', () => {
    const storage = [
      { path: '/disk1/be', medium: 'SSD' as const, capacity: 536870912000 },
      { path: '/disk2/be', medium: null, capacity: null },
    ];
    const two = withHost(cluster(), '192.168.1.10', () => ({ be: [be(0), be(1, { storage, mem_limit: '35%' })] }));
    expect(textOf('192.168.1.10/starrocks-be-1.env', two)).toBe(
      [
        'HOST_IP=192.168.1.10',
        'BE_INDEX=1',
        'BE_PORT=9061',
        'BE_HTTP_PORT=8041',
        'HEARTBEAT_PORT=9051',
        'BRPC_PORT=8061',
        'STARLET_PORT=9071',
        'FE_HOST=192.168.1.10',
        'FE_QUERY_PORT=9030',
        'CLUSTER=analytics',
        'BE_MEM_LIMIT=35%',
        'BE_STORAGE_ROOT_PATH=/opt/starrocks/be/storage,medium:SSD,capacity:536870912000;/opt/starrocks/be/storage-1',
        'BE_STORAGE_PATHS=/opt/starrocks/be/storage:/opt/starrocks/be/storage-1',
        '',
      ].join('\n'),
    );
  });

  it('.env keeps the copy of state beside the data: in data/, or beside the first configured folder', () => {
    const storage = [{ path: '/disk1/be', medium: null, capacity: null }];
    const own = withHost(cluster(), '192.168.1.10', () => ({ be: [be(0, { storage }), be(1)] }));
    const env = textOf('192.168.1.10/.env', own);
    expect(env).toContain('BE_STORAGE_0=/disk1/be\nBE_STATE=/disk1/be.state\n');
    expect(env).toContain('BE_1_STORAGE_0=./data/be-1/storage\nBE_1_STATE=./data/be-1/state\n');
    expect(env).toContain('COMPOSE_PROJECT_NAME=starrocks-analytics\n');
    expect(env).toContain('HOST_NAME=starrocks-192-168-1-10\n');
  });

  it('hold lines that no reader needs to unquote', () => {
    fc.assert(
      fc.property(randomCluster, of => {
        for (const [path, { text }] of emit(of).files)
          if (path.endsWith('.env')) expect(text).toMatch(/^([A-Z][A-Z0-9_]*=[A-Za-z0-9_.,:;/%@+-]*\n)+$/);
      }),
      { numRuns: 50 },
    );
  });

  it('refuse a value that would need quotes instead of writing it', () => {
    expect(() => emit(cluster({ kafka_host: 'a b' }))).toThrow('KAFKA_HOST would need quotes: "a b"');
  });
});
