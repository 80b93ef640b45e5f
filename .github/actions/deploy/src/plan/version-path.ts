/** `3.3.18` of `3.3.18-0fee310`, as rows say it; a release candidate keeps its name. */
export const releaseOf = (version: string): string => version.replace(/-[0-9a-f]{7,}$/, '');

/** The release that an image's tag names, or null: a digest alone, or a tag of somebody's own, says nothing. */
export const releaseOfImage = (image: string): string | null =>
  /:(\d+\.\d+\.\d+(?:-rc\d+)?)(?:[-@]|$)/.exec(image)?.[1] ?? null;

type Numbers = readonly [major: number, minor: number, patch: number, candidate: number];

function numbers(release: string): Numbers {
  const [, major, minor, patch, candidate] = /^(\d+)\.(\d+)\.(\d+)(?:-rc(\d+))?/.exec(release) ?? [];
  // A candidate comes before its release.
  return [Number(major), Number(minor), Number(patch), Number(candidate ?? Number.POSITIVE_INFINITY)];
}

/** Below 0: `a` is older than `b`. */
export function compareReleases(a: string, b: string): number {
  if (a === b) return 0;
  const other = numbers(b);
  for (const [at, number] of numbers(a).entries()) {
    if (number !== other[at]) return number < (other[at] ?? 0) ? -1 : 1;
  }
  return 0;
}

/** The last minor release of a major one, where the next is already known. */
const LAST_OF_MAJOR: ReadonlyMap<number, number> = new Map([
  [2, 5],
  [3, 5],
]);

function follows([major, minor]: Numbers, [fromMajor, fromMinor]: Numbers): boolean {
  if (major === fromMajor) return minor === fromMinor + 1;
  return major === fromMajor + 1 && minor === 0 && LAST_OF_MAJOR.get(fromMajor) === fromMinor;
}

export interface Detour {
  /** One clause. */
  readonly why: string;
  /** What to write into cluster.yaml instead, or to do before; a sentence. */
  readonly instead: string;
}

/**
 * Why a cluster must not go from one release to the other directly; null when it may. From StarRocks' documentation
 * (deployment/upgrade.md, deployment/downgrade.md) and its release notes.
 */
export function detour(from: string, to: string): Detour | null {
  const up = compareReleases(from, to) < 0;
  const [old, wanted] = [numbers(from), numbers(to)];
  const sameSeries = old[0] === wanted[0] && old[1] === wanted[1];
  const [lower, higher] = up ? [old, wanted] : [wanted, old];
  if (!sameSeries && !follows(higher, lower)) {
    return {
      why: 'StarRocks goes from one minor release to the next, and leaves none out',
      instead: `Write a release of the series ${up ? 'after' : 'before'} ${old[0]}.${old[1]}, deploy, and go on from there.`,
    };
  }
  return RULES.find(rule => rule.applies(from, to))?.detour ?? null;
}

interface Rule {
  readonly applies: (from: string, to: string) => boolean;
  readonly detour: Detour;
}

const series = (release: string): string => release.split('.').slice(0, 2).join('.');
const atLeast = (release: string, floor: string): boolean => compareReleases(release, floor) >= 0;

/** A downgrade within or into `into` that would end below `floor`, from `since` on. */
const floor = (since: string, into: string, lowest: string): Rule => ({
  applies: (from, to) =>
    compareReleases(from, to) > 0 && atLeast(from, since) && series(to) === into && !atLeast(to, lowest),
  detour: {
    why: `from ${since} on, metadata can be read by ${lowest} and later only`,
    instead: `Write ${lowest} or a later release of ${into}.`,
  },
});

const RULES: readonly Rule[] = [
  {
    applies: (from, to) => series(from) === '3.4' && series(to) === '3.5' && !atLeast(from, '3.4.10'),
    detour: {
      why: 'StarRocks asks for 3.4.10 or a later release before 3.5',
      instead: 'Write 3.4.10 or a later release of 3.4, deploy, and go on from there.',
    },
  },
  {
    applies: (from, to) => series(from) === '3.3' && series(to) === '3.2',
    detour: {
      why: 'all schema changes must be finished and forgotten before 3.2 can read the metadata, which only a person can see to',
      instead: 'Follow StarRocks’ documentation of this downgrade by hand.',
    },
  },
  floor('3.4.0', '3.3', '3.3.9'),
  floor('3.5.0', '3.4', '3.4.6'),
  floor('3.5.2', '3.5', '3.5.2'),
  floor('4.0.2', '3.5', '3.5.11'),
  floor('4.0.0', '3.5', '3.5.2'),
  floor('4.0.2', '4.0', '4.0.2'),
];
