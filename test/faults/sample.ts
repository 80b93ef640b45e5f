import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Backend, ClusterState, Frontend } from '../stand-in/fe/cluster-state.ts';
import { type Entry, isNewer, journalFiles } from '../stand-in/fe/journal.ts';

/** A container, as the machine's engine has it. */
interface Container {
  readonly address: string;
  readonly service: string;
  /** Changes with every start. */
  readonly start: string;
  readonly running: boolean;
  readonly image: string;
}

export interface Node extends Container {
  readonly kind: 'fe' | 'be';
  /** Somebody listens on its port: of an FE, the one that opens when it is ready. */
  readonly ready: boolean;
}

/** Where a machine's files are seen. */
interface Place {
  readonly address: string;
  readonly deployDir: string;
}

/** A metadata or storage folder that holds something. */
export interface Folder {
  readonly address: string;
  readonly path: string;
  /** Stays when the folder is renamed. */
  readonly inode: string;
}

/** The metadata that an FE would start with. */
export interface Meta extends Folder {
  readonly cluster_id: string | null;
  /** Of ROLE: as whom it was registered. */
  readonly name: string | null;
}

/** What a cluster knows of itself, as far as it is judged. */
export interface Known {
  readonly frontends: readonly Pick<Frontend, 'name' | 'host' | 'role' | 'joined' | 'last_heartbeat'>[];
  readonly backends: readonly Pick<Backend, 'id' | 'host' | 'tablets' | 'decommissioned' | 'last_heartbeat'>[];
}

/** What is really the case, read past the program that is watched. */
export interface Sample {
  /** ms */
  readonly at: number;
  readonly nodes: readonly Node[];
  readonly metadata: readonly Meta[];
  readonly folders: readonly Folder[];
  /** The newest that is known; null before the first. */
  readonly state: Known | null;
}

const PORTS = { fe: 9030, be: 9050 } as const;

/** Of a sandbox. Its state is that of the newest entry of any journal, of FEs that run or not. */
export async function takeSample(sandbox: Sandbox): Promise<Sample> {
  const files = filesOf(sandbox.hosts);
  const state = newestState(sandbox.hosts);
  const nodes = await Promise.all(
    sandbox.hosts.flatMap(({ address, engine }) =>
      engine.containers.map(({ service, id, startedAt, status }) =>
        nodeOf({
          address,
          service: service.name,
          start: `${id} ${startedAt}`,
          running: status === 'running',
          image: service.image,
        }),
      ),
    ),
  );
  return { at: Date.now(), nodes, ...files, state };
}

export async function nodeOf(container: Container): Promise<Node> {
  const kind = container.service === 'starrocks-fe' ? 'fe' : 'be';
  return { ...container, kind, ready: container.running && (await listens(container.address, PORTS[kind])) };
}

export const filesOf = (places: readonly Place[]): Pick<Sample, 'metadata' | 'folders'> => ({
  metadata: places.flatMap(metaOf),
  folders: places.flatMap(foldersOf),
});

/** By the kernel's word: it holds however busy the machine is. */
const listens = (host: string, port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, host);
    const told = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => told(true)).once('error', () => told(false));
  });

const metaFolder = (host: Place): string => join(host.deployDir, 'data/fe/meta');

function metaOf(host: Place): Meta[] {
  const path = metaFolder(host);
  const inode = inodeOf(path);
  if (inode === null) return [];
  const cluster_id = property(join(path, 'image/VERSION'), 'clusterId');
  return [{ address: host.address, path, inode, cluster_id, name: property(join(path, 'image/ROLE'), 'name') }];
}

/** Of a Java properties file; null when there is none. */
function property(file: string, key: string): string | null {
  try {
    return new RegExp(`^${key}=(.*)$`, 'm').exec(readFileSync(file, 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** What must never be lost: metadata with a journal, under whatever name, and storage that belongs to a cluster. */
function foldersOf(host: Place): Folder[] {
  const fe = join(host.deployDir, 'data/fe');
  const metas = namesIn(fe)
    .filter(name => /^meta($|\.aside-|\.copy-|\.lost-)/.test(name))
    .map(name => join(fe, name))
    .filter(path => journalFiles(join(path, 'bdb')).length > 0);
  const data = join(host.deployDir, 'data');
  const storages = namesIn(data)
    .filter(name => /^be/.test(name))
    .map(name => join(data, name, 'storage'))
    .filter(path => (statSync(join(path, 'cluster_id'), { throwIfNoEntry: false })?.size ?? 0) > 0);
  return [...metas, ...storages].flatMap(path => {
    const inode = inodeOf(path);
    return inode === null ? [] : [{ address: host.address, path, inode }];
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function inodeOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  // A number alone is given away again.
  return found === undefined ? null : `${found.ino}:${found.birthtimeMs}`;
}

function newestState(hosts: readonly Place[]): ClusterState | null {
  const entries = hosts.flatMap(host => lastEntry(join(metaFolder(host), 'bdb')) ?? []);
  const [newest] = entries.toSorted((a, b) => (isNewer(a, b) ? -1 : 1));
  return newest?.state ?? null;
}

const TAIL_BYTES = 65_536;

/** The last one that is whole; its FE may be writing the next one now. */
function lastEntry(bdb: string): Entry | null {
  for (const file of journalFiles(bdb).toReversed()) {
    const found = inFile(join(bdb, file));
    if (found !== null) return found;
  }
  return null;
}

function inFile(path: string): Entry | null {
  try {
    return lastIn(tailOf(path)) ?? lastIn(readFileSync(path, 'utf8'));
  } catch (error) {
    // Its folder was renamed, or a newer file took over, between two looks.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function lastIn(text: string): Entry | null {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  for (const line of whole.toReversed()) {
    if (!line.startsWith('{"entry"')) continue;
    return (JSON.parse(line) as { readonly entry: Entry }).entry;
  }
  return null;
}

function tailOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(file, tail, 0, tail.length, size - tail.length);
    return tail.toString();
  } finally {
    closeSync(file);
  }
}
