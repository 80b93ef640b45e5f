import { onHost, withFe } from '../../.github/actions/deploy/src/plan/draft.ts';
import { majority } from '../../.github/actions/deploy/src/plan/gates.ts';
import { isStorage } from '../../.github/actions/deploy/src/plan/place.ts';
import {
  type ClusterRows,
  type Container,
  type FeData,
  type HostWorld,
  known,
  nodeKey,
  SWITCHES,
  type Switches,
  unknown,
  type World,
} from '../../.github/actions/deploy/src/plan/world.ts';
import { type Fault, possible, strike, type Truth } from '../../.github/actions/deploy/src/prove/fault.ts';
import type { ClusterJson, ServiceName } from '../../compiler/contract/cluster-json.ts';
import { addedAgain } from '../unit/plan/worlds.ts';
import type { Damage } from './recipe.ts';

/** The same world after it; as it was where there is nothing that this could happen to. */
export function damaged(desired: ClusterJson, truth: Truth, { kind, at }: Damage): Truth {
  switch (kind) {
    case 'crash':
    case 'host-down':
    case 'leader-moves':
    case 'metadata-lost': {
      const fault = pick(
        possible(truth).filter((one: Fault) => one.kind === kind),
        at,
      );
      return fault === null ? truth : strike(fault, desired, truth);
    }
    case 'unreachable':
      return unreachable(truth, at);
    case 'partial-metadata':
      return onFrontend(truth, at, (world, host) =>
        unready(world, host, fe => ({
          ...fe,
          meta: 'partial',
          cluster_id: null,
          state: { ...fe.state, refused: true },
        })),
      );
    case 'joins-just-now':
      return onFrontend(truth, at, (world, host) =>
        // It has asked for the name of its row.
        unready(world, host, ({ name: _old, ...fe }) => ({
          ...fe,
          meta: at % 2 === 0 ? 'partial' : 'whole',
          state: { ...fe.state, joining: true },
        })),
      );
    case 'frontend-dropped':
      return onRows(truth, rows => {
        const row = pick(
          rows.frontends.filter(one => one.role !== 'LEADER'),
          at,
        );
        return { ...rows, frontends: rows.frontends.filter(one => one !== row) };
      });
    case 'frontend-added-again':
      return frontendAddedAgain(truth, at);
    case 'backend-dropped':
      return onRows(truth, rows => {
        const row = pick(rows.backends, at);
        return { ...rows, backends: rows.backends.filter(one => one !== row) };
      });
    case 'decommissioned':
      return onRows(truth, rows => {
        const row = pick(rows.backends, at);
        const backends = rows.backends.map(one => (one === row ? { ...one, system_decommissioned: true } : one));
        return { ...rows, backends };
      });
    case 'switches-left-off':
      return { ...truth, world: withSwitchesOff(truth.world) };
    case 'unhealthy-tablets':
      return onRows(truth, rows => ({ ...rows, unhealthy_tablets: at + 1 }));
    case 'answer-lost':
      return onContainer(truth, at, (world, host, service) => ({
        ...world,
        answers: { ...world.answers, [nodeKey(host, service)]: unknown('the answer was lost') },
      }));
    case 'power-cut':
      return { ...truth, world: withoutPower(truth.world, at) };
    case 'storage-lost':
      return onContainer(truth, at, (world, host, service) =>
        service === 'starrocks-fe' ? world : emptied(world, host, service),
      );
    case 'storage-replaced':
      return onContainer(truth, at, (world, host, service) =>
        service === 'starrocks-fe' ? world : replaced(world, host, service),
      );
    case 'container-removed':
      return onContainer(truth, at, (world, host, service) =>
        quiet(
          onHost(world, host, machine => ({
            ...machine,
            containers: machine.containers.filter(one => one.service !== service),
          })),
          host,
          service,
        ),
      );
    case 'row-late':
      return onContainer(truth, at, (world, host, service) =>
        // Rows come from the leader: it is no late news of its own.
        service === 'starrocks-fe' && world.cluster.known && world.cluster.value.leader === host
          ? world
          : {
              ...onHost(world, host, machine => inState(machine, service, 'exited')),
              answers: { ...world.answers, [nodeKey(host, service)]: known(false) },
            },
      );
    case 'disks-vacant':
      return {
        ...truth,
        world: machinesOf(truth.world).reduce((world, [host]) => onHost(world, host, withVacantDisks), truth.world),
      };
    case 'compute-node-added':
      return onRows(truth, rows => ({ ...rows, compute_nodes: [`10.0.1.${at + 1}:9050`] }));
    case 'silent':
      return onContainer(truth, at, (world, host, service) =>
        quiet(
          onHost(world, host, machine => sick(machine, service)),
          host,
          service,
        ),
      );
  }
}

