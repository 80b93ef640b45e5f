import type { Problem } from '../error.ts';
import { type Gate, holds, majority, replicasAway } from './gates.ts';
import { addBackend, asBefore, blocked, notYet, step, stop, wave } from './rule.ts';
import type { BeNode, FeNode, Node, View } from './situation.ts';
import { down, reachable, running } from './situation.ts';
import type { Next, Step } from './step.ts';
import type { BackendRow, FrontendRow } from './world.ts';

/** BEs that run and that no row knows. */
export function registerBackends(v: View): Next | null {
  const lost = v.backends.filter(node => reachable(node) && node.row === null && running(node));
  return wave(
    'register BEs',
    lost.map(node => step(node, 'register', 'it runs and is not registered', [addBackend(node)])),
  );
}

const startStep = (node: Node): Step => ({
  ...step(node, 'start', `its container is ${node.container?.state}`, [asBefore(node)]),
  gates: [{ kind: 'already-down', node: node.key }],
});

const asleep = (node: Node): boolean => reachable(node) && node.container !== null && !running(node) && down(node);

/** Together when no leader answers: FEs open their ports only when a majority is up. */
export const startFrontendsAsTheyAre = (v: View): Next | null =>
  wave('start FEs', v.frontends.filter(asleep).map(startStep));

export const startBackendsAsTheyAre = (v: View): Next | null =>
  wave('start BEs', v.backends.filter(asleep).map(startStep));

/** BEs, observers, followers, the leader last. */
export function stopChosen(v: View): Next | null {
  const whole = v.request.hosts === null && v.request.service === null;
  const awake = (node: Node) => reachable(node) && running(node);
  const backends = v.backends.filter(awake);
  const frontends = v.frontends.filter(awake);
  return whole ? stopAll(v, backends, frontends) : (stopBackend(v, backends) ?? stopFrontend(v, frontends));
}

const stopStep = (node: Node, reason: string, gates: readonly Gate[] = []): Step =>
  step(node, 'stop', reason, [stop(node)], gates);

/** A planned power-off: nobody may be left who takes writes while others are gone, so BEs go first. */
function stopAll(v: View, backends: readonly BeNode[], frontends: readonly FeNode[]): Next | null {
  const reason = 'the whole cluster is stopped';
  const stop = (title: string, nodes: readonly Node[]) =>
    wave(
      title,
      nodes.map(node => stopStep(node, reason)),
    );
  const leader = v.rows?.leader ?? null;
  const others = frontends.filter(node => node.host.address !== leader);
  return stop('stop the BEs', backends) ?? stop('stop the other FEs', others) ?? stop('stop the leader', frontends);
}

/** One at a time: each is away for as long as somebody likes. */
function stopBackend(v: View, backends: readonly BeNode[]): Next | null {
  const [first] = backends;
  if (first === undefined) return null;
  const gate: Gate = { kind: 'replicas-without', nodes: [first.key] };
  if (replicasAway(v.desired.default_replication_num) === 0 && !down(first)) {
    return blocked(
      first,
      'E_OUTAGE',
      `Stopping ${first.key} takes away data: there is one replica of each tablet only.`,
      'Stop the whole cluster (no hosts chosen) if that is what is wanted.',
    );
  }
  const reason = holds(gate, v);
  return reason === null
    ? wave('stop a BE', [stopStep(first, 'somebody asked for it', [gate])])
    : notYet(v, first, reason, v.desired.timeouts.be_ready, 'stopped');
}

function stopFrontend(v: View, frontends: readonly FeNode[]): Next | null {
  const leader = v.rows?.leader;
  const rank = (node: FeNode) => (node.row?.role === 'OBSERVER' ? 0 : node.host.address === leader ? 2 : 1);
  const [first] = frontends.toSorted((a, b) => rank(a) - rank(b));
  if (first === undefined) return null;
  const gate: Gate = { kind: 'quorum-without', node: first.key };
  const reason = holds(gate, v);
  return reason === null
    ? wave('stop an FE', [stopStep(first, 'somebody asked for it', [gate])])
    : notYet(v, first, reason, v.desired.timeouts.fe_ready, 'stopped');
}

/** Rows that cluster.yaml does not name: what is safe to drop goes, FEs one by one; the rest is refused at once. */
export function dropUndeclared(v: View): Next | null {
  const { rows } = v;
  if (rows === null) return null;
  const declared = new Set<object | null>([...v.frontends, ...v.backends].map(node => node.row));
  const { hosts, service } = v.request;
  const chosen = (row: FrontendRow | BackendRow) => hosts === null || hosts.has(row.host);
  const frontends =
    service !== null && service !== 'starrocks-fe'
      ? []
      : rows.frontends.filter(row => chosen(row) && !declared.has(row));
  const backends = service === 'starrocks-fe' ? [] : rows.backends.filter(row => chosen(row) && !declared.has(row));
  const problems = [
    ...stillDeclared(v),
    ...frontends.flatMap(row => mayDropFrontend(v, row)),
    ...backends.flatMap(row => mayDropBackend(v, row)),
  ];
  if (problems.length > 0) return { kind: 'blocked', problems };
  const [first] = frontends;
  if (first !== undefined) return wave('drop an FE', [dropFrontend(first)]);
  return wave('drop BEs', backends.map(dropBackend));
}

