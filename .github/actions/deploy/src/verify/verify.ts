import type { BeService, ClusterJson, CompiledHost, FeService } from '../../../../../compiler/contract/cluster-json.ts';
import { servicesOf } from '../plan/place.ts';
import {
  type BackendRow,
  type BeData,
  type ClusterRows,
  type FrontendRow,
  isAt,
  nodeKey,
  type World,
} from '../plan/world.ts';
import { changed } from './changed.ts';
import { drainPace } from './drain-pace.ts';
import type { Finding, FindingKind } from './finding.ts';

/**
 * Journal entries that a follower may be behind. Its number is as old as its last heartbeat (5 s), and a busy leader
 * writes some hundred a second.
 */
const lagAllowed = 10_000;

/**
 * Compares what the cluster says with what generated/ declares, and the nodes that no step named with what they were.
 * @param before the observation before the first step, or null: nothing is compared with it
 * @param named keys (nodeKey) of the nodes that steps of this run were about
 * @returns an empty list when the cluster is proved to be as declared
 */
export function verify(
  desired: ClusterJson,
  before: World | null,
  after: World,
  named: ReadonlySet<string>,
): Finding[] {
  if (!after.cluster.known) {
    return [finding('unknown', null, "the leader's rows", after.cluster.reason, startFollowers)];
  }
  const rows = after.cluster.value;
  return [
    ...clusterAsWhole(desired, rows),
    ...balanceHeld(desired, after),
    ...identities(desired, after, rows),
    ...desired.hosts.flatMap(host => [
      ...(host.fe === null ? [] : frontend(desired, host, host.fe, rows)),
      ...host.be.flatMap(be => backend(desired, host, be, rows)),
      ...silent(host, after),
      ...otherImages(host, after),
    ]),
    ...strangers(desired, after, rows),
    ...(before?.cluster.known === true
      ? changed([...desired.hosts, ...after.leaving], before.cluster.value, rows, named)
      : []),
  ];
}

const startFollowers = 'Start the follower FEs that are down: more than half of them must run before one can lead.';

const finding = (
  kind: FindingKind,
  node: string | null,
  expected: string,
  found: string,
  hint: string,
  severity: Finding['severity'] = 'error',
): Finding => ({ kind, severity, node, expected, found, hint });

function clusterAsWhole(desired: ClusterJson, rows: ClusterRows): Finding[] {
  const found: Finding[] = [];
  if (rows.leader === null) {
    found.push(finding('no-leader', null, 'one FE with Role LEADER', 'no row says LEADER', startFollowers));
  }
  if (rows.root_open && desired.password_env !== null) {
    const hint = 'Deploy again: it sets the password while root has none.';
    found.push(finding('root-open', null, 'root with the configured password', 'root logs in with no password', hint));
  }
  return found;
}

/** A change of the release was broken off, and nobody has brought back what it switched off. */
function balanceHeld(desired: ClusterJson, after: World): Finding[] {
  const noted = desired.hosts.filter(({ address }) => {
    const answer = after.hosts[address];
    return answer?.known === true && answer.value.fe.state.switches != null;
  });
  if (noted.length === 0) return [];
  const where = noted.map(host => host.address).join(', ');
  const found = `how it was before is still written down on ${where}`;
  const hint =
    'Deploy: it finishes the change of the release, or after a revert takes it back, and then balances again.';
  return [finding('balance-held', null, 'tablet balancing as it was before the release changed', found, hint)];
}

/** An FE with empty metadata and no helper founds a second cluster that looks healthy on its own port (seen). */
function identities(desired: ClusterJson, after: World, rows: ClusterRows): Finding[] {
  const ids = new Set(rows.frontends.map(row => row.cluster_id));
  const id = [...ids].join(', ');
  const hint = 'Stop that node before it takes others along; its data folders stay, and the plan says how it rejoins.';
  const foreign = (node: string, what: string, other: string | null | undefined) =>
    other === null || other === undefined || ids.has(other)
      ? []
      : [finding('second-cluster', node, `cluster id ${id}`, `${what} of cluster ${other}`, hint)];
  const mixed = ids.size > 1 ? [finding('second-cluster', null, 'one cluster id', `FEs with ${id}`, hint)] : [];
  return mixed.concat(
    desired.hosts.flatMap(host => {
      const machine = after.hosts[host.address];
      if (machine?.known !== true) return [];
      const { fe, be } = machine.value;
      return [
        ...(host.fe === null ? [] : foreign(nodeKey(host.address, host.fe.name), 'metadata', fe.cluster_id)),
        ...host.be.flatMap(({ name }) => foreign(nodeKey(host.address, name), 'storage', be[name]?.cluster_id)),
      ];
    }),
  );
}