const pick = <T>(all: readonly T[], at: number): T | null => (all.length === 0 ? null : (all[at % all.length] ?? null));

const machinesOf = (world: World): (readonly [string, HostWorld])[] =>
  Object.entries(world.hosts).flatMap(([host, answer]) => (answer.known ? [[host, answer.value] as const] : []));

function onFrontend(truth: Truth, at: number, change: (world: World, host: string) => World): Truth {
  const found = pick(
    machinesOf(truth.world).filter(([, machine]) => machine.fe.meta === 'whole'),
    at,
  );
  return found === null ? truth : { ...truth, world: change(truth.world, found[0]) };
}

function onContainer(truth: Truth, at: number, change: (world: World, host: string, service: string) => World): Truth {
  const all = machinesOf(truth.world).flatMap(([host, machine]) =>
    machine.containers.map(one => [host, one.service] as const),
  );
  const found = pick(all, at);
  return found === null ? truth : { ...truth, world: change(truth.world, ...found) };
}

function onRows(truth: Truth, change: (rows: ClusterRows) => ClusterRows): Truth {
  const { cluster } = truth.world;
  return cluster.known ? { ...truth, world: { ...truth.world, cluster: known(change(cluster.value)) } } : truth;
}

const inState = (machine: HostWorld, service: string, state: Container['state']): HostWorld => ({
  ...machine,
  containers: machine.containers.map(one => (one.service === service ? { ...one, state } : one)),
});

function frontendAddedAgain(truth: Truth, at: number): Truth {
  const { cluster } = truth.world;
  const row = cluster.known
    ? pick(
        cluster.value.frontends.filter(one => one.role !== 'LEADER'),
        at,
      )
    : null;
  if (row === null) return truth;
  return { ...truth, world: quiet(addedAgain(truth.world, row.host), row.host, 'starrocks-fe') };
}

/** Its container runs, and its FE does not answer. */
const unready = (world: World, host: string, change: (fe: FeData) => FeData): World =>
  quiet(
    onHost(world, host, machine => withFe(sick(inState(machine, 'starrocks-fe', 'running'), 'starrocks-fe'), change)),
    host,
    'starrocks-fe',
  );

const sick = (machine: HostWorld, service: string): HostWorld => ({
  ...machine,
  containers: machine.containers.map(one => (one.service === service ? { ...one, health: 'unhealthy' } : one)),
});

/** No tablet is on any disk of its BEs: those that cluster.yaml names besides are not asked. */
const withVacantDisks = (machine: HostWorld): HostWorld => ({
  ...machine,
  vacant: machine.containers.flatMap(({ mounts }) =>
    Object.entries(mounts).flatMap(([path, disk]) => (isStorage(path) ? [disk] : [])),
  ),
});

const withoutStorage = (machine: HostWorld, service: string): HostWorld => {
  const name = service as ServiceName;
  const data = machine.be[name];
  return data === undefined
    ? machine
    : { ...machine, be: { ...machine.be, [name]: { ...data, storage: 'empty', cluster_id: null } } };
};

const emptied = (world: World, host: string, service: string): World =>
  quiet(
    onHost(world, host, machine => inState(withoutStorage(machine, service), service, 'exited')),
    host,
    service,
  );

