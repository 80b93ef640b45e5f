import type { CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError, type Problem } from '../error.ts';

interface Cause {
  readonly sign: RegExp;
  readonly code: Problem['code'];
  readonly message: (host: CompiledHost) => string;
  readonly hint: string;
}

/** What machines say when an operation fails, and what a person can do about it; the first that fits. */
const CAUSES: readonly Cause[] = [
  {
    sign: /^E_SWAP/m,
    code: 'E_SWAP',
    message: host => `Something else changed the container on ${host.address} meanwhile`,
    hint: 'Deploy again: it plans from what is there now.',
  },
  {
    sign: /^E_DATA_MOVED/m,
    code: 'E_DATA_MOVED',
    message: host => `The data folder on ${host.address} would be another one`,
    hint: 'A deploy never moves data: put the old folder back into cluster.yaml.',
  },
  {
    sign: /^E_TMP/m,
    code: 'E_TMP',
    message: host => `No temporary folder can be made on ${host.address}`,
    hint: 'See whether /tmp there is full or read-only.',
  },
  {
    sign: /^E_NAME_TAKEN|is already in use by container|conflict\. the container name/im,
    code: 'E_NAME_TAKEN',
    message: host => `Another container on ${host.address} has the name that the service needs`,
    hint: 'Remove or rename that container.',
  },
  {
    sign: /^E_PULL_SLOW/m,
    code: 'E_PULL_SLOW',
    message: host => `${host.address} did not get the image in time`,
    hint: 'Deploy again, what has arrived is kept; or give `timeouts.pull` more seconds.',
  },
  {
    sign: /\bdocker: (command )?not found/i,
    code: 'E_DOCKER_MISSING',
    message: host => `docker is not installed on ${host.address}`,
    hint: 'Install Docker Engine and the Compose plugin (v2) there.',
  },
  {
    sign: /^E_DISK_SHORT/m,
    code: 'E_DISK_SHORT',
    message: host =>
      `There is no room on ${host.address} for a copy of the metadata, without which no release is changed`,
    hint: 'Free some space on the disk of the metadata folder, older copies beside it (`meta.copy-…`) for one, and deploy again.',
  },
  {
    sign: /no space left on device|disk quota exceeded/i,
    code: 'E_DISK_FULL',
    message: host => `The disk of ${host.deploy_dir} on ${host.address} is full`,
    hint: 'Free some space there and deploy again; the running services were left as they are.',
  },
  {
    sign: /read-only file system/i,
    code: 'E_READ_ONLY',
    message: host => `${host.deploy_dir} on ${host.address} is on a file system that is mounted read-only`,
    hint: 'See `dmesg` there for disk errors, and mount it read-write.',
  },
  {
    sign: /docker.sock.*permission denied|permission denied.*docker/i,
    code: 'E_DOCKER_PERMISSION',
    message: host => `The user ${host.ssh.user} may not use Docker on ${host.address}`,
    hint: 'Log in as root, or set `ssh: { sudo: true }` in cluster.yaml: the group docker is not enough, because containers write their data as root.',
  },
  {
    sign: /cannot connect to the docker daemon|is the docker daemon running/i,
    code: 'E_DOCKER_DOWN',
    message: host => `Docker does not run on ${host.address}`,
    hint: 'Start it there: `systemctl start docker`.',
  },
  {
    sign: /manifest unknown|not found: manifest|pull access denied|repository does not exist|no such image|unauthorized|: not found$|: denied\b/im,
    code: 'E_IMAGE',
    message: host => `${host.address} cannot get the image`,
    hint: 'Check the version and `images` in cluster.yaml, and whether that machine is logged in to the registry.',
  },
  {
    sign: /i\/o timeout|no such host|temporary failure in name resolution|connection refused.*registry|tls handshake timeout|dial tcp/i,
    code: 'E_REGISTRY',
    message: host => `${host.address} cannot reach the registry of the image`,
    hint: 'Give the machine a way there (proxy, mirror), or load the image with `docker load` and deploy again.',
  },
  {
    sign: /error setting rlimit|rlimit/i,
    code: 'E_ULIMIT',
    message: host => `Docker on ${host.address} may not raise the limits that the container asks for`,
    hint: 'Lower `ulimits` in cluster.yaml, or raise the limits of the Docker service.',
  },
  {
    sign: /permission denied|operation not permitted/i,
    code: 'E_PERMISSION',
    message: host => `The user ${host.ssh.user} may not write ${host.deploy_dir} on ${host.address}`,
    hint: 'Log in as root, or set `ssh: { sudo: true }` in cluster.yaml: what containers write belongs to root.',
  },
];

const LINES = 12;

/** @param output what the operation printed, secrets already redacted */
export function explainFailure(host: CompiledHost, step: string, output: string): DeployError {
  const lines = output
    .trim()
    .split('\n')
    .filter(line => line.trim() !== '');
  const cause = CAUSES.find(one => one.sign.test(output));
  const detail = lines.slice(-LINES);
  if (cause !== undefined) {
    return new DeployError({
      code: cause.code,
      host: host.address,
      step,
      message: `${cause.message(host)}.`,
      hint: cause.hint,
      detail,
    });
  }
  return new DeployError({
    code: 'E_OPERATION',
    host: host.address,
    step,
    message: `${step} failed on ${host.address}: ${lines.at(-1)?.slice(0, 300) ?? 'it did not say why'}.`,
    hint: 'Mend what it says there and deploy again; it goes on from what it finds.',
    detail,
  });
}
