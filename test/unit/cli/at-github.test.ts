import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkGitHub, gitHubSteps, repositoryOf } from '../../../.github/actions/deploy/src/cli/at-github.ts';

/** What the repository acme/infra has, by path; what is not here is not there. */
const complete: Readonly<Record<string, object>> = {
  'environments/starrocks': { deployment_branch_policy: { custom_branch_policies: true } },
  'environments/starrocks/secrets': { secrets: [{ name: 'SSH_PRIVATE_KEY' }, { name: 'STARROCKS_PASSWORD' }] },
  'environments/starrocks-approval': { protection_rules: [{ type: 'required_reviewers', reviewers: [{ id: 1 }] }] },
  'actions/variables/STARROCKS_RUNNER': { value: 'self-hosted' },
};
let there: Readonly<Record<string, object>> = complete;
let refuses = false;
const asked: string[] = [];
let server: Server;
let env: Record<string, string>;

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://x').pathname.replace('/repos/acme/infra/', '');
    asked.push(`${request.method} ${path}`);
    const answer = there[path];
    response.writeHead(refuses ? 403 : answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { message: 'Not Found' }));
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  env = { GH_TOKEN: 'marked-token', GITHUB_API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
});

afterAll(() => new Promise(done => server.close(done)));

async function look(changes: Readonly<Record<string, object | undefined>> = {}) {
  there = Object.fromEntries(
    Object.entries({ ...complete, ...changes }).flatMap(([path, answer]) =>
      answer === undefined ? [] : [[path, answer]],
    ),
  );
  return checkGitHub('acme/infra', true, env);
}

const failing = async (changes: Readonly<Record<string, object | undefined>>) =>
  (await look(changes)).flatMap(({ check, level, seen, mend }) =>
    level === 'fail' ? [`${check}: ${seen} → ${mend.split(' ').slice(0, 3).join(' ')}`] : [],
  );

describe('what the workflows need at GitHub', () => {
  it('is found where it is there', async () => {
    const found = await look();
    expect(found.map(({ check, level }) => [check, level])).toEqual([
      ['environment starrocks', 'ok'],
      ['secret SSH_PRIVATE_KEY', 'ok'],
      ['secret STARROCKS_PASSWORD', 'ok'],
      ['environment starrocks-approval', 'ok'],
      ['variable STARROCKS_RUNNER', 'ok'],
    ]);
    expect(asked.filter(one => !one.startsWith('GET '))).toEqual([]);
  });

  it.each<[string, Readonly<Record<string, object | undefined>>, readonly RegExp[]]>([
    ['no environment', { 'environments/starrocks': undefined }, [/^environment starrocks: is missing → gh api -X$/]],
    [
      'an environment that every branch may use',
      { 'environments/starrocks': { deployment_branch_policy: null } },
      [/^environment starrocks: may be used from every branch/],
    ],
    [
      'an environment of the secrets that somebody has to approve',
      {
        'environments/starrocks': {
          deployment_branch_policy: { custom_branch_policies: true },
          protection_rules: [{ type: 'required_reviewers', reviewers: [{ id: 1 }] }],
        },
      },
      [/^environment starrocks: has reviewers, for whom every plan and drift run waits → gh api -X$/],
    ],
    [
      'no secret',
      { 'environments/starrocks/secrets': { secrets: [] } },
      [/^secret SSH_PRIVATE_KEY: is not in .+ → gh secret set$/, /^secret STARROCKS_PASSWORD: is not in/],
    ],
    [
      'an approval that nobody has to give',
      { 'environments/starrocks-approval': { protection_rules: [] } },
      [/^environment starrocks-approval: has no reviewers: every merge deploys at once/],
    ],
    ['no approval', { 'environments/starrocks-approval': undefined }, [/^environment starrocks-approval: is missing/]],
    ['no runner', { 'actions/variables/STARROCKS_RUNNER': undefined }, [/^variable STARROCKS_RUNNER: is not set/]],
  ])('is named where there is %s, with the command that mends it', async (_what, changes, expected) => {
    expect(await failing(changes)).toEqual(expected.map(one => expect.stringMatching(one)));
  });

  it('is not known to a token that may not look, which is shown to nobody', async () => {
    refuses = true;
    const found = await look();
    refuses = false;
    expect(new Set(found.map(({ level }) => level))).toEqual(new Set(['unknown']));
    expect(JSON.stringify(found)).not.toContain('marked-token');
  });

  it('is not looked at without a token or an origin, and that is said', async () => {
    asked.length = 0;
    expect(await checkGitHub('acme/infra', true, {})).toMatchObject([
      { level: 'unknown', seen: expect.stringContaining('nothing was looked at') },
    ]);
    expect(await checkGitHub(null, true, env)).toMatchObject([
      { level: 'unknown', seen: expect.stringContaining('no origin') },
    ]);
    expect(asked).toEqual([]);
  });

  it.each([
    ['https://github.com/acme/infra.git\n', 'acme/infra'],
    ['git@github.com:acme/infra.git', 'acme/infra'],
    ['ssh://git@ghe.example/acme/infra', 'acme/infra'],
    ['', null],
  ])('is looked for in the repository of %j', (origin, expected) => {
    expect(repositoryOf(origin)).toBe(expected);
  });
});

