/** One thing that a run does to a machine or to the cluster, as it was seen on the wire. */
export interface Operation {
  /** `activate`, `SQL ADD FOLLOWER`: what a sample has to cover. */
  readonly kind: string;
  /** The same in every run that does the same: `activate starrocks-fe on 127.0.0.2`. */
  readonly what: string;
  /** More than a header goes to the machine, so that it can arrive by half. */
  readonly carries: boolean;
}

/** An operation and how often it has been begun before in the same run, from 1. */
export interface Position extends Operation {
  readonly nth: number;
}

/**
 * Where the connections of a run are cut: before the machine hears of the operation, when half of its request has
 * arrived, right after all of it has, or when it is done and the answer is on its way.
 */
export const CUTS = ['before', 'half', 'during', 'after'] as const;
export type Cut = (typeof CUTS)[number];

export const positionText = ({ what, nth }: Position): string => (nth === 1 ? what : `${what} #${nth}`);

/** Half a request is something else than none only where the payload counts. */
export const cutsAt = ({ carries }: Operation): readonly Cut[] => CUTS.filter(cut => carries || cut !== 'half');
