import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comment } from '../../.github/actions/deploy/src/report/comment.ts';
import { driftIssue } from '../../.github/actions/deploy/src/report/drift-issue.ts';
import { summary } from '../../.github/actions/deploy/src/report/summary.ts';
import { visible } from '../../.github/actions/deploy/src/report/visible.ts';
import { hostile } from '../unit/report/sample.ts';
import { hostileReview, hostileTexts } from '../unit/review/hostile.ts';
import { Browser } from './browser.ts';
import { describeInBrowser } from './describe-in-browser.ts';
import { gitHubPage, type Page, type Table, WIDTH } from './github-page.ts';
import { context, growth, pages } from './pages.ts';

/** Never in the repository: people look at them, nobody keeps them. */
const pictures = process.env['REPORT_PICTURES'] ?? join(tmpdir(), 'starrocks-ha-pages');

describeInBrowser('what GitHub shows', () => {
  let browser: Browser;

  beforeAll(() => {
    mkdirSync(pictures, { recursive: true });
    browser = new Browser();
  });

  afterAll(() => browser?.close());

  async function look(name: string, markdown: string): Promise<Page> {
    const { page, picture } = await gitHubPage(browser, markdown);
    writeFileSync(join(pictures, `${name.replaceAll(' ', '-')}.png`), picture);
    return page;
  }
  const seen = new Map<string, Promise<Page>>();
  const pageOf = (name: keyof typeof pages): Promise<Page> => {
    const page = seen.get(name) ?? look(name, pages[name]);
    seen.set(name, page);
    return page;
  };

  const cells = (page: Page, column: string, at = 0): (string | undefined)[] => {
    const table = page.tables.filter(one => one.head.includes(column))[at];
    const index = table?.head.indexOf(column) ?? -1;
    return (table?.rows ?? []).map(row => row[index]);
  };

  describe('every page', () => {
    it.each(Object.keys(pages) as (keyof typeof pages)[])('%s is whole, acts on nobody, and fits', async name => {
      const page = await pageOf(name);
      expect([page.acting, page.links, page.beyond]).toEqual([[], [], 0]);
      expect(page.tables.filter(ragged)).toEqual([]);
      // Of StarRocks' own many columns some are out of sight; of what is decided on, none.
      expect(page.tables.filter(table => !ofStarRocks(table) && table.hidden > 0)).toEqual([]);
      for (const { error, links, width } of page.drawings) {
        expect([error, links]).toEqual([null, 0]);
        expect(width).toBeGreaterThan(100);
        expect(width).toBeLessThanOrEqual(WIDTH);
      }
      // Marks that were not read as marks.
      expect(page.words).not.toMatch(/^\s*\||\| ?---|\*\*|<\/?\w+>|```|\[!/m);
      // Dangers come before anything else that one might stop reading at.
      const alert = page.order.findLastIndex(one => one === 'WARNING' || one === 'CAUTION');
      if (alert >= 0) expect(page.order.slice(0, alert).filter(one => !/^[A-Z]+$|^h2$/.test(one))).toEqual([]);
    });
  });

  it('the growth of a cluster: the new machine, marked in the drawing, and what follows what', async () => {
    const page = await pageOf('growth of a machine');
    expect(page.headings[0]).toBe('📝 analytics: adds 192.168.1.13 as FE follower and BE; restarts nobody');
    expect(page.alerts).toEqual([]);
    expect(cells(page, 'Machine')).toEqual(['192.168.1.13']);
    expect(cells(page, 'What')).toEqual(['join starrocks-fe on 192.168.1.13', 'add starrocks-be on 192.168.1.13']);
    const [cluster, time] = page.drawings;
    expect(cluster?.words.filter(word => /new/.test(word)).length).toBeGreaterThan(0);
    expect(cluster?.words.join(' ')).toContain('192.168.1.10');
    expect(time?.words).toEqual(expect.arrayContaining(['192.168.1.13', 'join starrocks-fe', 'add starrocks-be']));
  });

  it('an outage: the warning is the first thing under the headline', async () => {
    const page = await pageOf('config change with an outage');
    expect(page.order.slice(0, 3)).toEqual(['h2', 'WARNING', 'h3']);
    expect(page.headings[0]).toBe('⚠️ analytics: restarts 1 FE and 1 BE');
    expect(page.alerts[0]?.text).toMatch(
      /restart starrocks-fe on 192\.168\.1\.10 takes an outage of the whole cluster/,
    );
    expect(page.folds.map(fold => fold.title)).toEqual([
      'Drawing of the cluster',
      'Expected time',
      'conf/be/be.conf on 192.168.1.10',
      'conf/fe/fe.conf on 192.168.1.10',
    ]);
  });

  it('an upgrade: from which release to which, in the order of the plan', async () => {
    const page = await pageOf('upgrade');
    expect(page.headings[0]).toContain('upgrades StarRocks from 3.3.18 to 3.4.10; restarts 3 FEs and 3 BEs');
    const order = cells(page, 'What').filter(what => what?.startsWith('upgrade'));
    expect(order.map(what => what?.replace(/^upgrade starrocks-(..) on 192\.168\.1\./, '$1 '))).toEqual([
      ...['be 10', 'be 11', 'be 12'],
      ...['fe 11', 'fe 12', 'fe 10'],
    ]);
  });

  it('thirty machines: each once in the table, the order, and the drawing', async () => {
    const page = await pageOf('thirty hosts');
    const all = Array.from({ length: 30 }, (_, at) => `192.168.1.${10 + at}`);
    expect(cells(page, 'Machine')).toEqual(all);
    expect(cells(page, 'What')).toEqual(all.map(address => `restart starrocks-be on ${address}`));
    const drawn = page.drawings.map(({ words }) => all.filter(address => words.some(word => word.includes(address))));
    expect(drawn).toEqual([all, all]);
    expect(page.folds.at(-1)?.title).toMatch(/^conf\/be\/be\.conf on 192\.168\.1\.10, .+ and 25 more$/);
  });

  it('nothing to do: one line', async () => {
    const page = await pageOf('nothing to do');
    expect(page.words.trim()).toBe('✅ analytics: changes nothing on any machine For commit 4f2a9c1d0b7e.');
  });

  it('a plan that would be refused: why, before all else', async () => {
    const page = await pageOf('refused');
    expect(page.headings[0]).toMatch(/^❌ analytics: /);
    expect(page.order.slice(0, 3)).toEqual(['h2', 'CAUTION', 'CAUTION']);
    expect(page.alerts[1]?.text).toMatch(/^A deploy would refuse this\.\s*E_OUTAGE/);
  });

  it('a failed deploy: what failed, its log, its cause, and who was not reached because of it', async () => {
    const page = await pageOf('deploy that failed');
    expect(page.headings).toEqual([
      '❌ analytics failed: 1 applied, 1 failed, 1 not reached. 10.88.0.12: It was not ready within 300 s.',
      ...['Problems', 'Most likely causes', 'What differs from the declaration', 'Hosts', 'Steps, in their order'],
    ]);
    expect(page.words).toContain('no such env variable: NOPE\nStarRocksFE start failed');
    expect(cells(page, 'Outcome')).toEqual(['✅ applied', '❌ failed', '⏹️ not reached']);
    expect(cells(page, 'Outcome', 1)).toEqual(['✅ done', '❌ failed', '⏹️ not begun']);
    expect(page.tables.filter(ofStarRocks).map(table => table.rows.length)).toEqual([3, 3]);
  });

  describe('text of others', () => {
    const now = '2026-11-23T12:00:00.000Z';
    const makers: Record<string, (text: string) => string> = {
      comment: text => comment(hostileReview(growth, text), { ...context, warnings: [text] }),
      summary: text => summary(hostile(text)),
      'drift issue': text => driftIssue(hostile(text), null, now)?.body ?? '',
    };

    it.each(Object.keys(makers))('adds nothing to a %s but itself', async name => {
      const make = makers[name] ?? (() => '');
      const texts = hostileTexts.map(text => text.slice(0, 80).trim());
      const innocent = await look(`innocent ${name}`, make('innocent'));
      // All on one page: whatever breaks out of its own part breaks the next one.
      const page = await look(`hostile ${name}`, texts.map(make).join('\n\n'));
      const each = <T>(make: (text: string) => readonly T[]): T[] => texts.flatMap(make);
      const shown = (of: string, text: string): string => squeezed(of.replaceAll('innocent', () => visible(text)));
      expect([page.acting, page.links, page.beyond]).toEqual([[], [], 0]);
      expect(page.order).toEqual(each(() => innocent.order));
      expect(page.alerts.map(alert => squeezed(alert.text))).toEqual(
        each(text => innocent.alerts.map(alert => shown(alert.text, text))),
      );
      expect(page.tables.map(table => whole(table).map(row => row.map(squeezed)))).toEqual(
        each(text => innocent.tables.map(table => whole(table).map(row => row.map(cell => shown(cell, text))))),
      );
      expect(page.drawings.map(({ error, links }) => [error, links])).toEqual(
        each(() => innocent.drawings.map(() => [null, 0])),
      );
      // And it was there to act.
      expect(page.words).toContain('<script>alert(1)</script>');
    });
  });
});

const ragged = ({ head, rows }: Table): boolean => rows.some(row => row.length !== head.length);

const whole = ({ head, rows }: Table): (readonly string[])[] => [head, ...rows];

const squeezed = (text: string): string => text.replace(/\s+/g, ' ').trim();

const ofStarRocks = ({ head }: Table): boolean => head.includes('ClusterId') || head.includes('HeartbeatPort');
