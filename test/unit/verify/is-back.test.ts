import { expect, test } from 'vitest';
import { beIsBack, feIsBack } from '../../../.github/actions/deploy/src/verify/is-back.ts';
import { beRow, feRow, one } from './cluster.ts';

const before = feRow(one, { start_time: '2026-11-23 12:28:07', last_heartbeat: '2026-11-23 12:43:45' });
const fe = (changes: Parameters<typeof feRow>[1]) => feIsBack(before, feRow(one, changes));

test('Alive alone is not back: it stays true through a whole restart', () => {
  expect(fe({})).toBe(false);
  expect(fe({ last_heartbeat: '2026-11-23 12:43:50' })).toBe(false);
});

test('a newer StartTime without a heartbeat since is not back', () => {
  expect(fe({ start_time: '2026-11-23 12:44:00' })).toBe(false);
});

test('a newer StartTime and a heartbeat since is back', () => {
  const times = { start_time: '2026-11-23 12:44:00', last_heartbeat: '2026-11-23 12:44:12' };
  expect(fe(times)).toBe(true);
  expect(fe({ ...times, last_heartbeat: times.start_time })).toBe(true);
});

test('a newer StartTime is not enough when it is dead or has not joined', () => {
  const times = { start_time: '2026-11-23 12:44:00', last_heartbeat: '2026-11-23 12:44:12' };
  expect(fe({ ...times, alive: false })).toBe(false);
  expect(fe({ ...times, join: false })).toBe(false);
});

test('a node that had no row, or was down, is back with its first heartbeat', () => {
  expect(feIsBack(null, feRow(one))).toBe(true);
  expect(feIsBack(null, feRow(one, { start_time: null, last_heartbeat: null, alive: false }))).toBe(false);
  expect(feIsBack(feRow(one, { alive: false, start_time: null }), feRow(one))).toBe(true);
});

test('a row that is gone is not back', () => {
  expect(feIsBack(before, null)).toBe(false);
  expect(beIsBack(beRow(one), null)).toBe(false);
});

test('a BE is back by its LastStartTime', () => {
  const was = beRow(one, { last_start_time: '2026-11-23 12:22:33' });
  expect(beIsBack(was, beRow(one))).toBe(false);
  const times = { last_start_time: '2026-11-23 12:50:00', last_heartbeat: '2026-11-23 12:50:05' };
  expect(beIsBack(was, beRow(one, times))).toBe(true);
  expect(beIsBack(was, beRow(one, { ...times, last_heartbeat: '2026-11-23 12:49:59' }))).toBe(false);
});
