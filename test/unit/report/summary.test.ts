import { expect, test } from 'vitest';
import { summary } from '../../../.github/actions/deploy/src/report/summary.ts';
import { hostile, report } from './sample.ts';

/** What a reader sees of the markdown: entities turned back. */
const read = (markdown: string): string =>
  markdown.replaceAll('<!-- -->', '').replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));

test('it begins with the verdict and ends with where it came from', () => {
  const lines = read(summary(report())).trimEnd().split('\n');
  expect(lines[0]).toBe(
    '## ✅ analytics changed on 1 of 3 hosts and is as declared: 3 FEs and 3 BEs registered and alive.',
  );
  expect(lines.at(-1)).toBe(
    '<sub>deploy of StarRocks 3.3.18 · commit 4f2a9c1 · run https://example.org/runs/7 · plan sha256:abc · 3 connections · 3 commands</sub>',
  );
});

test('it tells what changed, why, in which order, how long it took, and every host', () => {
  const text = read(summary(report()));
  expect(text).toContain('| 1 | restart starrocks-be on 10.88.0.11 | be.conf differs | ✅ done | 12s |');
  expect(text).toContain('| 10.88.0.11 | ✅ applied | starrocks-be | restart |');
  expect(text).toContain('| 10.88.0.12 | ➖ unchanged |  |  |');
  expect(text).toContain('| 10.88.0.13 | 🔧 in maintenance |  | it is in maintenance |');
});

test('a plan is told as a plan: the waves in their order, and steps that are still to come', () => {
  const steps = report().steps.map(step => ({ ...step, outcome: 'planned' as const, started: null, ended: null }));
  const impact = { down: ['10.88.0.11/starrocks-be'], quorum: null, replicas: null, next_failure: null };
  const waves = [{ title: 'restart BEs', steps: steps.map(({ title, reason }) => ({ title, reason })), impact }];
  const text = read(summary(report({ mode: 'plan', outcome: 'differs', steps, waves })));
  expect(text).toContain('\n### In this order\n');
  expect(text).toContain('| 1 | restart starrocks-be on 10.88.0.11 | be.conf differs | 10.88.0.11/starrocks-be');
  expect(text).toContain('| 1 | restart starrocks-be on 10.88.0.11 | be.conf differs | 📝 planned |  |');
});

test("the tables carry StarRocks' own columns", () => {
  const text = read(summary(report()));
  expect(text).toContain(
    '| Name | IP | EditLogPort | HttpPort | QueryPort | RpcPort | Role | ClusterId | Join | Alive |',
  );
  expect(text).toContain('| 10002 | 10.88.0.11 | 9050 | 9060 | 8040 | 8060 | 2026-11-23 12:22:33 |');
});

