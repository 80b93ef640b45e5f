import type { Problem } from '../error.ts';
import { stepTitle } from '../plan/step.ts';
import type { FileChange } from '../review/file-changes.ts';
import type { HostRow } from '../review/host-rows.ts';
import type { Review, ReviewedWave } from '../review/review.ts';
import type { SettingChange } from '../review/setting-changes.ts';
import { gantt } from './gantt.ts';
import { escaped, fenced, head, page, row, type Section } from './markdown.ts';
import { mermaid } from './mermaid.ts';
import { rowTable } from './row-table.ts';
import { plural } from './verdict.ts';
import { waveTable } from './wave-table.ts';

/** GitHub refuses a longer comment as a whole (422). */
const COMMENT_LIMIT = 65_536;

/** By which the comment is found again; a cluster's name is `[a-z0-9-]`. */
export const commentMarker = (cluster: string): string =>
  `<!-- starrocks-ha:plan ${cluster.replace(/[^\w-]/g, '').slice(0, 100)} -->`;

export interface CommentContext {
  /** Commits that were compared, 40 hex digits. */
  readonly commit: string;
  readonly base: string;
  /** What else has to be said first: generated/ is stale … */
  readonly warnings?: readonly string[];
}

/**
 * The plan for people: verdict and dangers first, then what happens to which machine, in which order, and what is left
 * of quorum and replicas meanwhile.
 * @param limit bytes, which are never fewer than characters
 */
export function comment(review: Review, context: CommentContext, limit = COMMENT_LIMIT): string {
  const warnings = context.warnings ?? [];
  if (review.nothing && warnings.length === 0) {
    return [commentMarker(review.cluster), `✅ **${title(review)}** ${forCommit(context)}`, ''].join('\n');
  }
  const sections = [
    block(0, [commentMarker(review.cluster), `## ${mark(review)} ${title(review)}`, '']),
    alerts('CAUTION', 1, warnings),
    problems(review.problems),
    alerts('WARNING', 2, review.dangers),
    hosts(review.hosts),
    settings(review.settings),
    waves(review.waves),
    rowTable(review.rows),
    drawing(
      mermaid(review.hosts),
      'Drawing of the cluster',
      `A drawing of ${review.hosts.length} machines would say nothing.`,
    ),
    drawing(gantt(review.timeline), 'Expected time', ''),
    diffs(review.changes),
    block(1, [footer(review, context), '']),
  ];
  return page(
    sections.filter(section => section.before.length + section.body.length > 0),
    limit,
    limit === COMMENT_LIMIT ? 'the job summary has all' : 'the diff of generated/ has all',
  );
}

/** In the place of an earlier plan, which holds no longer: no plan could be made. */
export const failedComment = (cluster: string, problem: Problem, commit: string): string =>
  [
    commentMarker(cluster),
    `## ❌ ${escaped(cluster)}: no plan could be made`,
    '',
    '> [!CAUTION]',
    reason(problem),
    '> An earlier plan that stood here is void.  ',
    '',
    forCommit({ commit }),
    '',
  ].join('\n');

const mark = ({ problems, dangers }: Review): string => (problems.length > 0 ? '❌' : dangers.length > 0 ? '⚠️' : '📝');

const title = ({ cluster, headline }: Review): string => `${escaped(cluster)}: ${escaped(headline)}`;

const block = (rank: number, before: readonly string[]): Section => ({ rank, lines: '', before, body: [], after: [] });

const nothing = block(0, []);

function alerts(kind: 'CAUTION' | 'WARNING', rank: number, all: readonly string[]): Section {
  if (all.length === 0) return nothing;
  return {
    rank,
    lines: 'warnings',
    before: [`> [!${kind}]`],
    body: all.map(one => `> ${escaped(one)}  `),
    after: [''],
  };
}

function problems(all: readonly Problem[]): Section {
  if (all.length === 0) return nothing;
  return {
    rank: 1,
    lines: 'reasons',
    before: ['> [!CAUTION]', '> **A deploy would refuse this.**  '],
    body: all.map(reason),
    after: [''],
  };
}

