import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The StarRocks release that a stand-in plays: STANDIN_VERSION, else what installStandIn wrote beside the bundle. */
export function readRelease(folder: string): string {
  return process.env['STANDIN_VERSION'] ?? readFileSync(`${folder}/release`, 'utf8').trim();
}

/** `3.3.15-b2be47a`: the release and the first characters of a commit, as the Version column has it. */
export function buildName(release: string): string {
  return `${release}-${createHash('sha1').update(release).digest('hex').slice(0, 7)}`;
}

/** Is `release` at or above `floor` (`3.3.4`)? */
export function isAtLeast(release: string, floor: string): boolean {
  const [left, right] = [release, floor].map(text => text.split(/[.-]/).map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (left?.[i] || 0) - (right?.[i] || 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
