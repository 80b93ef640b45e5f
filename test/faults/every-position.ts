import { createHash } from 'node:crypto';
import { type Cut, cutsAt, type Position, positionText } from './position.ts';
import type { Change, Scenario } from './scenarios.ts';
import { Stage } from './stage.ts';
import { type Trial, tryChange } from './trial.ts';

/** Where one change is killed once. */
export interface Spot {
  readonly change: Change;
  readonly position: Position;
  readonly cut: Cut;
}

export interface Wanted {
  /** null: all of them. */
  readonly change: string | null;
  /** As it is printed, `stop starrocks-fe on 127.80.0.12`; the network does not count. */
  readonly at: string | null;
  readonly cut: Cut | null;
  /** So many of each change are left out. */
  readonly skip: number;
  /** Nothing new is begun after so many seconds. */
  readonly limitSeconds: number;
}

/** What one scenario came to. */
export interface Tally {
  readonly scenario: Scenario;
  /** Of a whole run of each change, by its name. */
  readonly positions: ReadonlyMap<string, readonly Position[]>;
  readonly spots: number;
  readonly tried: number;
  /** Tried, and the run never came to that position: nothing was killed. */
  readonly unmet: readonly Spot[];
  readonly failed: readonly {
    readonly spot: Spot | null;
    readonly change: Change;
    readonly failures: readonly string[];
  }[];
  readonly samples: number;
}

/** Kills each change of a scenario at each of its operations in each way, one kill a trial. */
export class EveryPosition {
  readonly #scenario: Scenario;
  readonly #network: string;
  readonly #wanted: Wanted;
  readonly #told: (line: string) => void;
  readonly #failed: Tally['failed'][number][] = [];
  readonly #unmet: Spot[] = [];
  #stage: Stage | null = null;
  #samples = 0;
  #tried = 0;

  constructor(scenario: Scenario, network: string, wanted: Wanted, told: (line: string) => void) {
    this.#scenario = scenario;
    this.#network = network;
    this.#wanted = wanted;
    this.#told = told;
  }

  async run(): Promise<Tally> {
    const { changes } = this.#scenario;
    try {
      const positions = new Map<string, readonly Position[]>();
      for (const change of changes) positions.set(change.name, (await this.#try(change, null)).met);
      const waiting = changes.map(change => this.#spots(change, positions.get(change.name) ?? []));
      const spots = waiting.reduce((sum, one) => sum + one.length, 0);
      for (const [name, met] of positions) this.#told(`${name}: ${met.length} operations`);
      const end = performance.now() + this.#wanted.limitSeconds * 1000;
      while (waiting.some(one => one.length > 0) && performance.now() < end) {
        for (const [index, change] of changes.entries()) await this.#try(change, waiting[index]?.shift() ?? null);
      }
      return {
        scenario: this.#scenario,
        positions,
        spots,
        tried: this.#tried,
        unmet: this.#unmet,
        failed: this.#failed,
        samples: this.#samples,
      };
    } finally {
      await this.#stage?.close();
    }
  }

  #spots(change: Change, positions: readonly Position[]): Spot[] {
    const { change: name, at, cut: wanted, skip } = this.#wanted;
    if (name !== null && name !== change.name) return [];
    return positions
      .filter(position => at === null || anywhere(positionText(position)) === anywhere(at))
      .flatMap(position =>
        cutsAt(position)
          .filter(cut => wanted === null || cut === wanted)
          .map(cut => ({ change, position, cut })),
      )
      .toSorted((a, b) => (shuffled(a) < shuffled(b) ? -1 : 1))
      .slice(skip);
  }

  async #try(change: Change, spot: Spot | null): Promise<Trial> {
    const used = this.#stage !== null;
    let trial = await this.#once(change, spot);
    // What earlier runs have left on the machines, an image for one, spares an operation: new machines need it.
    if (used && spot !== null && trial.kills.length === 0 && trial.failures.length === 0) {
      await this.#clear();
      trial = await this.#once(change, spot);
    }
    const unmet = spot !== null && trial.kills.length === 0;
    if (spot !== null) this.#tried += 1;
    if (unmet) this.#unmet.push(spot);
    if (trial.failures.length > 0) {
      this.#failed.push({ change, spot, failures: trial.failures });
      // What is left of a failure would be the next trial's beginning.
      await this.#clear();
    }
    const where = spot === null ? 'not killed' : `${spot.cut} ${positionText(spot.position)}`;
    const how = trial.failures.length > 0 ? 'FAILED' : unmet ? 'not met' : 'ok';
    this.#told(`${change.name}, ${where}: ${how}, ${trial.seconds.toFixed(1)} s`);
    for (const failure of trial.failures) this.#told(`  ${failure}`);
    return trial;
  }

  async #once(change: Change, spot: Spot | null): Promise<Trial> {
    try {
      const trial = await tryChange(await this.#ready(change), change, (position, kills) =>
        kills.length === 0 && spot !== null && positionText(position) === positionText(spot.position) ? spot.cut : null,
      );
      this.#samples += trial.samples;
      return trial;
    } catch (error) {
      const failures = [`it threw: ${error instanceof Error ? error.stack : error}`];
      return { kills: [], met: [], failures, samples: 0, seconds: 0 };
    }
  }

  async #clear(): Promise<void> {
    await this.#stage?.close();
    this.#stage = null;
  }

  /** At the end of the change before this one. */
  async #ready(change: Change): Promise<Stage> {
    if (this.#stage !== null) return this.#stage;
    const { machines, changes } = this.#scenario;
    const stage = await Stage.open(machines, this.#network);
    this.#stage = stage;
    const last = changes.at(-1);
    if (last === undefined) return stage;
    stage.declare(last);
    const report = await stage.project.run('deploy');
    if (report.outcome !== 'changed') {
      const { outcome, problems, findings, hosts } = report;
      throw new Error(`the stage could not be set: ${JSON.stringify({ outcome, problems, findings, hosts })}`);
    }
    for (const earlier of changes.slice(0, changes.indexOf(change))) {
      const { failures } = await tryChange(stage, earlier, () => null);
      if (failures.length > 0) throw new Error(`the stage could not be set: ${earlier.name}: ${failures.join('; ')}`);
    }
    return stage;
  }
}

/** The same order in every run, and a run that ends early has tried something of everything. */
const shuffled = ({ position, cut }: Spot): string =>
  createHash('sha256')
    .update(`${anywhere(positionText(position))} ${cut}`)
    .digest('hex');

/** Addresses without their network: a replay may have another one. */
const anywhere = (text: string): string => text.replace(/\b127\.\d+\.\d+\./g, '127.');