const reason = ({ code, message, hint }: Problem): string => `> \`${code}\` ${escaped(message)} ${escaped(hint)}  `;

const CHANGE: Record<HostRow['change'], string> = {
  new: '🟢&nbsp;new',
  changed: '🟡&nbsp;changes',
  unchanged: '',
  gone: '🔴&nbsp;leaves',
  maintenance: '🔧&nbsp;in maintenance, not touched',
};

/** Machines that something happens to; the others are counted. */
function hosts(all: readonly HostRow[]): Section {
  const touched = all.filter(host => host.change !== 'unchanged');
  const rest = all.length - touched.length;
  if (touched.length === 0) return nothing;
  return {
    rank: 3,
    lines: 'machines',
    before: ['### Machines', '', ...head(['Machine', '', 'Role', 'Ports', 'What happens'])],
    body: touched.map(host =>
      row([
        escaped(host.address),
        CHANGE[host.change],
        escaped(host.role),
        escaped(host.ports),
        host.what.map(escaped).join('<br>'),
      ]),
    ),
    after: ['', ...(rest > 0 ? [`${plural(rest, 'machine')} unchanged.`, ''] : [])],
  };
}

/** What no file of a machine shows. */
const settings = (all: readonly SettingChange[]): Section =>
  all.length === 0
    ? nothing
    : {
        rank: 3,
        lines: 'settings',
        before: ['### Settings of the deploy', '', ...head(['Setting', 'Machines', 'Before', 'After'])],
        body: all.map(({ name, hosts, before, after }) =>
          row([`\`${name}\``, hosts.length === 0 ? 'all' : listed(hosts), escaped(before), escaped(after)]),
        ),
        after: [''],
      };

const waves = (all: readonly ReviewedWave[]): Section =>
  waveTable(
    all.map(({ title, steps, impact }) => ({
      title,
      steps: steps.map(step => ({ title: stepTitle(step), reason: step.reason })),
      impact,
    })),
  );

function drawing(lines: readonly string[] | null, summary: string, otherwise: string): Section {
  if (lines === null && otherwise === '') return nothing;
  const before =
    lines === null
      ? [otherwise, '']
      : [`<details><summary>${summary}</summary>`, '', '```mermaid', ...lines, '```', '', '</details>', ''];
  // As a whole or not at all: half a drawing is none.
  return { rank: 6, lines: 'drawing', before: [], body: [before.join('\n')], after: [] };
}

const HOSTS = 5;

const listed = (hosts: readonly string[]): string => {
  const more = hosts.length > HOSTS ? ` and ${hosts.length - HOSTS} more` : '';
  return `${hosts.slice(0, HOSTS).map(escaped).join(', ')}${more}`;
};

/** The short ones first: a long one must not be all that there is room for. */
const diffs = (all: readonly FileChange[]): Section => ({
  rank: 7,
  lines: 'diffs',
  before: [],
  body: all.map(diff).toSorted((a, b) => a.length - b.length),
  after: [],
});

function diff({ path, hosts, diff }: FileChange): string {
  const where = hosts.length === 0 ? '' : ` on ${listed(hosts)}`;
  return [
    `<details><summary><code>${escaped(path)}</code>${where}</summary>`,
    ...fenced(diff.replace(/\n$/, '').split('\n'), 'diff'),
    '',
    '</details>',
    '',
  ].join('\n');
}

const forCommit = ({ commit }: Pick<CommentContext, 'commit'>): string =>
  `<sub>For commit ${escaped(commit.slice(0, 12))}.</sub>`;

function footer({ digest }: Review, { commit, base }: CommentContext): string {
  const compared = `For commit ${escaped(commit.slice(0, 12))}, compared with ${escaped(base.slice(0, 12) || 'nothing')}.`;
  return `<sub>${compared} Assumes that the machines match that base; the deploy plans again from what it finds. Plan digest ${escaped(digest.slice(0, 16))}.</sub>`;
}
