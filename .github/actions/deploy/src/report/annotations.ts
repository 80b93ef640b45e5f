import type { RunReport } from './run-report.ts';
import { shortened, visible } from './visible.ts';

/** What one call of @actions/core's error, warning or notice is made of. */
export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice';
  readonly title: string;
  readonly message: string;
  /** Place in the repository, from 1; none: the run as a whole. */
  readonly file?: string;
  readonly startLine?: number;
  readonly endLine?: number;
  readonly startColumn?: number;
  readonly endColumn?: number;
}

/** GitHub keeps ten of each level per step, and this many characters of a message; both are cut without a word. */
const kept = 10;
const longest = 4096;

/** Problems and findings as annotations, worst first; the tenth of a level says how many more there are. */
export function annotations(report: RunReport): Annotation[] {
  const all: Annotation[] = [
    ...report.problems.map(({ code, host, step, message, hint, detail = [] }) =>
      annotation('error', [code, host, step].filter(part => part !== null).join(', '), [
        `${message} ${hint}`,
        ...detail,
      ]),
    ),
    ...report.findings.map(({ kind, severity, node, expected, found, hint }) =>
      annotation(severity, `${kind}, ${node ?? report.cluster}`, [`Expected ${expected}, found ${found}. ${hint}`]),
    ),
    ...report.dangers.map(danger => annotation('warning', report.cluster, [danger])),
  ];
  return bounded(all);
}

/** As many of each level as GitHub keeps; the tenth says how many more there are, and that the job summary has them. */
export const bounded = (all: readonly Annotation[]): Annotation[] =>
  (['error', 'warning', 'notice'] as const).flatMap(level => fitting(all.filter(one => one.level === level)));

const annotation = (level: Annotation['level'], title: string, lines: readonly string[]): Annotation => ({
  level,
  title: shortened(visible(title), 200),
  message: shortened(lines.map(visible).join('\n'), longest - 100),
});

function fitting(all: readonly Annotation[]): readonly Annotation[] {
  const last = all[kept - 1];
  if (last === undefined || all.length <= kept) return all;
  const message = `… and ${all.length - kept + 1} more; the job summary has them all.`;
  return [...all.slice(0, kept - 1), { ...last, title: 'More of the same level', message }];
}
