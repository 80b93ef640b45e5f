import type { BeData } from '../plan/world.ts';

/** How fast tablets leave a BE since its drain began, and how long the rest takes at that pace; '' when nobody can say. */
export function drainPace(left: number, { tablets, seconds }: NonNullable<BeData['drain']>): string {
  const moved = tablets - left;
  if (left === 0 || seconds === 0) return '';
  if (moved <= 0) return `, none moved away in ${span(seconds)}`;
  return `, ${moved} moved away in ${span(seconds)}: about ${span((left * seconds) / moved)} to go`;
}

/** `45 s`, `12 min`, `3 h`, `2 days`: nobody plans a drain by the second. */
function span(seconds: number): string {
  const units = [
    [86_400, 'days'],
    [3600, 'h'],
    [60, 'min'],
  ] as const;
  const [size, unit] = units.find(([length]) => seconds >= 2 * length) ?? [1, 's'];
  return `${Math.round(seconds / size)} ${unit}`;
}
