import { setTimeout as wait } from 'node:timers/promises';

const speed = Number(process.env['STANDIN_SPEED'] ?? '1') || 1;

/**
 * A period of the real StarRocks (ms), divided by STANDIN_SPEED. `floor` keeps time limits above what a busy machine
 * needs for one answer.
 */
export const scaled = (ms: number, floor = 0): number => Math.max(floor, ms / speed);

export const sleep = (ms: number): Promise<void> => wait(ms);