/** `3.3.15` of `3.3.15-b2be47a`. */
const release = (version: string): string => version.replace(/-[^-]*$/, '');

function wrongVersion(node: string, desired: ClusterJson, version: string | null): Finding[] {
  if (version === null || release(version) === desired.version) return [];
  const hint = 'Deploy again; when the image carries a tag or digest of its own, write its version into cluster.yaml.';
  return [finding('wrong-version', node, desired.version, version, hint)];
}

/** Somebody gave a container another image than its label stands for: a deploy goes by the label. */
function otherImages(host: CompiledHost, after: World): Finding[] {
  const { address } = host;
  const machine = after.hosts[address];
  if (machine?.known !== true) return [];
  return servicesOf(host).flatMap(({ name, digest, image }) => {
    const container = machine.value.containers.find(one => one.service === name && one.digest === digest);
    if (container === undefined || container.image === image) return [];
    const hint = `Stop and remove that container on ${address} (its data stays), then deploy: it is made again.`;
    return [finding('wrong-image', nodeKey(address, name), image, container.image, hint)];
  });
}

function wrongPorts(node: string, pairs: readonly (readonly [string, number, number])[]): Finding[] {
  // 0 and -1 stand there until the first heartbeat.
  const wrong = pairs.filter(([, expected, found]) => found > 0 && found !== expected);
  if (wrong.length === 0) return [];
  const text = (at: 1 | 2) => wrong.map(pair => `${pair[0]} ${pair[at]}`).join(', ');
  return [finding('wrong-ports', node, text(1), text(2), 'Deploy the host again, and see who else holds these ports.')];
}

function dead(node: string, host: CompiledHost, what: string, errMsg: string): Finding {
  const why = errMsg === '' ? 'Alive false' : `Alive false, ErrMsg ${errMsg}`;
  return host.maintenance
    ? finding('dead', node, 'Alive true', why, 'It is in maintenance: start it and end the maintenance.', 'warning')
    : finding('dead', node, 'Alive true', why, `Look at docker logs ${what} on ${host.address}.`);
}

function frontend(desired: ClusterJson, host: CompiledHost, fe: FeService, rows: ClusterRows): Finding[] {
  const node = nodeKey(host.address, fe.name);
  const row = rows.frontends.find(candidate => candidate.host === host.address);
  if (row === undefined) {
    const hint = 'Deploy again: it registers the FE and starts it with the others as helpers.';
    return [finding('missing', node, 'a row in SHOW FRONTENDS', 'none', hint)];
  }
  const found = [
    ...wrongRole(node, fe, row),
    ...wrongPorts(node, [
      ['edit_log_port', fe.ports.edit_log_port, row.edit_log_port],
      ['query_port', fe.ports.query_port, row.query_port],
    ]),
  ];
  // What a dead FE says of itself is from before it died, and its ErrMsg explains nothing (seen).
  if (!row.alive) return [...found, dead(node, host, fe.name, '')];
  return [...found, ...wrongVersion(node, desired, row.version), ...notJoined(node, row), ...lagging(node, row, rows)];
}

function wrongRole(node: string, fe: FeService, row: FrontendRow): Finding[] {
  const observer = row.role === 'OBSERVER';
  if (observer === (fe.role === 'observer')) return [];
  const hint = 'A role changes by dropping the FE and adding it again, one at a time; nothing does that by itself.';
  return [finding('wrong-role', node, fe.role.toUpperCase(), row.role, hint)];
}

function notJoined(node: string, row: FrontendRow): Finding[] {
  if (row.join) return [];
  const hint = 'See that its http_port and edit_log_port are those of the others and that they reach each other.';
  return [finding('not-joined', node, 'Join true', 'Join false', hint)];
}

function lagging(node: string, row: FrontendRow, rows: ClusterRows): Finding[] {
  const leader = rows.frontends.find(candidate => candidate.role === 'LEADER');
  const behind = leader === undefined ? 0 : leader.replayed_journal_id - row.replayed_journal_id;
  if (leader === undefined || behind <= lagAllowed) return [];
  const hint = 'Wait until it has caught up before another FE is stopped; look at its disk and its log if it does not.';
  const expected = `ReplayedJournalId within ${lagAllowed} of ${leader.replayed_journal_id}`;
  return [finding('lagging', node, expected, `${row.replayed_journal_id}, ${behind} behind`, hint)];
}

