import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockedKey } from '../e2e/locked-key.ts';
import { formsOf, keyForms } from '../e2e/secret-forms.ts';
import { GitHubServer } from '../github/server.ts';
import { describeInLab } from '../lab/describe-in-lab.ts';
import { type Lab, type LabHost, labClusterYaml, startLab } from '../lab/lab.ts';
import { importStarRocks } from '../lab/starrocks-images.ts';
import { GITHUB_TOKEN, hasTools, ILL_NAMED, type Ran, Repository, tools } from './act.ts';

const version = process.env['LAB_VERSION'] ?? '3.3.18';
/** With what base64 and URLs write in another way. */
const PASSWORD = 'marked+password/with=signs';
const PASSPHRASE = 'marked+phrase/of=the-key';
const small = { resources: { memory: '2G', fe_heap: '512M' } };

// Without act, a machine that could carry a lab leaves them out; LAB=required fails instead.
const describeUnderAct = hasTools || process.env['LAB'] === 'required' ? describeInLab : describe.skip;

describeUnderAct('the workflows under a real runner', () => {
  let lab: Lab;
  let api: GitHubServer;
  let repository: Repository;
  let key: string;

  beforeAll(async () => {
    if (!hasTools) throw new Error(`act is not in WORKFLOW_TOOLS (${tools || 'not set'}): .ci/run builds it`);
    lab = await startLab({ hosts: 3, docker: true });
    await importStarRocks(lab, version);
    api = await GitHubServer.start();
    key = lockedKey(lab.privateKey, PASSPHRASE);
    const secrets = { SSH_PRIVATE_KEY: key, SSH_PASSPHRASE: PASSPHRASE, STARROCKS_PASSWORD: PASSWORD };
    repository = new Repository(api.url, secrets);
    api.main = () => repository.main;
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
  const yaml = (defaults: object = {}, hosts = lab.hosts): string =>
    labClusterYaml(lab, {
      version,
      hosts,
      defaults: { ...small, ...defaults },
      more: { starrocks: { version, password: true } },
    });
  const limit = (percent: number) => ({ be_conf: { load_process_max_memory_limit_percent: String(percent) } });

  const pullRequest = (): Promise<Ran> =>
    repository.act('pull_request', 'pull-request.yml', { action: 'opened', ...repository.propose(7) });
  const merge = (told?: (line: string) => void): Promise<Ran> =>
    repository.act('push', 'deploy.yml', { ref: 'refs/heads/main', after: repository.head }, told);
  const repair = (verb: string, more: Record<string, unknown> = {}): Promise<Ran> =>
    repository.act('workflow_dispatch', 'repair.yml', {
      ref: 'refs/heads/main',
      inputs: { verb, hosts: '', service: '', 'dry-run': 'true', reason: 'a test', ...more },
    });
  const drift = (): Promise<Ran> => repository.act('schedule', 'drift.yml', { ref: 'refs/heads/main', schedule: 'x' });

  const sql = (statement: string) =>
    host(0).run(
      `docker exec -e MYSQL_PWD='${PASSWORD}' starrocks-fe mysql -h 127.0.0.1 -P 9030 -u root -e "${statement}"`,
    );

  const forms = (): string[] => [
    ...[PASSWORD, PASSPHRASE, GITHUB_TOKEN].flatMap(formsOf),
    ...[key, lab.privateKey].flatMap(keyForms),
  ];
  /** What of the secrets anybody could read in a run's log, outputs, summaries, annotations and artifact. */
  const shownBy = (ran: Ran, artifact: string, ...more: string[]): string[] => {
    const kept = repository.artifacts(artifact).map(file => repository.artifact(artifact, file));
    const told = [ran.log, JSON.stringify(ran), ...kept, JSON.stringify([api.comments, api.issues]), ...more].join(
      '\n',
    );
    return forms().filter(form => told.includes(form));
  };

  const all = { plan: 'success', approve: 'success', deploy: 'success' };
  const planned = { plan: 'success', approve: 'skipped', deploy: 'skipped' };

  describe('a pull request', () => {
    const green = { check: 'success', plan: 'success', gate: 'success' };
    const lookAt = (change: () => void): Promise<Ran> => repository.trying(change, pullRequest);

    it('that founds a cluster is told what would happen, in one comment', async () => {
      repository.compile(yaml());
      repository.commit(ILL_NAMED);
      const { jobs, summaries, log, annotations } = await pullRequest();
      expect(jobs, log).toEqual(green);
      // Branch, title and commit are named so that a shell or the runner would act on them.
      expect(annotations.filter(one => one.message.includes('forged'))).toEqual([]);
      expect(repository.everyFile().filter(file => file.endsWith('ill-named'))).toEqual([]);
      expect(api.comments.map(comment => comment.issue)).toEqual([7]);
      expect(api.comments[0]?.body).toContain(`founds lab on 3 machines, with ${host(0).address} as its first FE`);
      expect(summaries.join('\n')).toContain(`join starrocks-fe on ${host(1).address}`);
      repository.push();
    });

    it('gets that comment brought up to date, and only that one', async () => {
      await lookAt(() => repository.compile(yaml(limit(5))));
      expect(api.comments.map(comment => comment.body.includes('restarts 3 BEs'))).toEqual([true]);
    });

    it('whose generated/ is stale fails, with the place, the command and the patch', async () => {
      const { jobs, annotations, summaries } = await lookAt(() => repository.write('cluster.yaml', yaml(limit(5))));
      expect(jobs).toEqual({ check: 'failure', plan: 'success', gate: 'failure' });
      expect(annotations).toContainEqual(expect.objectContaining({ level: 'error', at: 'cluster.yaml:1' }));
      expect(summaries.join('\n')).toContain('npm run compile');
      expect(repository.artifact('generated.patch', 'generated.patch')).toContain(
        '+load_process_max_memory_limit_percent = 5',
      );
      expect(api.comments[0]?.body).toContain('CAUTION');
    });

    it('of which no plan can be made says so in the place of its earlier plan', async () => {
      const { jobs, summaries } = await lookAt(() => repository.write('generated/cluster.json', '<<<<<<< HEAD'));
      expect(jobs).toEqual({ check: 'failure', plan: 'failure', gate: 'failure' });
      const said = api.comments.map(({ body }) => body);
      expect(said).toEqual([expect.stringContaining('## ❌ lab: no plan could be made\n')]);
      expect(said[0]).toContain('An earlier plan that stood here is void.');
      expect(summaries.join('\n')).toContain('E_GENERATED_BROKEN');
    });

    it('that does not compile fails at the line', async () => {
      const { jobs, annotations } = await lookAt(() =>
        repository.write('cluster.yaml', yaml().replace('cluster:', 'clutser:')),
      );
      expect(jobs).toEqual({ check: 'failure', plan: 'success', gate: 'failure' });
      expect(annotations).toContainEqual(
        expect.objectContaining({ at: 'cluster.yaml:1', message: expect.stringContaining('clutser') }),
      );
    });

    it('that breaks a rule further down fails at that line', async () => {
      const text = yaml()
        .replace(`"${host(2).address}"`, '"10.0.0.300"')
        .replace(`: ${host(2).address}`, ': 10.0.0.300');
      const line = text.split('\n').findIndex(one => one.includes('10.0.0.300')) + 1;
      expect(line).toBeGreaterThan(1);
      const { jobs, annotations } = await lookAt(() => repository.write('cluster.yaml', text));
      expect(jobs).toEqual({ check: 'failure', plan: 'success', gate: 'failure' });
      expect(annotations).toContainEqual(
        expect.objectContaining({ at: `cluster.yaml:${line}`, message: expect.stringContaining('10.0.0.300') }),
      );
    });

    it('from a fork, whose token may not comment, is told in the summary', async () => {
      api.readOnly = true;
      const changes = [...api.changes];
      const { jobs, summaries } = await lookAt(() => repository.compile(yaml(limit(5))));
      api.readOnly = false;
      expect(jobs).toEqual(green);
      expect(api.changes).toEqual(changes);
      expect(summaries.join('\n')).toContain('restarts 3 BEs');
    });

    it('that waits in a merge queue is looked at again, and its number is not known there', async () => {
      const changes = [...api.changes];
      const { jobs, summaries, log } = await repository.trying(
        () => repository.compile(yaml(limit(5))),
        () => repository.act('merge_group', 'pull-request.yml', repository.queue()),
      );
      expect(jobs, log).toEqual(green);
      expect(api.changes).toEqual(changes);
      expect(summaries.join('\n')).toContain('restarts 3 BEs');
    });
  });

  describe('a merge', () => {
    it('deploys what was planned and approved, keeps the report, and shows no secret to anybody', async () => {
      const processes = new Set<string>();
      const ran = await merge(() => {
        for (const line of runningCommands()) processes.add(line);
      });
      expect(ran.jobs, ran.log).toEqual(all);
      expect(ran.outputs['deploy.outcome']).toBe('changed');
      // What is asked to be approved: the live plan.
      const shown = ran.summaries.find(text => text.includes('📝 planned')) ?? '';
      expect(shown).toContain('\n### In this order\n');
      expect(shown).toMatch(/^\| \d+ \| \w+ starrocks-fe on .* \| 📝 planned \|/m);
      expect(repository.artifacts('deploy')).toContain('starrocks-ha-deploy/report.json');
      expect(shownBy(ran, 'deploy', ...processes)).toEqual([]);
      expect([...processes].some(line => line.includes('dist/index.cjs'))).toBe(true);
      for (const one of lab.hosts) {
        // Brackets, so that the search does not find itself; and one to be found, so that it is known to search.
        const patterns = forms().map(form => `-e '${form.replace(/[a-zA-Z]/g, '[$&]')}'`);
        const search = `grep -rl ${patterns.join(' ')} /opt/starrocks-ha /tmp /root /run /var/log 2>/dev/null`;
        const { stdout } = await one.run(`echo '${PASSPHRASE}' >/tmp/planted; ${search}; rm /tmp/planted`);
        expect(stdout).toBe('/tmp/planted\n');
      }
    });

    it('that changes no machine ends after the plan, and asks nobody', async () => {
      repository.write('README.md', 'hello\n');
      repository.commit('words');
      repository.push();
      const { jobs } = await merge();
      expect(jobs).toEqual(planned);
    });

    it('that main has moved on from is left to the next run, which deploys', async () => {
      repository.compile(yaml(limit(6)));
      repository.commit('first');
      repository.push();
      repository.compile(yaml(limit(7)));
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

    it('that is cancelled midway says where it stopped, and is finished by the next one, though a runner dies', async () => {
      repository.compile(yaml(limit(8)));
      repository.commit('third');
      repository.push();
      const during = (act: () => void) => {
        let done = false;
        return (line: string) => {
          if (done || !line.includes('"jobID":"deploy"') || !line.includes('restart starrocks-be')) return;
          done = true;
          act();
        };
      };
      const cut = await merge(during(() => repository.cancel()));
      expect(cut.jobs).toEqual({ ...all, deploy: 'failure' });
      expect(shownBy(cut, 'deploy')).toEqual([]);
      const report = JSON.parse(repository.artifact('deploy', 'starrocks-ha-deploy/report.json'));
      expect(report.outcome).toBe('failed');
      expect(report.steps.map((step: { outcome: string }) => step.outcome)).toContain('not-begun');
      const dead = await merge(during(() => repository.die()));
      expect(dead.jobs).toEqual({ ...all, deploy: 'unfinished' });
      const last = await merge();
      expect([last.jobs, last.outputs['deploy.outcome']], last.log).toEqual([all, 'changed']);
      expect((await merge()).jobs).toEqual(planned);
    });

    it('is deployed though a force push took away what the machines run', async () => {
      repository.git('reset', '-q', '--soft', 'HEAD~1');
      repository.compile(yaml(limit(9)));
      repository.commit('third, written anew');
      repository.push();
      const ran = await merge();
      expect([ran.jobs, ran.outputs['deploy.outcome']], ran.log).toEqual([all, 'changed']);
      expect((await merge()).jobs).toEqual(planned);
    });

    it('is planned for main alone, whoever calls by hand from another branch', async () => {
      const elsewhere = { ref: 'refs/heads/other', inputs: { verb: 'plan' } };
      for (const workflow of ['deploy.yml', 'repair.yml', 'drift.yml']) {
        const { jobs } = await repository.act('workflow_dispatch', workflow, elsewhere);
        expect(new Set(Object.values(jobs))).toEqual(new Set(['skipped']));
      }
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
      ['adopt', 'converged', 'nothing to adopt'],
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

    it('logs become an artifact, without what StarRocks has let slip', async () => {
      const url = encodeURIComponent(PASSWORD);
      const log = '/opt/starrocks-ha/log/fe/fe.log';
      await host(1).run(`cp ${log} /run/kept; echo "SET PASSWORD = '${PASSWORD}' ${url} ${PASSPHRASE} end" >>${log}`);
      const ran = await repair('logs', { hosts: host(1).address });
      await host(1).run(`cat /run/kept >${log}`);
      expect(ran.jobs, ran.log).toEqual({ repair: 'success' });
      expect(repository.artifacts('logs').filter(file => file.includes('container.log')).length).toBe(2);
      const kept = repository.artifacts('logs').find(file => file.endsWith('starrocks-fe/fe.log')) ?? '';
      expect(repository.artifact('logs', kept)).toContain("SET PASSWORD = '***' *** *** end");
      expect(shownBy(ran, 'logs')).toEqual([]);
    });

    it('restart takes one service of one host, with the reason in the record', async () => {
      const wanted = { hosts: host(2).address, service: 'starrocks-be', 'dry-run': 'false', reason: 'it felt slow' };
      const ran = await repair('restart', wanted);
      expect([ran.jobs, ran.outputs['repair.outcome']], ran.log).toEqual([{ repair: 'success' }, 'changed']);
      expect(shownBy(ran, 'restart')).toEqual([]);
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

    it('register brings back a BE that somebody dropped', async () => {
      await sql(`ALTER SYSTEM DROP BACKEND '${host(1).address}:9050'`);
      const ran = await repair('register', { 'dry-run': 'false' });
      expect([ran.jobs, ran.outputs['repair.outcome']], ran.log).toEqual([{ repair: 'success' }, 'changed']);
      expect((await repair('verify')).outputs['repair.outcome']).toBe('converged');
    });

    it('changes nothing without a reason', async () => {
      const ran = await repair('restart', { 'dry-run': 'false', reason: ' ' });
      expect(ran.jobs).toEqual({ repair: 'failure' });
      expect(ran.log).toContain('E_NO_REASON');
      expect(shownBy(ran, 'restart')).toEqual([]);
    });
  });

  describe('drift', () => {
    it('is nobody’s business while there is none', async () => {
      const { jobs, outputs } = await drift();
      expect([jobs, outputs['drift.outcome'], api.issues]).toEqual([{ drift: 'success' }, 'converged', []]);
    });

    it('says nothing of a cluster that is locked, until unlock has freed it from a run that is gone', async () => {
      await host(1).run('setsid -f flock /opt/starrocks-ha/.lock sleep 600 </dev/null >/dev/null 2>&1');
      await host(2).run('docker stop starrocks-be');
      const ran = await drift();
      expect([ran.jobs, ran.outputs['drift.outcome'], api.issues]).toEqual([{ drift: 'success' }, 'locked', []]);
      const looked = await repair('unlock');
      expect([looked.outputs['repair.outcome'], looked.summaries.join('\n')]).toEqual([
        'differs',
        expect.stringContaining(`${host(1).address} is locked by`),
      ]);
      expect((await repair('unlock', { 'dry-run': 'false' })).outputs['repair.outcome']).toBe('changed');
      await host(2).run('docker start starrocks-be');
    });

    it('opens one issue, keeps it up to date, and closes it', async () => {
      await host(1).run('docker stop starrocks-be');
      const first = await drift();
      expect([first.jobs, first.outputs['drift.outcome']], first.log).toEqual([{ drift: 'success' }, 'differs']);
      expect(api.issues.map(issue => [issue.state, issue.body.includes(host(1).address)])).toEqual([['open', true]]);
      expect(shownBy(first, 'drift')).toEqual([]);
      await host(2).run('echo "# by hand" >> /opt/starrocks-ha/conf/fe/fe.conf');
      await drift();
      expect(api.issues.map(issue => issue.body.includes('conf/fe/fe.conf'))).toEqual([true]);
      expect((await repair('deploy', { 'dry-run': 'false' })).outputs['repair.outcome']).toBe('changed');
      expect((await drift()).outputs['drift.outcome']).toBe('converged');
      expect(api.issues.map(issue => issue.state)).toEqual(['closed']);
    });
  });

  describe("this repository's own tests", () => {
    it('are checked and run with both releases of Node', async () => {
      repository.tool('npm', `echo "npm $*" >>'${repository.folder}/said'`);
      const { jobs, log } = await repository.act('push', 'ci.yml', { ref: 'refs/heads/main', after: repository.head });
      expect(jobs, log).toEqual({ 'test (20)': 'success', 'test (24)': 'success' });
      expect(repository.said().sort()).toEqual([
        'npm ci',
        'npm ci',
        'npm run check',
        'npm run check',
        'npm test',
        'npm test',
      ]);
    });
  });
});

/** Of this machine and, as they run here too, of all of the lab's. */
const runningCommands = (): string[] =>
  execFileSync('ps', ['-e', '-ww', '-o', 'args='], { encoding: 'utf8' }).split('\n');
