import { describe, expect, it } from 'vitest';
import { readCluster } from '../../../../compiler/read.ts';
import { withHosts } from './diagnose.ts';

const gib = 2 ** 30;

/** What a host with these keys, besides three plain ones, gives FE and BEs. */
function memoryOf(keys: string) {
  const text = withHosts('192.168.1.10', '192.168.1.11', `{ address: 192.168.1.12, ${keys} }`, '192.168.1.13');
  const host = readCluster({ file: 'cluster.yaml', text, previous: undefined }).cluster?.hosts[2];
  return {
    heap_mib: host?.fe?.heap_mib,
    fe: host?.fe?.container_memory,
    be: host?.be.map(({ mem_limit, container_memory }) => [mem_limit, container_memory]),
  };
}

describe('memory of a machine whose size nobody wrote', () => {
  it.each([
    ['FE and BE', 'fe: follower', 4096, [['70%', 0]]],
    [
      'FE and two BEs',
      'be: { count: 2 }',
      4096,
      [
        ['35%', 0],
        ['35%', 0],
      ],
    ],
    ['FE alone', 'be: none', 8192, []],
    ['BE alone', 'fe: none', undefined, [['90%', 0]]],
    [
      'three BEs alone',
      'fe: none, be: { count: 3 }',
      undefined,
      [
        ['30%', 0],
        ['30%', 0],
        ['30%', 0],
      ],
    ],
    ['a heap of its own', 'resources: { fe_heap: 12G }', 12288, [['70%', 0]]],
    ['a limit of its own', 'be: { mem_limit: 50G }', 4096, [['50G', 0]]],
  ])('%s', (_name, keys, heap_mib, be) => {
    expect(memoryOf(keys)).toMatchObject({ heap_mib, be });
  });
});

describe('memory of a machine with resources.memory', () => {
  it('is a quarter, at most 8 GiB, for the heap, and whole G up to nine tenths for the BE', () => {
    expect(memoryOf('resources: { memory: 64G }')).toEqual({ heap_mib: 8192, fe: 15 * gib, be: [['49G', 56 * gib]] });
    expect(memoryOf('resources: { memory: 16G }')).toEqual({ heap_mib: 4096, fe: 6 * gib, be: [['10G', 12 * gib]] });
  });

  it('is shared by the BEs of the machine', () => {
    expect(memoryOf('resources: { memory: 64G }, be: { count: 2 }').be).toEqual([
      ['24G', 32 * gib],
      ['24G', 32 * gib],
    ]);
  });

  it('is counted in M below one G', () => {
    expect(memoryOf('resources: { memory: 1G }').be).toEqual([['665M', 768 * 2 ** 20]]);
  });

  it('is nine tenths for a BE alone, and all for the container of either alone', () => {
    expect(memoryOf('fe: none, resources: { memory: 64G }').be).toEqual([['57G', 64 * gib]]);
    expect(memoryOf('be: none, resources: { memory: 64G }')).toEqual({ heap_mib: 8192, fe: 64 * gib, be: [] });
  });

  it('is what a percentage is of', () => {
    expect(memoryOf('resources: { memory: 64G }, be: { mem_limit: 80% }').be).toEqual([['51G', 56 * gib]]);
  });
});
