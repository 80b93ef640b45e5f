import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import type { LabHost } from '../lab/lab.ts';
import { ask, type Row } from './ask.ts';
import { Observer } from './observer.ts';
import { filesOf, type Known, type Node, nodeOf, type Sample } from './sample.ts';

/** Real engines and FEs answer, of machines that have a deploy to carry as well. */
const PAUSE_MS = 300;

/**
 * Watches these machines for as long as `work` takes. Everything is read past the deploy, and is there whatever images
 * run: containers from the engines, the files that an FE and a BE identify themselves by, ports, and rows.
 *
 * @param touches nodes (`address service`) that the change is about
 * @returns what `work` resolves to, and what was broken meanwhile
 */
export async function observed<T>(
  hosts: readonly LabHost[],
  touches: (node: string) => boolean,
  work: () => Promise<T>,
): Promise<[T, readonly string[]]> {
  const take = sampler(hosts);
  const allowed = { replication: Math.min(3, hosts.length), location: () => null, touches };
  const observer = new Observer(take, allowed, PAUSE_MS);
  let broken: readonly string[] = [];
  const result = await work().finally(async () => {
    broken = await observer.end();
  });
  if ((await take()).state === null) throw new Error('the observer has heard no leader, and could judge nothing');
  return [result, broken];
}

/** What a leader said last holds until one says more: those who lost the majority say nothing. */
function sampler(hosts: readonly LabHost[]): () => Promise<Sample> {
  let state: Known | null = null;
  return async () => {
    const files = filesOf(hosts.map(({ address, root }) => ({ address, deployDir: join(root, 'opt/starrocks-ha') })));
    const nodes = (await Promise.all(hosts.map(nodesOf))).flat();
    state = (await saidByLeader(nodes)) ?? state;
    return { at: Date.now(), nodes, ...files, state };
  };
}

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly StartedAt: string; readonly Running: boolean };
  readonly Config: { readonly Image: string };
}

async function nodesOf(host: LabHost): Promise<Node[]> {
  const listed = (await engine<readonly { readonly Id: string }[]>(host, '/containers/json?all=1')) ?? [];
  const all = await Promise.all(listed.map(({ Id }) => engine<Inspected>(host, `/containers/${Id}/json`)));
  const ours = all.filter(one => one !== null).filter(({ Name }) => Name.startsWith('/starrocks-'));
  return Promise.all(
    ours.map(({ Id, Name, State, Config }) =>
      nodeOf({
        address: host.address,
        service: Name.slice(1),
        start: `${Id} ${State.StartedAt}`,
        running: State.Running,
        image: Config.Image,
      }),
    ),
  );
}

/** By the engine's own socket: a docker client for every look would keep the machine busy. null: no such container. */
async function engine<T>(host: LabHost, path: string): Promise<T | null> {
  const asked = get({ socketPath: join(host.root, 'run/docker.sock'), path });
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const body = await json(answer);
  return answer.statusCode === 200 ? (body as T) : null;
}

/** Followers may be behind: only an FE that says of itself that it leads is believed. */
async function saidByLeader(nodes: readonly Node[]): Promise<Known | null> {
  const heard = await Promise.all(
    nodes
      .filter(node => node.kind === 'fe' && node.ready)
      .map(async ({ address }) => ({ address, rows: (await ask(address, 'SHOW FRONTENDS')) ?? [] })),
  );
  const leader = heard.find(({ address, rows }) => rows.some(row => row['IP'] === address && row['Role'] === 'LEADER'));
  const backends = leader === undefined ? null : await ask(leader.address, 'SHOW BACKENDS');
  if (leader === undefined || backends === null) return null;
  return { frontends: leader.rows.map(frontendOf), backends: backends.map(backendOf) };
}

const frontendOf = (row: Row): Known['frontends'][number] => ({
  name: row['Name'] ?? '',
  host: row['IP'] ?? '',
  role: row['Role'] === 'OBSERVER' ? 'OBSERVER' : 'FOLLOWER',
  joined: row['Join'] === 'true',
  last_heartbeat: timeOf(row['LastHeartbeat']),
});

const backendOf = (row: Row): Known['backends'][number] => ({
  id: Number(row['BackendId']),
  host: row['IP'] ?? '',
  tablets: Number(row['TabletNum']),
  decommissioned: row['SystemDecommissioned'] === 'true',
  last_heartbeat: timeOf(row['LastHeartbeat']),
});

/** `NULL` before the first heartbeat. */
function timeOf(text: string | undefined): number | null {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? null : time;
}
