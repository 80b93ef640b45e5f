import type { Wave } from '../../.github/actions/deploy/src/plan/plan.ts';
import type { Step } from '../../.github/actions/deploy/src/plan/step.ts';
import type { Triple } from './triple.ts';

/** One plan, as far as it tells which situation it is for. */
export interface Met {
  readonly triple: Triple;
  readonly waves: readonly Wave[];
  readonly codes: ReadonlySet<string>;
  readonly draining: boolean;
}

const some = ({ waves }: Met, fits: (step: Step) => boolean): boolean =>
  waves.some(wave => wave.steps.some(step => fits(step)));

const titled = ({ waves }: Met, title: string): boolean => waves.some(wave => wave.title.startsWith(title));

const fe = (step: Step): boolean => step.service === 'starrocks-fe';
const be = (step: Step): boolean => step.service?.startsWith('starrocks-be') === true;
const roleOf = ({ triple }: Met, { host }: Step) => triple.desired.hosts.find(one => one.address === host)?.fe?.role;

/** A restart of an FE while somebody else leads than the machine that founded. */
const ledElsewhere = ({ triple, waves }: Met): boolean =>
  waves.some(wave => {
    const { cluster } = wave.meets;
    const rolls = wave.steps.some(step => fe(step) && ['restart', 'upgrade', 'downgrade'].includes(step.action));
    return rolls && cluster.known && cluster.value.leader !== triple.desired.master_host;
  });

const disksOf = ({ hosts }: Triple['was'], { host, service }: Step): number =>
  hosts.find(one => one.address === host)?.be.find(one => one.name === service)?.folders.length ?? 0;

/** Beside a change of conf, disks change of a service that was there and stays. */
const moreDisks = ({ was, desired }: Triple, step: Step): number =>
  disksOf(was, step) > 0 ? disksOf(desired, step) - disksOf(was, step) : 0;

/** What can become of a cluster, and how a plan for it is recognised. */
export const SITUATIONS: Readonly<Record<string, (met: Met) => boolean>> = {
  'nothing to do': ({ waves, codes }) => waves.length === 0 && codes.size === 0,
  'first bootstrap': met => some(met, step => step.action === 'found'),
  'change of conf: BEs': met => some(met, step => step.action === 'restart' && be(step)),
  'change of conf: FEs': met => some(met, step => step.action === 'restart' && fe(step)),
  'files only': met => some(met, step => step.action === 'refresh'),
  'scale out: an FE': met => some(met, step => step.action === 'join' && step.reason === 'it is new'),
  'scale out: a BE': met => some(met, step => step.action === 'add'),
  'cold start': met => titled(met, 'start all followers together'),
  'a node that is down first': met => some(met, step => step.action === 'start'),
  'upgrade: a trial BE': met =>
    met.waves.some(({ steps }) => steps.length === 1 && steps.every(step => step.action === 'upgrade' && be(step))),
  'upgrade: FEs': met => some(met, step => step.action === 'upgrade' && fe(step)),
  'upgrade: balance held': met => some(met, step => step.action === 'hold'),
  'upgrade: cloning between waves': met => titled(met, 'let tablets be repaired'),
  'upgrade: an image first': met => some(met, step => step.action === 'image'),
  'upgrade: balance brought back': met => some(met, step => step.action === 'resume'),
  'downgrade: FEs': met => some(met, step => step.action === 'downgrade' && fe(step)),
  'downgrade: BEs': met => some(met, step => step.action === 'downgrade' && be(step)),
  'version refused': ({ codes }) => codes.has('E_VERSION_PATH'),
  'scale in of a BE: drain': met => some(met, step => step.action === 'drain'),
  'scale in of a BE: the run ends as draining': ({ draining }) => draining,
  'scale in of a BE: removed': met => some(met, step => step.action === 'remove' && be(step)),
  'scale in of a BE: cancelled': met => some(met, step => step.action === 'undrain'),
  'scale in of an FE: stopped': met => titled(met, 'stop an FE that leaves'),
  'scale in of an FE: dropped': met => titled(met, 'remove an FE'),
  'lost metadata: joins again': met =>
    some(met, step => step.action === 'join' && step.reason.startsWith('its metadata is empty')),
  'lost metadata: cut off in a join': met => titled(met, 'clear away a join that was cut off'),
  'lost metadata: majority, refused': ({ codes }) => codes.has('E_MAJORITY_LOST'),
  'lost metadata: dropped before': met => titled(met, 'clear away what a dropped FE knew'),
  'dropped and added again by hand': ({ waves }) =>
    waves.some(
      ({ steps, meets: { cluster } }) =>
        cluster.known &&
        steps.some(step => step.reason === 'dropped' && cluster.value.frontends.some(row => row.host === step.host)),
    ),
  'a join that goes on': ({ triple }) =>
    Object.values(triple.truth.world.hosts).some(
      host => host.known && host.value.fe.state.joining === true && !host.value.fe.state.refused,
    ),
  'lost storage, refused': ({ codes }) => codes.has('E_STORAGE_LOST'),
  'lost storage, replaced elsewhere': met => titled(met, 'drop BEs whose storage is gone'),
  'BE that nobody registered': met => some(met, step => step.action === 'register' && be(step)),
  'moved FE port, refused': ({ codes }) => codes.has('E_FE_PORT_MOVED'),
  'moved BE port, refused': ({ codes }) => codes.has('E_BE_PORT_MOVED'),
  'other address: added, then removed': met =>
    some(met, step => step.action === 'join' || step.action === 'add') &&
    some(met, step => step.action === 'remove' || step.action === 'drain'),
  'follower becomes observer': met => some(met, step => step.action === 'convert' && roleOf(met, step) === 'observer'),
  'observer becomes follower': met => some(met, step => step.action === 'convert' && roleOf(met, step) === 'follower'),
  'observer restarted': met =>
    some(met, step => step.action === 'restart' && fe(step) && roleOf(met, step) === 'observer'),
  'disk added': met => some(met, step => step.action === 'restart' && be(step) && moreDisks(met.triple, step) > 0),
  'disk removed, vacant': met =>
    some(met, step => step.action === 'restart' && be(step) && moreDisks(met.triple, step) < 0),
  'disk removed, refused': ({ codes }) => codes.has('E_DATA_MOVED'),
  'observer in a change of the release': met =>
    some(met, step => ['upgrade', 'downgrade'].includes(step.action) && fe(step) && roleOf(met, step) === 'observer'),
  'location labels set': met => some(met, step => step.action === 'label'),
  'two BEs of one location at once': ({ waves }) =>
    waves.some(({ title, steps }) => title === 'restart BEs' && steps.length > 1),
  'leader elsewhere': ledElsewhere,
  'a killed run finished': met => met.triple.halfDone && met.waves.length > 0 && met.codes.size === 0,
  'several things in one order': met =>
    [['join', 'add'], ['restart'], ['remove', 'drain', 'convert']].every(actions =>
      some(met, step => actions.includes(step.action)),
    ),
  'compute nodes, refused': ({ codes }) => codes.has('E_COMPUTE_NODES'),
  'two things at once, refused': ({ codes }) => codes.has('E_VERSION_AND_MORE'),
  'outage, refused': ({ codes }) => codes.has('E_OUTAGE'),
  'outage, allowed': met => some(met, step => step.outage !== null),
  'a machine away': ({ triple }) => Object.values(triple.truth.world.hosts).some(host => !host.known),
};
