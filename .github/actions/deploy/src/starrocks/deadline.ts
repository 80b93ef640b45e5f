/**
 * The outcome of `work`, or `late()` thrown when it takes longer than `ms`. What `work` does after that is ignored;
 * `late` is the place to cut it off.
 */
export async function deadline<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([work, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