test('a failure tells the reason first, what to do, and the log that shows it', () => {
  const text = read(
    summary(
      report({
        outcome: 'failed',
        problems: [
          {
            ...{ code: 'E_FE_NOT_READY', host: '10.88.0.12', step: 'start starrocks-fe' },
            ...{ message: 'It was not ready within 300 s.', hint: 'Look at its log.' },
            detail: ['ERROR no such env variable: NOPE', 'a line with ``` in it'],
          },
        ],
      }),
    ),
  );
  expect(text).toMatch(/^## ❌ analytics failed: .*10\.88\.0\.12: It was not ready within 300 s\.\n/);
  expect(text).toContain(
    '- `E_FE_NOT_READY` 10.88.0.12: start starrocks-fe: It was not ready within 300 s. **Look at its log.**',
  );
  expect(text).toContain('\n  ````\n  ERROR no such env variable: NOPE\n  a line with ``` in it\n  ````\n');
});

test('the page of a workflow run is a link, and nothing that only begins like one', () => {
  const footer = (run: string) => summary(report({ run })).trimEnd().split('\n').at(-1);
  expect(footer('https://ghe.example:8443/acme/infra.git/actions/runs/42')).toContain(
    ' · run [42](https://ghe.example:8443/acme/infra.git/actions/runs/42) · ',
  );
  for (const forged of [
    'https://github.com/acme/infra/actions/runs/42)[click](https://evil.example',
    'https://user@github.com/acme/infra/actions/runs/42',
    'javascript://github.com/acme/infra/actions/runs/42',
    'https://evil.example/#/acme/infra/actions/runs/42',
    'ada@laptop https://github.com/acme/infra/actions/runs/42',
  ])
    expect(footer(forged)).not.toMatch(/\]\(|:\/\//);
});

test('a run that could not ask the cluster has no tables', () => {
  const text = summary(report({ frontends: [], backends: [] }));
  expect(text).not.toContain('<details');
  expect(text).not.toContain('SHOW');
});

const texts = [
  'a | b',
  '`code` ```fence```',
  '@everyone and @org/team',
  '<script>alert(1)</script></details><img src=x>',
  '[link](javascript:x) ![image](http://x) https://x.example #123',
  '**bold** _it_ ~~gone~~ # head',
  'line\nbreak\r\n| new | row |',
  '\u001b[31mred\u0007\u202etxt.exe',
  '&lt;b&gt; &amp; \\| \\',
];

test.each(texts)('%j stays text, in its cell and on its line', text => {
  const plain = summary(hostile('plain'));
  const markdown = summary(hostile(text));
  // The same lines and cells as with an innocent text.
  expect(markdown.split('\n').length).toBe(plain.split('\n').length);
  const cells = (page: string) => page.split('\n').map(line => (line.startsWith('|') ? line.split('|').length : 0));
  expect(cells(markdown)).toEqual(cells(plain));
  const outside = markdown.replace(/^ {2}(`{3,})\n[\s\S]*?\n {2}\1$/gm, '');
  expect(outside).not.toMatch(/@\w/);
  expect(outside).not.toMatch(/<(?!\/?(?:details|summary|sub|br)\b|!-- -->)/);
  expect(outside.match(/<\/details>/g)).toHaveLength(2);
  expect(outside.replace(/`E_SQL_REFUSED`|`D_UNKNOWN`|\[!WARNING\]/g, '')).not.toMatch(/[`[]/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must be gone
  expect(markdown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e]/);
});

test('what is too long is cut between rows, lowest rank first, and said', () => {
  const backends = Array.from({ length: 300 }, (_, at) => ({ BackendId: `be-${at}`, ErrMsg: 'x'.repeat(100) }));
  const whole = summary(report({ backends }));
  expect(whole.includes('| be-299 |')).toBe(true);
  const limit = 12_000;
  const text = summary(report({ backends }), limit);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limit);
  const kept = text.match(/^\| be-\d+ \|/gm)?.length ?? 0;
  expect(kept).toBeGreaterThan(10);
  expect(text.trimEnd().split('\n').at(-1)).toBe(
    `_Cut for length: ${300 - kept} more rows of SHOW BACKENDS; the log of this step has all._`,
  );
  expect(text.match(/<details/g)?.length).toBe(text.match(/<\/details>/g)?.length);
  expect(read(text)).toContain('restart starrocks-be on 10.88.0.11');
  expect(text.trimEnd().split('\n').at(-3)).toMatch(/<\/sub>$/);
});

test('a page of a thousand hosts and a huge error stays within what GitHub keeps', () => {
  const hosts = Array.from({ length: 1000 }, (_, at) => ({
    ...{ address: `10.88.${at >> 8}.${at & 255}`, outcome: 'failed' as const, why: 'y'.repeat(100_000), services: [] },
  }));
  const text = summary(report({ outcome: 'failed', hosts }));
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024 * 1024);
  expect(text.includes('(98000 more characters)')).toBe(true);
  expect(text.match(/_Cut for length: \d+ more hosts/)).not.toBeNull();
});
