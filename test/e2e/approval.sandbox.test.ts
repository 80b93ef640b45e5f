import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalText } from '../../.github/actions/deploy/src/engine/approval-text.ts';
import type { RunReport } from '../../.github/actions/deploy/src/report/run-report.ts';
import { Sandbox, type SandboxHost } from '../sandbox/sandbox.ts';
import { Project } from './project.ts';

/** What a person approved, and what main or the machines have become since. */
let sandbox: Sandbox;
let project: Project;

beforeAll(async () => {
  sandbox = await Sandbox.start({ hosts: 3, first: 171, env: { STANDIN_SPEED: '4', STANDIN_START_MS: '400' } });
  project = new Project(sandbox.privateKey);
  project.compile(sandbox.clusterYaml());
  const { problems } = await project.run('deploy');
  expect(problems).toEqual([]);
});

afterAll(async () => {
  await sandbox?.stop();
  project?.remove();
});

const limit = (percent: number) => (_host: SandboxHost, index: number) =>
  index === 1 ? `, be_conf: { load_process_max_memory_limit_percent: "${percent}" }` : '';
const wanted = (policy = '', more = '') =>
  sandbox.clusterYaml(policy, (host, index) => `${limit(20)(host, index)}${index === 0 ? more : ''}`);

/** The output `approval` of the plan job, as deploy.yml hands it on. */
async function approve(): Promise<string> {
  const { approval } = await project.run('plan');
  if (approval === null) throw new Error('nothing was planned');
  return approvalText(approval);
}

const containers = (): string[] =>
  sandbox.hosts.flatMap(one =>
    one.engine.containers.map(c => `${one.address} ${c.service.name} ${c.id} ${c.startedAt} ${c.status}`),
  );
const codes = (report: RunReport): string[] => report.problems.map(problem => problem.code);

describe('a deploy that waited for its approval', () => {
  it.each<[string, () => string]>([
    ['gives a BE another location label', () => wanted('', ', labels: { location: "rack:r9" }')],
    ['allows outages', () => wanted('allow_outage: true\n')],
    ['takes what is refused', () => wanted().replaceAll('3.3.18', '3.5.6')],
    ['waits shorter', () => wanted('timeouts: { drain: 10 }\n')],
  ])('is superseded when main meanwhile %s, which no file of a machine shows', async (_what, after) => {
    project.compile(wanted());
    const approved = await approve();
    project.compile(after());
    const before = containers();
    const report = await project.run('deploy', { approved });
    expect([report.outcome, codes(report)]).toEqual(['superseded', []]);
    expect(report.steps.map(step => step.outcome)).not.toContain('done');
    expect(containers()).toEqual(before);
  });

  it('is refused when its approval was lost on the way, and touches nothing', async () => {
    project.compile(wanted());
    const before = containers();
    await expect(project.run('deploy', { approved: 'lost' })).rejects.toMatchObject({
      problem: { code: 'E_APPROVAL' },
    });
    expect(containers()).toEqual(before);
  });

  it('does nothing when a machine needs more than was approved, and shows both', async () => {
    project.compile(wanted());
    const approved = await approve();
    const [, , third] = sandbox.hosts;
    await third?.engine.containers.find(one => one.service.name === 'starrocks-be')?.stop();
    const before = containers();
    const report = await project.run('deploy', { approved });
    expect([report.outcome, codes(report)]).toEqual(['refused', ['E_NOT_APPROVED']]);
    expect(report.problems[0]?.detail).toEqual([
      'approved: restart starrocks-be on 127.0.0.172',
      'not approved: start starrocks-be on 127.0.0.173',
    ]);
    expect(containers()).toEqual(before);
  });

  it('does what was approved once that is all there is to do', async () => {
    const [, , third] = sandbox.hosts;
    third?.engine.containers.find(one => one.service.name === 'starrocks-be')?.start();
    await expect.poll(async () => (await project.run('status')).outcome, { timeout: 60_000 }).toBe('converged');
    const report = await project.run('deploy', { approved: await approve() });
    expect([report.outcome, codes(report)]).toEqual(['changed', []]);
    expect(report.steps.filter(step => step.outcome === 'done').map(step => step.title)).toEqual([
      'prepare 127.0.0.172',
      'restart starrocks-be on 127.0.0.172',
    ]);
  });
});
