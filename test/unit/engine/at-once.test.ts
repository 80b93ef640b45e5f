import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AtOnce } from '../../../.github/actions/deploy/src/engine/at-once.ts';
import { Machines } from '../../../.github/actions/deploy/src/engine/machines.ts';
import { counting } from '../../../.github/actions/deploy/src/transport/counters.ts';
import { cluster } from '../plan/worlds.ts';
import { tcpServer } from '../transport/sshd.ts';

describe('works that may run at the same time', () => {
  it('are as many as were allowed, and the others begin in their order, also after one that failed', async () => {
    const atOnce = new AtOnce(2);
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const works = [0, 1, 2, 3].map(at =>
      atOnce.run(async () => {
        begun.push(at);
        await new Promise<void>(resolve => ends.push(resolve));
        if (at === 0) throw new Error('it failed');
      }),
    );
    const failed = expect(works[0]).rejects.toThrow('it failed');
    expect(begun).toEqual([0, 1]);
    ends[0]?.();
    await failed;
    expect(begun).toEqual([0, 1, 2]);
    for (const end of ends) end();
    await expect.poll(() => ends.length).toBe(4);
    ends[3]?.();
    await Promise.all(works.slice(1));
    expect(begun).toEqual([0, 1, 2, 3]);
  });
});

describe('machines', () => {
  it('are connected to by `parallelism` at once, not all together', async () => {
    let open = 0;
    let most = 0;
    let all = 0;
    const silent = await tcpServer(socket => {
      all += 1;
      open += 1;
      most = Math.max(most, open);
      socket.resume().once('close', () => {
        open -= 1;
      });
    });
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    });
    const dozen = cluster(Array.from({ length: 12 }, () => ({})));
    const hosts = dozen.hosts.map(host => ({ ...host, ssh: { ...host.ssh, host: '127.0.0.1', port: silent.port } }));
    const machines = new Machines({
      desired: { cluster: { ...dozen, hosts, timeouts: { ...dozen.timeouts, ssh: 0.2 } }, files: new Map() },
      provenance: { repository: '', commit: '', run: '', actor: '' },
      connection: {
        privateKey,
        passphrase: null,
        knownHosts: [],
        counters: counting(),
        signal: new AbortController().signal,
      },
      password: null,
      parallelism: 2,
      secrets: [],
    });
    await machines.observeMachines();
    silent.stop();
    expect([machines.unreached.size, all]).toEqual([12, 12]);
    // A connection that was given up may still be open here when the next ones come.
    expect(most).toBeLessThanOrEqual(4);
  });
});
