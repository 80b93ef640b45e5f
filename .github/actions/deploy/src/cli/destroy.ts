import { readDesired } from '../engine/desired.ts';
import { destroyCommands } from '../engine/destroy.ts';
import { hostsOf } from './run.ts';

/** Prints; nothing is run. */
export async function destroy(options: { readonly generated: string; readonly hosts?: string }): Promise<number> {
  const { cluster } = await readDesired(options.generated);
  process.stdout.write(destroyCommands(cluster, hostsOf(options)));
  return 0;
}