const dropStep = (host: string, reason: string, operations: Step['operations'], service: Step['service']): Step => ({
  action: 'drop',
  host,
  service,
  reason,
  operations,
  gates: [],
  outage: null,
});

const dropFrontend = ({ host, edit_log_port: port, role }: FrontendRow): Step =>
  dropStep(
    host,
    'cluster.yaml does not name it',
    [{ kind: 'sql', statement: { kind: role === 'OBSERVER' ? 'dropObserver' : 'dropFollower', host, port } }],
    'starrocks-fe',
  );

const dropBackend = ({ host, heartbeat_port: port }: BackendRow): Step =>
  dropStep(
    host,
    'cluster.yaml does not name it',
    [{ kind: 'sql', statement: { kind: 'dropBackend', host, port } }],
    'starrocks-be',
  );

const refusal = (code: Problem['code'], host: string, message: string, hint: string): Problem => ({
  code,
  host,
  step: 'drop',
  message,
  hint,
});

/** Somebody who names a declared host has the wrong tool in hand. */
const stillDeclared = (v: View): Problem[] =>
  v.desired.hosts
    .filter(({ address }) => v.request.hosts?.has(address) === true)
    .filter(({ address }) =>
      [...v.frontends, ...v.backends].some(node => node.host.address === address && node.row !== null),
    )
    .filter(({ address }) => !undeclaredAt(v, address))
    .map(({ address }) =>
      refusal(
        'E_DECLARED',
        address,
        `cluster.yaml names ${address}, so it is not dropped.`,
        'Take it out of cluster.yaml first.',
      ),
    );

const undeclaredAt = (v: View, address: string): boolean => {
  const declared = new Set<object | null>([...v.frontends, ...v.backends].map(node => node.row));
  const all = [...(v.rows?.frontends ?? []), ...(v.rows?.backends ?? [])];
  return all.some(row => row.host === address && !declared.has(row));
};

function mayDropFrontend(v: View, row: FrontendRow): Problem[] {
  const at = `${row.host}:${row.edit_log_port}`;
  if (row.host === v.rows?.leader) {
    return [
      refusal(
        'E_LEADER',
        row.host,
        `The FE ${at} leads.`,
        'Stop its process, so that another FE is elected, and run drop again.',
      ),
    ];
  }
  if (row.alive) {
    return [
      refusal(
        'E_STILL_RUNS',
        row.host,
        `The FE ${at} runs, and one that is dropped runs on and answers from old metadata.`,
        'Stop its process on that machine, and run drop again.',
      ),
    ];
  }
  if (row.role === 'OBSERVER') return [];
  const others = (v.rows?.frontends ?? []).filter(one => one !== row && one.role !== 'OBSERVER');
  const up = others.filter(one => one.alive && one.join).length;
  if (up >= majority(others.length)) return [];
  return [
    refusal(
      'E_QUORUM',
      row.host,
      `Without ${at} ${up} of ${others.length} followers are up and ${majority(others.length)} are needed.`,
      'Bring the others up first.',
    ),
  ];
}

function mayDropBackend(v: View, row: BackendRow): Problem[] {
  const at = `${row.host}:${row.heartbeat_port}`;
  // StarRocks refuses only what has one replica; the others it would leave with too few.
  if (row.tablet_num > 0) {
    return [
      refusal(
        'E_TABLETS',
        row.host,
        `The BE ${at} holds ${row.tablet_num} tablets.`,
        'A deploy drains it (DECOMMISSION) and drops it when none is left.',
      ),
    ];
  }
  if (row.alive && !row.system_decommissioned) {
    return [
      refusal(
        'E_STILL_RUNS',
        row.host,
        `The BE ${at} runs, and could be given tablets at any moment.`,
        `Stop its process, or drain it with ALTER SYSTEM DECOMMISSION BACKEND "${at}", and run drop again.`,
      ),
    ];
  }
  const left = (v.rows?.backends ?? []).filter(one => one !== row && one.alive).length;
  if (left >= v.desired.default_replication_num) return [];
  return [
    refusal(
      'E_REPLICAS',
      row.host,
      `Without ${at} ${left} BEs are alive, and ${v.desired.default_replication_num} replicas need as many.`,
      'Bring more BEs up first.',
    ),
  ];
}
