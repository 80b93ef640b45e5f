import { createHmac } from 'node:crypto';
import ssh2 from 'ssh2';
import { describe, expect, it } from 'vitest';
import { DeployError } from '../../../.github/actions/deploy/src/error.ts';
import { pinFor } from '../../../.github/actions/deploy/src/transport/host-key.ts';
import {
  fingerprint,
  hostName,
  type KnownHosts,
  keysOf,
  knownHostsLine,
  parseKnownHosts,
  typeOf,
} from '../../../.github/actions/deploy/src/transport/known-hosts.ts';
import { keyPair } from '../../sandbox/key-pair.ts';

const made = (type: 'ed25519' | 'ecdsa' | 'rsa') => {
  const options = type === 'ecdsa' ? { bits: 256 as const } : { bits: 2048 };
  const { public: line } = type === 'ed25519' ? keyPair() : ssh2.utils.generateKeyPairSync(type, options);
  const [, base64 = ''] = line.split(' ');
  return { text: line.trim(), blob: Buffer.from(base64, 'base64') };
};
const one = made('ed25519');
const other = made('ed25519');
const rsa = made('rsa');
const ecdsa = made('ecdsa');

const code = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof DeployError) return error.problem.code;
    throw error;
  }
  return 'none';
};
const has = (file: string, host: string, port = 22): boolean =>
  keysOf(parseKnownHosts(file), host, port).keys.some(key => key.blob.equals(one.blob));

const hashed = (name: string): string => {
  const salt = Buffer.from('twentybytesofsaltxxx');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
};

describe('known_hosts', () => {
  it.each([
    ['a plain name', `10.0.0.1 ${one.text}`, '10.0.0.1', 22, true],
    ['another name', `10.0.0.1 ${one.text}`, '10.0.0.11', 22, false],
    ['a dot that is no wildcard', `10.0.0.1 ${one.text}`, '10x0x0x1', 22, false],
    ['a list', `a,10.0.0.1,b ${one.text}`, '10.0.0.1', 22, true],
    ['a port of its own', `[10.0.0.1]:2222 ${one.text}`, '10.0.0.1', 2222, true],
    ['a port that is another one', `[10.0.0.1]:2222 ${one.text}`, '10.0.0.1', 22, false],
    ['a name without a port, asked with one', `10.0.0.1 ${one.text}`, '10.0.0.1', 2222, false],
    ['a star', `10.0.0.* ${one.text}`, '10.0.0.77', 22, true],
    ['a question mark', `10.0.0.? ${one.text}`, '10.0.0.77', 22, false],
    ['a negation', `10.0.0.*,!10.0.0.7 ${one.text}`, '10.0.0.7', 22, false],
    ['a hashed name', `${hashed('10.0.0.1')} ${one.text}`, '10.0.0.1', 22, true],
    ['a hashed name with a port', `${hashed('[10.0.0.1]:2222')} ${one.text}`, '10.0.0.1', 2222, true],
    ['a hashed name of another', `${hashed('10.0.0.2')} ${one.text}`, '10.0.0.1', 22, false],
    ['capitals', `DB.example ${one.text}`, 'db.example', 22, true],
    ['capitals against a hash', `${hashed('db.example')} ${one.text}`, 'DB.example', 22, true],
    ['a comment, CRLF, a byte order mark', `\uFEFF# mine\r\n\r\n10.0.0.1 ${one.text} root@a\r\n`, '10.0.0.1', 22, true],
  ])('%s', (_, file, host, port, found) => {
    expect(has(file, host, port)).toBe(found);
  });

  it('keeps revoked keys apart', () => {
    const { keys, revoked } = keysOf(parseKnownHosts(`@revoked a ${one.text}\na ${other.text}`), 'a', 22);
    expect(keys.map(key => key.blob)).toEqual([other.blob]);
    expect(revoked.map(key => key.blob)).toEqual([one.blob]);
  });

  it.each([
    ['a certificate authority', `@cert-authority * ${one.text}`],
    ['a marker that nobody knows', `@later a ${one.text}`],
    ['a missing key', 'a ssh-ed25519'],
    ['a key of another type than the line says', `a ssh-rsa ${one.text.split(' ')[1]}`],
    ['a cut key', 'a ssh-ed25519 AAAA'],
  ])('%s is refused with its line', (_, line) => {
    expect(() => parseKnownHosts(`\n${line}`)).toThrow('Line 2');
    expect(code(() => parseKnownHosts(line))).toBe('E_KNOWN_HOSTS');
  });

  it('reads the lines that it writes', () => {
    for (const port of [22, 2200]) {
      const line = knownHostsLine('10.0.0.1', port, { type: 'ssh-ed25519', blob: one.blob });
      expect(has(line, '10.0.0.1', port)).toBe(true);
    }
    expect(hostName('10.0.0.1', 2200)).toBe('[10.0.0.1]:2200');
  });

  it('a wire form that is cut has no type', () => {
    expect(typeOf(Buffer.from([0, 0]))).toBe('');
    expect(typeOf(rsa.blob)).toBe('ssh-rsa');
  });
});

