import type { Log } from '../process/log.ts';
import { scaled, sleep } from '../process/pace.ts';
import { askJsonLines, connectJsonLines, listenJsonLines, type Peer } from '../wire/json-lines.ts';
import { type ClusterState, emptyState, type Frontend, majorityOf, voters } from './cluster-state.ts';
import { type Entry, isNewer, type Journal, type Position } from './journal.ts';

/** Who this FE is: what ROLE and VERSION say. */
export interface Identity {
  readonly name: string;
  readonly role: 'FOLLOWER' | 'OBSERVER';
  readonly host: string;
  readonly edit_log_port: number;
  readonly cluster_id: string;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The write needs acknowledgements that nobody is there to give. */
export class NoMajority extends Error {}

type Question =
  | { readonly kind: 'status'; readonly cluster_id: string }
  | {
      readonly kind: 'vote';
      readonly cluster_id: string;
      readonly candidate: string;
      readonly rehearsal: boolean;
      readonly term: number;
      readonly last: Position;
    }
  | {
      readonly kind: 'follow';
      readonly cluster_id: string;
      readonly name: string;
      readonly role: Frontend['role'];
      readonly term: number;
    };
interface Status {
  readonly leader: Address | null;
}
interface VoteAnswer {
  readonly granted: boolean;
  readonly term: number;
}
type FromLeader = { readonly refused: string } | { readonly term: number; readonly entry?: Entry };
interface Follower {
  readonly peer: Peer;
  readonly name: string;
  readonly role: Frontend['role'];
  acked: Position;
  heard: number;
}

const pingMs = scaled(1000, 100);
const silenceMs = scaled(30_000, 2500);
const ackMs = scaled(10_000, 2000);
const answerMs = scaled(2000, 1000);
/** A leader that cannot write for so long gives up. */
const lostMs = scaled(30_000, 3000);

/**
 * The replicated state of one FE: leader election by majority among followers with the newest journal, writes by
 * majority, observers that only replicate. It is Raft whose entries each carry the whole state; joined followers vote.
 */
export class Replication {
  readonly #me: Identity;
  readonly #journal: Journal;
  readonly #log: Log;
  readonly #exit: (message: string) => void;
  /** Where a node without a journal asks first. */
  readonly #helper: Address | null;
  readonly #followers = new Map<string, Follower>();
  #leading: 'no' | 'elected' | 'yes' = 'no';
  #leader: Address | null = null;
  #following = false;
  #removed = false;
  #lostSince = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #wake: () => void = () => {};
  #onChange: () => void = () => {};

  constructor(options: {
    readonly me: Identity;
    readonly journal: Journal;
    readonly helper: Address | null;
    readonly log: Log;
    readonly exit: (message: string) => void;
  }) {
    this.#me = options.me;
    this.#journal = options.journal;
    this.#helper = options.helper;
    this.#log = options.log;
    this.#exit = options.exit;
  }

  get state(): ClusterState | null {
    return this.#journal.entry?.state ?? null;
  }

  get position(): Position {
    return this.#journal.position;
  }

  get isLeader(): boolean {
    return this.#leading === 'yes';
  }

  /** Leader itself, or in touch with it. */
  get inTouch(): boolean {
    return this.isLeader || this.#following;
  }

  /** The leader, or the last one known: statements go there even when it is gone. */
  get leader(): Address | null {
    return this.#leader;
  }

  /** Called after every change of state or leadership. */
  onChange(handle: () => void): void {
    this.#onChange = handle;
  }

  async start(addresses: readonly string[]): Promise<void> {
    await listenJsonLines(addresses, this.#me.edit_log_port, peer => this.#serve(peer));
    void this.#run();
  }

  /** Leader only: changes the state, one change after the other; resolves with its number once a majority has it. */
  change(next: (state: ClusterState) => ClusterState): Promise<number> {
    const turn = this.#queue.then(() => this.#write(next));
    this.#queue = turn.catch(() => {});
    return turn;
  }

  // ---- asking others -------------------------------------------------------------------------------------------

  async #run(): Promise<void> {
    let patience = 0;
    let alone = Date.now();
    for (;;) {
      const leader = await this.#findLeader();
      if (leader !== null) {
        await this.#follow(leader);
        alone = Date.now();
        patience = scaled(800);
      } else if (this.#mayLead() && Date.now() - alone >= patience && (await this.#campaignInTurn())) {
        return;
      }
      await this.#pause(scaled(250, 50));
    }
  }

