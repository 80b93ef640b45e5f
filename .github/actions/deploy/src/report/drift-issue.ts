import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { escaped, head, page, row, runLink, type Section } from './markdown.ts';
import type { RunReport } from './run-report.ts';
import { plural } from './verdict.ts';

const LIMIT = 65_536;

export const driftMarker = (cluster: string): string =>
  `<!-- starrocks-ha:drift ${cluster.replace(/[^\w-]/g, '').slice(0, 100)} -->`;

/** One thing that is not as declared. */
export interface Drift {
  readonly where: string;
  readonly what: string;
  /** The same as long as it is the same thing: without reasons and counts, which change from look to look. */
  readonly name: string;
}

/** What differs: machines that were not reached, what a deploy would do, and what the cluster says. */
export function drifts(report: RunReport): Drift[] {
  if (report.outcome === 'converged') return [];
  const problems = report.problems.map(({ host, code, message }) => ({
    where: host ?? 'cluster',
    what: message,
    name: code,
  }));
  const told = new Set(problems.map(one => one.where));
  const unreached = report.hosts
    .filter(({ outcome, address }) => outcome === 'failed' && !told.has(address))
    .map(host => ({ where: host.address, what: host.why, name: 'not reached' }));
  const steps = report.steps
    .filter(step => !step.title.startsWith('prepare '))
    .map(({ host, title, reason }) => {
      const name = `a deploy would ${title}`;
      return { where: host ?? 'cluster', what: `${name}: ${reason}`, name };
    });
  const findings = report.findings
    // Declared: the machine is in maintenance.
    .filter(({ kind, severity }) => kind !== 'dead' || severity === 'error')
    .map(({ node, kind, expected, found }) => ({
      where: node ?? 'cluster',
      what: `${kind}: expected ${expected}, found ${found}`,
      name: kind,
    }));
  const all = [...unreached, ...problems, ...steps, ...findings];
  return [...new Map(all.map(drift => [`${drift.where} ${drift.what}`, drift])).values()];
}

const key = ({ where, name }: Drift): string => `${where} ${name}`.slice(0, 160);

const DATA = /<!-- starrocks-ha:seen ([A-Za-z0-9+/=]*) -->/;

/** When each was first seen, as the issue itself remembers it. */
function seenBefore(body: string | null): Record<string, string> {
  try {
    const packed = Buffer.from(DATA.exec(body ?? '')?.[1] ?? '', 'base64');
    const found = JSON.parse(inflateRawSync(packed, { maxOutputLength: MEMORY_UNPACKED }).toString('utf8'));
    const entries = Object.entries(found).filter(([, since]) => typeof since === 'string');
    return Object.fromEntries(entries) as Record<string, string>;
  } catch {
    return {};
  }
}

/** Characters, so that it is never the memory what makes the text too long. */
const MEMORY = 24_000;
/** Whoever may edit the issue must not fill this program's memory. */
const MEMORY_UNPACKED = 4 * 2 ** 20;

/** As many of the first as there is room for. */
function memory(since: Readonly<Record<string, string>>): string {
  const entries = Object.entries(since);
  for (let count = entries.length; ; count = Math.floor(count / 2)) {
    const text = JSON.stringify(Object.fromEntries(entries.slice(0, count)));
    const packed = deflateRawSync(text).toString('base64');
    if (packed.length <= MEMORY) return packed;
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
      rank: 3,
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
    list(2, 'Gone since the last look', [
      ...gone.slice(0, GONE).map(one => `- ~~${escaped(one)}~~`),
      ...(gone.length > GONE ? [`- and ${gone.length - GONE} more`] : []),
    ]),
    block(1, [
      'To put it right: run the workflow **repair** with the verb `deploy` (or `diagnose`, to see causes first), or',
      '`npm run deploy` in a clone. This issue is kept up to date, and closed when nothing differs.',
      '',
      `<sub>Looked at ${escaped(now.slice(0, 16).replace('T', ' '))} UTC${report.commit === null ? '' : `, commit ${escaped(report.commit.slice(0, 12))}`}${report.run === null ? '' : `, run ${runLink(report.run)}`}.</sub>`,
      `<!-- starrocks-ha:seen ${memory(since)} -->`,
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

/** They must not take the room of what is there. */
const GONE = 50;

const block = (rank: number, before: readonly string[]): Section => ({ rank, lines: '', before, body: [], after: [] });

const list = (rank: number, title: string, body: readonly string[]): Section =>
  body.length === 0 ? block(rank, []) : { rank, lines: 'lines', before: [`**${title}**`, ''], body, after: [''] };
