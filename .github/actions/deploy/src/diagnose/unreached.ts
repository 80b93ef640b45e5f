import type { HostWorld, Known } from '../plan/world.ts';
import type { Diagnosis } from './diagnosis.ts';

interface Cause {
  readonly sign: RegExp;
  readonly code: Diagnosis['code'];
  readonly cause: string;
  readonly todo: string;
}

/** By the words of our own problems, which are all that an unknown machine leaves; the first that fits. */
const UNREACHED: readonly Cause[] = [
  {
    sign: /shows the \S+ (?:host )?key|shows the host key/,
    code: 'D_HOST_KEY',
    cause:
      'The machine shows another host key than the pinned one, or none is pinned: it was installed anew, or somebody is in between.',
    todo: 'Compare the fingerprint at the machine’s own console, then run `npm run trust`.',
  },
  {
    sign: /does not let \S+ in with the key/,
    code: 'D_LOGIN',
    cause: 'The SSH server of the machine refuses the key of this run.',
    todo: 'Put the public key into ~/.ssh/authorized_keys of that user there, or correct `ssh.user`.',
  },
  {
    sign: /^sudo on /,
    code: 'D_SUDO',
    cause: 'The SSH user may not run commands as root without a password.',
    todo: 'Write a file in /etc/sudoers.d there that says NOPASSWD, or take `sudo: true` out of cluster.yaml.',
  },
  {
    sign: /may not look into/,
    code: 'D_PERMISSION',
    cause: 'The SSH user may not see the data folders, so nobody knows what is there.',
    todo: 'Set `ssh: { sudo: true }` in cluster.yaml, or let that user read them.',
  },
];

const SILENT: Omit<Cause, 'sign'> = {
  code: 'D_UNREACHABLE',
  cause: 'The machine does not answer over SSH: it is down, or its network is.',
  todo: 'Look at the machine’s console; set `maintenance: true` for it while it is away.',
};

const NO_DOCKER: Omit<Cause, 'sign'> = {
  code: 'D_DOCKER',
  cause: 'Docker cannot be used there, so its containers cannot be seen and none is started.',
  todo: 'Start it (`systemctl start docker`), install it with the Compose plugin, or let the SSH user use it.',
};

/** What keeps anybody from looking at the nodes of a machine; null when nothing does. */
export function ofMachine(address: string, answer: Known<HostWorld> | undefined): Diagnosis | null {
  const diagnosis = (seen: string, { code, cause, todo }: Omit<Cause, 'sign'>): Diagnosis => ({
    node: address,
    code,
    seen: seen.slice(0, 300),
    cause,
    todo,
  });
  if (answer?.known !== true) {
    const reason = answer?.reason ?? 'it was not asked';
    return diagnosis(reason, UNREACHED.find(({ sign }) => sign.test(reason)) ?? SILENT);
  }
  const { docker } = answer.value;
  return docker.known ? null : diagnosis(docker.reason, NO_DOCKER);
}