describe('the pin of a host', () => {
  const known = (text: string): KnownHosts => parseKnownHosts(text);
  const verdict = (pinned: string | null, file: string, shown: Buffer): string =>
    code(() => pinFor('10.0.0.1', 22, pinned, known(file)).check(shown));

  it.each([
    ['the key of cluster.yaml', one.text, '', one.blob, 'none'],
    ['another key than cluster.yaml says', one.text, '', other.blob, 'E_HOST_KEY_CHANGED'],
    ['cluster.yaml before known_hosts', one.text, `10.0.0.1 ${other.text}`, other.blob, 'E_HOST_KEY_CHANGED'],
    ['the fingerprint of cluster.yaml', fingerprint(one.blob), '', one.blob, 'none'],
    ['another fingerprint', fingerprint(one.blob), '', other.blob, 'E_HOST_KEY_CHANGED'],
    ['the key of known_hosts', null, `10.0.0.1 ${one.text}`, one.blob, 'none'],
    ['one of several keys', null, `10.0.0.1 ${other.text}\n10.0.0.1 ${one.text}`, one.blob, 'none'],
    ['a changed key', null, `10.0.0.1 ${other.text}`, one.blob, 'E_HOST_KEY_CHANGED'],
    ['a host that nobody pinned', null, `10.0.0.2 ${one.text}`, one.blob, 'E_HOST_KEY_UNKNOWN'],
    ['a revoked key', null, `10.0.0.1 ${one.text}\n@revoked * ${one.text}`, one.blob, 'E_HOST_KEY_REVOKED'],
  ])('%s', (_, pinned, file, shown, expected) => {
    expect(verdict(pinned, file, shown)).toBe(expected);
  });

  it('offers only algorithms of the pinned keys, so that the server shows one of them', () => {
    const offers = (pinned: string | null, file = '') => pinFor('10.0.0.1', 22, pinned, known(file)).algorithms;
    expect(offers(one.text)).toEqual(['ssh-ed25519']);
    expect(offers(rsa.text)).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
    expect(offers(null, `10.0.0.1 ${rsa.text}\n10.0.0.1 ${ecdsa.text}`)).toEqual([
      'ecdsa-sha2-nistp256',
      'rsa-sha2-512',
      'rsa-sha2-256',
    ]);
    for (const everything of [offers(null), offers(fingerprint(one.blob))]) {
      expect(everything).toContain('ssh-ed25519');
      expect(everything).not.toContain('ssh-rsa');
    }
  });

  it('never offers an algorithm that ssh2 does not know', () => {
    const type = 'sk-ssh-ed25519@openssh.com';
    const length = Buffer.alloc(4);
    length.writeUInt32BE(type.length);
    const blob = Buffer.concat([length, Buffer.from(type), Buffer.alloc(32)]);
    const { algorithms, check } = pinFor('a', 22, null, known(`a ${type} ${blob.toString('base64')}`));
    expect(algorithms).toContain('ssh-ed25519');
    expect(code(() => check(one.blob))).toBe('E_HOST_KEY_CHANGED');
  });

  it('a host_key that is no key is said to be none', () => {
    expect(code(() => pinFor('a', 22, 'ssh-ed25519 nonsense', []))).toBe('E_HOST_KEY_FORMAT');
  });

  it('an unknown key comes with the line that would trust it, and its fingerprint', () => {
    const refusal = (() => {
      try {
        pinFor('10.0.0.1', 2200, null, []).check(one.blob);
      } catch (error) {
        if (error instanceof DeployError) return error.problem;
      }
      throw new Error('it was let through');
    })();
    expect(refusal.message).toContain(fingerprint(one.blob));
    expect(refusal.hint).toContain(`[10.0.0.1]:2200 ${one.text.split(' ').slice(0, 2).join(' ')}`);
  });
});
