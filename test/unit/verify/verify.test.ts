import { expect, test } from 'vitest';
import { type HostWorld, known, unknown } from '../../../.github/actions/deploy/src/plan/world.ts';
import type { Finding } from '../../../.github/actions/deploy/src/verify/finding.ts';
import { verify } from '../../../.github/actions/deploy/src/verify/verify.ts';
import { beRow, desired, feRow, host, one, rows, three, two, withFe, world } from './cluster.ts';

const nobody = new Set<string>();
const leader = feRow(one, { role: 'LEADER', replayed_journal_id: 898 });

const brief = (findings: readonly Finding[]) => findings.map(({ kind, node, found }) => [kind, node, found]);

const look = (after: Parameters<typeof rows>[0], wanted = desired()) =>
  brief(verify(wanted, null, world(rows(after)), nobody));

test('a cluster that is as declared has no finding', () => {
  expect(verify(desired(), world(rows()), world(rows()), nobody)).toEqual([]);
});

test('when no leader answers nothing else is judged', () => {
  const after = { ...world(rows()), cluster: unknown('127.0.0.11: no answer within 20 s') };
  expect(verify(desired(), null, after, nobody)).toEqual([
    {
      ...{ kind: 'unknown', severity: 'error', node: null, expected: "the leader's rows" },
      found: '127.0.0.11: no answer within 20 s',
      hint: expect.stringContaining('more than half'),
    },
  ]);
});

test('rows without a leader', () => {
  const frontends = [feRow(one), feRow(two), feRow(three)];
  expect(look({ leader: null, frontends })).toEqual([['no-leader', null, 'no row says LEADER']]);
});

test('a missing FE and a missing BE', () => {
  expect(look({ frontends: [leader, feRow(two)], backends: [beRow(one), beRow(two)] })).toEqual([
    ['missing', `${three}/starrocks-fe`, 'none'],
    ['missing', `${three}/starrocks-be`, 'none'],
  ]);
});

test('a dead BE tells its ErrMsg, a dead FE does not: what stands there explains nothing', () => {
  const errMsg = 'Cannot invoke "String.length()" because "s" is null';
  expect(
    look({
      frontends: [leader, feRow(two), feRow(three, { alive: false, err_msg: errMsg, start_time: null })],
      backends: [beRow(one), beRow(two), beRow(three, { alive: false, err_msg: 'Unmatched cluster id' })],
    }),
  ).toEqual([
    ['dead', `${three}/starrocks-fe`, 'Alive false'],
    ['dead', `${three}/starrocks-be`, 'Alive false, ErrMsg Unmatched cluster id'],
  ]);
});

test('a dead node in maintenance is a warning', () => {
  const wanted = desired([host(one), host(two), host(three, { maintenance: true })]);
  const after = rows({ frontends: [leader, feRow(two), feRow(three, { alive: false })] });
  expect(verify(wanted, null, world(after), nobody)).toMatchObject([{ kind: 'dead', severity: 'warning' }]);
});

test('an FE that is alive and has not joined', () => {
  expect(look({ frontends: [leader, feRow(two, { join: false }), feRow(three)] })).toEqual([
    ['not-joined', `${two}/starrocks-fe`, 'Join false'],
  ]);
});

test('a journal is as old as the last heartbeat; ten thousand entries behind is more than that', () => {
  const at = (replayed_journal_id: number) => feRow(two, { replayed_journal_id });
  const ahead = feRow(one, { role: 'LEADER', replayed_journal_id: 30_000 });
  expect(
    look({
      frontends: [ahead, at(20_000), at(20_000)].map((row, i) => ({ ...row, host: [one, two, three][i] ?? '' })),
    }),
  ).toEqual([]);
  expect(look({ frontends: [ahead, at(19_999), feRow(three, { replayed_journal_id: 30_000 })] })).toEqual([
    ['lagging', `${two}/starrocks-fe`, '19999, 10001 behind'],
  ]);
});

test('an observer where a follower is declared, and the other way round', () => {
  const wanted = desired([host(one), host(two), withFe(three, { role: 'observer' })]);
  expect(look({ frontends: [leader, feRow(two, { role: 'OBSERVER' }), feRow(three)] }, wanted)).toEqual([
    ['wrong-role', `${two}/starrocks-fe`, 'OBSERVER'],
    ['wrong-role', `${three}/starrocks-fe`, 'FOLLOWER'],
  ]);
});

