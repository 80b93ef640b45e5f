import type { Finding } from '../diagnostics/finding.ts';
import type { Draft, DraftHost } from './draft.ts';
import { gibibyte, mebibyte, parsePercentage, parseSize, renderSize } from './size.ts';

/** How the memory of one machine is shared out. */
export interface MemoryPlan {
  readonly heap_mib: number;
  /** Container limit of the FE in bytes, 0 for none. */
  readonly fe_container: number;
  /** By index. */
  readonly be: readonly { readonly mem_limit: string; readonly container: number }[];
}

// StarRocks' own defaults, 8 GB of heap and 90 % for the BE, together kill a machine that carries both.
const heapAlone = 8 * gibibyte;
const heapBesideBe = 4 * gibibyte;
const percentAlone = 90;
const percentBesideFe = 70;
/** With less than this left for the FE, a BE that uses what it may has the kernel kill one of them. */
const mostPercentBesideFe = 80;
/** Of `resources.memory`: the rest is for what neither heap nor BE limit counts. */
const usable = 0.9;

export function planMemory(host: DraftHost): MemoryPlan {
  return host.memory === undefined ? planWithoutTotal(host) : planWithTotal(host, host.memory.value);
}

export function checkMemory({ hosts }: Draft): Finding[] {
  return hosts.flatMap(host =>
    host.memory === undefined ? checkWithoutTotal(host) : checkWithTotal(host, host.memory.value),
  );
}

function planWithoutTotal({ fe, be, fe_heap }: DraftHost): MemoryPlan {
  const heap = fe_heap?.value ?? (be.length > 0 ? heapBesideBe : heapAlone);
  const percent = Math.max(Math.floor((fe === null ? percentAlone : percentBesideFe) / Math.max(be.length, 1)), 1);
  return {
    heap_mib: Math.floor(heap / mebibyte),
    fe_container: 0,
    be: be.map(({ mem_limit }) => ({ mem_limit: mem_limit?.value ?? `${percent}%`, container: 0 })),
  };
}

function planWithTotal(host: DraftHost, total: number): MemoryPlan {
  const { heap, limits } = amounts(host, total);
  const ofBes = limits.reduce((sum, limit) => sum + limit, 0);
  return {
    heap_mib: Math.floor(heap / mebibyte),
    // A container may use what is not promised to the others: a JVM and a BE need more than heap and limit.
    fe_container: host.fe === null ? 0 : total - ofBes,
    be: limits.map(limit => ({ mem_limit: renderSize(limit), container: total - heap - (ofBes - limit) })),
  };
}

/** Bytes that heap and BE limits come to. A percentage is of `total`: StarRocks would take it of the whole machine. */
function amounts({ fe, be, fe_heap }: DraftHost, total: number): { heap: number; limits: number[] } {
  const heap = fe === null ? 0 : (fe_heap?.value ?? Math.floor(Math.min(heapAlone, total / 4) / mebibyte) * mebibyte);
  const written = be.map(({ mem_limit }) => (mem_limit === undefined ? undefined : bytesOf(mem_limit.value, total)));
  const promised = written.reduce<number>((sum, limit) => sum + (limit ?? 0), 0);
  const open = written.filter(limit => limit === undefined).length;
  const share = (total * usable - heap - promised) / Math.max(open, 1);
  return { heap, limits: written.map(limit => wholeUnits(limit ?? Math.max(share, 0))) };
}

function bytesOf(limit: string, total: number): number {
  const percent = parsePercentage(limit);
  return percent === undefined ? (parseSize(limit) ?? 0) : (total * percent) / 100;
}

const wholeUnits = (bytes: number): number => {
  const unit = bytes >= gibibyte ? gibibyte : mebibyte;
  return Math.floor(bytes / unit) * unit;
};

function checkWithTotal(host: DraftHost, total: number): Finding[] {
  const { heap, limits } = amounts(host, total);
  const sum = heap + limits.reduce((all, limit) => all + limit, 0);
  const starved = limits.some(limit => limit === 0);
  if (sum <= total && !starved) return [];
  const at =
    host.be.find(({ mem_limit }) => mem_limit !== undefined)?.mem_limit?.at ??
    host.fe_heap?.at ??
    host.memory?.at ??
    host.at;
  const parts = [
    ...(heap > 0 ? [`${amount(heap)} of FE heap`] : []),
    ...limits.map((limit, index) => `${amount(limit)} for BE ${index}`),
  ];
  const message =
    starved && sum <= total
      ? `${on(host)}\`resources.memory\` (${amount(total)}) leaves nothing for a BE: ${parts.join(', ')}.`
      : `${on(host)}${parts.join(' and ')} are more than \`resources.memory\` (${amount(total)}).`;
  return [
    {
      code: 'E_MEMORY',
      at,
      message,
      hint: 'Lower `be.mem_limit` or `resources.fe_heap`, or leave them out: they then follow from `resources.memory`.',
      ...(host.memory === undefined ? {} : { related: [{ at: host.memory.at, message: '`resources.memory`' }] }),
    },
  ];
}

function checkWithoutTotal(host: DraftHost): Finding[] {
  const at = host.be.find(({ mem_limit }) => mem_limit !== undefined)?.mem_limit?.at;
  if (at === undefined) return [];
  const percents = planMemory(host).be.map(({ mem_limit }) => parsePercentage(mem_limit) ?? 0);
  const sum = percents.reduce((all, percent) => all + percent, 0);
  if (sum > 100) {
    return [
      {
        code: 'E_MEMORY',
        at,
        message: `${on(host)}the BEs together may use ${sum} % of the machine's memory.`,
        hint: `Write at most ${Math.floor((host.fe === null ? percentAlone : percentBesideFe) / percents.length)}% for each${host.fe === null ? '' : ', beside the FE'}.`,
      },
    ];
  }
  if (host.fe === null || sum <= mostPercentBesideFe) return [];
  return [
    {
      code: 'W_MEMORY_SHARED',
      at,
      message: `${on(host)}${sum} % of the memory for BEs leave too little for the FE beside them.`,
      hint: `Leave \`mem_limit\` out (${percentBesideFe}% beside an FE), or say what there is with \`resources.memory\`.`,
    },
  ];
}

const on = ({ address }: DraftHost): string => (address === undefined ? '' : `On ${address.value}, `);
const amount = (bytes: number): string =>
  bytes >= gibibyte ? `${Number((bytes / gibibyte).toFixed(1))} GiB` : `${Math.floor(bytes / mebibyte)} MiB`;
