import { describe, expect, it } from 'vitest';
import { comment } from '../../../.github/actions/deploy/src/report/comment.ts';
import { escaped } from '../../../.github/actions/deploy/src/report/markdown.ts';
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
      'a release that cannot come next',
      base,
      base.replace('3.3.18', '3.5.6'),
      'would be refused: 3.3.18 cannot become 3.5.6: StarRocks goes from one minor release to the next, and leaves none out',
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

describe('settings that stand in no file of a machine', () => {
  const host = (more: string) => yaml([`{ address: 192.168.1.10, ${more} }`, '192.168.1.11', '192.168.1.12']);
  const ssh = (more: string) => host(`ssh: { ${more} }`);
  const [old, other] = [
    'SHA256:2ZRVFwGrqbGm1z1ZqWLTqSvxKpRk0wQSbiD5eLxtdIA',
    'SHA256:GrqbGm1z1ZqWLTqSvxKpRk0wQSbiD5eLxtdIA2ZRVFw',
  ];
  const one = ['192.168.1.10'];

  it.each<[string, string, string, readonly string[], string, string, RegExp | null]>([
    [
      'allow_outage',
      yaml(three),
      yaml(three, 'allow_outage: true\n'),
      [],
      'false',
      'true',
      /^allow_outage is switched on/,
    ],
    ['allow_outage', yaml(three, 'allow_outage: true\n'), yaml(three), [], 'true', 'false', null],
    ['ssh.user', yaml(three), ssh('user: admin'), one, 'root', 'admin', null],
    ['ssh.port', yaml(three), ssh('port: 2222'), one, '22', '2222', null],
    ['ssh.sudo', yaml(three), ssh('sudo: true'), one, 'false', 'true', null],
    [
      'ssh.host_key',
      ssh(`host_key: "${old}"`),
      ssh(`host_key: "${other}"`),
      one,
      old,
      other,
      /192\.168\.1\.10 changes/,
    ],
    ['ssh.host_key', ssh(`host_key: "${old}"`), yaml(three), one, old, 'none', /not pinned here any more/],
    [
      'ssh.ssh_host',
      yaml(three),
      ssh('ssh_host: 10.9.9.9'),
      one,
      '192.168.1.10',
      '10.9.9.9',
      /reached at 10\.9\.9\.9 instead of/,
    ],
    [
      'ssh.bastion',
      yaml(three),
      ssh('bastion: { host: jump, user: ada }'),
      one,
      'none',
      'ada@jump:22',
      /through ada@jump:22/,
    ],
    ['timeouts.drain', yaml(three), yaml(three, 'timeouts: { drain: 60 }\n'), [], '300 s', '60 s', null],
  ])('%s: a pull request that changes only this is told about it', (name, before, after, hosts, was, is, danger) => {
    const found = review(sides(before, after));
    expect(found.settings).toEqual([
      { name, hosts, before: was, after: is, danger: danger === null ? null : expect.stringMatching(danger) },
    ]);
    expect([found.nothing, found.waves, found.changes]).toEqual([false, [], []]);
    expect(found.headline).toBe('changes 1 setting of the deploy; restarts nobody');
    expect(found.dangers.length).toBe(danger === null ? 0 : 1);
    const text = comment(found, { commit: 'a'.repeat(40), base: 'b'.repeat(40) });
    expect(text).not.toContain('✅');
    expect(text).toContain(
      `| \`${name}\` | ${hosts.length === 0 ? 'all' : hosts.join()} | ${escaped(was)} | ${escaped(is)} |`,
    );
    expect(text.includes('> [!WARNING]')).toBe(danger !== null);
  });

  it('are told once for many machines', () => {
    const all = (user: string) => yaml(three, `defaults: { ssh: { user: ${user} } }\n`);
    expect(review(sides(all('ada'), all('bob'))).settings.map(({ name, hosts }) => [name, hosts])).toEqual([
      ['ssh.user', three],
    ]);
  });

  it('are no news of a machine that is new, nor of a cluster that is founded', () => {
    expect(review(sides(yaml(three), yaml([...three, '192.168.1.13']))).settings).toEqual([]);
    expect(review(sides(null, yaml(three, 'allow_outage: true\n'))).settings).toEqual([]);
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
    const ports = 'FE 8030 9020 9030 9010; BE 9060 8040 9050 8060 9070';
    expect(hosts.map(one => [one.address, one.change, one.role, one.ports, one.what])).toEqual([
      ['192.168.1.10', 'unchanged', 'FE follower, BE', ports, []],
      ['192.168.1.11', 'unchanged', 'FE follower, BE', ports, []],
      ['192.168.1.12', 'unchanged', 'FE follower, BE', ports, []],
      [
        '192.168.1.13',
        'new',
        'FE follower, BE',
        ports,
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