test('a version is compared without the commit behind it', () => {
  expect(
    look({
      frontends: [leader, feRow(two, { version: '3.3.15-b2be47a' }), feRow(three)],
      backends: [beRow(one), beRow(two), beRow(three, { version: '3.3.18-rc01-abcdef0' })],
    }),
  ).toEqual([
    ['wrong-version', `${two}/starrocks-fe`, '3.3.15-b2be47a'],
    ['wrong-version', `${three}/starrocks-be`, '3.3.18-rc01-abcdef0'],
  ]);
});

test('wrong ports are named; those not yet known are not', () => {
  expect(
    look({
      frontends: [leader, feRow(two, { query_port: 0 }), feRow(three, { query_port: 9031 })],
      backends: [beRow(one, { http_port: 8041, brpc_port: 8061 }), beRow(two, { be_port: -1 }), beRow(three)],
    }),
  ).toEqual([
    ['wrong-ports', `${one}/starrocks-be`, 'be_http_port 8041, brpc_port 8061'],
    ['wrong-ports', `${three}/starrocks-fe`, 'query_port 9031'],
  ]);
});

test('a location that was declared and is another; none declared judges none', () => {
  const wanted = desired([host(one, { location: 'rack:r1' }), host(two), host(three, { location: 'rack:r3' })]);
  const backends = [beRow(one), beRow(two, { location: 'rack:r9' }), beRow(three, { location: 'rack:r3' })];
  expect(look({ backends }, wanted)).toEqual([['wrong-location', `${one}/starrocks-be`, 'no location']]);
});

test.each(['system_decommissioned', 'cluster_decommissioned'])('a decommissioning BE: %s', column => {
  const going = beRow(two, { [column]: true, tablet_num: 7 });
  expect(look({ backends: [beRow(one), going, beRow(three)] })).toEqual([
    ['decommissioned', `${two}/starrocks-be`, 'decommissioning, 7 tablets left'],
  ]);
});

test('strangers are named, alive or not, also a second BE on a declared host', () => {
  expect(
    look({
      frontends: [leader, feRow(two), feRow(three), feRow('127.0.0.99', { alive: false })],
      backends: [beRow(one), beRow(two), beRow(three), beRow(one, { heartbeat_port: 9051 })],
    }),
  ).toEqual([
    ['stranger', '127.0.0.99:9010', 'a registered FE, Alive false'],
    ['stranger', `${one}:9051`, 'a registered BE, Alive true'],
  ]);
});

test('an FE where only a BE is declared is a stranger', () => {
  const wanted = desired([host(one), host(two), host(three, { fe: null })]);
  expect(look({}, wanted)).toEqual([['stranger', `${three}:9010`, 'a registered FE, Alive true']]);
});

const machine = (fe: string | null, be: string | null) =>
  known({
    fe: {
      meta: 'whole',
      cluster_id: fe,
      state: { member: fe, joining: false, founding: false, refused: false, peers: [], switches: null },
    },
    be: { 'starrocks-be': { storage: 'whole', cluster_id: be, member: be } },
    containers: [],
  } as unknown as HostWorld);

test('metadata or storage of another cluster is a second cluster, however healthy the rows look', () => {
  const hosts = {
    [one]: machine('2053836187', '2053836187'),
    [two]: machine('919351034', null),
    [three]: machine(null, '7'),
  };
  expect(brief(verify(desired(), null, world(rows(), { hosts }), nobody))).toEqual([
    ['second-cluster', `${two}/starrocks-fe`, 'metadata of cluster 919351034'],
    ['second-cluster', `${three}/starrocks-be`, 'storage of cluster 7'],
  ]);
});

test('a container that runs another image than its label stands for', () => {
  const wanted = desired();
  const [, { address, fe, be }] = wanted.hosts as [unknown, (typeof wanted.hosts)[number]];
  const containers = [
    { service: 'starrocks-fe', digest: fe?.digest, image: 'mirror/fe:patched' },
    { service: 'starrocks-be', digest: be[0]?.digest, image: be[0]?.image },
  ];
  const found = machine(null, null);
  if (!found.known) throw new Error(found.reason);
  const hosts = { [address]: known({ ...found.value, containers } as unknown as HostWorld) };
  expect(brief(verify(wanted, null, world(rows(), { hosts }), nobody))).toEqual([
    ['wrong-image', `${address}/starrocks-fe`, 'mirror/fe:patched'],
  ]);
});

