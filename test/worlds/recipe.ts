import fc from 'fast-check';

/** Releases of the generated clusters; next to each other are those that StarRocks lets become each other, mostly. */
export const RELEASES = ['3.2.11', '3.3.18', '3.4.10', '3.5.5', '3.5.6', '4.0.4'] as const;

export interface HostRecipe {
  readonly fe: 'follower' | 'observer' | null;
  readonly be: number;
  /** 0: no label. */
  readonly rack: number;
}

/** What a person changes in cluster.yaml. `at` chooses among what can be changed in that way. */
export type Edit =
  | { readonly kind: 'conf'; readonly of: 'fe' | 'be' | 'app'; readonly at: number; readonly everywhere: boolean }
  | { readonly kind: 'host-added'; readonly host: HostRecipe }
  | { readonly kind: 'address-changed'; readonly at: number }
  | {
      readonly kind:
        | 'host-removed'
        | 'fe-added'
        | 'fe-removed'
        | 'be-added'
        | 'be-removed'
        | 'role-changed'
        | 'disk-added'
        | 'disk-removed'
        | 'master-moved'
        | 'maintenance'
        | 'be-port-moved';
      readonly at: number;
    }
  | { readonly kind: 'location'; readonly at: number; readonly rack: number }
  | { readonly kind: 'release'; readonly by: number }
  | { readonly kind: 'replication'; readonly to: number }
  | { readonly kind: 'fe-port-moved' };

/** What happened to the running cluster before anybody looked. `at` chooses among those that it can happen to. */
export interface Damage {
  readonly kind: (typeof DAMAGES)[number];
  readonly at: number;
}

export const DAMAGES = [
  'crash',
  'host-down',
  'leader-moves',
  'metadata-lost',
  'unreachable',
  'partial-metadata',
  'joins-just-now',
  'frontend-dropped',
  'frontend-added-again',
  'backend-dropped',
  'decommissioned',
  'switches-left-off',
  'unhealthy-tablets',
  'answer-lost',
  'power-cut',
  'storage-lost',
  'storage-replaced',
  'container-removed',
  'row-late',
  'silent',
  'disks-vacant',
  'compute-node-added',
] as const;

/** A cluster, what somebody wants it to become, and what the machines look like: numbers only, so that it shrinks well. */
export interface Recipe {
  readonly hosts: readonly HostRecipe[];
  readonly replication: number;
  readonly allow_outage: boolean;
  readonly password: boolean;
  /** Index into RELEASES. */
  readonly release: number;
  /** Nothing was ever deployed. */
  readonly fresh: boolean;
  readonly edits: readonly Edit[];
  readonly before: readonly Damage[];
  /** A run that somebody killed: after how many operations, and in which of its half-done states; null: none. */
  readonly killed: {
    readonly operations: number;
    readonly torn: number;
    /** cluster.yaml went back to what it was. */
    readonly reverted: boolean;
  } | null;
  readonly after: readonly Damage[];
}

const at = fc.nat({ max: 11 });

const host: fc.Arbitrary<HostRecipe> = fc.record({
  fe: fc.constantFrom('follower' as const, 'follower' as const, null, 'observer' as const),
  be: fc.constantFrom(1, 0, 1, 1, 2, 3),
  rack: fc.constantFrom(0, 0, 1, 2, 3),
});

const moves = [
  ...(['host-removed', 'fe-added', 'fe-removed', 'be-added', 'be-removed', 'role-changed', 'disk-added'] as const),
  ...(['disk-removed', 'master-moved', 'maintenance', 'be-port-moved'] as const),
];

const edit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('conf' as const),
      of: fc.constantFrom('fe' as const, 'be' as const, 'app' as const),
      at,
      everywhere: fc.boolean(),
    }),
  },
  { weight: 9, arbitrary: fc.record({ kind: fc.constantFrom(...moves), at }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('host-added' as const), host }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('address-changed' as const), at }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('location' as const), at, rack: fc.nat({ max: 3 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('release' as const), by: fc.constantFrom(1, -1, 1, -1, 2, -2) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('replication' as const), to: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.constant<Edit>({ kind: 'fe-port-moved' }) },
);

/** Which mean something only together with one kind of edit, and would seldom meet it. */
const SELDOM = ['unhealthy-tablets', 'unhealthy-tablets', 'unhealthy-tablets', 'disks-vacant'] as const;

const damages = (...kinds: readonly Damage['kind'][]): fc.Arbitrary<Damage[]> =>
  fc.array(fc.record({ kind: fc.constantFrom(...kinds), at }), { maxLength: 2 });

export const recipe: fc.Arbitrary<Recipe> = fc.record({
  hosts: fc.array(host, { minLength: 1, maxLength: 7 }),
  replication: fc.constantFrom(3, 1, 2, 3, 5, 4, 3),
  allow_outage: fc.boolean(),
  password: fc.boolean(),
  release: fc.nat({ max: RELEASES.length - 1 }),
  fresh: fc.integer({ min: 0, max: 19 }).map(number => number === 19),
  edits: fc.array(edit, { maxLength: 2 }),
  before: damages(...DAMAGES),
  killed: fc.option(fc.record({ operations: fc.nat({ max: 40 }), torn: fc.nat({ max: 3 }), reverted: fc.boolean() }), {
    freq: 2,
  }),
  after: damages(...DAMAGES, ...SELDOM, ...SELDOM, ...SELDOM),
});
