import type { Duplex } from 'node:stream';
import ssh2, { type ConnectConfig } from 'ssh2';
import type { SshAccess } from '../../../../../compiler/contract/cluster-json.ts';
import { DeployError } from '../error.ts';
import { type HostKey, hostName, typeOf } from './known-hosts.ts';

/**
 * Asks a machine for its host key and goes away before any login.
 * @param sock the way there through a bastion, or null
 * @throws DeployError E_UNREACHABLE
 */
export function fetchHostKey(
  { host, port }: Pick<SshAccess, 'host' | 'port'>,
  limitSeconds: number,
  sock: Duplex | null = null,
): Promise<HostKey> {
  const client = new ssh2.Client();
  let timer: NodeJS.Timeout | undefined;
  return new Promise<HostKey>((resolve, reject) => {
    const fail = (why: string) =>
      reject(
        new DeployError({
          code: 'E_UNREACHABLE',
          host,
          step: 'trust',
          message: `${hostName(host, port)} shows no host key: ${why}.`,
          hint: 'Is the machine up, and its SSH server reachable from here?',
        }),
      );
    timer = setTimeout(() => fail(`it did not answer within ${limitSeconds} s`), limitSeconds * 1000);
    client.on('error', error => fail(error.message));
    // A server that hangs up after its greeting is no error to ssh2.
    const hungUp = () => fail('it closed the connection');
    client.once('end', hungUp).once('close', hungUp);
    client.connect({
      host,
      port,
      username: 'nobody',
      readyTimeout: 0,
      algorithms: {
        serverHostKey: [
          'ssh-ed25519',
          'ecdsa-sha2-nistp256',
          'ecdsa-sha2-nistp384',
          'ecdsa-sha2-nistp521',
          'rsa-sha2-512',
        ],
      },
      hostVerifier: (blob: Buffer) => {
        resolve({ type: typeOf(blob), blob });
        return false;
      },
      ...(sock === null ? {} : { sock: sock as NonNullable<ConnectConfig['sock']> }),
    });
  }).finally(() => {
    clearTimeout(timer);
    client.destroy();
    sock?.destroy();
  });
}
