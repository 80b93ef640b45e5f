import { generateKeyPairSync } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { prepare, type Wish } from '../../../.github/actions/deploy/src/engine/start.ts';
import { Project } from '../../e2e/project.ts';

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
});
const project = new Project(privateKey);
afterAll(() => project.remove());

/** A cluster whose `starrocks.password` says that, and a run to which `given` is given. */
async function prepared(
  declared: string,
  given: string | null,
  env: Record<string, string> = {},
  more: Partial<Wish> = {},
) {
  project.compile(
    `cluster: test\nstarrocks: { version: 3.3.18, password: ${declared} }\nmaster_host: 10.0.0.1\nhosts: [10.0.0.1, 10.0.0.2, 10.0.0.3]\n`,
  );
  const wish: Wish = {
    mode: 'deploy',
    generated: project.generated,
    clusterFile: null,
    knownHosts: '/nowhere',
    privateKey,
    passphrase: null,
    password: given,
    token: null,
    hosts: [],
    service: '',
    reason: '',
    approved: '',
    dryRun: false,
    parallelism: 1,
    timeouts: '',
    ...more,
  };
  return prepare(wish, env, () => undefined, new AbortController().signal);
}

describe("root's password", () => {
  it('is not the given one where cluster.yaml says that root has none, and that one is redacted all the same', async () => {
    const { password, secrets } = await prepared('false', 'of the whole organisation', { STARROCKS_PASSWORD: 'x' });
    expect(password).toBe(null);
    expect(secrets).toContain('of the whole organisation');
  });

  it('is the given one, or else that of the environment variable that cluster.yaml names', async () => {
    const env = { STARROCKS_PASSWORD: 'of the environment' };
    expect((await prepared('true', 'given', env)).password).toBe('given');
    expect((await prepared('true', null, env)).password).toBe('of the environment');
    await expect(prepared('true', null)).rejects.toMatchObject({ problem: { code: 'E_PASSWORD_MISSING' } });
  });
});

describe('limits of one run', () => {
  const limits = async (timeouts: string) => (await prepared('false', null, {}, { timeouts })).desired.cluster.timeouts;

  it('take the place of those of cluster.yaml, each by its name', async () => {
    const usual = await limits('');
    expect(await limits(' lock=0, fe_ready=900\n')).toEqual({ ...usual, lock: 0, fe_ready: 900 });
  });

  it.each(['60', 'lock', 'lock=', 'lock=1m', 'lock=-1', 'query=0', 'pull=86401', 'constructor=5', 'lock=5;id'])(
    'are refused when one is none: %s',
    async limit => {
      await expect(limits(`fe_ready=5 ${limit}`)).rejects.toMatchObject({
        problem: { code: 'E_INPUT', message: `timeouts: ${JSON.stringify(limit)} is no limit of a run.` },
      });
    },
  );
});
