import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { emit } from '../../../../compiler/emit/emit.ts';
import { be, cluster, host, withHost } from './sample.ts';

const textOf = (of: Parameters<typeof emit>[0], address = '192.168.1.10'): string =>
  emit(of).files.get(`hosts/${address}/docker-compose.yml`)?.text ?? '';

const servicesOf = (...of: Parameters<typeof textOf>) => parse(textOf(...of)).services;

describe('docker-compose.yml', () => {
  it('runs the FE on the host network behind its own entrypoint', () => {
    expect(servicesOf(cluster())['starrocks-fe']).toEqual({
      image: '${FE_IMAGE}',
      container_name: 'starrocks-fe',
      network_mode: 'host',
      command: ['bash', '/opt/starrocks/run/bin/fe-entrypoint.sh'],
      restart: 'unless-stopped',
      stop_grace_period: '60s',
      mem_limit: '${FE_CONTAINER_MEMORY}',
      ulimits: { nofile: { soft: '${NOFILE}', hard: '${NOFILE}' }, nproc: { soft: '${NPROC}', hard: '${NPROC}' } },
      extra_hosts: ['${HOST_NAME}:${HOST_IP}'],
      logging: { driver: 'json-file', options: { 'max-size': '100m', 'max-file': '5' } },
      labels: {
        'starrocks-ha.cluster': '${CLUSTER}',
        'starrocks-ha.service': 'starrocks-fe',
        'starrocks-ha.digest': '${FE_DIGEST}',
      },
      volumes: [
        './data/fe/meta:/opt/starrocks/fe/meta',
        './log/fe:/opt/starrocks/fe/log',
        './conf/fe:/opt/starrocks/run/conf/fe',
        './run/bin:/opt/starrocks/run/bin:ro',
        './starrocks-fe.env:/opt/starrocks/run/starrocks-fe.env:ro',
        './state:/opt/starrocks/run/state',
        './data/fe/state:/opt/starrocks/run/state-copy',
      ],
      healthcheck: {
        test: ['CMD', 'curl', '-f', 'http://localhost:${HTTP_PORT}/api/bootstrap'],
        interval: '10s',
        timeout: '5s',
        retries: 30,
        start_period: '30s',
      },
    });
  });

  it('gives a BE its storage, its writable scripts, and time to stop', () => {
    expect(servicesOf(cluster())['starrocks-be']).toMatchObject({
      command: ['bash', '/opt/starrocks/run/bin/be-entrypoint.sh'],
      stop_grace_period: '120s',
      volumes: [
        '${BE_STORAGE_0}:/opt/starrocks/be/storage',
        './log/be:/opt/starrocks/be/log',
        './conf/be:/opt/starrocks/run/conf/be',
        './run/bin:/opt/starrocks/run/bin',
        './starrocks-be.env:/opt/starrocks/run/starrocks-be.env:ro',
        './state:/opt/starrocks/run/state',
        '${BE_STATE}:/opt/starrocks/run/state-copy',
      ],
      healthcheck: {
        test: ['CMD', 'bash', '/opt/starrocks/run/bin/be-health-check.sh'],
        interval: '30s',
        timeout: '10s',
        retries: 3,
        start_period: '40s',
      },
    });
  });

  it('keeps a second BE apart on the machine, and alike in its container', () => {
    const two = withHost(cluster(), '192.168.1.10', () => ({ be: [be(0), be(1)] }));
    expect(servicesOf(two)['starrocks-be-1']).toMatchObject({
      image: '${BE_1_IMAGE}',
      container_name: 'starrocks-be-1',
      labels: { 'starrocks-ha.service': 'starrocks-be-1', 'starrocks-ha.digest': '${BE_1_DIGEST}' },
      volumes: [
        '${BE_1_STORAGE_0}:/opt/starrocks/be/storage',
        './log/be-1:/opt/starrocks/be/log',
        './conf/be-1:/opt/starrocks/run/conf/be',
        './run/bin:/opt/starrocks/run/bin',
        './starrocks-be-1.env:/opt/starrocks/run/starrocks-be.env:ro',
        './state:/opt/starrocks/run/state',
        '${BE_1_STATE}:/opt/starrocks/run/state-copy',
      ],
    });
  });

  it('mounts every storage folder at a path of its own', () => {
    const folders = ['/disk1/be', '/disk2/be'].map(path => ({ path, medium: null, capacity: null }));
    const two = withHost(cluster(), '192.168.1.10', () => ({ be: [be(0, { storage: folders })] }));
    expect(servicesOf(two)['starrocks-be'].volumes.slice(0, 2)).toEqual([
      '${BE_STORAGE_0}:/opt/starrocks/be/storage',
      '${BE_STORAGE_1}:/opt/starrocks/be/storage-1',
    ]);
  });

  it('is the same bytes on hosts of the same shape, whatever else differs', () => {
    const differing = withHost(cluster(), '192.168.1.11', () => ({
      be: [be(0, { mem_limit: '50G', storage: [{ path: '/disk1/be', medium: 'SSD', capacity: null }] })],
      ulimits: { nofile: 20000, nproc: 4096 },
      deploy_dir: '/srv/sr',
      location: 'rack:r1',
    }));
    expect(textOf(differing, '192.168.1.11')).toBe(textOf(differing, '192.168.1.10'));
  });

  it('has only the services that the host carries', () => {
    const of = cluster({
      hosts: [host('192.168.1.10', { be: [] }), host('192.168.1.11', { fe: null, be: [be()] })],
    });
    expect(Object.keys(servicesOf(of, '192.168.1.10'))).toEqual(['starrocks-fe']);
    expect(Object.keys(servicesOf(of, '192.168.1.11'))).toEqual(['starrocks-be']);
  });

  it('interpolates only what .env holds, and only as ${NAME}', () => {
    const { files } = emit(withHost(cluster(), '192.168.1.10', () => ({ be: [be(0), be(1)] })));
    const names = new Set(
      [...(files.get('hosts/192.168.1.10/.env')?.text ?? '').matchAll(/^([A-Z0-9_]+)=/gm)].map(match => match[1]),
    );
    const text = files.get('hosts/192.168.1.10/docker-compose.yml')?.text ?? '';
    const used = [...text.matchAll(/\$\{([A-Z0-9_]+)\}/g)].map(match => match[1]);
    expect(used.filter(name => !names.has(name))).toEqual([]);
    expect(text.split('$').length - 1).toBe(used.length);
  });
});
