/** What real Compose makes of the compiled files. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { emit } from '../../../../compiler/emit/emit.ts';
import { be, cluster, fe, host } from './sample.ts';

const root = mkdtempSync(join(tmpdir(), 'starrocks-ha-compose-'));
afterAll(() => rmSync(root, { recursive: true }));

const compose = (...args: string[]) => spawnSync('docker', ['compose', ...args], { encoding: 'utf8' });
const there = compose('version').status === 0;

const folder = (path: string) => ({ path, medium: 'SSD' as const, capacity: null });
const shapes = cluster({
  images: { fe: `starrocks/fe-ubuntu:3.3.18@sha256:${'a'.repeat(64)}`, be: 'registry.example:5000/be:3.3.18' },
  hosts: [
    host('192.168.1.10'),
    host('192.168.1.11', { be: [], fe: fe({ container_memory: 2 ** 33 }) }),
    host('192.168.1.12', { fe: null, be: [be(0), be(1), be(2)] }),
    host('192.168.1.13', { be: [be(0, { storage: [folder('/disk1/be'), folder('/disk2/be')] })] }),
  ],
});

it('docker compose is there where the lab is required', () => {
  expect(there || process.env['LAB'] !== 'required').toBe(true);
});

describe.skipIf(!there)('docker compose config', () => {
  const { files } = emit(shapes);
  for (const [path, { text }] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const configOf = (address: string, ...args: string[]) =>
    compose('-f', join(root, 'hosts', address, 'docker-compose.yml'), 'config', ...args);

  it.each(shapes.hosts.map(({ address }) => address))('accepts the file of %s without a warning', address => {
    expect(configOf(address, '-q')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  it('reads names, limits, labels and mounts as they are meant', () => {
    const { name, services } = JSON.parse(configOf('192.168.1.13', '--format', 'json').stdout);
    expect(name).toBe('starrocks-analytics');
    const starrocks = services['starrocks-be'];
    expect(starrocks).toMatchObject({
      image: 'registry.example:5000/be:3.3.18',
      network_mode: 'host',
      restart: 'unless-stopped',
      stop_grace_period: '2m0s',
      ulimits: { nofile: { soft: 655350, hard: 655350 }, nproc: { soft: 65535, hard: 65535 } },
      labels: { 'starrocks-ha.cluster': 'analytics', 'starrocks-ha.service': 'starrocks-be' },
      logging: { driver: 'json-file', options: { 'max-size': '100m', 'max-file': '5' } },
    });
    expect(starrocks.labels['starrocks-ha.digest']).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(starrocks.extra_hosts)).toMatch(/starrocks-192-168-1-13[=":]+192\.168\.1\.13/);
    const mounts = starrocks.volumes.map((mount: { source: string; target: string }) => [mount.source, mount.target]);
    expect(mounts.slice(0, 2)).toEqual([
      ['/disk1/be', '/opt/starrocks/be/storage'],
      ['/disk2/be', '/opt/starrocks/be/storage-1'],
    ]);
    expect(mounts.at(-1)).toEqual(['/disk1/be.state', '/opt/starrocks/run/state-copy']);
    expect(services['starrocks-fe'].healthcheck.test).toEqual([
      'CMD',
      'curl',
      '-f',
      'http://localhost:8030/api/bootstrap',
    ]);
  });

  it('mounts what cluster.json says, where it says', () => {
    const { clusterJson } = emit(shapes);
    for (const { address, deploy_dir, fe: one, be: bes } of clusterJson.hosts) {
      const { services } = JSON.parse(configOf(address, '--format', 'json').stdout);
      for (const { name, folders } of [...(one === null ? [] : [one]), ...bes]) {
        const mounted = services[name].volumes.map((mount: { source: string; target: string }) =>
          [mount.source.replace(join(root, 'hosts', address), deploy_dir), mount.target].join(':'),
        );
        expect(mounted).toEqual(
          expect.arrayContaining(folders.map(({ host: source, container }) => `${source}:${container}`)),
        );
      }
    }
  });
});
