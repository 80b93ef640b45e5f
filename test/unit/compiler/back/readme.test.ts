import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { code, markdown, mermaid } from '../../../../compiler/emit/escape.ts';
import { readme } from '../../../../compiler/emit/readme.ts';
import { be, cluster, fe, host, randomCluster, withHost } from './sample.ts';

const section = (text: string, title: string): string => text.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';

/** The cells of the n-th table of a text, by row, without the head. */
const tableOf = (text: string): string[][] =>
  text
    .split('\n')
    .filter(line => line.startsWith('|'))
    .slice(2)
    .map(line =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map(cell => cell.trim()),
    );

describe('generated/README.md', () => {
  it('draws the machines with their services', () => {
    const two = withHost(cluster(), '192.168.1.12', () => ({ fe: fe({ role: 'observer' }), be: [be(0), be(1)] }));
    const drawing = /```mermaid\n([\s\S]*?)```/.exec(readme(two))?.[1];
    expect(drawing?.split('\n')).toEqual([
      'flowchart LR',
      '  clients(["clients"])',
      '  subgraph h0["192.168.1.10"]',
      '    f0["FE follower, founds"]',
      '    b0x0[("BE")]',
      '  end',
      '  subgraph h1["192.168.1.11"]',
      '    f1["FE follower"]',
      '    b1x0[("BE")]',
      '  end',
      '  subgraph h2["192.168.1.12"]',
      '    f2["FE observer"]',
      '    b2x0[("BE")]',
      '    b2x1[("BE-1")]',
      '  end',
      '  clients -- "MySQL 9030" --> f0',
      '  clients -- "MySQL 9030" --> f1',
      '  clients -- "MySQL 9030" --> f2',
      '',
    ]);
  });

  it('draws a dozen machines and counts the rest', () => {
    const many = cluster({ hosts: Array.from({ length: 30 }, (_, index) => host(`10.0.0.${index + 1}`)) });
    const text = readme(many);
    expect(text.match(/subgraph /g)).toHaveLength(12);
    expect(text).toContain('more["and 18 more"]');
    expect(section(text, 'Ports to open')).toContain('10.0.0.5, and 25 more');
  });

  it('has a row for every service, with its role and its ports', () => {
    const two = withHost(cluster(), '192.168.1.11', () => ({
      be: [be(0), be(1)],
      location: 'rack:r_1',
      maintenance: true,
    }));
    expect(tableOf(section(readme(two), 'Machines')).slice(0, 5)).toEqual([
      ['192.168.1.10', '', 'starrocks-fe', 'follower, founds', '', '', '', '', ''],
      ['192.168.1.10', '', 'starrocks-be', 'BE', '9060', '8040', '9050', '8060', '9070'],
      ['192.168.1.11 (in maintenance)', 'rack:r\\_1', 'starrocks-fe', 'follower', '', '', '', '', ''],
      ['192.168.1.11 (in maintenance)', 'rack:r\\_1', 'starrocks-be', 'BE', '9060', '8040', '9050', '8060', '9070'],
      ['192.168.1.11 (in maintenance)', 'rack:r\\_1', 'starrocks-be-1', 'BE', '9061', '8041', '9051', '8061', '9071'],
    ]);
  });

  it('says how to connect', () => {
    const text = section(readme(cluster()), 'Connect');
    expect(text).toContain('\n    mysql -h 192.168.1.10 -P 9030 -u root\n');
    expect(text).toContain('\n    jdbc:mysql:loadbalance://192.168.1.10:9030,192.168.1.11:9030,192.168.1.12:9030/\n');
    expect(text).toContain('-T FILE http://192.168.1.10:8030/api/DATABASE/TABLE/_stream_load\n');
    expect(section(readme(cluster({ password_env: 'SR_PASSWORD' })), 'Connect')).toContain('-u root -p\n');
  });

  it('says which ports to open between which machines', () => {
    const apart = cluster({
      hosts: [host('192.168.1.10', { be: [] }), host('192.168.1.11', { fe: null, be: [be(0), be(1)] })],
    });
    const [fes, bes] = ['FE machines', 'BE machines'];
    const text = section(readme(apart), 'Ports to open');
    expect(text).toContain('FE machines: 192.168.1.10. BE machines: 192.168.1.11.\n');
    expect(tableOf(text)).toEqual([
      ['clients', fes, '9030 (MySQL), 8030 (HTTP)'],
      ['clients that load', bes, '8040, 8041 (stream load is redirected there)'],
      [fes, fes, '9010, 8030, 9020, 9030'],
      [fes, bes, '9050, 9051, 9060, 9061, 8060, 8061, 8040, 8041'],
      [bes, fes, '9020, 8030, 9030'],
      [bes, bes, '8060, 8061, 8040, 8041'],
      ['the machine that deploys', 'every machine', '22 (SSH, which carries the SQL too)'],
    ]);
  });

  it('says what must never be done by hand', () => {
    const text = section(readme(cluster()), 'By hand');
    expect(text).toContain('Never start a reinstalled `192.168.1.10`');
    expect(text.match(/^- Never /gm)).toHaveLength(6);
    expect(text).toContain('to `/opt/starrocks-ha` on its machine');
  });

  it('has a row for each service and no broken table, in any cluster', () => {
    fc.assert(
      fc.property(randomCluster, of => {
        const services = of.hosts.reduce((sum, one) => sum + (one.fe === null ? 0 : 1) + one.be.length, 0);
        const [machines, ports] = section(readme(of), 'Machines').split('All FEs have the same ports');
        expect(tableOf(machines ?? '').map(row => row.length)).toEqual(Array(services).fill(9));
        expect(tableOf(ports ?? '')).toEqual([['8030', '9020', '9030', '9010']]);
      }),
      { numRuns: 50 },
    );
  });
});

describe('text that was written by a person', () => {
  it('cannot become markup, a link, a cell or a heading', () => {
    expect(markdown('a|b <img src=x> [l](u) `c` *d* _e_\n# f & g')).toBe(
      'a\\|b &lt;img src=x\\> \\[l\\]\\(u\\) \\`c\\` \\*d\\* \\_e\\_ \\# f &amp; g',
    );
  });

  it('cannot end a code span', () => {
    expect(code('/opt/a')).toBe('`/opt/a`');
    expect(code('a ` b `` c')).toBe('``` a ` b `` c ```');
    expect(code('a\n\n# b')).toBe('`a # b`');
  });

  it('cannot end a label of the drawing', () => {
    expect(mermaid('192.168.1.10')).toBe('192.168.1.10');
    expect(mermaid('a"] --> b')).toBe('a#34;#93; --#62; b');
    expect(mermaid('a\nclick h0')).toBe('a#10;click h0');
  });
});