/** Its storage is gone, and its tablets have all been copied to others since. */
function replaced(world: World, host: string, service: string): World {
  const lost = emptied(world, host, service);
  if (!lost.cluster.known) return lost;
  const rows = lost.cluster.value;
  // Of a machine with two, both: whose row it is only cluster.json would tell.
  const backends = rows.backends.map(row => (row.host === host && !row.alive ? { ...row, tablet_num: 0 } : row));
  return { ...lost, cluster: known({ ...rows, backends }) };
}

/** It answers nobody, the leader has noticed, and leads no more when it was the one. */
export function quiet(world: World, host: string, service: string): World {
  const answers = { ...world.answers, [nodeKey(host, service)]: known(false) };
  if (!world.cluster.known) return { ...world, answers };
  const rows = world.cluster.value;
  if (service !== 'starrocks-fe') {
    const machine = world.hosts[host];
    const index = Number(/(\d+)$/.exec(service)?.[1] ?? 0);
    // Both port numbers that a recipe can give to an instance.
    const ports = machine === undefined ? [] : [9050 + index, 9150 + index];
    const backends = rows.backends.map(row =>
      row.host === host && ports.includes(row.heartbeat_port) ? { ...row, alive: false } : row,
    );
    return { ...world, answers, cluster: known({ ...rows, backends }) };
  }
  const frontends = rows.frontends.map(row => (row.host === host ? { ...row, alive: false } : row));
  const voters = frontends.filter(row => row.role !== 'OBSERVER' && row.last_heartbeat !== null);
  const up = voters.filter(row => row.alive && row.join);
  const [leader] = rows.leader === host ? up : [frontends.find(row => row.host === rows.leader)];
  if (up.length < majority(voters.length) || leader === undefined) {
    return { ...world, answers, cluster: unknown('no majority of followers is up') };
  }
  const elected = frontends.map(row =>
    row === leader
      ? { ...row, role: 'LEADER' as const }
      : row.role === 'LEADER'
        ? { ...row, role: 'FOLLOWER' as const }
        : row,
  );
  return { ...world, answers, cluster: known({ ...rows, leader: leader.host, frontends: elected }) };
}

/** A machine cannot be reached; what the leader says of its nodes stays. */
function unreachable({ world, away }: Truth, at: number): Truth {
  const found = pick(machinesOf(world), at);
  if (found === null) return { world, away };
  const [host, machine] = found;
  const silent = Object.keys(world.answers).filter(key => key.startsWith(`${host}/`));
  const answers = Object.fromEntries(silent.map(key => [key, unknown('its machine does not answer')]));
  const hosts = { ...world.hosts, [host]: unknown('it does not answer') };
  return {
    world: { ...world, hosts, answers: { ...world.answers, ...answers } },
    away: { ...away, [host]: machine },
  };
}

const OFF: Switches = {
  tablet_sched_max_scheduling_tablets: '0',
  tablet_sched_max_balancing_tablets: '0',
  tablet_sched_disable_balance: 'true',
  tablet_sched_disable_colocate_balance: 'true',
};

/** As a killed change of the version leaves them: off on every FE, the former values on its machine. */
function withSwitchesOff(world: World): World {
  const before = Object.values(world.switches)[0];
  const noted = machinesOf(world).some(([, machine]) => machine.fe.state.switches != null);
  if (before === undefined || noted || SWITCHES.every(name => before[name] === OFF[name])) return world;
  const off = Object.fromEntries(Object.keys(world.switches).map(address => [address, OFF]));
  return Object.keys(world.switches).reduce(
    (at, host) =>
      onHost(at, host, machine => withFe(machine, fe => ({ ...fe, state: { ...fe.state, switches: before } }))),
    { ...world, switches: off },
  );
}

/** Nothing runs any more, except, now and then, on one machine. */
function withoutPower(world: World, at: number): World {
  const machines = machinesOf(world);
  const spared = at % 3 === 0 ? pick(machines, at)?.[0] : undefined;
  let dark = world;
  for (const [host, { containers }] of machines) {
    if (host === spared) continue;
    for (const { service } of containers) {
      dark = quiet(
        onHost(dark, host, machine => inState(machine, service, 'exited')),
        host,
        service,
      );
    }
  }
  return dark;
}
