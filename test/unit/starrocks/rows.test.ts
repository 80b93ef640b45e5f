import { expect, test } from 'vitest';
import { DeployError } from '../../../.github/actions/deploy/src/error.ts';
import {
  backendRows,
  frontendRows,
  type SqlRow,
  tabletTotals,
} from '../../../.github/actions/deploy/src/starrocks/rows.ts';
import { transcript } from './transcript.ts';

const first = (rows: readonly SqlRow[]): SqlRow => rows[0] ?? {};

function problemOf(work: () => unknown) {
  try {
    work();
  } catch (error) {
    if (error instanceof DeployError) return error.problem;
  }
  throw new Error('no DeployError');
}

test('the FEs of 3.3 are read: leader, followers and their times', () => {
  const rows = frontendRows(transcript('3.3/show-frontends.tsv'));
  expect(rows.map(({ host, role, alive, join }) => ({ host, role, alive, join }))).toEqual([
    { host: '10.88.0.13', role: 'LEADER', alive: true, join: true },
    { host: '10.88.0.12', role: 'FOLLOWER', alive: true, join: true },
    { host: '10.88.0.11', role: 'FOLLOWER', alive: true, join: true },
  ]);
  expect(rows[1]).toMatchObject({
    name: '10.88.0.12_9010_1795436464638',
    edit_log_port: 9010,
    query_port: 9030,
    cluster_id: '2053836187',
    replayed_journal_id: 892,
    last_heartbeat: '2026-11-23 12:43:45',
    start_time: '2026-11-23 12:42:53',
    version: '3.3.15-b2be47ac9d',
    err_msg: '',
  });
});

test('the Id that 3.5 puts first moves no other column', () => {
  const [leader, added] = frontendRows(transcript('3.5/show-frontends.tsv'));
  expect(leader).toMatchObject({ host: '10.88.0.14', role: 'LEADER', version: '3.5.1-7e63e32' });
  expect(Object.keys(leader?.raw ?? {}).slice(0, 3)).toEqual(['Id', 'Name', 'IP']);
  expect(added).toMatchObject({ host: '10.88.0.96', alive: false, join: false, query_port: 0 });
});

test('an FE just added has no time and no version, not the word NULL', () => {
  const added = frontendRows(transcript('3.3/show-frontends-just-added.tsv'))[0];
  expect(added).toMatchObject({ last_heartbeat: null, start_time: null, version: null, alive: false });
});

test('a BE just added has ports of -1 and no times', () => {
  const added = backendRows(transcript('3.3/show-backends-just-added.tsv'))[2];
  expect(added).toMatchObject({
    ...{ id: '13003', be_port: -1, http_port: -1, brpc_port: -1, last_start_time: null, last_heartbeat: null },
    ...{ alive: false, version: null, tablet_num: 0 },
  });
});

test('the BEs of 3.5 are read, StatusCode or not', () => {
  expect(backendRows(transcript('3.5/show-backends.tsv'))[0]).toMatchObject({
    ...{ host: '10.88.0.14', heartbeat_port: 9050, be_port: 9060, http_port: 8040, brpc_port: 8060, alive: true },
    ...{ system_decommissioned: false, cluster_decommissioned: false, location: '' },
  });
});

test('before 3.2.8 there is no Location, and no BE has one', () => {
  const { Location, ...older } = first(transcript('3.3/show-backends.tsv'));
  expect(Location).toBe('');
  expect(backendRows([older])[0]?.location).toBe('');
});

test('column names are found whatever their case', () => {
  const row = Object.fromEntries(
    Object.entries(first(transcript('3.3/show-frontends.tsv'))).map(([name, value]) => [name.toUpperCase(), value]),
  );
  expect(frontendRows([row])[0]?.host).toBe('10.88.0.13');
});

test('a missing column is named, with those that are there', () => {
  const { Join: _, ...row } = first(transcript('3.3/show-frontends.tsv'));
  const problem = problemOf(() => frontendRows([row]));
  expect(problem.code).toBe('E_SQL_COLUMNS');
  expect(problem.message).toMatch(/^The answer to SHOW FRONTENDS has no column Join; it has name, ip, /);
});

test.each([
  ['Alive', 'perhaps', /"perhaps" in column Alive, which is neither true nor false/],
  ['EditLogPort', '9010; DROP', /"9010; DROP" in column EditLogPort, which is no number/],
  ['Role', 'MASTER', /the role "MASTER"/],
])('a value of %s that nobody understands is not guessed at', (name, value, message) => {
  const row = { ...first(transcript('3.3/show-frontends.tsv')), [name]: value };
  expect(problemOf(() => frontendRows([row])).message).toMatch(message);
});

test('unhealthy tablets stand in the row Total', () => {
  const rows = [
    { DbId: '10001', DbName: 'shop', TabletNum: '12', UnhealthyTabletNum: '3' },
    { DbId: 'Total', DbName: '1', TabletNum: '12', UnhealthyTabletNum: '7' },
  ];
  expect(tabletTotals(rows)).toMatchObject({ unhealthy_tablets: 7 });
  const none = { unhealthy_tablets: null, tablets: null, replicas: null };
  expect(tabletTotals([])).toEqual(none);
  expect(tabletTotals([{ DbId: 'Total' }])).toEqual(none);
  expect(tabletTotals([{ DbId: 'Total', tabletnum: '60', ReplicaNum: '180', UnhealthyTabletNum: 'x' }])).toEqual({
    ...{ unhealthy_tablets: null, tablets: 60, replicas: 180 },
  });
});
