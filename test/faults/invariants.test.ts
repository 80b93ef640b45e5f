import { describe, expect, it } from 'vitest';
import type { Backend, ClusterState, Frontend } from '../stand-in/fe/cluster-state.ts';
import { addBackend, addFrontend, emptyState } from '../stand-in/fe/cluster-state.ts';
import { type Allowed, Invariants } from './invariants.ts';
import type { Meta, Node, Sample } from './sample.ts';

/** What a product that is broken in one way would leave behind, fed to the one who must notice. */
const MACHINES = ['a', 'b', 'c'];

const joined = (fe: Frontend): Frontend => ({ ...fe, joined: true, last_heartbeat: 1 });
const beating = (be: Backend): Backend => ({ ...be, last_heartbeat: 1, tablets: 30 });

function whole(): ClusterState {
  const fes = MACHINES.reduce((state, host) => addFrontend(state, `fe-${host}`, host, 9010, 'FOLLOWER'), emptyState);
  const { frontends, backends, ...rest } = MACHINES.reduce(
    (state, host) => addBackend(state, host, 9050, 'backend'),
    fes,
  );
  return { ...rest, frontends: frontends.map(joined), backends: backends.map(beating) };
}

const node = (address: string, kind: 'fe' | 'be', over: Partial<Node> = {}): Node => ({
  address,
  kind,
  service: `starrocks-${kind}`,
  start: '1',
  running: true,
  ready: true,
  image: 'image',
  ...over,
});

const meta = (address: string, over: Partial<Meta> = {}): Meta => ({
  address,
  path: `/${address}/meta`,
  inode: `meta of ${address}`,
  cluster_id: '1',
  name: `fe-${address}`,
  ...over,
});

const healthy: Sample = {
  at: 0,
  nodes: MACHINES.flatMap(address => [node(address, 'fe'), node(address, 'be')]),
  metadata: MACHINES.map(address => meta(address)),
  folders: MACHINES.map(address => meta(address)),
  state: whole(),
};

/** These nodes (`a fe`) are not ready. */
const without = (...names: readonly string[]): Sample => ({
  ...healthy,
  nodes: healthy.nodes.map(one => (names.includes(`${one.address} ${one.kind}`) ? { ...one, ready: false } : one)),
});

const anything: Allowed = { replication: 3, location: () => null, touches: () => true };

function seen(samples: readonly Sample[], allowed: Allowed = anything): readonly string[] {
  const invariants = new Invariants(allowed);
  for (const sample of samples) invariants.see(sample);
  return invariants.violations;
}

const twice = (sample: Sample): Sample[] => [sample, sample];

describe('the observer', () => {
  it('has nothing to say of a cluster that is whole, nor of one node away at a time', () => {
    expect(seen([...twice(healthy), ...twice(without('a fe', 'b be')), ...twice(healthy)])).toEqual([]);
  });

  it('sees a majority that is lost', () => {
    expect(seen([healthy, ...twice(without('a fe', 'b fe'))])).toEqual([
      'the majority was lost: 1 of 3 followers are ready',
    ]);
  });

  it('takes a cluster that begins without a majority, until it has one', () => {
    const stopped = without('a fe', 'b fe', 'c fe');
    expect(seen(twice(stopped))).toEqual([]);
    expect(seen([stopped, healthy, ...twice(stopped)])).toHaveLength(1);
  });

  it('counts a follower that joins from when the leader has heard of it', () => {
    const state = {
      ...whole(),
      frontends: whole().frontends.map((fe, at) => ({ ...fe, last_heartbeat: at === 0 ? 1 : null })),
    };
    expect(seen(twice({ ...without('b fe', 'c fe'), state }))).toEqual([]);
  });

  it('believes nothing that it sees once', () => {
    expect(seen([healthy, without('a fe', 'b fe'), healthy, without('a be', 'b be'), healthy])).toEqual([]);
  });

  it('sees more BEs away than replicas allow, and of two locations', () => {
    expect(seen([healthy, ...twice(without('a be', 'b be'))])).toEqual([
      'replicas were away: 2 BEs, 1 are allowed',
      'replicas were away in 2 locations at once',
    ]);
    const rack = { ...anything, replication: 5, location: (address: string) => (address === 'c' ? 'r2' : 'r1') };
    expect(seen([healthy, ...twice(without('a be', 'b be'))], rack)).toEqual([]);
    expect(seen([healthy, ...twice(without('a be', 'c be'))], rack)).toHaveLength(1);
  });

  it('sees a second cluster by the metadata that an FE runs with, and by what one answers', () => {
    const founded = { ...healthy, metadata: [meta('a'), meta('b'), meta('c', { cluster_id: '2' })] };
    expect(seen([healthy, ...twice(founded)])).toEqual(['a second cluster was founded: FEs run with the ids 1 and 2']);
    const invariants = new Invariants(anything);
    invariants.see(healthy);
    invariants.hear(['1', '1', '7']);
    expect(invariants.violations).toEqual(['two clusters answer: 1 and 7']);
  });

  it('sees a second cluster though nothing of the first one runs any more', () => {
    const alone = {
      ...healthy,
      nodes: [node('c', 'fe')],
      metadata: [meta('c', { cluster_id: '2', name: null })],
      state: null,
    };
    expect(seen([healthy, ...twice(alone)])).toContain('a second cluster was founded: FEs run with the ids 1 and 2');
  });

  it('sees an FE that runs under a name that was dropped', () => {
    const state = { ...whole(), frontends: whole().frontends.slice(0, 2) };
    expect(seen([healthy, ...twice({ ...healthy, state })])).toEqual(['the FE on c runs as fe-c, which was dropped']);
    const nodes = healthy.nodes.map(one => (one.address === 'c' ? { ...one, running: false, ready: false } : one));
    expect(seen([healthy, ...twice({ ...healthy, state, nodes })])).toEqual([]);
  });

  it('sees who is restarted that the change is not about', () => {
    const restarted = { ...healthy, nodes: [...healthy.nodes.slice(1), node('a', 'fe', { start: '2' })] };
    const aboutB = { ...anything, touches: (name: string) => name === 'b starrocks-fe' };
    expect(seen([healthy, ...twice(restarted)], aboutB)).toEqual([
      'a starrocks-fe was touched, and the change is not about it',
    ]);
  });

  it('sees metadata and storage that are deleted, and lets them be moved aside', () => {
    const moved = { ...healthy, folders: healthy.folders.map(one => ({ ...one, path: `${one.path}.aside` })) };
    expect(seen([healthy, ...twice(moved)])).toEqual([]);
    expect(seen([healthy, ...twice({ ...healthy, folders: healthy.folders.slice(1) })])).toEqual([
      '/a/meta was deleted, with what it held',
    ]);
  });

  it('sees a BE that is dropped before it is drained', () => {
    const dropped = (state: ClusterState): ClusterState => ({ ...state, backends: state.backends.slice(1) });
    expect(seen([healthy, ...twice({ ...healthy, state: dropped(whole()) })])).toEqual([
      'the BE on a was dropped with 30 tablets on it',
    ]);
    const [first, ...others] = whole().backends;
    const leaving = { ...whole(), backends: [{ ...(first as Backend), decommissioned: true }, ...others] };
    expect(seen([{ ...healthy, state: leaving }, ...twice({ ...healthy, state: dropped(whole()) })])).toEqual([]);
  });
});
