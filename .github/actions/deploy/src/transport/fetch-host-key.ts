import ssh2 from 'ssh2';
import type { SshAccess } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import { type HostKey, hostName, typeOf } from './known-hosts.ts';

/** Asks a machine for its host key and goes away before any login. */
export function fetchHostKey({ host, port }: Pick<SshAccess, 'host' | 'port'>, limitSeconds: number): Promise<HostKey> {
  const client = new ssh2.Client();
  return new Promise<HostKey>((resolve, reject) => {
    client.on('error', error => {
      reject(
        new DeployError({
          code: 'E_UNREACHABLE',
          host,
          step: 'trust',
          message: `${hostName(host, port)} shows no host key: ${error.message}.`,
          hint: 'Is the machine up, and its SSH server reachable from here?',
        }),
      );
    });
    client.connect({
      host,
      port,
      username: 'nobody',
      readyTimeout: limitSeconds * 1000,
      algorithms: { serverHostKey: ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512'] },
      hostVerifier: (blob: Buffer) => {
        resolve({ type: typeOf(blob), blob });
        return false;
      },
    });
  }).finally(() => client.destroy());
}