describe('the commands for a person who begins', () => {
  it('name every secret and variable that the workflows use', () => {
    const texts = readdirSync('.github/workflows').map(name => readFileSync(join('.github/workflows', name), 'utf8'));
    const used = new Set(
      texts.flatMap(text => [...text.matchAll(/\b(?:secrets|vars)\.(\w+)/g)].map(match => match[1])),
    );
    expect([...used].sort()).toEqual([
      ...['SSH_PASSPHRASE', 'SSH_PRIVATE_KEY', 'STARROCKS_PASSWORD'],
      ...['STARROCKS_PULL_REQUEST_RUNNER', 'STARROCKS_RUNNER'],
    ]);
    for (const name of used) expect(gitHubSteps().join('\n')).toContain(` set ${name} `);
  });

  it('reach gh as they are written: no shell makes anything else of brackets and braces', () => {
    const folder = mkdtempSync(join(tmpdir(), 'starrocks-ha-gh-'));
    try {
      mkdirSync(join(folder, '.ssh'));
      writeFileSync(join(folder, '.ssh/id_ed25519'), 'key');
      const script =
        '#!/bin/sh\n[ "$2" != user ] || { echo 42; exit; }\nprintf "<%s>" "$@" >>"$SAID"; echo >>"$SAID"\n';
      writeFileSync(join(folder, 'gh'), script, { mode: 0o755 });
      const said = join(folder, 'said');
      const lines = gitHubSteps().filter(line => line.startsWith('  gh '));
      // Where a pattern that matches nothing is an error, as in zsh.
      const ran = spawnSync('bash', ['-c', `shopt -s failglob\n${lines.join('\n')}`], {
        env: { PATH: `${folder}:${process.env['PATH']}`, HOME: folder, SAID: said },
        encoding: 'utf8',
      });
      expect([ran.status, ran.stderr]).toEqual([0, '']);
      expect(readFileSync(said, 'utf8').trim().split('\n')).toEqual([
        '<api><-X><PUT><repos/{owner}/{repo}/environments/starrocks><-F><deployment_branch_policy[protected_branches]=false><-F><deployment_branch_policy[custom_branch_policies]=true>',
        '<api><-X><POST><repos/{owner}/{repo}/environments/starrocks/deployment-branch-policies><-f><name=main>',
        '<secret><set><SSH_PRIVATE_KEY><--env><starrocks>',
        '<secret><set><SSH_PASSPHRASE><--env><starrocks>',
        '<secret><set><STARROCKS_PASSWORD><--env><starrocks>',
        '<api><-X><PUT><repos/{owner}/{repo}/environments/starrocks-approval><-F><reviewers[][type]=User><-F><reviewers[][id]=42>',
        '<variable><set><STARROCKS_RUNNER><--body><self-hosted>',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
