import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { DeployError } from '../error.ts';

/** A public key as SSH shows it. */
export interface HostKey {
  /** `ssh-ed25519`, `ssh-rsa` … */
  readonly type: string;
  /** The key's wire form. */
  readonly blob: Buffer;
}

interface Line {
  readonly patterns: readonly string[];
  readonly revoked: boolean;
  readonly key: HostKey;
}

/** Lines of an OpenSSH known_hosts file. */
export type KnownHosts = readonly Line[];

/** @throws DeployError E_KNOWN_HOSTS with the line */
export function parseKnownHosts(text: string): KnownHosts {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .flatMap((line, index) => {
      const words = line.trim().split(/\s+/);
      if (line.trim() === '' || line.trim().startsWith('#')) return [];
      const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined;
      const [hosts, type, base64] = words;
      if (marker === '@cert-authority')
        throw unreadable(index, '@cert-authority lines are not supported: pin each host’s own key');
      if (marker !== undefined && marker !== '@revoked') throw unreadable(index, `${marker} is not known`);
      if (hosts === undefined || type === undefined || base64 === undefined)
        throw unreadable(index, 'it needs a host, a key type and a key');
      const blob = Buffer.from(base64, 'base64');
      if (blob.length < 16 || typeOf(blob) !== type) throw unreadable(index, `it holds no ${type} key`);
      return [{ patterns: hosts.split(','), revoked: marker === '@revoked', key: { type, blob } }];
    });
}

const unreadable = (index: number, why: string): DeployError =>
  new DeployError({
    code: 'E_KNOWN_HOSTS',
    message: `Line ${index + 1} of the known_hosts file cannot be used: ${why}.`,
    hint: 'Mend or delete that line; `npm run trust` writes new ones.',
  });

/** The type that a wire-form key names itself. */
export const typeOf = (blob: Buffer): string => {
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
  return blob.subarray(4, 4 + Math.min(length, 64)).toString('ascii');
};

/** `SHA256:…`, as `ssh-keygen -l` shows it. */
export const fingerprint = (blob: Buffer): string =>
  `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;

/** A name as known_hosts writes it. */
export const hostName = (host: string, port: number): string => (port === 22 ? host : `[${host}]:${port}`);

/** Keys that the file has for a host, and those it revokes. */
export function keysOf(
  known: KnownHosts,
  host: string,
  port: number,
): { readonly keys: HostKey[]; readonly revoked: HostKey[] } {
  const lines = known.filter(line => matches(line.patterns, hostName(host, port)));
  return {
    keys: lines.filter(line => !line.revoked).map(line => line.key),
    revoked: lines.filter(line => line.revoked).map(line => line.key),
  };
}

function matches(patterns: readonly string[], name: string): boolean {
  const hit = (pattern: string) => (pattern.startsWith('|1|') ? hashed(pattern, name) : glob(pattern).test(name));
  if (patterns.some(pattern => pattern.startsWith('!') && hit(pattern.slice(1)))) return false;
  return patterns.some(pattern => !pattern.startsWith('!') && hit(pattern));
}

const glob = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    'i',
  );

function hashed(pattern: string, name: string): boolean {
  const [, , salt = '', hash = ''] = pattern.split('|');
  const wanted = Buffer.from(hash, 'base64');
  const found = createHmac('sha1', Buffer.from(salt, 'base64')).update(name.toLowerCase()).digest();
  return wanted.length === found.length && timingSafeEqual(wanted, found);
}

/** A line for the file. */
export const knownHostsLine = (host: string, port: number, { type, blob }: HostKey): string =>
  `${hostName(host, port)} ${type} ${blob.toString('base64')}`;
