import type { HostRow } from '../review/host-rows.ts';

/** Above this a drawing says nothing any more. */
const DRAWN = 50;

/** Mermaid reads quotes, brackets, `%%` and words such as `end`: nothing of them gets into a label. */
const label = (text: string): string => text.replace(/[^A-Za-z0-9 .,:-]/g, '').slice(0, 60);

const CLASS: Partial<Record<HostRow['change'], string>> = {
  new: 'fresh',
  changed: 'changing',
  gone: 'gone',
  maintenance: 'resting',
};

/** The cluster as a drawing, with what is new or changing marked; null when it is too large. */
export function mermaid(hosts: readonly HostRow[]): string[] | null {
  if (hosts.length > DRAWN) return null;
  return [
    'flowchart LR',
    ...hosts.map((host, at) => {
      const kind = CLASS[host.change];
      const mark = kind === undefined ? '' : `:::${kind}`;
      const word = host.change === 'unchanged' ? '' : `<br/>${host.change}`;
      return `  h${at}["${label(host.address)}<br/>${label(host.role)}${word}"]${mark}`;
    }),
    ...rows(hosts.length),
    '  classDef fresh stroke:#1a7f37,stroke-width:3px',
    '  classDef changing stroke:#bf8700,stroke-width:3px',
    '  classDef gone stroke:#cf222e,stroke-width:3px,stroke-dasharray:5 5',
    '  classDef resting stroke-dasharray:2 2',
  ];
}

/** Machines in rows: with nothing between them, they would stand one below the other. */
const COLUMNS = 4;

function rows(count: number): string[] {
  const starts = Array.from({ length: Math.ceil(count / COLUMNS) }, (_, at) => at * COLUMNS);
  return starts
    .map(start => Array.from({ length: Math.min(COLUMNS, count - start) }, (_, at) => `h${start + at}`))
    .filter(row => row.length > 1)
    .map(row => `  ${row.join(' ~~~ ')}`);
}
