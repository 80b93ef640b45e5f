import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comment, commentMarker, failedComment } from '../../../.github/actions/deploy/src/report/comment.ts';
import { page } from '../../../.github/actions/deploy/src/report/markdown.ts';
import { review } from '../../../.github/actions/deploy/src/review/review.ts';
import { hostileReview, hostileTexts } from './hostile.ts';
import { sides, three, yaml } from './sides.ts';

const context = { commit: 'a'.repeat(40), base: 'b'.repeat(40) };
const grown = review(
  sides(
    yaml(three),
    yaml([...three, '192.168.1.13'], 'defaults: { be_conf: { load_process_max_memory_limit_percent: "5" } }\n'),
  ),
);

describe('the comment', () => {
  const text = comment(grown, context);

  it('begins with its marker and the headline', () => {
    expect(text.split('\n').slice(0, 2)).toEqual([
      commentMarker('analytics'),
      '## 📝 analytics: adds 192.168.1.13 as FE follower and BE; restarts 3 BEs',
    ]);
  });

  it('tells the order, what is away meanwhile, and what is left', () => {
    expect(text).toContain(
      '| 3 | restart starrocks-be on 192.168.1.10 | conf/be/be.conf differs | 192.168.1.10/starrocks-be<br>1 BE away, 2 of 3 replicas left<br>',
    );
    expect(text).not.toContain('upload the files');
  });

  it('marks in the drawing what is new and what changes', () => {
    expect(text.split('\n').filter(line => /^ {2}h\d\[/.test(line))).toEqual([
      ...[10, 11, 12].map((last, at) => `  h${at}["192.168.1.${last}<br/>FE follower, BE<br/>changed"]:::changing`),
      '  h3["192.168.1.13<br/>FE follower, BE<br/>new"]:::fresh',
    ]);
    for (const name of ['fresh', 'changing']) expect(text).toContain(`\n  classDef ${name} stroke:`);
  });

  it('tells which rows come of it, and that the others stay', () => {
    const lines = text.split('\n');
    const at = lines.indexOf('### Rows of the cluster');
    expect(lines.slice(at + 2, at + 8)).toEqual([
      '| Row | Before | After |',
      '| --- | --- | --- |',
      '| FE 192.168.1.13:9010 | — | follower, 3.3.18 |',
      '| BE 192.168.1.13:9050 | — | backend, 3.3.18 |',
      '',
      '6 rows stay as before.',
    ]);
  });

  it('says for which commit it is, and what it assumes', () => {
    expect(text).toContain('For commit aaaaaaaaaaaa, compared with bbbbbbbbbbbb.');
    expect(text).toContain('Assumes that the machines match that base');
    expect(text).toMatch(/Plan digest [0-9a-f]{16}\./);
  });

  it('is one line when nothing changes', () => {
    const same = review(sides(yaml(three), yaml(three)));
    expect(comment(same, context)).toBe(
      `${commentMarker('analytics')}\n✅ **analytics: changes nothing on any machine** <sub>For commit aaaaaaaaaaaa.</sub>\n`,
    );
  });

  it('puts what would be refused first', () => {
    const refused = {
      ...grown,
      problems: [{ code: 'E_OUTAGE' as const, host: null, step: null, message: 'No.', hint: 'Wait.' }],
    };
    const lines = comment(refused, context).split('\n');
    expect(lines.slice(3, 6)).toEqual([
      '> [!CAUTION]',
      '> **A deploy would refuse this.**  ',
      '> `E_OUTAGE` No. Wait.  ',
    ]);
  });

  it('stays below the limit of GitHub with three hundred machines, and says what was cut', () => {
    const many = Array.from({ length: 300 }, (_, at) => `10.0.${Math.floor(at / 250)}.${(at % 250) + 1}`);
    const big = (conf: string) =>
      `cluster: analytics\nstarrocks: { version: 3.3.18 }\nmaster_host: 10.0.0.1\ndefaults: { fe: none${conf} }\nhosts:\n${many.map((host, at) => (at < 3 ? `  - { address: ${host}, fe: follower }\n` : `  - ${host}\n`)).join('')}`;
    const all = review(sides(big(''), big(', be_conf: { load_process_max_memory_limit_percent: "5" }')));
    const short = comment(all, context);
    expect(short.length).toBeLessThanOrEqual(65_536);
    expect(short).toMatch(/_Cut for length: .*\d+ more waves.*; the job summary has all\._\n$/);
    expect(comment(all, context, 1024 * 1024).length).toBeGreaterThan(short.length);
  });

  it('stays below the limit with thousands of different diffs, the short ones shown, and says once what was cut', () => {
    const changes = Array.from({ length: 2000 }, (_, at) => ({
      path: `conf/${at}.conf`,
      hosts: ['10.0.0.1'],
      diff: `+${'x'.repeat(at === 0 ? 100_000 : 100)}`,
    }));
    const text = comment({ ...grown, changes }, context);
    expect(text.length).toBeLessThanOrEqual(65_536);
    const shown = text.match(/<details><summary><code>/g)?.length ?? 0;
    expect(shown).toBeGreaterThan(200);
    expect(text.match(/Cut for length/g)?.length).toBe(1);
    expect(text).toContain(`_Cut for length: ${2000 - shown} more diffs; the job summary has all._`);
    expect(text).not.toContain('<code>conf/0.conf');
  });

  it('stays below any limit that leaves room for its head, whatever stands in it', () => {
    const section = fc.record({
      rank: fc.integer({ min: 1, max: 9 }),
      lines: fc.constantFrom('rows', 'diffs', 'waves'),
      before: fc.array(fc.string({ maxLength: 30 }), { maxLength: 3 }),
      body: fc.array(fc.string({ maxLength: 200 }), { maxLength: 30 }),
      after: fc.array(fc.string({ maxLength: 30 }), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(section, { maxLength: 60 }), fc.integer({ min: 200, max: 5000 }), (sections, limit) => {
        const text = page(sections, limit, 'the summary has all');
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limit);
        const lines = sections.reduce(
          (sum, { before, body, after }) => sum + before.length + body.length + after.length,
          0,
        );
        if (Buffer.byteLength(page(sections, 1e9, '')) > limit && lines > 0)
          expect(text.includes('the summary has all') || sections.some(one => one.body.length === 0)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

/** Fences are what may hold anything; everything else is looked at. */
function outsideOfFences(text: string): string {
  let fence: string | null = null;
  return text
    .split('\n')
    .filter(line => {
      const mark = /^(`{3,})/.exec(line)?.[1];
      if (fence === null && mark !== undefined) fence = mark;
      else if (fence !== null && line === fence) fence = null;
      else return fence === null;
      return false;
    })
    .join('\n');
}

function acts(text: string): string[] {
  const outside = outsideOfFences(text);
  const rows = outside.split('\n').filter(line => line.startsWith('| '));
  return [
    ...(/<script|<img|<a /i.test(outside) ? ['html'] : []),
    ...(/(^|[^\w])@[a-z]/i.test(outside) ? ['mention'] : []),
    ...(/\]\(|https?:\/\/evil|www\.evil/i.test(outside) ? ['link'] : []),
    ...((outside.match(/<details>/g) ?? []).length !== (outside.match(/<\/details>/g) ?? []).length ? ['fold'] : []),
    ...(rows.some(row => row.includes('forged |')) ? ['table'] : []),
    ...((outside.match(/<!-- starrocks-ha:plan/g) ?? []).length > 1 ? ['marker'] : []),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    ...(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e\u2066-\u2069]/.test(text) ? ['control character'] : []),
    ...(/^> \[!NOTE\]/m.test(outside) ? ['alert'] : []),
  ];
}

describe('text of others in the comment', () => {
  it.each(hostileTexts.map(text => [JSON.stringify(text.slice(0, 40)), text]))('acts on nobody: %s', (_name, text) => {
    const told = comment(hostileReview(grown, text), { ...context, warnings: [text] });
    expect(acts(told)).toEqual([]);
    expect(told.length).toBeLessThanOrEqual(65_536);
  });

  it.each(hostileTexts.map(text => [JSON.stringify(text.slice(0, 40)), text]))(
    'acts on nobody when there is no plan: %s',
    (_name, text) => {
      const problem = { code: 'E_BASE' as const, host: null, step: null, message: text, hint: text };
      const told = failedComment('analytics', problem, text);
      expect(acts(told)).toEqual([]);
      expect(told.split('\n').length).toBe(
        failedComment('analytics', { ...problem, message: '', hint: '' }, '').split('\n').length,
      );
      expect(told.length).toBeLessThanOrEqual(65_536);
    },
  );

  it('acts on nobody, whatever it is', () => {
    const pieces = fc.constantFrom(
      '|',
      '\n',
      '`',
      '```',
      '<',
      '>',
      '@a',
      '-->',
      '](',
      '"]',
      'end',
      '%%',
      '\u202e',
      'x',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), parts => {
        expect(acts(comment(hostileReview(grown, parts.join('')), context))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('cannot draw: mermaid gets letters, digits and dots', () => {
    for (const text of hostileTexts) {
      const drawing =
        /```mermaid\n([\s\S]*?)\n```/.exec(comment(hostileReview(grown, text.slice(0, 500)), context, 10 ** 7))?.[1] ??
        '';
      const labels = [...drawing.matchAll(/h\d+\["(.*)"\]/g)].map(match => match[1] ?? '');
      expect(labels.length).toBe(4);
      expect(labels.join('').replaceAll('<br/>', '')).toMatch(/^[A-Za-z0-9 .,:-]*$/);
    }
  });
});
