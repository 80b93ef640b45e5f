import { expect, test } from 'vitest';
import { mysqlTable, width } from '../../../.github/actions/deploy/src/report/table.ts';
import { terminal } from '../../../.github/actions/deploy/src/report/terminal.ts';
import { hostile, report } from './sample.ts';

test('rows are drawn as the mysql client draws them', () => {
  expect(
    mysqlTable([
      { IP: '10.88.0.13', Role: 'LEADER', ErrMsg: '' },
      { IP: '10.88.0.9', Role: 'FOLLOWER', ErrMsg: '' },
    ]),
  ).toBe(
    [
      '+------------+----------+--------+',
      '| IP         | Role     | ErrMsg |',
      '+------------+----------+--------+',
      '| 10.88.0.13 | LEADER   |        |',
      '| 10.88.0.9  | FOLLOWER |        |',
      '+------------+----------+--------+',
    ].join('\n'),
  );
  expect(mysqlTable([])).toBe('');
});

test('columns of a release in the middle of an upgrade stand side by side', () => {
  expect(
    mysqlTable([{ IP: 'a' }, { Id: '1', IP: 'b' }])
      .split('\n')
      .slice(1, 2),
  ).toEqual(['| IP | Id |']);
});

test('wide characters keep the table straight', () => {
  const lines = mysqlTable([{ ErrMsg: '磁盘满了' }, { ErrMsg: 'ok' }, { ErrMsg: 'e\u0301' }]).split('\n');
  expect(new Set(lines.map(width))).toEqual(new Set([12]));
});

test('it ends with the verdict, after steps, hosts and tables', () => {
  const text = terminal(report(), 'never');
  expect(text).toContain('done      restart starrocks-be on 10.88.0.11 (12s): be.conf differs\n');
  expect(text).toContain('10.88.0.11  applied        starrocks-be: restart\n10.88.0.12  unchanged\n');
  expect(text).toContain('| 10.88.0.13_9010_1795437612987 | 10.88.0.13 | 9010 ');
  expect(text.trimEnd().split('\n').at(-1)).toBe(
    'analytics changed on 1 of 3 hosts and is as declared: 3 FEs and 3 BEs registered and alive.',
  );
});

test('findings and problems tell where, what and what to do', () => {
  const text = terminal(
    report({
      findings: [
        {
          ...{ kind: 'dead', severity: 'error', node: '10.88.0.12/starrocks-be', expected: 'Alive true' },
          ...{ found: 'Alive false', hint: 'Look at docker logs.' },
        },
      ],
      problems: [
        { code: 'E_NO_LEADER', host: null, step: 'observe', message: 'No FE leads.', hint: 'Start the others.' },
      ],
    }),
    'never',
  );
  expect(text).toContain(
    '10.88.0.12/starrocks-be: dead: expected Alive true, found Alive false\n    Look at docker logs.\n',
  );
  expect(text).toContain('observe: E_NO_LEADER No FE leads.\n    Start the others.\n');
});

test('a plan says which rows it leads to, and a run that did something leaves them to its tables', () => {
  const rows = { changes: [{ row: 'BE 10.88.0.14:9050', before: null, after: 'backend' }], unchanged: 6 };
  const bar = { host: '10.88.0.14', service: 'starrocks-be', action: 'add', from: 0, to: 16 } as const;
  const planned = terminal(report({ rows, timeline: [bar] }), 'never');
  expect(planned).toContain(
    'Rows of the cluster, before and after:\nBE 10.88.0.14:9050: no row → backend\n6 rows stay as before.\n',
  );
  expect(terminal(report({ rows }), 'never')).not.toContain('Rows of the cluster');
});

test('colour is there when asked for, and never otherwise', () => {
  expect(terminal(report(), 'always')).toContain('\u001b[32manalytics changed');
  expect(terminal(report(), 'never')).not.toContain('\u001b');
});

test.each(['\u001b[2Jgone', 'a\rb', 'a\nb', '\u0007', '\u009b31m', '\u202eexe.txt'])(
  '%j cannot act on the terminal',
  text => {
    const shown = terminal(hostile(text), 'never');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must be gone
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    expect(shown.split('\n').length).toBe(terminal(hostile('plain'), 'never').split('\n').length);
  },
);

test('a plan says what each wave takes away and what is left', () => {
  const wave = { steps: [], impact: null };
  const impact = {
    ...{ down: ['10.88.0.11/starrocks-be'], quorum: { up: 3, needed: 2, all: 3 } },
    ...{ replicas: { away: 1, allowed: 1, left: 2, all: 3 }, next_failure: 'One more BE down could stop writes.' },
  };
  const planned = report({
    outcome: 'differs',
    timeline: [{ host: '10.88.0.11', service: 'starrocks-be', action: 'restart', from: 0, to: 16 }],
    waves: [
      { ...wave, title: 'upload' },
      { ...wave, title: 'restart BEs', impact },
    ],
  });
  expect(terminal(planned, 'never')).toContain(
    [
      'Away meanwhile, and what is left:',
      'restart BEs: 10.88.0.11/starrocks-be; 1 BE away, 2 of 3 replicas left; One more BE down could stop writes.',
    ].join('\n'),
  );
  expect(terminal(report(), 'never')).not.toContain('what is left');
});
