import { apiOf, type Env, gitHub } from '../github/client.ts';
import { syncIssue } from '../github/sync-issue.ts';
import { driftIssue, driftMarker } from '../report/drift-issue.ts';
import type { RunReport } from '../report/run-report.ts';

/** Keeps the cluster's drift issue up to date. @returns one sentence about it @throws DeployError E_GITHUB… */
export async function publishDrift(report: RunReport, token: string, env: Env): Promise<string> {
  const repository = env['GITHUB_REPOSITORY'];
  if (repository === undefined) return 'No issue is kept: this is no workflow run.';
  if (report.outcome === 'locked') return 'The issue is left as it is: a run changes the cluster at this moment.';
  // What could not be looked at says nothing about what differs.
  if (report.outcome === 'failed') return 'The issue is left as it is: the cluster could not be looked at.';
  const github = gitHub({ token, repository, api: apiOf(env) });
  const now = new Date().toISOString();
  const farewell = `Nothing differs any more${report.run === null ? '' : ` (${report.run})`}.`;
  const done = await syncIssue(
    github,
    driftMarker(report.cluster),
    before => driftIssue(report, before, now),
    farewell,
  );
  return `The drift issue: ${done}.`;
}
