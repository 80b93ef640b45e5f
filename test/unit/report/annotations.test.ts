import { expect, test } from 'vitest';
import { annotations } from '../../../.github/actions/deploy/src/report/annotations.ts';
import { json } from '../../../.github/actions/deploy/src/report/json.ts';
import { hostile, report } from './sample.ts';

const problem = (at: number) => ({
  ...{ code: 'E_SSH' as const, host: `10.88.0.${at}`, step: 'observe', message: 'It does not answer.', hint: 'Look.' },
});

test('problems are errors, findings go by their severity, dangers warn', () => {
  const finding = { node: '10.88.0.13/starrocks-be', expected: 'Alive true', found: 'Alive false', hint: 'Start it.' };
  expect(
    annotations(
      report({
        problems: [problem(1)],
        findings: [{ kind: 'dead', severity: 'warning', ...finding }],
        dangers: ['The leader restarts.'],
      }),
    ),
  ).toEqual([
    { level: 'error', title: 'E_SSH, 10.88.0.1, observe', message: 'It does not answer. Look.' },
    {
      ...{ level: 'warning', title: 'dead, 10.88.0.13/starrocks-be' },
      message: 'Expected Alive true, found Alive false. Start it.',
    },
    { level: 'warning', title: 'analytics', message: 'The leader restarts.' },
  ]);
});

test('of more than ten the tenth says how many there are', () => {
  const all = annotations(report({ problems: Array.from({ length: 25 }, (_, at) => problem(at)) }));
  expect(all).toHaveLength(10);
  expect(all[9]?.message).toBe('… and 16 more; the job summary has them all.');
  expect(annotations(report({ problems: Array.from({ length: 10 }, (_, at) => problem(at)) }))[9]?.title).toContain(
    '10.88.0.9',
  );
});

test('no message is longer than GitHub keeps', () => {
  expect(Math.max(...annotations(hostile('x'.repeat(10_000))).map(({ message }) => message.length))).toBeLessThan(4096);
});

test('the JSON report is the report', () => {
  const odd = hostile('"\u2028\u001b</script>\\');
  expect(JSON.parse(json(odd))).toEqual(odd);
});
