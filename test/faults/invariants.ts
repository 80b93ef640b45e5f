import { majorityOf, voters } from '../stand-in/fe/cluster-state.ts';
import type { Folder, Node, Sample } from './sample.ts';

/** What a cluster is allowed, whatever happens to the runs that change it. */
export interface Allowed {
  readonly replication: number;
  /** Location label of a machine, or null. */
  readonly location: (address: string) => string | null;
  /** Nodes (`address service`) that the change is about: nobody else restarts. */
  readonly touches: (node: string) => boolean;
}

const nodeName = ({ address, service }: Pick<Node, 'address' | 'service'>): string => `${address} ${service}`;

/**
 * Judges what an observer sees, one sample after the other. A cluster that begins without a majority, or with BEs away,
 * may stay so; it may never fall back. What is read at slightly different moments may contradict itself once: only what
 * two samples in a row say counts.
 */
export class Invariants {
  readonly #allowed: Allowed;
  readonly #found = new Set<string>();
  #suspected = new Set<string>();
  #hadMajority = false;
  #awayAtFirst: number | null = null;
  #clusterId: string | null = null;
  readonly #starts = new Map<string, string>();
  readonly #folders = new Map<string, Folder>();
  readonly #backends = new Map<number, { readonly host: string; readonly tablets: number; readonly leaves: boolean }>();

  constructor(allowed: Allowed) {
    this.#allowed = allowed;
  }

  get violations(): readonly string[] {
    return [...this.#found];
  }

  see(sample: Sample): void {
    const suspected = [
      ...this.#secondCluster(sample),
      ...this.#majorityLost(sample),
      ...this.#replicasLost(sample),
      ...this.#droppedRuns(sample),
      ...this.#uninvolvedTouched(sample),
      ...this.#folderLost(sample),
      ...this.#droppedUndrained(sample),
    ];
    for (const one of suspected) if (this.#suspected.has(one)) this.#found.add(one);
    this.#suspected = new Set(suspected);
  }

  /** What an FE says: it may be one that nobody else knows. */
  hear(clusterIds: readonly string[]): void {
    const ids = new Set(clusterIds.filter(id => id !== ''));
    if (this.#clusterId !== null) ids.add(this.#clusterId);
    if (ids.size > 1) this.#found.add(`two clusters answer: ${[...ids].sort().join(' and ')}`);
  }

  #secondCluster({ nodes, metadata }: Sample): string[] {
    const runs = (address: string) =>
      nodes.some(node => node.address === address && node.kind === 'fe' && node.running);
    const ids = new Set(metadata.filter(one => runs(one.address)).flatMap(one => one.cluster_id ?? []));
    if (this.#clusterId !== null) ids.add(this.#clusterId);
    else if (ids.size === 1) this.#clusterId = [...ids][0] ?? null;
    return ids.size > 1 ? [`a second cluster was founded: FEs run with the ids ${[...ids].sort().join(' and ')}`] : [];
  }

  #majorityLost({ nodes, state }: Sample): string[] {
    if (state === null) return [];
    // One that joins has a vote a moment before it is ready: it begins to count when the leader has heard of it.
    const all = voters(state).filter(fe => fe.last_heartbeat !== null);
    if (all.length === 0) return [];
    const ready = all.filter(fe => nodes.some(node => node.kind === 'fe' && node.address === fe.host && node.ready));
    const needed = majorityOf(all.length);
    if (ready.length >= needed) this.#hadMajority = true;
    else if (this.#hadMajority) return [`the majority was lost: ${ready.length} of ${all.length} followers are ready`];
    return [];
  }

  #replicasLost({ nodes, state }: Sample): string[] {
    const holding = (state?.backends ?? []).filter(
      be => be.last_heartbeat !== null && !(be.decommissioned && be.tablets === 0),
    );
    const away = holding.filter(
      be => !nodes.some(node => node.kind === 'be' && node.address === be.host && node.ready),
    );
    this.#awayAtFirst = Math.min(this.#awayAtFirst ?? away.length, away.length);
    const limit = Math.max(Math.floor((this.#allowed.replication - 1) / 2), this.#awayAtFirst);
    const locations = new Set(away.map(be => this.#allowed.location(be.host) ?? be.host));
    const tooMany = away.length > limit ? [`replicas were away: ${away.length} BEs, ${limit} are allowed`] : [];
    const spread = this.#awayAtFirst === 0 && locations.size > 1;
    return [...tooMany, ...(spread ? [`replicas were away in ${locations.size} locations at once`] : [])];
  }

  /** A dropped FE that runs answers from metadata that nobody keeps up to date. */
  #droppedRuns({ nodes, metadata, state }: Sample): string[] {
    if (state === null) return [];
    const names = new Set(state.frontends.map(fe => fe.name));
    return metadata
      .filter(({ address }) => nodes.some(node => node.kind === 'fe' && node.address === address && node.running))
      .filter(({ name }) => name !== null && !names.has(name))
      .map(({ address, name }) => `the FE on ${address} runs as ${name}, which was dropped`);
  }

  #uninvolvedTouched({ nodes }: Sample): string[] {
    return nodes.flatMap(node => {
      const name = nodeName(node);
      const first = this.#starts.get(name) ?? node.start;
      this.#starts.set(name, first);
      const same = first === node.start && node.running;
      return same || this.#allowed.touches(name) ? [] : [`${name} was touched, and the change is not about it`];
    });
  }

  #folderLost({ folders }: Sample): string[] {
    const there = new Set(folders.map(({ inode }) => inode));
    const lost = [...this.#folders.values()].filter(({ inode }) => !there.has(inode));
    for (const folder of folders) this.#folders.set(folder.inode, folder);
    return lost.map(({ path }) => `${path} was deleted, with what it held`);
  }

  #droppedUndrained({ state }: Sample): string[] {
    if (state === null) return [];
    const there = new Set(state.backends.map(be => be.id));
    const gone = [...this.#backends].filter(([id]) => !there.has(id));
    for (const be of state.backends)
      this.#backends.set(be.id, { host: be.host, tablets: be.tablets, leaves: be.decommissioned });
    return gone
      .filter(([, be]) => be.tablets > 0 && !be.leaves)
      .map(([, be]) => `the BE on ${be.host} was dropped with ${be.tablets} tablets on it`);
  }
}
