import type { Impact } from '../plan/impact.ts';

const SHOWN = 4;

/** Who is away during a wave and what is left, one clause each; [] when it takes nothing away. */
export function impactText(impact: Impact | null): string[] {
  if (impact === null || impact.down.length === 0) return [];
  const { down, quorum, replicas, next_failure } = impact;
  const names =
    down.length <= SHOWN ? down.join(', ') : `${down.slice(0, SHOWN).join(', ')} and ${down.length - SHOWN} more`;
  const fe = down.some(node => node.endsWith('/starrocks-fe'));
  return [
    names,
    ...(fe && quorum !== null ? [`${quorum.up} of ${quorum.all} followers up, ${quorum.needed} needed`] : []),
    ...(replicas !== null && replicas.away > 0
      ? [`${replicas.away} BE away, ${replicas.left} of ${replicas.all} replicas left`]
      : []),
    ...(next_failure === null ? [] : [next_failure]),
  ];
}