  /** Others lost the leader at the same moment: without chance they would stand against each other again and again. */
  async #campaignInTurn(): Promise<boolean> {
    const { term } = this.#journal.vote;
    const alone = voters(this.state ?? emptyState).length === 1;
    await sleep(alone ? 0 : Math.random() * scaled(1200, 200));
    return term === this.#journal.vote.term && this.#campaign();
  }

  #mayLead(): boolean {
    const entry = this.#journal.entry;
    return (
      this.#me.role === 'FOLLOWER' &&
      entry !== null &&
      !this.#removed &&
      voters(entry.state).some(fe => fe.name === this.#me.name)
    );
  }

  #others(): readonly Address[] {
    const known = (this.state?.frontends ?? [])
      .filter(fe => fe.name !== this.#me.name)
      .map(fe => ({ host: fe.host, port: fe.edit_log_port }));
    return this.#helper === null ? known : [this.#helper, ...known];
  }

  /** Resolves with the first that knows one: a vanished machine must not delay it. */
  #findLeader(): Promise<Address | null> {
    const question: Question = { kind: 'status', cluster_id: this.#me.cluster_id };
    const answers = this.#others().map(async other => {
      const status = await this.#ask<Status>(other, question);
      if (!status?.leader) throw new Error('knows none');
      return status.leader;
    });
    return Promise.any(answers).catch(() => null);
  }

  async #ask<Answer>(target: Address, question: Question): Promise<Answer | null> {
    try {
      const limits = { connectMs: answerMs, answerMs };
      return await askJsonLines<Answer>({ ...target, from: this.#me.host }, question, limits);
    } catch {
      return null;
    }
  }

  async #campaign(): Promise<boolean> {
    const term = this.#journal.vote.term + 1;
    if (!(await this.#gather(term, true))) return false;
    this.#journal.saveVote({ term, candidate: this.#me.name });
    if (!(await this.#gather(term, false)) || this.#journal.vote.term !== term) return false;
    return this.#lead(term);
  }

  /** A rehearsal comes first, so that a node that cannot win disturbs nobody's term. */
  async #gather(term: number, rehearsal: boolean): Promise<boolean> {
    const state = this.state;
    if (state === null) return false;
    const all = voters(state);
    const question: Question = {
      kind: 'vote',
      cluster_id: this.#me.cluster_id,
      candidate: this.#me.name,
      rehearsal,
      term,
      last: this.position,
    };
    const needed = majorityOf(all.length) - 1;
    const others = all.filter(fe => fe.name !== this.#me.name);
    const granted = others.map(async fe => {
      const answer = await this.#ask<VoteAnswer>({ host: fe.host, port: fe.edit_log_port }, question);
      // A late answer must not move the term of a leader that is elected by now.
      if (answer !== null && this.#leading === 'no' && answer.term > this.#journal.vote.term) {
        this.#journal.saveVote({ term: answer.term, candidate: '' });
      }
      return answer?.granted === true;
    });
    return isReached(needed, granted);
  }

  /** Follows until the connection ends. */
  async #follow(leader: Address): Promise<void> {
    let peer: Peer;
    try {
      peer = await connectJsonLines({ ...leader, from: this.#me.host }, answerMs);
    } catch {
      return;
    }
    await new Promise<void>(resolve => {
      let timer = setTimeout(() => peer.close(), silenceMs);
      peer.onClose(() => {
        clearTimeout(timer);
        this.#following = false;
        resolve();
      });
      peer.onMessage(message => {
        clearTimeout(timer);
        timer = setTimeout(() => peer.close(), silenceMs);
        this.#hear(peer, leader, message as FromLeader);
      });
      const { cluster_id, name, role } = this.#me;
      peer.send({ kind: 'follow', cluster_id, name, role, term: this.#journal.vote.term } satisfies Question);
    });
    if (this.#removed) await this.#pause(scaled(5000, 500));
  }

  #hear(peer: Peer, leader: Address, message: FromLeader): void {
    if ('refused' in message) {
      this.#removed = true;
      this.#log('WARN', message.refused);
      peer.close();
      return;
    }
    this.#removed = false;
    const { term } = this.#journal.vote;
    if (message.term < term) {
      peer.close();
      return;
    }
    if (message.term > term) this.#journal.saveVote({ term: message.term, candidate: '' });
    this.#following = true;
    this.#leader = leader;
    const { entry } = message;
    if (entry !== undefined) {
      const { position } = this;
      if (entry.term !== position.term || entry.index !== position.index) this.#journal.append(entry);
      this.#onChange();
    }
    peer.send(this.position);
  }

  // ---- being asked ---------------------------------------------------------------------------------------------

  #serve(peer: Peer): void {
    let follower: Follower | null = null;
    peer.onClose(() => {
      if (follower !== null && this.#followers.get(follower.name) === follower) this.#followers.delete(follower.name);
      this.#wake();
    });
    peer.onMessage(message => {
      if (follower !== null) return this.#acknowledge(follower, message as Position);
      const question = message as Question;
      if (question.cluster_id !== this.#me.cluster_id) return peer.close();
      if (question.kind === 'status') peer.send({ leader: this.#known() } satisfies Status);
      else if (question.kind === 'vote') peer.send(this.#vote(question));
      else follower = this.#admit(peer, question);
    });
  }

  #known(): Address | null {
    if (this.#leading !== 'no') return { host: this.#me.host, port: this.#me.edit_log_port };
    return this.#following ? this.#leader : null;
  }

  #vote(question: Question & { readonly kind: 'vote' }): VoteAnswer {
    const { vote, entry } = this.#journal;
    const refusal: VoteAnswer = { granted: false, term: vote.term };
    // A node without a journal has forgotten what it acknowledged: it must not help to elect somebody who forgot too.
    if (entry === null || this.#leading !== 'no' || this.#following) return refusal;
    if (!voters(entry.state).some(fe => fe.name === question.candidate)) return refusal;
    if (question.term < vote.term || isNewer(this.position, question.last)) return refusal;
    if (question.rehearsal) return { granted: question.term > vote.term, term: vote.term };
    if (question.term === vote.term && vote.candidate !== question.candidate) return refusal;
    this.#journal.saveVote({ term: question.term, candidate: question.candidate });
    this.#wake();
    return { granted: true, term: question.term };
  }

  #admit(peer: Peer, question: Question & { readonly kind: 'follow' }): Follower | null {
    const { name, role, term } = question;
    if (this.#leading === 'no') return this.#dismiss(peer);
    if (term > this.#journal.vote.term) {
      this.#exit('transfer FE type from LEADER to UNKNOWN. exit');
      return this.#dismiss(peer);
    }
    if (role === 'FOLLOWER' && !this.state?.frontends.some(fe => fe.name === name)) {
      peer.send({ refused: `Node: ${name} is no longer a member of the group` } satisfies FromLeader);
      return null;
    }
    const follower: Follower = { peer, name, role, acked: { term: 0, index: 0 }, heard: Date.now() };
    this.#followers.get(name)?.peer.close();
    this.#followers.set(name, follower);
    peer.send(this.#news());
    return follower;
  }

  #dismiss(peer: Peer): null {
    peer.close();
    return null;
  }

  #news(): FromLeader {
    const { entry, vote } = this.#journal;
    return entry === null ? { term: vote.term } : { term: vote.term, entry };
  }

  #acknowledge(follower: Follower, position: Position): void {
    follower.acked = position;
    follower.heard = Date.now();
    this.#wake();
    this.#welcome(follower);
  }

  /** A follower that has the state for the first time counts from now on. */
  #welcome(follower: Follower): void {
    const isNew = (state: ClusterState): boolean => state.frontends.some(fe => fe.name === follower.name && !fe.joined);
    if (!this.isLeader || this.state === null || !isNew(this.state)) return;
    const join = (fe: Frontend): Frontend => (fe.name === follower.name ? { ...fe, joined: true } : fe);
    void this.change(state => (isNew(state) ? { ...state, frontends: state.frontends.map(join) } : state)).catch(
      () => {},
    );
  }

  // ---- leading -------------------------------------------------------------------------------------------------

  async #lead(term: number): Promise<boolean> {
    this.#leading = 'elected';
    this.#lostSince = Date.now();
    const beats = setInterval(() => this.#beat(), pingMs);
    const limit = Date.now() + ackMs;
    while (Date.now() < limit && !this.#hasMajority()) await this.#pause(scaled(50, 20));
    try {
      // An entry of its own term first: only with it may a leader call older ones settled.
      await this.change(state => ({ ...state }));
    } catch {
      clearInterval(beats);
      this.#leading = 'no';
      for (const follower of this.#followers.values()) follower.peer.close();
      return false;
    }
    this.#leading = 'yes';
    this.#leader = { host: this.#me.host, port: this.#me.edit_log_port };
    for (const follower of this.#followers.values()) this.#welcome(follower);
    this.#log('INFO', `transfer FE type to LEADER, term ${term}`);
    this.#onChange();
    return true;
  }

  #active(): readonly Follower[] {
    return [...this.#followers.values()].filter(follower => Date.now() - follower.heard < ackMs);
  }

  #hasMajority(state = this.state): boolean {
    if (state === null) return false;
    const all = voters(state);
    const active = this.#active();
    const present = all.filter(fe => fe.name === this.#me.name || active.some(follower => follower.name === fe.name));
    return present.length >= majorityOf(all.length);
  }

  #beat(): void {
    for (const follower of this.#followers.values()) {
      if (Date.now() - follower.heard > silenceMs) follower.peer.close();
      else follower.peer.send({ term: this.#journal.vote.term } satisfies FromLeader);
    }
    if (this.#hasMajority()) this.#lostSince = Date.now();
    else if (Date.now() - this.#lostSince > lostMs) this.#exit('transfer FE type from LEADER to UNKNOWN. exit');
  }

  async #write(next: (state: ClusterState) => ClusterState): Promise<number> {
    const before = this.#journal.entry;
    if (before === null || this.#leading === 'no') throw new NoMajority('not the leader');
    const state = next(before.state);
    if (state === before.state) return before.index;
    const needed = majorityOf(voters(before.state).length) - 1;
    if (!this.#hasMajority(before.state)) {
      throw new NoMajority(
        `Commit policy: SIMPLE_MAJORITY required ${needed} replica. But none were active with this master.`,
      );
    }
    const entry: Entry = { term: this.#journal.vote.term, index: before.index + 1, state };
    this.#journal.append(entry);
    this.#dropConnections(state);
    for (const follower of this.#followers.values())
      follower.peer.send({ term: entry.term, entry } satisfies FromLeader);
    await this.#untilMajorityHas(entry);
    this.#onChange();
    return entry.index;
  }

  /** A dropped follower hears nothing more, not even that it was dropped: it runs on with what it has. */
  #dropConnections(state: ClusterState): void {
    for (const follower of this.#followers.values()) {
      if (follower.role === 'FOLLOWER' && !state.frontends.some(fe => fe.name === follower.name)) follower.peer.close();
    }
  }

  async #untilMajorityHas(entry: Entry): Promise<void> {
    const all = voters(entry.state);
    const limit = Date.now() + ackMs;
    const has = (fe: Frontend): boolean => {
      const acked = this.#followers.get(fe.name)?.acked;
      return fe.name === this.#me.name || (acked !== undefined && !isNewer(entry, acked));
    };
    while (all.filter(has).length < majorityOf(all.length)) {
      if (Date.now() > limit) {
        // The entry lies in the journal and may yet come to life: only a new election can say.
        this.#exit('write bdb failed. transfer FE type from LEADER to UNKNOWN. exit');
        throw new NoMajority('Transaction has not been acknowledged by a majority.');
      }
      await this.#pause(50);
    }
  }

  /** Waits, or less when something has happened. */
  async #pause(ms: number): Promise<void> {
    const woken = new Promise<void>(resolve => {
      this.#wake = resolve;
    });
    await Promise.race([sleep(ms), woken]);
  }
}

/** True as soon as that many are true: a silent machine must not hold up an election. */
function isReached(needed: number, answers: readonly Promise<boolean>[]): Promise<boolean> {
  return new Promise(resolve => {
    let yes = 0;
    const look = (answer: boolean): void => {
      if (answer) yes += 1;
      if (yes >= needed) resolve(true);
    };
    void Promise.all(answers.map(answer => answer.then(look))).then(() => resolve(yes >= needed));
  });
}