function backend(desired: ClusterJson, host: CompiledHost, be: BeService, rows: ClusterRows): Finding[] {
  const node = nodeKey(host.address, be.name);
  const port = be.ports.heartbeat_service_port;
  const row = rows.backends.find(candidate => isAt(candidate, { host: host.address, port }));
  if (row === undefined) {
    const hint = 'Deploy again: it registers the BE; a BE never registers itself over storage that it already has.';
    return [finding('missing', node, `a row ${host.address}:${port} in SHOW BACKENDS`, 'none', hint)];
  }
  const found = [
    ...decommissioned(node, row),
    ...wrongPorts(node, [
      ['be_port', be.ports.be_port, row.be_port],
      ['be_http_port', be.ports.be_http_port, row.http_port],
      ['brpc_port', be.ports.brpc_port, row.brpc_port],
    ]),
    ...wrongLocation(node, host, row),
  ];
  if (!row.alive) return [...found, dead(node, host, be.name, row.err_msg)];
  return [...found, ...wrongVersion(node, desired, row.version)];
}

function decommissioned(node: string, row: BackendRow): Finding[] {
  if (!row.system_decommissioned && !row.cluster_decommissioned) return [];
  const hint = 'If it is to stay, CANCEL DECOMMISSION BACKEND; if it is to go, take it out of cluster.yaml.';
  const found = `decommissioning, ${row.tablet_num} tablets left`;
  return [finding('decommissioned', node, 'in service', found, hint)];
}

function wrongLocation(node: string, host: CompiledHost, row: BackendRow): Finding[] {
  if (host.location === null || row.location === host.location) return [];
  return [
    finding('wrong-location', node, host.location, row.location || 'no location', 'Deploy again: it sets the label.'),
  ];
}

/** Alive stays true for about 20 s after a node died: only its own answer shows that it is there now (seen). */
function silent(host: CompiledHost, after: World): Finding[] {
  if (host.maintenance) return [];
  const services = servicesOf(host);
  return services.flatMap(({ name }) => {
    const node = nodeKey(host.address, name);
    const answer = after.answers[node];
    if (answer === undefined || (answer.known && answer.value)) return [];
    return answer.known
      ? [finding('silent', node, 'an answer of its own', 'none', `Look at docker logs ${name} on ${host.address}.`)]
      : [finding('silent', node, 'an answer of its own', answer.reason, 'Mend the way to the machine.', 'warning')];
  });
}

function strangers(desired: ClusterJson, after: World, rows: ClusterRows): Finding[] {
  const hint = 'Add it to cluster.yaml, or drop it by hand once it is decommissioned; nobody drops it by itself.';
  const host = (address: string) => desired.hosts.find(candidate => candidate.address === address);
  const leaving = (row: BackendRow) =>
    after.leaving.some(
      ({ address, be }) =>
        address === row.host && be.some(one => one.ports.heartbeat_service_port === row.heartbeat_port),
    );
  const extra = (what: string, address: string, port: number, alive: boolean) =>
    finding('stranger', `${address}:${port}`, 'not in cluster.yaml', `a registered ${what}, Alive ${alive}`, hint);
  return [
    ...rows.frontends
      .filter(row => (host(row.host)?.fe ?? null) === null)
      .map(row => extra('FE', row.host, row.edit_log_port, row.alive)),
    ...rows.backends
      .filter(row => !host(row.host)?.be.some(be => be.ports.heartbeat_service_port === row.heartbeat_port))
      .map(row =>
        row.system_decommissioned && leaving(row)
          ? draining(row, drainOf(after, row))
          : extra('BE', row.host, row.heartbeat_port, row.alive),
      ),
  ];
}

function drainOf({ hosts, leaving }: World, row: BackendRow): BeData['drain'] {
  const be = leaving
    .filter(({ address }) => address === row.host)
    .flatMap(host => host.be)
    .find(one => one.ports.heartbeat_service_port === row.heartbeat_port);
  const answer = hosts[row.host];
  return be !== undefined && answer?.known === true ? answer.value.be[be.name]?.drain : undefined;
}

const draining = (row: BackendRow, drain: BeData['drain']): Finding =>
  finding(
    'draining',
    `${row.host}:${row.heartbeat_port}`,
    'no tablet',
    `${row.tablet_num} tablets left${drain === undefined ? '' : drainPace(row.tablet_num, drain)}`,
    'Deploy again later: the run that finds none removes the BE. Where the number stays, look for tables with more replicas than there are other BEs.',
    'warning',
  );
