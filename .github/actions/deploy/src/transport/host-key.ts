import { DeployError } from '../error.ts';
import { fingerprint, type HostKey, hostName, type KnownHosts, keysOf, knownHostsLine, typeOf } from './known-hosts.ts';

/** What a host must show. */
export interface Pin {
  /** Algorithms to offer: a server then shows the key that is pinned, not one that nobody knows. */
  readonly algorithms: readonly string[];
  /** @throws DeployError E_HOST_KEY_UNKNOWN, E_HOST_KEY_CHANGED, E_HOST_KEY_REVOKED */
  check(shown: Buffer): void;
}

const SIGNATURES: Readonly<Record<string, readonly string[]>> = { 'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'] };

/** Without SHA-1 and without DSA. */
const ALL = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/** @param pinned `host_key` of cluster.yaml: a public key or a SHA256 fingerprint; null: known_hosts decides */
export function pinFor(host: string, port: number, pinned: string | null, known: KnownHosts): Pin {
  const name = hostName(host, port);
  if (pinned?.startsWith('SHA256:') === true) {
    return {
      algorithms: ALL,
      check: shown => {
        if (fingerprint(shown) !== pinned) throw changed(name, shown, [pinned], 'cluster.yaml');
      },
    };
  }
  const { keys, revoked } = pinned === null ? keysOf(known, host, port) : { keys: [parsed(pinned, name)], revoked: [] };
  return {
    algorithms: algorithmsOf(keys),
    check: shown => {
      if (revoked.some(key => key.blob.equals(shown))) throw revokedKey(name, shown);
      if (keys.length === 0) throw unknownKey(host, port, shown);
      if (keys.some(key => key.blob.equals(shown))) return;
      throw changed(
        name,
        shown,
        keys.map(key => fingerprint(key.blob)),
        pinned === null ? 'known_hosts' : 'cluster.yaml',
      );
    },
  };
}

/** ssh2 throws on an algorithm that it does not know (a security key's, DSA): such a key cannot be asked for. */
function algorithmsOf(keys: readonly HostKey[]): readonly string[] {
  const types = new Set(keys.flatMap(({ type }) => SIGNATURES[type] ?? [type]));
  const usable = ALL.filter(one => types.has(one));
  return usable.length === 0 ? ALL : usable;
}

function parsed(text: string, name: string): HostKey {
  const [type = '', base64 = ''] = text.trim().split(/\s+/);
  const blob = Buffer.from(base64, 'base64');
  if (typeOf(blob) === type && type !== '') return { type, blob };
  throw new DeployError({
    code: 'E_HOST_KEY_FORMAT',
    message: `The host_key of ${name} is neither a public key nor a SHA256 fingerprint.`,
    hint: 'Write it as in the file /etc/ssh/ssh_host_ed25519_key.pub of that machine, or as `ssh-keygen -l` shows it.',
  });
}

const unknownKey = (host: string, port: number, shown: Buffer): DeployError =>
  new DeployError({
    code: 'E_HOST_KEY_UNKNOWN',
    message: `${hostName(host, port)} shows the ${typeOf(shown)} key ${fingerprint(shown)}, and nobody has said that it is the right one.`,
    hint: `Run \`npm run trust\`, or, after comparing the fingerprint on the machine itself, add this line to the known_hosts file: ${knownHostsLine(host, port, { type: typeOf(shown), blob: shown })}`,
  });

const changed = (name: string, shown: Buffer, wanted: readonly string[], where: string): DeployError =>
  new DeployError({
    code: 'E_HOST_KEY_CHANGED',
    message: `${name} shows the ${typeOf(shown)} host key ${fingerprint(shown)}, and ${where} says ${wanted.join(' or ')}: another machine answers, or it was installed anew.`,
    hint: 'Find out which before anything else. Only if the machine was installed anew, replace its key where it is pinned. A fingerprint must be the one of the key type that is shown.',
  });

const revokedKey = (name: string, shown: Buffer): DeployError =>
  new DeployError({
    code: 'E_HOST_KEY_REVOKED',
    message: `${name} shows the host key ${fingerprint(shown)}, which known_hosts revokes.`,
    hint: 'Give the machine a new host key.',
  });
