import type { BeService, CompiledHost, ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import { openSession, type Session } from '../host/session.ts';
import { type Ask, observeCluster, observeSwitches, probe } from '../observe/cluster.ts';
import { NOTHING_SEEN, observeCommand, parseObservation, type SeenBefore } from '../observe/host.ts';
import type { Operation } from '../plan/operation.ts';
import { servicesOf } from '../plan/place.ts';
import { type HostWorld, isAt, type Known, known, nodeKey, unknown, type World } from '../plan/world.ts';
import { applyStatement } from '../starrocks/apply-statement.ts';
import { type Connection, type ConnectOptions, connect, type ExecResult } from '../transport/connect.ts';
import { AtOnce } from './at-once.ts';
import type { Fleet, Look } from './converge.ts';
import type { Desired } from './desired.ts';
import type { Provenance } from './provenance.ts';

export interface MachinesOptions {
  readonly desired: Desired;
  readonly provenance: Provenance;
  readonly connection: Omit<ConnectOptions, 'bastions' | 'limitSeconds'>;
  /** root's password, or null. */
  readonly password: string | null;
  /** How many machines are connected and uploaded to at once. */
  readonly parallelism: number;
  readonly secrets: readonly string[];
}

const LOG_LINES = 40;

/** A machine as it was seen right after the operation that began last there. */
interface AfterOperation {
  readonly operation: Operation;
  /** null: it still runs, or nobody looked. */
  readonly machine: HostWorld | null;
  readonly at: number;
}

/** Other machines of the same wave may take minutes. */
const FRESH_MS = 1000;

/** The machines of one run: one SSH connection each, opened once; a session each on those that are changed. */
export class Machines implements Fleet {
  readonly #options: MachinesOptions;
  readonly #hosts: Map<string, CompiledHost>;
  readonly #bastions = new Map<string, Promise<Connection>>();
  readonly #connections = new Map<string, Connection>();
  readonly #sessions = new Map<string, Session>();
  readonly #unreached = new Map<string, DeployError>();
  readonly #seen = new Map<string, SeenBefore>();
  readonly #after = new Map<string, AfterOperation>();
  readonly #atOnce: AtOnce;

  constructor(options: MachinesOptions) {
    this.#options = options;
    this.#atOnce = new AtOnce(options.parallelism);
    this.#hosts = new Map(options.desired.cluster.hosts.map(host => [host.address, host]));
  }

  get locked(): ReadonlySet<string> {
    return new Set(this.#sessions.keys());
  }

  /** Why machines could not be reached or asked, by address. */
  get unreached(): ReadonlyMap<string, DeployError> {
    return this.#unreached;
  }

  /** The first look: a connection to every machine, one command each, then the cluster once. */
  async observe(): Promise<World> {
    const hosts = await this.observeMachines();
    const before: World = { hosts, cluster: unknown('not asked yet'), leaving: [], answers: {}, switches: {} };
    return this.look(before, { machines: [], answers: 'all' });
  }

  /** The same world with what leaves the cluster in it: those machines, as they were last compiled, are looked at too. */
  async follow(world: World, leaving: readonly CompiledHost[]): Promise<World> {
    if (leaving.length === 0) return world;
    for (const host of leaving) this.#hosts.set(host.address, together(this.#hosts.get(host.address), host));
    const seen = await Promise.all(
      leaving.map(
        async ({ address }) => [address, await this.#first(this.#hosts.get(address) as CompiledHost)] as const,
      ),
    );
    const hosts = { ...world.hosts, ...Object.fromEntries(seen) };
    const answers = await this.#answers(
      leaving.map(host => host.address),
      hosts,
      world.cluster,
    );
    return { ...world, hosts, leaving, answers: { ...world.answers, ...answers } };
  }

  /** Every machine of this run with all that it carries, declared or leaving. */
  host(address: string): CompiledHost | undefined {
    return this.#hosts.get(address);
  }

  /** The part of the first look that needs no StarRocks. */
  async observeMachines(): Promise<World['hosts']> {
    const { hosts } = this.#options.desired.cluster;
    const answers = await Promise.all(hosts.map(async host => [host.address, await this.#first(host)] as const));
    return Object.fromEntries(answers);
  }

  async #first(host: CompiledHost): Promise<Known<HostWorld>> {
    return host.maintenance ? unknown('it is in maintenance') : this.#atOnce.run(() => this.#connectAndLook(host));
  }

  async #connectAndLook(host: CompiledHost): Promise<Known<HostWorld>> {
    try {
      const { cluster } = this.#options.desired;
      const there = this.#connections.get(host.address);
      const connection =
        there ??
        (await connect(
          { ...host.ssh, address: host.address },
          { ...this.#options.connection, bastions: this.#bastions, limitSeconds: cluster.timeouts.ssh },
        ));
      this.#connections.set(host.address, connection);
      const asked = Date.now();
      const answer = await connection.exec(observeCommand(host), {
        timeoutMs: cluster.timeouts.query * 1000,
        maxBytes: 16 * 2 ** 20,
      });
      const machine = parseObservation(host, cluster, answer, asked);
      this.#seen.set(host.address, machine);
      return known(machine);
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      this.#unreached.set(host.address, error);
      return unknown(error.problem.message.replace(/\.$/, ''));
    }
  }

  async look(before: World, what: Look): Promise<World> {
    const machines = what.machines === 'all' ? [...this.#connections.keys()] : what.machines;
    // Nodes are asked while their machines are looked at: what was known of those says nothing about them now.
    const settled = Object.fromEntries(Object.entries(before.hosts).filter(([address]) => !machines.includes(address)));
    const [seen, cluster, answers] = await Promise.all([
      Promise.all(machines.map(async address => [address, await this.#again(address, before)] as const)),
      this.#rows({ ...before, hosts: settled }),
      this.#answers(what.answers, settled, before.cluster),
    ]);
    // BEs that were asked at a port where they do not listen (any more).
    const moved = this.#movedPorts(before.cluster, cluster).filter(
      address => what.answers === 'all' || what.answers.includes(address),
    );
    const again = moved.length === 0 ? {} : await this.#answers(moved, settled, cluster);
    const hosts = { ...before.hosts, ...Object.fromEntries(seen) };
    return {
      hosts,
      cluster,
      leaving: before.leaving,
      answers: { ...before.answers, ...answers, ...again },
      switches: cluster.known ? await this.#switches(hosts) : {},
    };
  }

  /** Of every FE that answers; only where another image runs than is wanted, or a change of the version is not wound up. */
  async #switches(machines: World['hosts']): Promise<World['switches']> {
    const changing = this.#options.desired.cluster.hosts.some(host => {
      const answer = machines[host.address];
      if (answer?.known !== true) return false;
      const images = new Map(servicesOf(host).map(service => [service.name, service.image]));
      return (
        answer.value.fe.state.switches != null ||
        answer.value.containers.some(one => images.get(one.service as ServiceName) !== one.image)
      );
    });
    if (!changing) return {};
    const { fe_ports, timeouts } = this.#options.desired.cluster;
    const asks = this.#asks().filter(({ address }) => mayAnswer(machines, address, 'starrocks-fe'));
    const options = { password: this.#options.password, timeoutMs: timeouts.query * 1000 };
    const found = await Promise.all(
      asks.map(async ask => [ask.address, await observeSwitches(ask, fe_ports.query_port, options)] as const),
    );
    return Object.fromEntries(found.flatMap(([address, value]) => (value === null ? [] : [[address, value]])));
  }

  #movedPorts(before: World['cluster'], now: World['cluster']): string[] {
    return [...this.#hosts.values()]
      .filter(host => host.be.some(be => httpPort(host, be, before) !== httpPort(host, be, now)))
      .map(host => host.address);
  }

  async #again(address: string, before: World): Promise<Known<HostWorld>> {
    const session = this.#sessions.get(address);
    if (session === undefined) return before.hosts[address] ?? unknown('it was never asked');
    const after = this.#after.get(address);
    this.#after.delete(address);
    if (after?.machine != null && performance.now() - after.at < FRESH_MS) return known(after.machine);
    try {
      return known(await session.observe());
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      this.#unreached.set(address, error);
      return unknown(error.problem.message.replace(/\.$/, ''));
    }
  }

  #asks(): Ask[] {
    const { hosts } = this.#options.desired.cluster;
    return hosts
      .filter(host => host.fe !== null)
      .flatMap(({ address }) => {
        const connection = this.#connections.get(address);
        return connection === undefined
          ? []
          : [{ address, forward: (host: string, port: number) => connection.forward(host, port) }];
      });
  }

  /** The FE that answered last is asked first. */
  async #rows(before: Pick<World, 'hosts' | 'cluster'>): Promise<World['cluster']> {
    const { fe_ports, timeouts } = this.#options.desired.cluster;
    const last = before.cluster.known ? before.cluster.value.asked : null;
    const asks = this.#asks()
      .filter(({ address }) => mayAnswer(before.hosts, address, 'starrocks-fe'))
      .toSorted((a, b) => Number(b.address === last) - Number(a.address === last));
    return observeCluster(asks, {
      query_port: fe_ports.query_port,
      password: this.#options.password,
      timeoutMs: timeouts.query * 1000,
    });
  }

  async #answers(of: Look['answers'], machines: World['hosts'], cluster: World['cluster']): Promise<World['answers']> {
    const { timeouts } = this.#options.desired.cluster;
    const options = { password: this.#options.password, timeoutMs: timeouts.query * 1000 };
    const nodes = [...this.#hosts.values()]
      .filter(host => of === 'all' || of.includes(host.address))
      .flatMap(host => {
        const connection = this.#connections.get(host.address);
        if (connection === undefined) return [];
        const ask: Ask = { address: host.address, forward: (to, port) => connection.forward(to, port) };
        return [
          ...(host.fe === null
            ? []
            : [
                {
                  key: nodeKey(host.address, host.fe.name),
                  service: host.fe.name,
                  kind: 'fe' as const,
                  ask,
                  port: host.fe.ports.query_port,
                },
              ]),
          ...host.be.map(be => ({
            key: nodeKey(host.address, be.name),
            service: be.name,
            kind: 'be' as const,
            ask,
            port: httpPort(host, be, cluster),
          })),
        ];
      });
    const found = await inParallel(nodes, 64, async ({ key, service, kind, ask, port }) => {
      const answer = mayAnswer(machines, ask.address, service) ? await probe(kind, ask, port, options) : known(false);
      return [key, answer] as const;
    });
    return Object.fromEntries(found);
  }

  async run(operation: Operation, then: 'more' | 'look'): Promise<void> {
    if (operation.kind === 'sql') {
      const access = this.#asks();
      const { fe_ports, timeouts } = this.#options.desired.cluster;
      const world = await this.#rows({ hosts: {}, cluster: unknown('') });
      const asked = world.known ? (world.value.leader ?? world.value.asked) : null;
      const ask = access.find(one => one.address === asked) ?? access[0];
      if (ask === undefined)
        throw new DeployError({
          code: 'E_NO_FE',
          message: 'No FE can be reached to run SQL on.',
          hint: 'Bring an FE up first.',
        });
      await applyStatement(
        {
          connect: () => ask.forward(ask.address, fe_ports.query_port),
          password: this.#options.password,
          timeoutMs: timeouts.query * 1000,
        },
        operation.statement,
      );
      return;
    }
    const session = this.#sessions.get(operation.host);
    if (session === undefined) {
      throw new DeployError({
        code: 'E_NOT_LOCKED',
        host: operation.host,
        message: `This run does not hold the lock of ${operation.host}.`,
        hint: 'Deploy again.',
      });
    }
    const { host } = operation;
    this.#after.set(host, { operation, machine: null, at: 0 });
    const running = async () => (then === 'look' ? session.runAndLook(operation) : session.run(operation));
    const machine = (await (operation.kind === 'stage' ? this.#atOnce.run(running) : running())) ?? null;
    // What was seen before another operation began says nothing.
    if (this.#after.get(host)?.operation === operation)
      this.#after.set(host, { operation, machine, at: performance.now() });
  }

  async logs(host: string, service: ServiceName): Promise<string> {
    return (await this.#sessions.get(host)?.logs(service, LOG_LINES)) ?? '';
  }

  /** Runs a command that changes nothing of the cluster, under sudo where the machine wants that. */
  async exec(host: CompiledHost, command: string): Promise<ExecResult> {
    const connection = this.#connections.get(host.address);
    if (connection === undefined) throw this.#notReached(host);
    return connection.exec(host.ssh.sudo && !command.startsWith('sudo ') ? `sudo -n ${command}` : command, {
      timeoutMs: this.#options.desired.cluster.timeouts.query * 1000,
      maxBytes: 16 * 2 ** 20,
    });
  }

  /** Keeps a run's record on machines that it holds. @returns addresses where that failed */
  async record(addresses: ReadonlySet<string>, text: string): Promise<string[]> {
    const failed = await Promise.all(
      [...this.#sessions].map(async ([address, session]) => {
        if (!addresses.has(address)) return [];
        try {
          await session.record(text);
          return [];
        } catch (error) {
          if (error instanceof DeployError) return [address];
          throw error;
        }
      }),
    );
    return failed.flat();
  }

  #notReached(host: CompiledHost): DeployError {
    return (
      this.#unreached.get(host.address) ??
      new DeployError({
        code: 'E_UNREACHABLE',
        host: host.address,
        message: `${host.address} was not reached.`,
        hint: 'Bring it up.',
      })
    );
  }

  /** Opens a session on a machine that was reached. */
  async open(host: CompiledHost): Promise<Session> {
    const there = this.#sessions.get(host.address);
    if (there !== undefined) return there;
    const connection = this.#connections.get(host.address);
    if (connection === undefined) throw this.#notReached(host);
    const { desired, provenance, secrets } = this.#options;
    const opening = () =>
      openSession(connection, this.#hosts.get(host.address) ?? host, {
        cluster: desired.cluster,
        files: desired.files.get(host.address) ?? new Map(),
        owner: { run: provenance.run, actor: provenance.actor, commit: provenance.commit },
        repository: provenance.repository,
        secrets,
        counters: this.#options.connection.counters,
        before: this.#seen.get(host.address) ?? NOTHING_SEEN,
      });
    const session = await this.#atOnce.run(opening);
    this.#sessions.set(host.address, session);
    return session;
  }

  /** Gives the lock of a machine back and ends its session. */
  async release(address: string): Promise<void> {
    const session = this.#sessions.get(address);
    this.#sessions.delete(address);
    await session?.close();
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#sessions.keys()].map(address => this.release(address)));
    this.disconnect();
  }

  /** Closes the connections and waits for nothing. */
  disconnect(): void {
    for (const connection of this.#connections.values()) connection.close();
    for (const bastion of this.#bastions.values()) {
      bastion.then(
        one => one.close(),
        () => undefined,
      );
    }
  }
}

/** Where it listens now, as far as the leader knows: cluster.yaml may already say another port. */
function httpPort({ address }: CompiledHost, be: BeService, cluster: World['cluster']): number {
  const port = be.ports.heartbeat_service_port;
  const row = cluster.known ? cluster.value.backends.find(one => isAt(one, { host: address, port })) : undefined;
  return row !== undefined && row.http_port > 0 ? row.http_port : be.ports.be_http_port;
}

/** A machine that stays with what it still carries besides. */
function together(stays: CompiledHost | undefined, leaves: CompiledHost): CompiledHost {
  if (stays === undefined) return leaves;
  return { ...stays, fe: stays.fe ?? leaves.fe, be: [...stays.be, ...leaves.be] };
}

/** Where no container is, whoever listens is somebody else, who may take a question and never answer it. */
function mayAnswer(machines: World['hosts'], address: string, service: ServiceName): boolean {
  const machine = machines[address];
  if (machine?.known !== true) return true;
  return [...machine.value.containers, ...machine.value.by_hand].some(container => container.service === service);
}

/** Results in the order of the items. */
async function inParallel<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.map((item, index) => ({ item, index }));
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      results[next.index] = await work(next.item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
