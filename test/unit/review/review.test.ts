import { describe, expect, it } from 'vitest';
import { review } from '../../../.github/actions/deploy/src/review/review.ts';
import { sides, three, yaml } from './sides.ts';

const headlineOf = (base: string | null, head: string): string => review(sides(base, head)).headline;

describe('the headline', () => {
  const base = yaml(three);
  it.each<[string, string | null, string, string]>([
    ['a first cluster', null, base, 'founds analytics on 3 machines, with 192.168.1.10 as its first FE'],
    [
      'a new machine',
      base,
      yaml([...three, '192.168.1.13']),
      'adds 192.168.1.13 as FE follower and BE; restarts nobody',
    ],
    [
      'a new BE machine',
      base,
      yaml([...three, '{ address: 192.168.1.13, fe: none }']),
      'adds 192.168.1.13 as BE; restarts nobody',
    ],
    [
      'a changed conf of one BE',
      base,
      yaml([
        '192.168.1.10',
        '{ address: 192.168.1.11, be_conf: { load_process_max_memory_limit_percent: "5" } }',
        '192.168.1.12',
      ]),
      'restarts 1 BE',
    ],
    [
      'a changed env of what runs beside',
      base,
      yaml(three, 'kafka_host: 10.0.0.9\n'),
      'changes files on 192.168.1.10, 192.168.1.11, 192.168.1.12; restarts nobody',
    ],
    [
      'another release',
      base,
      base.replace('3.3.18', '3.4.10'),
      'upgrades StarRocks from 3.3.18 to 3.4.10; restarts 3 FEs and 3 BEs',
    ],
    [
      'another role of an FE',
      yaml([...three, '{ address: 192.168.1.13, be: none }']),
      yaml([...three, '{ address: 192.168.1.13, be: none, fe: observer }']),
      'changes the role of starrocks-fe on 192.168.1.13; restarts nobody',
    ],
    [
      'a second BE of a machine',
      base,
      yaml(['192.168.1.10', '192.168.1.11', '{ address: 192.168.1.12, be: { count: 2 } }']),
      'adds starrocks-be-1 on 192.168.1.12; restarts 1 BE',
    ],
    [
      'a BE that leaves a machine that stays',
      yaml([...three, '192.168.1.13']),
      yaml([...three, '{ address: 192.168.1.13, be: none }']),
      'takes starrocks-be on 192.168.1.13 out; restarts 1 FE',
    ],
    ['nothing', base, `${base}# a comment\n`, 'changes nothing on any machine'],
  ])('of %s', (_what, before, after, expected) => {
    expect(headlineOf(before, after)).toBe(expected);
  });
});

describe('a review', () => {
  it('warns of tablets that have to move, also where the machine stays', () => {
    const { dangers } = review(
      sides(yaml([...three, '192.168.1.13']), yaml([...three, '{ address: 192.168.1.13, be: none }'])),
    );
    expect(dangers).toEqual([
      'starrocks-be on 192.168.1.13 will be taken out once their tablets are on other BEs, which may take days.',
    ]);
  });

  it('says what is lost during an outage, not what one more failure would lose', () => {
    const alone = 'default_replication_num: 1\nallow_outage: true\n';
    const changed = `${alone}defaults: { fe_conf: { qe_max_connection: "2048" }, be_conf: { load_process_max_memory_limit_percent: "5" } }\n`;
    const { waves } = review(sides(yaml(['192.168.1.10'], alone), yaml(['192.168.1.10'], changed)));
    expect(waves.flatMap(wave => wave.impact?.next_failure ?? [])).toEqual([
      'Tablets with all their replicas there cannot be read.',
      'Nobody leads until a majority is back.',
    ]);
  });

  it('tells for each machine what happens, and which are left alone', () => {
    const { hosts } = review(sides(yaml(three), yaml([...three, '192.168.1.13'])));
    expect(hosts.map(({ address, change, role, what }) => [address, change, role, what])).toEqual([
      ['192.168.1.10', 'unchanged', 'FE follower, BE', []],
      ['192.168.1.11', 'unchanged', 'FE follower, BE', []],
      ['192.168.1.12', 'unchanged', 'FE follower, BE', []],
      [
        '192.168.1.13',
        'new',
        'FE follower, BE',
        ['join starrocks-fe: it is new', 'add starrocks-be: it is not registered'],
      ],
    ]);
  });

  it('warns of the leader, and of an outage that cluster.yaml allows', () => {
    const conf = 'defaults: { fe_conf: { qe_slow_log_ms: "1000" } }\n';
    expect(review(sides(yaml(three), yaml(three, conf))).dangers).toEqual([
      'The leader restarts: writes and DDL pause for some seconds while another FE is elected.',
    ]);
    const one = ['192.168.1.10'];
    const alone = 'default_replication_num: 1\nallow_outage: true\n';
    expect(review(sides(yaml(one, alone), yaml(one, `${alone}${conf}`))).dangers).toEqual([
      expect.stringContaining('takes an outage of the whole cluster'),
    ]);
  });

  it('says what a deploy would refuse', () => {
    const one = ['192.168.1.10'];
    const alone = 'default_replication_num: 1\n';
    const conf = 'defaults: { fe_conf: { qe_slow_log_ms: "1000" } }\n';
    const { problems, nothing } = review(sides(yaml(one, alone), yaml(one, `${alone}${conf}`)));
    expect([problems.map(problem => problem.code), nothing]).toEqual([['E_OUTAGE'], false]);
  });

  it('leaves a machine in maintenance alone', () => {
    const resting = yaml(['192.168.1.10', '192.168.1.11', '{ address: 192.168.1.12, maintenance: true }']);
    const { hosts } = review(sides(yaml(three), resting));
    expect(hosts.map(host => host.change)).toEqual(['unchanged', 'unchanged', 'maintenance']);
  });

  it('shows thirty equal diffs once, without digests', () => {
    const many = Array.from({ length: 30 }, (_, at) => `10.0.0.${at + 1}`);
    const text = (conf: string) =>
      `cluster: analytics\nstarrocks: { version: 3.3.18 }\nmaster_host: 10.0.0.1\ndefaults: { fe: none${conf} }\nhosts:\n${many.map((host, at) => (at < 3 ? `  - { address: ${host}, fe: follower }\n` : `  - ${host}\n`)).join('')}`;
    const { changes, waves } = review(
      sides(text(''), text(', be_conf: { load_process_max_memory_limit_percent: "5" }')),
    );
    expect(changes.map(({ path, hosts }) => [path, hosts.length])).toEqual([['conf/be/be.conf', 30]]);
    expect(waves.filter(wave => wave.title === 'restart BEs').length).toBe(30);
  });
});
