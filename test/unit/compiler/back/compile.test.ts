import { describe, expect, it } from 'vitest';
import { compile } from '../../../../compiler/compile.ts';

const text = `cluster: analytics
starrocks: { version: 3.3.18 }
master_host: 192.168.1.10
hosts:
  - 192.168.1.10
  - 192.168.1.11
  - 192.168.1.12
`;

const compiled = (of = text, previous: string | null = null) => compile({ file: 'cluster.yaml', text: of, previous });

const jsonOf = (of: ReturnType<typeof compiled>): string => of.files?.get('cluster.json')?.text ?? '';

describe('compile', () => {
  it('makes a folder for each host, the contract, and a page for people', () => {
    const { files, diagnostics } = compiled();
    expect(diagnostics).toEqual([]);
    const folder = [
      '.env',
      'app.env',
      'conf/be/be.conf',
      'conf/fe/fe.conf',
      'docker-compose.yml',
      'run/bin/be-entrypoint.sh',
      'run/bin/be-health-check.sh',
      'run/bin/fe-entrypoint.sh',
      'starrocks-be.env',
      'starrocks-fe.env',
    ];
    expect([...(files?.keys() ?? [])]).toEqual([
      ...['192.168.1.10', '192.168.1.11', '192.168.1.12'].flatMap(address =>
        folder.map(path => `hosts/${address}/${path}`),
      ),
      'cluster.json',
      'README.md',
    ]);
  });

  it('writes scripts that may be run, and nothing else that may', () => {
    const runnable = [...(compiled().files ?? [])].filter(([, { mode }]) => mode === '0755').map(([path]) => path);
    expect(runnable).toHaveLength(9);
    expect(runnable.every(path => path.endsWith('.sh'))).toBe(true);
  });

  it('changes nothing when it runs again on its own output', () => {
    const first = compiled();
    expect(compiled(text, jsonOf(first)).files).toEqual(first.files);
  });

  it('keeps a port that was allocated before, also where the default is free now', () => {
    const two = text.replace('  - 192.168.1.12\n', '  - { address: 192.168.1.12, be: { count: 2 } }\n');
    const first = compiled(two);
    const moved = first.clusterJson?.hosts[2]?.be[1]?.ports;
    expect(moved?.be_port).toBe(9061);
    const json = jsonOf(first).replaceAll('"be_port": 9061', '"be_port": 19061');
    expect(compiled(two, json).clusterJson?.hosts[2]?.be[1]?.ports).toEqual({ ...moved, be_port: 19061 });
  });

  it('writes nothing for an invalid file, and says why', () => {
    const { files, clusterJson, diagnostics } = compiled(
      text.replace('master_host: 192.168.1.10', 'master_host: 192.168.1.99'),
    );
    expect([files, clusterJson]).toEqual([null, null]);
    expect(diagnostics.map(({ code, line }) => [code, line])).toEqual([['E_MASTER_HOST', 3]]);
  });

  it('tells of a broken previous cluster.json together with what is wrong in the cluster file', () => {
    const { files, diagnostics } = compile({
      file: 'cluster.yaml',
      text: text.replace('master_host: 192.168.1.10', 'master_host: 192.168.1.99'),
      previous: '{\n<<<<<<< HEAD\n',
      previousFile: 'out/cluster.json',
    });
    expect(files).toBeNull();
    expect(diagnostics.map(({ code, file, line }) => [code, file, line])).toEqual([
      ['E_PREVIOUS', 'out/cluster.json', 2],
      ['E_MASTER_HOST', 'cluster.yaml', 3],
    ]);
    expect(diagnostics[0]?.hint).toContain('git checkout HEAD -- out/cluster.json');
  });
});
