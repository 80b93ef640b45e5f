import { diagnose } from '../../../.github/actions/deploy/src/diagnose/diagnose.ts';
import type { Diagnosis } from '../../../.github/actions/deploy/src/diagnose/diagnosis.ts';
import type { ProbeAnswer, Reach } from '../../../.github/actions/deploy/src/observe/probe.ts';
import type {
  BackendRow,
  Container,
  FrontendRow,
  HostWorld,
  World,
} from '../../../.github/actions/deploy/src/plan/world.ts';
import { known, unknown } from '../../../.github/actions/deploy/src/plan/world.ts';
import { cluster, deployed, withMachine } from '../plan/worlds.ts';

export const desired = cluster([{}, {}, {}]);
export const healthy = deployed(desired);

export const FE = '10.0.0.2/starrocks-fe';
export const BE = '10.0.0.2/starrocks-be';

/** What is the matter with one node of three machines that are well otherwise. */
export interface Sickness {
  /** Its row; null: it has none. */
  readonly row?: Partial<FrontendRow & BackendRow> | null;
  readonly container?: Partial<Container> | null;
  readonly machine?: (machine: HostWorld) => HostWorld;
  /** Lines of its container's log. */
  readonly log?: string;
  readonly facts?: Readonly<Record<string, string>>;
  readonly end?: Partial<ProbeAnswer['containers'][string]>;
  /** What machines found on their ways: `from>address:port`. */
  readonly reach?: Readonly<Record<string, Reach>>;
  /** Why the cluster brings no rows. */
  readonly silence?: string;
}

const split = (key: string): [string, string] => {
  const at = key.indexOf('/');
  return [key.slice(0, at), key.slice(at + 1)];
};

export function worldWith(key: string, sickness: Sickness): World {
  const [address, service] = split(key);
  const { container = {}, machine = same => same, silence } = sickness;
  const world = withMachine(healthy, address, before =>
    machine({
      ...before,
      containers: before.containers.flatMap(one =>
        one.service !== service
          ? [one]
          : container === null
            ? []
            : [{ ...one, health: 'healthy' as const, ...container }],
      ),
    }),
  );
  const rows = healthy.cluster.known ? healthy.cluster.value : null;
  if (rows === null) throw new Error('the healthy world has rows');
  const frontends = service === 'starrocks-fe' ? rowsWith(rows.frontends, address, sickness) : rows.frontends;
  const backends = service === 'starrocks-fe' ? rows.backends : rowsWith(rows.backends, address, sickness);
  return {
    ...world,
    cluster: silence === undefined ? known({ ...rows, frontends, backends }) : unknown(silence),
    answers: { ...world.answers, [key]: known(false) },
  };
}

function rowsWith<Row extends { readonly host: string }>(
  rows: readonly Row[],
  address: string,
  { row = {} }: Sickness,
): Row[] {
  return rows.flatMap(one => (one.host !== address ? [one] : row === null ? [] : [{ ...one, alive: false, ...row }]));
}

const ended = { status: 'running', exit_code: 0, oom_killed: false, restarts: 0, error: '' };

export function answersWith(
  key: string,
  { log = '', facts = {}, end, reach = {} }: Sickness,
): Map<string, ProbeAnswer> {
  const [address, service] = split(key);
  const seenFrom = (from: string) =>
    Object.fromEntries(
      Object.entries(reach).flatMap(([way, found]) =>
        way.startsWith(`${from}>`) ? [[way.slice(from.length + 1), found]] : [],
      ),
    );
  const nothing = { containers: {}, logs: [], machine: {} };
  const others = desired.hosts.map(host => [host.address, { ...nothing, reach: seenFrom(host.address) }] as const);
  return new Map<string, ProbeAnswer>([
    ...others,
    [
      address,
      {
        containers: end === undefined ? {} : { [service]: { ...ended, ...end } },
        logs: log === '' ? [] : [{ name: `${service}/container.log`, text: log }],
        machine: facts,
        reach: seenFrom(address),
      },
    ],
  ]);
}

/** Diagnoses of that node, best first. */
export const diagnosed = (key: string, sickness: Sickness): Diagnosis[] =>
  diagnose(desired, worldWith(key, sickness), answersWith(key, sickness)).filter(one => one.node === key);

/** Code and sign of the most likely cause. */
export function first(key: string, sickness: Sickness): { code: string; seen: string } {
  const [one] = diagnosed(key, sickness);
  if (one === undefined) throw new Error(`${key} is taken for healthy`);
  return { code: one.code, seen: one.seen };
}
