import type { ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import type { Problem } from '../error.ts';
import type { ProbeAnswer, Question } from '../observe/probe.ts';
import type { Wave } from '../plan/plan.ts';
import { RESTARTS } from '../plan/step.ts';
import type { HostWorld, World } from '../plan/world.ts';
import { type Checked, examine } from './checks.ts';

export interface Dangers {
  /** What a deploy must not begin with. */
  readonly problems: readonly Problem[];
  /** One sentence each: what costs time or may cost data later. */
  readonly warnings: readonly string[];
}

/**
 * Checks that stop a deploy. What the planner refuses by itself (Docker, memory, space, ports, clocks, other StarRocks) is
 * not told twice.
 */
const STOPS: Readonly<Record<string, Problem['code']>> = {
  AVX2: 'E_NO_AVX2',
  'programs that a deploy uses': 'E_TOOLS',
  'file system is mounted read-write': 'E_READ_ONLY',
};

const WARNS: ReadonlySet<string> = new Set([
  'swap is off',
  'transparent huge pages',
  'vm.max_map_count',
  'clock is synchronised',
  'reverse look-up of its own address',
  'limits that Docker may give',
  'inodes',
  'space for images',
  'memory kills',
]);

/** How many others each machine is tried against: the rest shows itself when they join. */
const PEERS = 5;
const BACKENDS = 40;

interface Reached {
  readonly host: CompiledHost;
  readonly machine: HostWorld;
}

const reached = (desired: ClusterJson, world: World): Reached[] =>
  desired.hosts.flatMap(host => {
    const answer = world.hosts[host.address];
    return host.maintenance || answer?.known !== true ? [] : [{ host, machine: answer.value }];
  });

interface Way {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly name: string;
}

/** Ways that FEs and BEs live on, between machines that were reached: of one that is off, silence says nothing. */
function ways(desired: ClusterJson, world: World): Way[] {
  const all = reached(desired, world).map(({ host }) => host);
  const frontends = all.filter(host => host.fe !== null);
  const { edit_log_port, http_port, query_port } = desired.fe_ports;
  const toFrontends = all.flatMap(({ address, fe }) =>
    frontends
      .filter(other => other.address !== address)
      .slice(0, PEERS)
      .flatMap((other): Way[] => [
        { from: address, to: other.address, port: query_port, name: 'query_port' },
        ...(fe === null
          ? []
          : [
              { from: address, to: other.address, port: edit_log_port, name: 'edit_log_port' },
              { from: address, to: other.address, port: http_port, name: 'http_port' },
            ]),
      ]),
  );
  const toBackends = frontends.slice(0, 1).flatMap(({ address }) =>
    all
      .filter(other => other.address !== address)
      .flatMap(other =>
        other.be.map(({ ports }) => ({
          from: address,
          to: other.address,
          port: ports.heartbeat_service_port,
          name: 'heartbeat_service_port',
        })),
      )
      .slice(0, BACKENDS),
  );
  return [...toFrontends, ...toBackends];
}

/**
 * What to ask before a deploy, by address: all of a machine that carries nothing of the cluster yet, what would keep a
 * service from coming back where one is restarted, and nothing of the others. One that is down is started whatever is
 * said of its machine: that can only mend it.
 */
export function gateQuestions(
  desired: ClusterJson,
  world: World,
  waves: readonly Pick<Wave, 'steps'>[],
): Map<string, Question[]> {
  const between = ways(desired, world);
  const steps = waves.flatMap(wave => wave.steps);
  const touched = new Set(steps.map(step => step.host));
  const restarted = new Set(steps.filter(step => RESTARTS.has(step.action)).map(step => step.host));
  const asked = reached(desired, world).flatMap(({ host, machine }) => {
    const fresh = touched.has(host.address) && machine.containers.length === 0;
    if (!fresh && !restarted.has(host.address)) return [];
    return [{ ...host, kind: fresh ? ('machine' as const) : ('brief' as const) }];
  });
  return new Map(
    asked.map(({ address, deploy_dir, kind }) => [
      address,
      [
        { kind, address, folder: deploy_dir },
        ...between
          .filter(way => way.from === address)
          .map((way): Question => ({ kind: 'tcp', address: way.to, port: way.port })),
      ],
    ]),
  );
}

/**
 * The checks that can lose data or time, for a deploy's gate.
 * @param answers to `gateQuestions`, by address; what was not answered neither stops nor warns
 */
export function dangers(desired: ClusterJson, world: World, answers: ReadonlyMap<string, ProbeAnswer>): Dangers {
  const checked = reached(desired, world).flatMap(({ host, machine }) => {
    const answer = answers.get(host.address);
    return answer === undefined ? [] : examine({ host, desired, machine, facts: answer.machine });
  });
  return {
    problems: [...checked.flatMap(stopping), ...blocked(desired, world, answers)],
    warnings: checked.flatMap(warning),
  };
}

function stopping({ host, check, level, seen, mend }: Checked): Problem[] {
  const code = STOPS[check];
  if (code === undefined || level !== 'fail') return [];
  return [
    { code, host, step: 'plan', message: `The check "${check}" fails on ${host}: ${seen}.`, hint: `There: ${mend}` },
  ];
}

function warning({ host, check, level, seen, mend }: Checked): string[] {
  if (!WARNS.has(check) || (level !== 'fail' && level !== 'warn')) return [];
  return [`The check "${check}" fails on ${host}: ${seen}. Mend: ${mend}`];
}

/** One problem per machine that cannot get through: an FE would be waited for in vain, until its limit. */
function blocked(desired: ClusterJson, world: World, answers: ReadonlyMap<string, ProbeAnswer>): Problem[] {
  const shut = ways(desired, world).filter(({ from, to, port }) => {
    const found = answers.get(from)?.reach[`${to}:${port}`];
    return found === 'timeout' || found === 'unreachable';
  });
  return [...new Set(shut.map(way => way.from))].map(from => {
    const mine = shut.filter(way => way.from === from).map(({ to, port, name }) => `${to}:${port} (${name})`);
    return {
      code: 'E_BLOCKED',
      host: from,
      step: 'plan',
      message: `${from} cannot reach ${mine.join(', ')}.`,
      hint: 'Open these ports between the machines, in their firewalls and in those of the network.',
    };
  });
}
