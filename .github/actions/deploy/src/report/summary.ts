import type { Problem } from '../error.ts';
import type { Finding } from '../verify/finding.ts';
import { escaped, fenced, head, page, row, runLink, type Section } from './markdown.ts';
import { rowTable } from './row-table.ts';
import type { HostOutcome, RunReport, StepOutcome } from './run-report.ts';
import { hostWord, isBad, took, verdict } from './verdict.ts';
import { waveTable } from './wave-table.ts';

/** A step's summary beyond this is thrown away as a whole by the runner. */
const summaryLimit = 1024 * 1024;

/**
 * The run as GitHub markdown: verdict, what changed and why, in which order, every host's outcome, and the FE and BE
 * tables with StarRocks' own columns.
 * @param limit bytes; what does not fit is cut between lines, and said
 */
export function summary(report: RunReport, limit = summaryLimit): string {
  const sections = [
    text(0, [`## ${isBad(report.outcome) ? '❌' : '✅'} ${escaped(verdict(report))}`, '']),
    text(0, report.why === null ? [] : [`By ${escaped(report.actor ?? 'somebody')}: ${escaped(report.why)}`, '']),
    dangers(report.dangers),
    problems(report.problems),
    diagnoses(report.diagnoses),
    findings(report.findings),
    waveTable(report.waves),
    rowTable(report.rows),
    hosts(report),
    steps(report),
    rows('SHOW FRONTENDS', 7, report.frontends),
    rows('SHOW BACKENDS', 8, report.backends),
    text(1, footer(report)),
  ];
  return page(
    sections.filter(section => section.before.length + section.body.length > 0),
    limit,
    'the log of this step has all',
  );
}

const text = (rank: number, before: readonly string[]): Section => ({ rank, lines: '', before, body: [], after: [] });

const nothing = text(0, []);

function list(rank: number, lines: string, title: string, body: readonly string[]): Section {
  return body.length === 0 ? nothing : { rank, lines, before: [`### ${title}`, ''], body, after: [''] };
}

function table(rank: number, lines: string, title: string, names: readonly string[], body: readonly string[]): Section {
  if (body.length === 0) return nothing;
  return { rank, lines, before: [`### ${title}`, '', ...head(names)], body, after: [''] };
}

function dangers(all: RunReport['dangers']): Section {
  if (all.length === 0) return nothing;
  return {
    rank: 3,
    lines: 'warnings',
    before: ['> [!WARNING]'],
    body: all.map(one => `> ${escaped(one)}  `),
    after: [''],
  };
}

const problems = (all: readonly Problem[]): Section =>
  list(
    2,
    'problems',
    'Problems',
    all.map(({ code, host, step, message, hint, detail = [] }) => {
      const where = [host, step].filter(part => part !== null).map(part => `${escaped(part)}: `);
      const text = `- \`${code}\` ${where.join('')}${escaped(message)} **${escaped(hint)}**`;
      return [text, ...fenced(detail).map(line => `  ${line}`)].join('\n');
    }),
  );

const findings = (all: readonly Finding[]): Section =>
  table(
    4,
    'findings',
    'What differs from the declaration',
    ['Node', 'Kind', 'Expected', 'Found', 'What to do'],
    all.map(({ node, kind, severity, expected, found, hint }) =>
      row([
        escaped(node ?? 'cluster'),
        severity === 'warning' ? `${kind} (warning)` : kind,
        ...[expected, found, hint].map(escaped),
      ]),
    ),
  );

const diagnoses = (all: RunReport['diagnoses']): Section =>
  table(
    3,
    'diagnoses',
    'Most likely causes',
    ['Node', 'Seen', 'Cause', 'What to do'],
    all.map(({ node, code, seen, cause, todo }) =>
      row([`${escaped(node)}<br>\`${code}\``, escaped(seen), escaped(cause), `**${escaped(todo)}**`]),
    ),
  );

const hostMark: Record<HostOutcome, string> = {
  applied: '✅',
  unchanged: '➖',
  failed: '❌',
  'not-reached': '⏹️',
  maintenance: '🔧',
  planned: '📝',
};

const hosts = ({ hosts: all }: RunReport): Section =>
  table(
    5,
    'hosts',
    'Hosts',
    ['Host', 'Outcome', 'Services', 'Why'],
    all.map(({ address, outcome, services, why }) =>
      row([
        escaped(address),
        `${hostMark[outcome]} ${hostWord(outcome)}`,
        services.map(escaped).join(', '),
        escaped(why),
      ]),
    ),
  );

const stepMark: Record<StepOutcome, string> = {
  planned: '📝 planned',
  running: '⏳ running',
  done: '✅ done',
  failed: '❌ failed',
  'not-begun': '⏹️ not begun',
};

const steps = ({ steps: all }: RunReport): Section =>
  table(
    6,
    'steps',
    'Steps, in their order',
    ['#', 'Step', 'Why', 'Outcome', 'Took'],
    all.map((step, at) =>
      row([String(at + 1), escaped(step.title), escaped(step.reason), stepMark[step.outcome], took(step)]),
    ),
  );

function rows(statement: string, rank: number, all: RunReport['frontends']): Section {
  const [first] = all;
  if (first === undefined) return nothing;
  const names = [...new Set(all.flatMap(one => Object.keys(one)))];
  return {
    rank,
    lines: `rows of ${statement}`,
    before: ['<details open>', `<summary>${statement}</summary>`, '', ...head(names.map(escaped))],
    body: all.map(one => row(names.map(name => escaped(one[name] ?? '')))),
    after: ['', '</details>', ''],
  };
}

function footer({ mode, version, commit, run, plan_digest, counters }: RunReport): string[] {
  const facts = [
    escaped(`${mode} of StarRocks ${version}`),
    commit === null ? null : escaped(`commit ${commit}`),
    run === null ? null : `run ${runLink(run)}`,
    plan_digest === null ? null : escaped(`plan ${plan_digest}`),
    ...Object.entries(counters).map(([name, count]) => escaped(`${count} ${name}`)),
  ];
  return [`<sub>${facts.filter(fact => fact !== null).join(' · ')}</sub>`];
}