test('a change of the release that was broken off, with tablets not balanced as before', () => {
  const noted = known({
    fe: {
      meta: 'whole',
      cluster_id: null,
      state: { member: null, switches: { tablet_sched_disable_balance: 'false' } },
    },
    be: {},
    containers: [],
  } as unknown as HostWorld);
  expect(brief(verify(desired(), null, world(rows(), { hosts: { [two]: noted } }), nobody))).toEqual([
    ['balance-held', null, `how it was before is still written down on ${two}`],
  ]);
});

test('two cluster ids among the rows', () => {
  expect(look({ frontends: [leader, feRow(two, { cluster_id: '919351034' }), feRow(three)] })).toEqual([
    ['second-cluster', null, 'FEs with 2053836187, 919351034'],
  ]);
});

test('Alive true is not believed of a node that does not answer by itself', () => {
  const answers = { [`${two}/starrocks-be`]: known(false), [`${three}/starrocks-fe`]: unknown('no way to it') };
  expect(verify(desired(), null, world(rows(), { answers }), nobody)).toMatchObject([
    { kind: 'silent', severity: 'error', node: `${two}/starrocks-be` },
    { kind: 'silent', severity: 'warning', node: `${three}/starrocks-fe`, found: 'no way to it' },
  ]);
});

test('an open root is found only where a password is configured', () => {
  const after = rows({ root_open: true });
  expect(verify(desired(), null, world(after), nobody)).toEqual([]);
  const wanted = { ...desired(), password_env: 'STARROCKS_PASSWORD' };
  expect(verify(wanted, null, world(after), nobody)).toMatchObject([{ kind: 'root-open', severity: 'error' }]);
});

const compare = (after: Parameters<typeof rows>[0], named: ReadonlySet<string> = nobody, before = rows()) =>
  brief(verify(desired(), world(before), world(rows(after)), named));

test('a node that restarted although no step named it', () => {
  const backends = [beRow(one), beRow(two, { last_start_time: '2026-11-23 13:00:00' }), beRow(three)];
  expect(compare({ backends })).toEqual([
    ['changed-although-not-named', `${two}/starrocks-be`, 'LastStartTime 2026-11-23 13:00:00'],
  ]);
  expect(compare({ backends }, new Set([`${two}/starrocks-be`]))).toEqual([]);
});

test('an FE that was dropped and added again has another name', () => {
  const frontends = [leader, feRow(two, { name: `${two}_9010_2` }), feRow(three)];
  expect(compare({ frontends })).toEqual([['changed-although-not-named', `${two}/starrocks-fe`, `Name ${two}_9010_2`]]);
});

test('an election changes nobody', () => {
  const frontends = [feRow(one), feRow(two, { role: 'LEADER' }), feRow(three)];
  expect(compare({ frontends, leader: two, asked: two })).toEqual([]);
});

test('newer heartbeats, journals and tablets are no change', () => {
  const frontends = [
    leader,
    feRow(two, { last_heartbeat: '2026-11-23 13:00:00', replayed_journal_id: 897 }),
    feRow(three),
  ];
  expect(compare({ frontends, backends: [beRow(one, { tablet_num: 70 }), beRow(two), beRow(three)] })).toEqual([]);
});

test('a node that was dead before and has come back is no change', () => {
  const before = rows({ backends: [beRow(one, { alive: false, last_start_time: null }), beRow(two), beRow(three)] });
  expect(compare({}, nobody, before)).toEqual([]);
});

test('a stranger that vanished was somebody’s: its row is missed', () => {
  const before = rows({ backends: [beRow(one), beRow(two), beRow(three), beRow('127.0.0.99')] });
  expect(compare({}, nobody, before)).toEqual([['changed-although-not-named', '127.0.0.99:9050', 'row gone']]);
});

test('without an earlier observation of the rows nothing is compared', () => {
  const before = { ...world(rows()), cluster: unknown('no leader yet') };
  const after = rows({ backends: [beRow(one, { id: '9' }), beRow(two), beRow(three)] });
  expect(verify(desired(), before, world(after), nobody)).toEqual([]);
});

test('every finding says what to do', () => {
  const after = rows({ frontends: [leader], backends: [beRow(one, { system_decommissioned: true })], root_open: true });
  const findings = verify({ ...desired(), password_env: 'P' }, world(rows()), world(after), nobody);
  expect(findings.map(finding => finding.kind)).toContain('missing');
  expect(findings.filter(({ hint, expected, found }) => hint === '' || expected === '' || found === '')).toEqual([]);
});
