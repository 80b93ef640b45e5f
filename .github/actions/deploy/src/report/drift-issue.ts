import { escaped, head, page, row, type Section } from './markdown.ts';
import type { RunReport } from './run-report.ts';
import { plural } from './verdict.ts';

const LIMIT = 65_536;

export const driftMarker = (cluster: string): string =>
  `<!-- starrocks-ha:drift ${cluster.replace(/[^\w-]/g, '').slice(0, 100)} -->`;

/** One thing that is not as declared; the same text as long as it is the same thing. */
export interface Drift {
  readonly where: string;
  readonly what: string;
}

/** What differs: machines that were not reached, what a deploy would do, and what the cluster says. */
export function drifts(report: RunReport): Drift[] {
  const unreached = report.hosts
    .filter(host => host.outcome === 'failed')
    .map(host => ({ where: host.address, what: host.why }));
  const told = new Set(unreached.map(one => one.where));
  const problems = report.problems
    .filter(problem => problem.host === null || !told.has(problem.host))
    .map(({ host, message }) => ({ where: host ?? 'cluster', what: message }));
  const steps = report.steps
    .filter(step => !step.title.startsWith('prepare '))
    .map(step => ({ where: step.host ?? 'cluster', what: `a deploy would ${step.title}: ${step.reason}` }));
  const findings = report.findings.map(({ node, kind, expected, found }) => ({
    where: node ?? 'cluster',
    what: `${kind}: expected ${expected}, found ${found}`,
  }));
  const all = [...unreached, ...problems, ...steps, ...findings];
  return [...new Map(all.map(drift => [key(drift), drift])).values()];
}

const key = ({ where, what }: Drift): string => `${where} ${what}`.slice(0, 160);

const DATA = /<!-- starrocks-ha:seen ([A-Za-z0-9+/=]*) -->/;

/** When each was first seen, as the issue itself remembers it. */
function seenBefore(body: string | null): Record<string, string> {
  try {
    const found = JSON.parse(Buffer.from(DATA.exec(body ?? '')?.[1] ?? '', 'base64').toString('utf8'));
    const entries = Object.entries(found).filter(([, since]) => typeof since === 'string');
    return Object.fromEntries(entries) as Record<string, string>;
  } catch {
    return {};
  }
}

/**
 * The drift issue of a cluster; null when all is as declared.
 * @param before its text until now, or null
 * @param now ISO 8601
 */
export function driftIssue(
  report: RunReport,
  before: string | null,
  now: string,
): { readonly title: string; readonly body: string } | null {
  const all = drifts(report);
  if (all.length === 0) return null;
  const seen = seenBefore(before);
  const since = Object.fromEntries(all.map(drift => [key(drift), seen[key(drift)] ?? now]));
  const gone = Object.keys(seen).filter(one => since[one] === undefined);
  const sections = [
    block(0, [
      driftMarker(report.cluster),
      `${plural(all.length, 'thing')} of ${escaped(report.cluster)} differ from cluster.yaml.`,
      '',
    ]),
    {
      rank: 2,
      lines: 'differences',
      before: head(['Where', 'What', 'Since']),
      body: all.map(drift => {
        const first = since[key(drift)] ?? now;
        const fresh = before !== null && seen[key(drift)] === undefined ? '🆕 ' : '';
        return row([
          `${fresh}${escaped(drift.where)}`,
          escaped(drift.what),
          escaped(first.slice(0, 16).replace('T', ' ')),
        ]);
      }),
      after: [''],
    },
    list(
      3,
      'Gone since the last look',
      gone.map(one => `- ~~${escaped(one)}~~`),
    ),
    block(1, [
      'To put it right: run the workflow **repair** with the verb `deploy` (or `diagnose`, to see causes first), or',
      '`npm run deploy` in a clone. This issue is kept up to date, and closed when nothing differs.',
      '',
      `<sub>Looked at ${escaped(now.slice(0, 16).replace('T', ' '))} UTC${report.commit === null ? '' : `, commit ${escaped(report.commit.slice(0, 12))}`}${report.run === null ? '' : `, ${escaped(report.run)}`}.</sub>`,
      `<!-- starrocks-ha:seen ${Buffer.from(JSON.stringify(bounded(since))).toString('base64')} -->`,
    ]),
  ];
  return {
    title: `${report.cluster} differs from cluster.yaml`,
    body: page(
      sections.filter(section => section.before.length + section.body.length > 0),
      LIMIT,
      'the job summary has all',
    ),
  };
}

/** The memory must never be what makes the text too long. */
const bounded = (since: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(since).slice(0, 100));

const block = (rank: number, before: readonly string[]): Section => ({ rank, lines: '', before, body: [], after: [] });

const list = (rank: number, title: string, body: readonly string[]): Section =>
  body.length === 0 ? block(rank, []) : { rank, lines: 'lines', before: [`**${title}**`, ''], body, after: [''] };
