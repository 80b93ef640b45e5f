import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeployError } from '../../../.github/actions/deploy/src/error.ts';
import { Project } from '../../e2e/project.ts';
import { keyPair } from '../../sandbox/key-pair.ts';

/** What a deploy says to a clone that is not in order: before any machine is asked, and never with a stack trace. */
let project: Project;
const at = (path: string): string => join(project.folder, path);
const MEND = 'Run `npm run compile` and commit generated/; files there are never edited by hand.';

beforeEach(() => {
  project = new Project(keyPair().private);
  project.compile(`cluster: analytics
starrocks: { version: 3.3.18 }
master_host: 192.0.2.1
hosts: [192.0.2.1, 192.0.2.2, 192.0.2.3]
`);
});

afterEach(() => project.remove());

async function refused(wish: Parameters<Project['prepare']>[1] = {}): Promise<unknown> {
  const error = await project.prepare('deploy', wish).then(
    () => null,
    (one: unknown) => one,
  );
  if (!(error instanceof DeployError)) throw error ?? new Error('it was not refused');
  const { code, message, hint } = error.problem;
  return { code, message: message.replaceAll(project.folder, '~'), hint };
}

describe('generated/', () => {
  it('in order is taken', async () => {
    expect((await project.prepare('deploy')).desired.cluster.hosts.length).toBe(3);
  });

  it('that is not there', async () => {
    rmSync(project.generated, { recursive: true });
    expect(await refused()).toEqual({
      code: 'E_NO_GENERATED',
      message: '~/generated/cluster.json cannot be read: ENOENT.',
      hint: MEND,
    });
  });

  it('whose cluster.json is no JSON', async () => {
    writeFileSync(at('generated/cluster.json'), '{ "format": 1,');
    expect(await refused()).toMatchObject({
      code: 'E_GENERATED_BROKEN',
      message: expect.stringMatching(/^~\/generated\/cluster\.json cannot be used: .*JSON/),
      hint: MEND,
    });
  });

  it('whose cluster.json lacks what the contract names, with the place', async () => {
    const whole = JSON.parse(readFileSync(at('generated/cluster.json'), 'utf8'));
    delete whole.hosts[1].deploy_dir;
    writeFileSync(at('generated/cluster.json'), JSON.stringify(whole));
    expect(await refused()).toMatchObject({
      code: 'E_GENERATED_BROKEN',
      message: expect.stringMatching(/^~\/generated\/cluster\.json cannot be used: .*hosts.1.*deploy_dir/),
    });
  });

  it('of which files are missing, all of them told', async () => {
    rmSync(at('generated/hosts/192.0.2.2/docker-compose.yml'));
    rmSync(at('generated/hosts/192.0.2.3/app.env'));
    expect(await refused()).toEqual({
      code: 'E_STALE_GENERATED',
      message:
        '~/generated/hosts/192.0.2.2/docker-compose.yml is missing. (and 1 more: ~/generated/hosts/192.0.2.3/app.env is missing.)',
      hint: MEND,
    });
  });

  it('that somebody edited, with the file', async () => {
    appendFileSync(at('generated/hosts/192.0.2.1/conf/fe/fe.conf'), 'qe_max_connection = 1\n');
    expect(await refused()).toEqual({
      code: 'E_STALE_GENERATED',
      message: '~/generated/hosts/192.0.2.1/conf/fe/fe.conf is not what the compiler wrote.',
      hint: MEND,
    });
  });

  it('that is not what cluster.yaml compiles to', async () => {
    writeFileSync(at('cluster.yaml'), readFileSync(at('cluster.yaml'), 'utf8').replace('3.3.18', '3.3.19'));
    expect(await refused()).toMatchObject({
      code: 'E_STALE_GENERATED',
      message: expect.stringMatching(
        /^~\/generated is not what ~\/cluster\.yaml compiles to: .*hosts\/192\.0\.2\.1\/\.env.* differ\.$/,
      ),
      hint: 'Run `npm run compile`, review what it changes, and commit it; files there are never edited by hand.',
    });
  });
});

describe('cluster.yaml', () => {
  it('that is not there', async () => {
    rmSync(at('cluster.yaml'));
    expect(await refused()).toEqual({
      code: 'E_NO_CLUSTER_FILE',
      message: '~/cluster.yaml cannot be read: ENOENT.',
      hint: 'generated/ is compared with what it compiles to: check out the whole repository.',
    });
  });

  it('with mistakes, the first with its place, and how many more', async () => {
    writeFileSync(
      at('cluster.yaml'),
      readFileSync(at('cluster.yaml'), 'utf8').replace('192.0.2.3]', '192.0.2.300, db4]'),
    );
    expect(await refused()).toMatchObject({
      code: 'E_INVALID_CLUSTER',
      message: expect.stringMatching(/^~\/cluster\.yaml:4:\d+: .*192\.0\.2\.300.* \(and \d+ more\)$/),
      hint: 'Run `npm run compile`: it shows every problem with its line.',
    });
  });
});

describe('what a deploy was asked for', () => {
  it('hosts that cluster.yaml does not name', async () => {
    expect(await refused({ hosts: ['192.0.2.9'] })).toEqual({
      code: 'E_UNKNOWN_HOST',
      message: '192.0.2.9 is not in cluster.yaml.',
      hint: 'Choose among 192.0.2.1, 192.0.2.2, 192.0.2.3.',
    });
  });

  it('a service that no host has', async () => {
    expect(await refused({ service: 'starrocks-cn' })).toEqual({
      code: 'E_UNKNOWN_SERVICE',
      message: 'No host of cluster.yaml has a service of the name "starrocks-cn".',
      hint: 'Choose among starrocks-fe, starrocks-be.',
    });
  });
});
