import { describe, expect, it } from 'vitest';
import { explainFailure } from '../../../.github/actions/deploy/src/host/failure.ts';
import { Machine } from './machine.ts';

const made = new Machine('dash', { folder: 'opt' });
made.remove();
const host = { ...made.host, deploy_dir: '/opt/starrocks-ha' };

/** What Docker, Compose, coreutils and the shells of machines print, as they print it. */
const said: readonly (readonly [what: string, text: string, code: string, message: RegExp, hint: RegExp])[] = [
  [
    'a file system that is mounted read-only',
    'mkdir: cannot create directory ‘/opt/starrocks-ha/.staged’: Read-only file system\n/opt/starrocks-ha/.staged cannot be written',
    'E_READ_ONLY',
    /^\/opt\/starrocks-ha on 127\.0\.0\.77 is on a file system that is mounted read-only\.$/,
    /mount it read-write/,
  ],
  [
    'a full disk',
    'cp: error writing ‘/opt/starrocks-ha/app.env.starrocks-ha-new’: No space left on device',
    'E_DISK_FULL',
    /^The disk of \/opt\/starrocks-ha on 127\.0\.0\.77 is full\.$/,
    /Free some space/,
  ],
  [
    'a folder that belongs to somebody else',
    'mkdir: cannot create directory ‘/opt/starrocks-ha/.staged’: Permission denied',
    'E_PERMISSION',
    /^The user deployer may not write \/opt\/starrocks-ha on 127\.0\.0\.77\.$/,
    /Log in as root/,
  ],
  [
    'no docker, in dash',
    'sh: 214: docker: not found',
    'E_DOCKER_MISSING',
    /^docker is not installed on 127\.0\.0\.77\.$/,
    /Install Docker Engine and the Compose plugin/,
  ],
  [
    'no docker, in bash',
    'sh: line 214: docker: command not found',
    'E_DOCKER_MISSING',
    /^docker is not installed on 127\.0\.0\.77\.$/,
    /Install Docker Engine and the Compose plugin/,
  ],
  [
    'a Docker that the user may not use',
    'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.47/containers/json": dial unix /var/run/docker.sock: connect: permission denied',
    'E_DOCKER_PERMISSION',
    /^The user deployer may not use Docker on 127\.0\.0\.77\.$/,
    /group docker|sudo: true/,
  ],
  [
    'a Docker that is stopped',
    'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
    'E_DOCKER_DOWN',
    /^Docker does not run on 127\.0\.0\.77\.$/,
    /systemctl start docker/,
  ],
  [
    'a registry that no name leads to',
    'Error response from daemon: Get "https://registry.example.com/v2/": dial tcp: lookup registry.example.com: no such host',
    'E_REGISTRY',
    /^127\.0\.0\.77 cannot reach the registry of the image\.$/,
    /docker load/,
  ],
  [
    'a registry that does not answer',
    'Error response from daemon: Get "https://registry.example.com/v2/": net/http: TLS handshake timeout',
    'E_REGISTRY',
    /^127\.0\.0\.77 cannot reach the registry of the image\.$/,
    /proxy, mirror/,
  ],
  [
    'an image that the registry lacks',
    'Error response from daemon: manifest for starrocks/fe-ubuntu:3.3.99 not found: manifest unknown',
    'E_IMAGE',
    /^127\.0\.0\.77 cannot get the image\.$/,
    /Check the version and `images`/,
  ],
  [
    'an image that takes too long',
    'E_PULL_SLOW starrocks/fe-ubuntu:3.3.18 did not arrive within 1800 s',
    'E_PULL_SLOW',
    /^127\.0\.0\.77 did not get the image in time\.$/,
    /timeouts\.pull/,
  ],
  [
    'limits that may not be raised',
    'Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted',
    'E_ULIMIT',
    /^Docker on 127\.0\.0\.77 may not raise the limits that the container asks for\.$/,
    /Lower `ulimits`/,
  ],
  [
    'the name of somebody else’s container',
    'Error response from daemon: Conflict. The container name "/starrocks-fe" is already in use by container "4f1c". You have to remove (or rename) that container to be able to reuse that name.',
    'E_NAME_TAKEN',
    /^Another container on 127\.0\.0\.77 has the name that the service needs\.$/,
    /Remove or rename/,
  ],
];

describe('what a machine says when an operation fails', () => {
  it.each(said)('%s', (_what, text, code, message, hint) => {
    const { problem } = explainFailure(host, 'activate starrocks-fe', `${text}\n`);
    expect(problem).toMatchObject({ code, host: '127.0.0.77', step: 'activate starrocks-fe' });
    expect(problem.message).toMatch(message);
    expect(problem.hint).toMatch(hint);
    // The machine's own words stay, for whoever knows better.
    expect(problem.detail?.join('\n')).toBe(text);
  });

  it('and that nobody foresaw is told in its last words', () => {
    const { problem } = explainFailure(
      host,
      'stage',
      'tar: Unexpected EOF in archive\nthe upload cannot be unpacked\n',
    );
    expect(problem).toMatchObject({
      code: 'E_OPERATION',
      message: 'stage failed on 127.0.0.77: the upload cannot be unpacked.',
    });
  });
});
