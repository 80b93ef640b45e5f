import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readClusterJson } from '../../../../compiler/contract/read-cluster-json.ts';
import { readPrevious } from '../../../../compiler/contract/read-previous.ts';
import { emit } from '../../../../compiler/emit/emit.ts';
import { cluster, randomCluster } from './sample.ts';

const textOf = (of = cluster()): string => emit(of).files.get('cluster.json')?.text ?? '';

describe('cluster.json', () => {
  it('is read back as it was written, for any cluster', () => {
    fc.assert(
      fc.property(randomCluster, of => {
        const { clusterJson, files } = emit(of);
        expect(readClusterJson(files.get('cluster.json')?.text ?? '')).toEqual({ cluster: clusterJson });
      }),
      { numRuns: 50 },
    );
  });

  it('lists the files that containers see with the service they move with, and shared ones with none', () => {
    const listed = emit(cluster()).clusterJson.hosts[0]?.files.map(({ path, mode, service }) => [path, mode, service]);
    expect(listed).toEqual([
      ['.env', '0644', null],
      ['app.env', '0644', null],
      ['conf/be/be.conf', '0644', 'starrocks-be'],
      ['conf/fe/fe.conf', '0644', 'starrocks-fe'],
      ['docker-compose.yml', '0644', null],
      ['run/bin/be-entrypoint.sh', '0755', 'starrocks-be'],
      ['run/bin/be-health-check.sh', '0755', 'starrocks-be'],
      ['run/bin/fe-entrypoint.sh', '0755', 'starrocks-fe'],
      ['starrocks-be.env', '0644', 'starrocks-be'],
      ['starrocks-fe.env', '0644', 'starrocks-fe'],
    ]);
  });

  it('names the folders of a service absolutely on the machine', () => {
    expect(emit(cluster()).clusterJson.hosts[0]?.fe?.folders).toContainEqual({
      use: 'meta',
      host: '/opt/starrocks-ha/data/fe/meta',
      container: '/opt/starrocks/fe/meta',
    });
  });

  /** Every path to a value inside, as keys. */
  function* pathsOf(value: unknown, path: readonly (string | number)[] = []): Generator<readonly (string | number)[]> {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
      if (typeof key === 'string') yield [...path, key];
      yield* pathsOf((value as Record<string | number, unknown>)[key], [...path, key]);
    }
  }

  it('needs each of its keys, with a value of its type', () => {
    const whole = JSON.parse(textOf(cluster({ hosts: cluster().hosts.slice(0, 1) })));
    const paths = [...pathsOf(whole)];
    expect(paths.length).toBeGreaterThan(100);
    for (const path of paths) {
      for (const change of ['remove', 'replace'] as const) {
        const broken = structuredClone(whole);
        const parent = path.slice(0, -1).reduce((at, key) => at[key], broken);
        const key = path.at(-1) ?? '';
        if (change === 'remove') delete parent[key];
        else parent[key] = [[]];
        expect(readClusterJson(JSON.stringify(broken)).cluster, `${change} ${path.join('.')}`).toBeNull();
      }
    }
  });

  it.each([
    ['../../etc/passwd'],
    ['/etc/passwd'],
    ['conf/../../x'],
    ['..'],
    ['conf/./x'],
    ['conf//x'],
    ['a b'],
    ['a\nb'],
    [''],
  ])('refuses the file name %j, which would leave the folder of the host', path => {
    const json = JSON.parse(textOf());
    json.hosts[0].files[0].path = path;
    expect(readClusterJson(JSON.stringify(json)).problems?.[0]).toContain('/hosts/0/files/0/path');
  });

  it.each([
    ['', 'It is no JSON.'],
    ['{', 'It is no JSON.'],
    ['null', '`/` must be object.'],
    ['{"format":2}', 'It has format 2, and this program reads format 1.'],
  ])('says what is wrong with %j', (text, problem) => {
    expect(readClusterJson(text)).toEqual({ cluster: null, problems: [problem] });
  });

  it('refuses two entries for one machine', () => {
    const json = JSON.parse(textOf());
    json.hosts[1] = json.hosts[0];
    expect(readClusterJson(JSON.stringify(json)).problems).toEqual(['192.168.1.10 stands in it twice.']);
  });

  it('holds no secret: the name of the password’s variable, not a value', () => {
    expect(JSON.parse(textOf(cluster({ password_env: 'SR_PASSWORD' }))).password_env).toBe('SR_PASSWORD');
  });
});

describe('the previous cluster.json', () => {
  it('may be missing', () => {
    expect(readPrevious(null)).toEqual({ json: undefined, problem: null });
  });

  it('may come from an earlier release that wrote less beside the ports', () => {
    const { format, fe_ports, hosts } = JSON.parse(textOf());
    const old = {
      format,
      fe_ports,
      hosts: hosts.map(({ address, be }: { address: string; be: unknown }) => ({ address, be })),
    };
    expect(readPrevious(JSON.stringify(old))).toEqual({ json: old, problem: null });
  });

  it.each([
    ['no JSON', '{"format": 1,', 1, 'This is no JSON.'],
    [
      'an unresolved merge',
      '{\n  "format": 1,\n<<<<<<< HEAD\n  "cluster": "a",\n',
      3,
      'A merge conflict is not resolved here.',
    ],
    ['a list', '[]', 1, 'This is not what the compiler wrote: it must be object.'],
  ])('is a problem when it is %s: its ports would be lost', (_what, text, line, message) => {
    expect(readPrevious(text)).toEqual({ json: undefined, problem: { line, message } });
  });

  it('is a problem when a port in it is none', () => {
    const json = JSON.parse(textOf());
    json.hosts[0].be[0].ports.be_port = 99999;
    expect(readPrevious(JSON.stringify(json)).problem?.message).toBe(
      'This is not what the compiler wrote: `/hosts/0/be/0/ports/be_port` must be <= 65535.',
    );
  });
});
