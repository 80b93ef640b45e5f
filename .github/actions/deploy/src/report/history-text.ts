import type { AuditRecord } from './run-report.ts';
import { visible } from './visible.ts';

/** One run for a terminal: who did what, why, and where it is remembered. */
export function historyText(run: AuditRecord & { readonly hosts: readonly string[] }): string {
  const { started, mode, outcome, actor, run: where, commit, why, steps, hosts, problems, notes = [] } = run;
  // In a terminal the place says who.
  const from = where?.startsWith(`${actor}@`) === true ? [where] : [actor, where].filter(Boolean);
  const lines = [
    `${started.slice(0, 19).replace('T', ' ')} UTC  ${mode}: ${outcome}`,
    `  by ${from.join(', ') || 'somebody'}${commit === null ? '' : `, commit ${commit.slice(0, 12)}`}`,
    ...(why === null ? [] : [`  why: ${why}`]),
    ...steps.filter(step => step.started !== null).map(step => `  ${step.outcome}: ${step.title}`),
    ...[...notes, ...problems].map(line => `  ${line}`),
    `  kept on ${hosts.join(', ')}`,
  ];
  return lines.map(visible).join('\n');
}
