import { parentPort } from 'node:worker_threads';
import { checkWorlds } from './check-worlds.ts';

/** Checks the slices that it is given, one after the other, and says how each went. */
parentPort?.on('message', ({ seed, runs }: { readonly seed: number; readonly runs: number }) => {
  parentPort?.postMessage(checkWorlds(seed, runs));
});
