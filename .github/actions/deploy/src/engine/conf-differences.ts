import type { ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import { type HandMade, known, type World } from '../plan/world.ts';
import type { Desired } from './desired.ts';

/** Where logs go and how they roll is ours to say, and no reason to leave a cluster alone. */
const OURS = /^(sys_log_|audit_log_|internal_log_|big_query_log_|dump_log_|LOG_DIR|DATE|JAVA_OPTS|JAVA_HOME)/;

/** Compares the conf of hand-made containers with the compiled one, value by value, with variables filled in. */
export function withConfDifferences(desired: Desired, world: World): World {
  const hosts = Object.entries(world.hosts).map(([address, answer]) => {
    if (!answer.known || answer.value.by_hand.length === 0) return [address, answer] as const;
    const files = desired.files.get(address) ?? new Map<string, Buffer>();
    const by_hand = answer.value.by_hand.map(hand => ({ ...hand, conf_differs: differing(hand, files) }));
    return [address, known({ ...answer.value, by_hand })] as const;
  });
  return { ...world, hosts: Object.fromEntries(hosts) };
}

function differing(hand: HandMade, files: ReadonlyMap<string, Buffer>): string[] {
  const service = hand.service as ServiceName;
  const name = service.replace('starrocks-', '');
  const kind = name.startsWith('fe') ? 'fe' : 'be';
  const text = files.get(`conf/${name}/${kind}.conf`)?.toString('utf8');
  if (text === undefined) return [];
  if (hand.conf === null) return [`its ${kind}.conf could not be read`];
  const env = keys(files.get(`${service}.env`)?.toString('utf8') ?? '', {});
  const wanted = keys(text, { STARROCKS_HOME: `/opt/starrocks/${kind}`, ...Object.fromEntries(env) });
  const found = keys(hand.conf, { STARROCKS_HOME: `/opt/starrocks/${kind}`, ...hand.env });
  const names = new Set([...wanted.keys(), ...found.keys()].filter(key => !OURS.test(key)));
  const values = [...names]
    .filter(key => wanted.get(key) !== found.get(key))
    .map(
      key => `${kind}.conf: ${key} is ${found.get(key) ?? 'not set'}, and ${wanted.get(key) ?? 'nothing'} is compiled`,
    );
  return kind === 'fe' ? [...values, ...otherHeap(heapMib(wanted), heapMib(found))] : values;
}

/** The next restart would be with ours: another heap may not fit beside what else runs there. */
const otherHeap = (wanted: number, found: number): string[] =>
  wanted === found ? [] : [`fe.conf: the heap (-Xmx) is ${found} MiB, and ${wanted} MiB is compiled`];

/** start_fe.sh takes 8192 MiB where nothing is said; of several the last counts, as for Java. */
function heapMib(conf: ReadonlyMap<string, string>): number {
  const last = [...(conf.get('JAVA_OPTS') ?? '').matchAll(/-Xmx(\d+)([kmgt]?)\b/gi)].at(-1);
  if (last === undefined) return 8192;
  return (Number(last[1]) * 1024 ** ' kmgt'.indexOf(last[2]?.toLowerCase() || ' ')) / 2 ** 20;
}

/** `key = value` lines, with ${VARIABLES} filled in as StarRocks does. */
function keys(text: string, env: Readonly<Record<string, string>>): Map<string, string> {
  return new Map(
    text.split('\n').flatMap(line => {
      const match = /^\s*([A-Za-z_][\w.]*)\s*=\s*(.*?)\s*$/.exec(line);
      if (match === null) return [];
      const value = (match[2] ?? '').replace(/\$\{(\w+)\}/g, (whole, name: string) => env[name] ?? whole);
      return [[match[1] ?? '', value] as const];
    }),
  );
}
