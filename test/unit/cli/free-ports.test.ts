import { describe, expect, it } from 'vitest';
import { freePorts } from '../../../.github/actions/deploy/src/cli/free-ports.ts';
import type { ClusterJson } from '../../../compiler/contract/cluster-json.ts';
import { cluster } from '../plan/worlds.ts';

const desired = cluster([{}, { be: 2 }, { fe: null }]);

/** New machines by their place, and the ports that others hold there. */
const machines = (of: ClusterJson, taken: Readonly<Record<number, readonly number[]>>) =>
  Object.entries(taken).map(([at, held]) => {
    const host = of.hosts[Number(at)];
    if (host === undefined) throw new Error(`there is no machine ${at}`);
    return { host, taken: new Set(held) };
  });

const problem = (work: () => unknown) => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('ports that are free', () => {
  it('are left as they are', () => {
    expect(freePorts(desired, machines(desired, { 0: [22], 1: [22], 2: [] }))).toEqual({ fe: {}, be: [] });
  });

  it('of a BE are the next ones that nobody on that machine holds or shall hold', () => {
    expect(freePorts(desired, machines(desired, { 0: [], 1: [8040, 8042], 2: [9060] }))).toEqual({
      fe: {},
      be: [
        { address: '10.0.0.2', index: 0, ports: { be_http_port: 8043 } },
        { address: '10.0.0.3', index: 0, ports: { be_port: 9061 } },
      ],
    });
  });

  it('of FEs are free on every machine that carries one, because they share them', () => {
    expect(freePorts(desired, machines(desired, { 0: [9010], 1: [9011, 9012], 2: [9013] }))).toEqual({
      fe: { edit_log_port: 9013 },
      be: [],
    });
  });

  it('of FEs cannot move once one of them is deployed', () => {
    expect(problem(() => freePorts(desired, machines(desired, { 1: [9010] })))).toMatchObject({
      problem: { code: 'E_FE_PORT_TAKEN', message: expect.stringContaining('edit_log_port 9010') },
    });
  });

  it('may be none at all', () => {
    const all = Array.from({ length: 65_536 - 9060 }, (_, at) => 9060 + at);
    expect(problem(() => freePorts(desired, machines(desired, { 2: all })))).toMatchObject({
      problem: { code: 'E_NO_FREE_PORT' },
    });
  });
});
