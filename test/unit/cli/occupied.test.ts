import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { occupied } from '../../../.github/actions/deploy/src/cli/occupied.ts';
import { cluster, Machine, sha256 } from '../host/machine.ts';

let machine: Machine;
let server: Server | undefined;
afterEach(() => {
  machine.remove();
  server?.close();
});

const look = () => occupied(machine.host, cluster, machine.connection());

/** What docker says of one container of that name. */
function container(name: string, labels: Readonly<Record<string, string>>): void {
  const id = sha256(name);
  const told = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  machine.set('ps', `${JSON.stringify({ Command: 'x', ID: id, Image: 'x', Labels: told.join(','), Names: name })}\n`);
  const state = { Status: 'running', Pid: 1, StartedAt: '2026-01-01T00:00:00Z' };
  machine.set(
    'inspect',
    JSON.stringify([
      {
        Id: id,
        Image: 'x',
        Name: `/${name}`,
        RestartCount: 0,
        Config: { Image: 'x', Labels: labels },
        State: state,
        Mounts: [],
      },
    ]),
  );
}

describe('a machine that is asked for its ports', () => {
  it('tells those that somebody listens on while it is new', async () => {
    machine = new Machine('dash');
    const listening = createServer();
    server = listening;
    const port = await new Promise<number>(done =>
      listening.listen(0, machine.host.address, () => {
        const at = listening.address();
        done(at !== null && typeof at === 'object' ? at.port : 0);
      }),
    );
    expect((await look())?.taken.has(port)).toBe(true);
  });

  it.each([
    ['by a deploy', { 'starrocks-ha.cluster': 'analytics', 'starrocks-ha.service': 'starrocks-fe' }],
    ['by hand, with nothing written down about it', {}],
  ])('is let alone where the cluster was started %s: those ports are its own', async (_how, labels) => {
    machine = new Machine('dash');
    container('starrocks-fe', labels);
    expect(await look()).toBe(null);
  });
});
