import { type Colour, type Style, styled } from './colour.ts';
import { bars } from './gantt.ts';
import { impactText } from './impact-text.ts';
import { problemText } from './problem-text.ts';
import { restOfRows } from './row-table.ts';
import type { HostOutcome, RunReport, StepOutcome } from './run-report.ts';
import { mysqlTable, padded, width } from './table.ts';
import { hostWord, isBad, took, verdict } from './verdict.ts';
import { visible } from './visible.ts';

const hostStyle: Record<HostOutcome, Style> = {
  applied: 'green',
  unchanged: 'dim',
  failed: 'red',
  'not-reached': 'yellow',
  maintenance: 'yellow',
  planned: 'cyan',
};

const stepStyle: Record<StepOutcome, Style> = {
  planned: 'cyan',
  running: 'cyan',
  done: 'green',
  failed: 'red',
  'not-begun': 'yellow',
};

/** The run as plain text for a terminal or a log, every line that is about a host beginning with it. */
export function terminal(report: RunReport, colour: Colour): string {
  const paint = (style: Style, text: string) => styled(colour, style, text);
  const blocks = [
    report.steps.map(step => {
      const time = took(step);
      const outcome = paint(stepStyle[step.outcome], padded(step.outcome, 9));
      return `${outcome} ${visible(step.title)}${time === '' ? '' : ` (${time})`}: ${visible(step.reason)}`;
    }),
    bars(report.timeline),
    report.timeline.length > 0 ? impactLines(report) : [],
    report.timeline.length > 0 ? rowLines(report) : [],
    report.dangers.map(danger => `${paint('yellow', 'warning')} ${visible(danger)}`),
    hostLines(report, paint),
    [mysqlTable(report.frontends), mysqlTable(report.backends)].filter(table => table !== ''),
    report.findings.map(({ node, kind, severity, expected, found, hint }) => {
      const style = severity === 'error' ? 'red' : 'yellow';
      const what = `${paint(style, kind)}: expected ${visible(expected)}, found ${visible(found)}`;
      return `${visible(node ?? report.cluster)}: ${what}\n    ${visible(hint)}`;
    }),
    report.diagnoses.map(
      ({ node, code, seen, cause, todo }) =>
        `${visible(node)}: ${paint('red', visible(code))} ${visible(cause)}\n    seen: ${visible(seen)}\n    ${visible(todo)}`,
    ),
    report.problems.map(problem => problemText(problem, colour)),
    [paint(isBad(report.outcome) ? 'red' : 'green', visible(verdict(report)))],
  ];
  return `${blocks
    .filter(block => block.length > 0)
    .map(block => block.join('\n'))
    .join('\n\n')}\n`;
}

/** One line for each wave that takes something away. */
const impactLines = ({ waves }: RunReport): string[] => {
  const lines = waves.flatMap(({ title, impact }) => {
    const told = impactText(impact);
    return told.length === 0 ? [] : [`${title}: ${told.join('; ')}`];
  });
  const shown = lines.slice(0, WAVES).map(visible);
  if (lines.length === 0) return [];
  const more = lines.length > WAVES ? [`and ${lines.length - WAVES} waves more like these`] : [];
  return ['Away meanwhile, and what is left:', ...shown, ...more];
};

const WAVES = 12;

/** What verify will hold the cluster to. */
function rowLines({ rows }: RunReport): string[] {
  if (rows === null) return [];
  const changes = rows.changes.map(({ row, before, after }) => `${row}: ${before ?? 'no row'} → ${after ?? 'no row'}`);
  return ['Rows of the cluster, before and after:', ...changes.map(visible), restOfRows(rows)];
}

function hostLines({ hosts }: RunReport, paint: (style: Style, text: string) => string): string[] {
  const longest = Math.max(0, ...hosts.map(host => width(visible(host.address))));
  return hosts.map(({ address, outcome, services, why }) => {
    const word = paint(hostStyle[outcome], padded(hostWord(outcome), 14));
    const rest = [services.join(', '), why].filter(part => part !== '').map(visible);
    return `${padded(visible(address), longest)}  ${word} ${rest.join(': ')}`.trimEnd();
  });
}
