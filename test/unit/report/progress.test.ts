import { expect, test } from 'vitest';
import { liveProgress, plainProgress, type Screen } from '../../../.github/actions/deploy/src/report/progress.ts';

/** A terminal that understands what the view sends: lines, cursor up, clear to the end. */
function terminal(columns = 60, rows = 24) {
  let clock = 0;
  const at = (ms: number) => {
    clock = ms;
  };
  let screen: string[] = [''];
  const write = (text: string) => {
    for (const part of text.replaceAll('\u001b', 'ESC').split(/(ESC\[\d+AESC\[J)/)) {
      const up = /^ESC\[(\d+)A/.exec(part);
      if (up !== null) screen = [...screen.slice(0, screen.length - 1 - Number(up[1])), ''];
      else {
        const [first = '', ...rest] = part.split('\n');
        screen = [...screen.slice(0, -1), (screen.at(-1) ?? '') + first, ...rest];
      }
    }
  };
  const options: Screen = { write, size: () => ({ columns, rows }), now: () => clock, colour: 'never' };
  return { options, lines: () => screen.slice(0, -1), at };
}

const event = (host: string, doing: string, since = 0, service: string | null = null) => ({
  host,
  service,
  doing,
  since,
});

test('one line per host says what it is doing and for how long, drawn over itself', () => {
  const { options, lines, at } = terminal();
  const view = liveProgress(options);
  view.show(event('10.0.0.1', 'uploading'));
  view.show(event('10.0.0.12', 'waiting for a heartbeat', 1000, 'starrocks-be'));
  at(61_000);
  view.tick();
  expect(lines()).toEqual(['10.0.0.1   uploading 1m 01s', '10.0.0.12  starrocks-be: waiting for a heartbeat 1m 00s']);
  view.show(event('10.0.0.1', ''));
  expect(lines()).toEqual(['10.0.0.12  starrocks-be: waiting for a heartbeat 1m 00s']);
});

test('a line that is printed stays above', () => {
  const { options, lines } = terminal();
  const view = liveProgress(options);
  view.show(event('10.0.0.1', 'uploading'));
  view.print('wave 1: prepare');
  view.tick();
  expect(lines()).toEqual(['wave 1: prepare', '10.0.0.1  uploading 0.0s']);
  view.done();
  expect(lines()).toEqual(['wave 1: prepare']);
});

test('no line is wider than the terminal, and no view higher', () => {
  const { options, lines } = terminal(40, 8);
  const view = liveProgress(options);
  for (let at = 1; at <= 30; at++) view.show(event(`10.0.0.${at}`, `pulling 磁盘 ${'x'.repeat(100)}`, -at * 1000));
  expect(lines()).toHaveLength(6);
  expect(lines().at(-1)).toBe('… and 25 more');
  expect(lines()[0]).toMatch(/^10\.0\.0\.30 {2}pulling 磁盘 x+… 30s$/);
  expect(Math.max(...lines().map(line => line.length))).toBeLessThanOrEqual(40);
});

test('what a host says cannot act on the terminal', () => {
  const { options, lines } = terminal();
  liveProgress(options).show(event('10.0.0.1', 'a\u001b[2Jb\nc'));
  expect(lines()).toEqual(['10.0.0.1  a\\x1b[2Jb\\nc 0.0s']);
});

test('elsewhere each event is a line that begins with its host, and a wait is told once', () => {
  const { options, lines } = terminal();
  const view = plainProgress(options);
  view.show(event('10.0.0.1', 'uploading'));
  view.show(event('10.0.0.1', 'waiting', 0, 'starrocks-fe'));
  view.show(event('10.0.0.1', 'waiting', 0, 'starrocks-fe'));
  view.tick();
  view.show(event('10.0.0.1', ''));
  view.print('done');
  expect(lines()).toEqual(['10.0.0.1: uploading', '10.0.0.1: starrocks-fe: waiting', 'done']);
});
