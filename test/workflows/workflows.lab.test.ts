import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GitHubServer } from '../github/server.ts';
import { describeInLab } from '../lab/describe-in-lab.ts';
import { type Lab, type LabHost, labClusterYaml, startLab } from '../lab/lab.ts';
import { importStarRocks } from '../lab/starrocks-images.ts';
import { hasTools, type Ran, Repository, tools } from './act.ts';

const version = process.env['LAB_VERSION'] ?? '3.3.18';
const small = { resources: { memory: '2G', fe_heap: '512M' } };

// Without act, a machine that could carry a lab leaves them out; LAB=required fails instead.
const describeUnderAct = hasTools || process.env['LAB'] === 'required' ? describeInLab : describe.skip;

describeUnderAct('the workflows under a real runner', () => {
  let lab: Lab;
  let api: GitHubServer;
  let repository: Repository;

  beforeAll(async () => {
    if (!hasTools) throw new Error(`act is not in WORKFLOW_TOOLS (${tools || 'not set'}): .ci/run builds it`);
    lab = await startLab({ hosts: 3, docker: true });
    await importStarRocks(lab, version);
    api = await GitHubServer.start();
    repository = new Repository(api.url, { SSH_PRIVATE_KEY: lab.privateKey });
  });

  afterAll(async () => {
    repository?.remove();
    await api?.stop();
    await lab?.stop();
  });

  const host = (index: number): LabHost => {
    const found = lab.hosts[index];
    if (found === undefined) throw new Error(`the lab has no host ${index}`);
    return found;
  };
  const yaml = (defaults: object = {}): string =>
    labClusterYaml(lab, { version, hosts: lab.hosts, defaults: { ...small, ...defaults } });

  const pullRequest = (base: string): Promise<Ran> =>
    repository.act('pull_request', 'pull-request.yml', {
      pull_request: { number: 7, head: { sha: repository.head, ref: 'change' }, base: { sha: base, ref: 'main' } },
    });
  const merge = (told?: (line: string) => void): Promise<Ran> =>
    repository.act('push', 'deploy.yml', { ref: 'refs/heads/main', after: repository.head }, told);
  const repair = (verb: string, more: Record<string, unknown> = {}): Promise<Ran> =>
    repository.act('workflow_dispatch', 'repair.yml', {
      ref: 'refs/heads/main',
      inputs: { verb, hosts: '', service: '', 'dry-run': 'true', reason: 'a test', ...more },
    });
  const drift = (): Promise<Ran> => repository.act('schedule', 'drift.yml', { ref: 'refs/heads/main', schedule: 'x' });

  const all = { plan: 'success', approve: 'success', deploy: 'success' };
  const planned = { plan: 'success' };

  describe('a pull request', () => {
    it('that founds a cluster is told what would happen, in one comment', async () => {
      const base = repository.head;
      repository.compile(yaml());
      repository.commit('the cluster');
      const { jobs, summaries } = await pullRequest(base);
      expect(jobs).toEqual({ check: 'success', plan: 'success', gate: 'success' });
      expect(api.comments.map(comment => comment.issue)).toEqual([7]);
      expect(api.comments[0]?.body).toContain('founds lab on 3 machines');
      expect(summaries.join('\n')).toContain(`join starrocks-fe on ${host(1).address}`);
    });

    const conf = { be_conf: { load_process_max_memory_limit_percent: '5' } };
    const lookAt = (change: () => void): Promise<Ran> =>
      repository.trying(change, () => pullRequest(repository.git('rev-parse', 'HEAD~1')));

    it('gets that comment brought up to date, and only that one', async () => {
      await lookAt(() => repository.compile(yaml(conf)));
      expect(api.comments.map(comment => comment.body.includes('restarts 3 BEs'))).toEqual([true]);
    });

    it('whose generated/ is stale fails, with the place, the command and the patch', async () => {
      const { jobs, annotations, summaries } = await lookAt(() => repository.write('cluster.yaml', yaml(conf)));
      expect(jobs).toEqual({ check: 'failure', plan: 'success', gate: 'failure' });
      expect(annotations).toContainEqual(expect.objectContaining({ level: 'error', at: 'cluster.yaml:1' }));
      expect(summaries.join('\n')).toContain('npm run compile');
      expect(repository.artifact('generated.patch', 'generated.patch')).toContain(
        '+load_process_max_memory_limit_percent = 5',
      );
      expect(api.comments[0]?.body).toContain('CAUTION');
    });

    it('that does not compile fails at the line', async () => {
      const typo = () => repository.write('cluster.yaml', yaml().replace('cluster:', 'clutser:'));
      const { jobs, annotations } = await lookAt(typo);
      expect(jobs).toEqual({ check: 'failure', plan: 'success', gate: 'failure' });
      expect(annotations.filter(one => one.at === 'cluster.yaml:1').map(one => one.message)).toContainEqual(
        expect.stringContaining('clutser'),
      );
    });

    it('from a fork, whose token may not comment, is told in the summary', async () => {
      api.readOnly = true;
      const changes = [...api.changes];
      const { jobs, summaries } = await pullRequest(repository.git('rev-parse', 'HEAD~1'));
      api.readOnly = false;
      expect(jobs).toEqual({ check: 'success', plan: 'success', gate: 'success' });
      expect(api.changes).toEqual(changes);
      expect(summaries.join('\n')).toContain(`join starrocks-fe on ${host(1).address}`);
    });
  });

  describe('a merge', () => {
    it('deploys what was planned and approved, and keeps the report', async () => {
      repository.push();
      const ran = await merge();
      expect(ran.jobs, ran.log).toEqual(all);
      expect(ran.outputs['deploy.outcome']).toBe('changed');
      expect(repository.artifacts('deploy')).toContain('starrocks-ha-deploy/report.json');
      expect(ran.log).not.toContain(lab.privateKey.split('\n')[2]);
    });

    it('that changes no machine ends after the plan, and asks nobody', async () => {
      repository.write('README.md', 'hello\n');
      repository.commit('words');
      repository.push();
      const { jobs } = await merge();
      expect(jobs).toEqual(planned);
    });

    it('that main has moved on from is left to the next run, which deploys', async () => {
      repository.compile(yaml({ be_conf: { load_process_max_memory_limit_percent: '6' } }));
      repository.commit('first');
      repository.push();
      repository.compile(yaml({ be_conf: { load_process_max_memory_limit_percent: '7' } }));
      repository.commit('second');
      const second = repository.head;
      // Between the plan of the first and its deploy.
      repository.beforeCheckout(2, `git -C '${repository.clone}' push -q origin ${second}:main`);
      const first = await merge();
      expect(first.jobs, first.log).toEqual(all);
      expect(first.outputs['deploy.outcome']).toBe('superseded');
      expect(first.summaries.join('\n')).toContain('main has moved on');
      const next = await merge();
      expect([next.jobs, next.outputs['deploy.outcome']]).toEqual([all, 'changed']);
      const { stdout } = await host(0).run('grep load_process_max /opt/starrocks-ha/conf/be/be.conf');
      expect(stdout).toContain('= 7');
      // The first one, run again by somebody: it finds nothing left to do.
      expect((await merge()).jobs).toEqual(planned);
    });

    it('that is cancelled midway is finished by the next run', async () => {
      repository.compile(yaml({ be_conf: { load_process_max_memory_limit_percent: '8' } }));
      repository.commit('third');
      repository.push();
      const cut = await merge(line => {
        if (line.includes('restart starrocks-be') && line.includes('"jobID":"deploy"')) repository.cancel();
      });
      expect(cut.jobs['deploy']).not.toBe('success');
      await expect.poll(async () => (await merge()).jobs['plan'], { timeout: 120_000, interval: 2000 }).toBe('success');
      expect((await merge()).jobs).toEqual(planned);
    });
  });

  describe('repair by hand', () => {
    it.each<[string, string, string]>([
      ['plan', 'converged', 'as declared'],
      ['deploy', 'unchanged', 'as declared'],
      ['verify', 'converged', 'as declared'],
      ['register', 'converged', 'nothing to register'],
      ['drop', 'converged', 'nothing to drop'],
      ['start', 'converged', 'nothing to start'],
      ['unlock', 'converged', 'No machine is locked'],
      ['diagnose', 'converged', 'Nothing ails'],
      ['restart', 'differs', '6 steps'],
      ['stop', 'differs', '6 steps'],
    ])('%s looks without changing anything', async (verb, outcome, sentence) => {
      const ran = await repair(verb);
      expect([ran.jobs, ran.outputs['repair.outcome']], ran.log).toEqual([{ repair: 'success' }, outcome]);
      expect(ran.summaries.join('\n')).toContain(sentence);
    });

    it('destroy prints what a person would have to run, and runs nothing', async () => {
      const ran = await repair('destroy', { 'dry-run': 'false' });
      expect(ran.jobs).toEqual({ repair: 'success' });
      expect(ran.log).toContain('docker compose --project-directory');
      expect((await repair('verify')).outputs['repair.outcome']).toBe('converged');
    });

    it('logs become an artifact', async () => {
      expect((await repair('logs', { hosts: host(1).address })).jobs).toEqual({ repair: 'success' });
      expect(repository.artifacts('logs').filter(file => file.includes('container.log')).length).toBe(2);
    });

    it('restart takes one service of one host, with the reason in the record', async () => {
      const wanted = { hosts: host(2).address, service: 'starrocks-be', 'dry-run': 'false', reason: 'it felt slow' };
      const ran = await repair('restart', wanted);
      expect([ran.jobs, ran.outputs['repair.outcome']], ran.log).toEqual([{ repair: 'success' }, 'changed']);
      const { stdout } = await host(2).run('cat /opt/starrocks-ha/state/history/*.json | tail -n 1');
      expect(JSON.parse(stdout)).toMatchObject({ mode: 'restart', why: 'it felt slow', outcome: 'changed' });
    });

    it('stop and start take the whole cluster down and up again', async () => {
      const down = await repair('stop', { 'dry-run': 'false' });
      expect([down.jobs, down.outputs['repair.outcome']], down.log).toEqual([{ repair: 'success' }, 'changed']);
      const up = await repair('start', { 'dry-run': 'false' });
      expect([up.jobs, up.outputs['repair.outcome']], up.log).toEqual([{ repair: 'success' }, 'changed']);
      await expect
        .poll(async () => (await repair('verify')).outputs['repair.outcome'], { timeout: 60_000, interval: 1000 })
        .toBe('converged');
    });

    it('changes nothing without a reason', async () => {
      const ran = await repair('restart', { 'dry-run': 'false', reason: ' ' });
      expect(ran.jobs).toEqual({ repair: 'failure' });
      expect(ran.log).toContain('E_NO_REASON');
    });
  });

  describe('drift', () => {
    it('is nobody’s business while there is none', async () => {
      const { jobs, outputs } = await drift();
      expect([jobs, outputs['drift.outcome'], api.issues]).toEqual([{ drift: 'success' }, 'converged', []]);
    });

    it('opens one issue, keeps it up to date, and closes it', async () => {
      await host(1).run('docker stop starrocks-be');
      const first = await drift();
      expect([first.jobs, first.outputs['drift.outcome']], first.log).toEqual([{ drift: 'success' }, 'differs']);
      expect(api.issues.map(issue => [issue.state, issue.body.includes(host(1).address)])).toEqual([['open', true]]);
      await host(2).run('echo "# by hand" >> /opt/starrocks-ha/conf/fe/fe.conf');
      await drift();
      expect(api.issues.map(issue => issue.body.includes('conf/fe/fe.conf'))).toEqual([true]);
      expect((await repair('deploy', { 'dry-run': 'false' })).outputs['repair.outcome']).toBe('changed');
      expect((await drift()).outputs['drift.outcome']).toBe('converged');
      expect(api.issues.map(issue => issue.state)).toEqual(['closed']);
    });
  });
});
