import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalText } from '../../../.github/actions/deploy/src/engine/approval-text.ts';
import { prepare, type Wish } from '../../../.github/actions/deploy/src/engine/start.ts';
import type { Mode } from '../../../.github/actions/deploy/src/report/run-report.ts';
import { Project } from '../../e2e/project.ts';
import { keyPair } from '../../sandbox/key-pair.ts';
import { three, yaml } from '../review/sides.ts';

let project: Project;
const { private: privateKey } = keyPair();

beforeAll(() => {
  project = new Project(privateKey);
  project.compile(yaml(three));
});
afterAll(() => project.remove());

function whyOf(mode: Mode, changes: Partial<Wish>, event?: string): Promise<string | null> {
  const wish: Wish = {
    ...{ mode, generated: project.generated, clusterFile: null, knownHosts: '', privateKey, passphrase: null },
    ...{
      password: null,
      token: null,
      hosts: [],
      service: '',
      reason: ' ',
      approved: '',
      dryRun: false,
      parallelism: 1,
      timeouts: '',
    },
    ...changes,
  };
  const env = event === undefined ? {} : { GITHUB_EVENT_NAME: event };
  return prepare(wish, env, () => undefined, new AbortController().signal).then(
    options => options.why,
    error => error.problem.code,
  );
}

describe('the reason of a run', () => {
  const approved = approvalText({ format: 1, tree: '', digest: '', steps: [] });

  it.each<[Mode]>([['restart'], ['register'], ['drop'], ['stop'], ['start'], ['adopt'], ['unlock']])(
    '%s is refused without one, and looks without one',
    async mode => {
      expect(await whyOf(mode, {})).toBe('E_NO_REASON');
      expect(await whyOf(mode, { dryRun: true })).toBeNull();
      expect(await whyOf(mode, { reason: ' it felt slow ' })).toBe('it felt slow');
    },
  );

  it('is asked of a deploy that a workflow is started for by hand, and that nobody approved', async () => {
    expect(await whyOf('deploy', {}, 'workflow_dispatch')).toBe('E_NO_REASON');
    expect(await whyOf('deploy', { dryRun: true }, 'workflow_dispatch')).toBeNull();
    expect(await whyOf('deploy', { reason: 'a new disk' }, 'workflow_dispatch')).toBe('a new disk');
  });

  it('is not asked of a deploy of main, nor of one in a terminal, where it may be given', async () => {
    expect(await whyOf('deploy', { approved }, 'workflow_dispatch')).toBeNull();
    expect(await whyOf('deploy', { approved }, 'push')).toBeNull();
    expect(await whyOf('deploy', {})).toBeNull();
    expect(await whyOf('deploy', { reason: 'a new disk' })).toBe('a new disk');
  });
});
