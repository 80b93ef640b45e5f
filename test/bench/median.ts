/** Seconds that one call takes, for each of `times` calls after a warm-up, shortest first. */
export async function seconds(times: number, work: () => Promise<unknown> | unknown): Promise<number[]> {
  await work();
  const taken: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const start = performance.now();
    await work();
    taken.push((performance.now() - start) / 1000);
  }
  return taken.sort((a, b) => a - b);
}

export const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;

/** `0.512 s (0.498 to 0.611)`. */
export const shown = (sorted: readonly number[]): string =>
  `${median(sorted).toFixed(3)} s (${sorted[0]?.toFixed(3)} to ${sorted.at(-1)?.toFixed(3)})`;
