import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeployError } from '../../../.github/actions/deploy/src/error.ts';
import { readPrivateKey } from '../../../.github/actions/deploy/src/transport/private-key.ts';

let folder: string;
const made: Record<string, { text: string; blob: Buffer }> = {};

function make(name: string, ...options: string[]): void {
  const file = join(folder, name);
  execFileSync('ssh-keygen', ['-q', '-C', '', '-f', file, ...options]);
  const [, base64 = ''] = readFileSync(`${file}.pub`, 'utf8').split(' ');
  made[name] = { text: readFileSync(file, 'utf8'), blob: Buffer.from(base64, 'base64') };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keys-'));
  make('ed25519', '-t', 'ed25519', '-N', '');
  make('rsa-openssh', '-t', 'rsa', '-b', '2048', '-N', '');
  make('rsa-pem', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', '');
  make('ecdsa-pem', '-t', 'ecdsa', '-m', 'PEM', '-N', '');
  make('locked', '-t', 'ed25519', '-a', '1', '-N', 'opensesame');
  make('locked-pem', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', 'opensesame');
});
afterAll(() => rmSync(folder, { recursive: true }));

const key = (name: string) => {
  const found = made[name];
  if (found === undefined) throw new Error(`no key ${name}`);
  return found;
};

const refusal = (text: string, passphrase: string | null = null) => {
  try {
    readPrivateKey(text, passphrase);
  } catch (error) {
    if (error instanceof DeployError) return error.problem;
    throw error;
  }
  throw new Error('it was read');
};

describe('a private key', () => {
  it.each(['ed25519', 'rsa-openssh', 'rsa-pem', 'ecdsa-pem'])('%s is read', name => {
    const { text, blob } = key(name);
    expect(readPrivateKey(text, null).getPublicSSH()).toEqual(blob);
  });

  it.each(['locked', 'locked-pem'])('%s is read with its passphrase', name => {
    const { text, blob } = key(name);
    expect(readPrivateKey(text, 'opensesame').getPublicSSH()).toEqual(blob);
    expect(refusal(text).message).toMatch(/passphrase, and none was given/);
    expect(refusal(text, 'wrong').message).toMatch(/passphrase of the SSH key is wrong/);
  });

  it('a passphrase that it does not need does no harm', () => {
    expect(readPrivateKey(key('ed25519').text, 'needless').getPublicSSH()).toEqual(key('ed25519').blob);
  });

  it.each([
    ['carriage returns', (text: string) => text.replaceAll('\n', '\r\n')],
    ['old carriage returns alone', (text: string) => text.replaceAll('\n', '\r')],
    ['no last newline', (text: string) => text.trimEnd()],
    ['blank lines around it', (text: string) => `\n\n${text}\n\n`],
    ['a byte order mark', (text: string) => `\uFEFF${text}`],
    ['indentation', (text: string) => text.replaceAll(/^/gm, '    ')],
    ['\\n written out', (text: string) => text.replaceAll('\n', '\\n')],
    ['blanks for newlines', (text: string) => text.trim().replaceAll('\n', ' ')],
    ['no newlines at all', (text: string) => text.replaceAll('\n', '')],
    ['base64 around it', (text: string) => Buffer.from(text).toString('base64')],
    [
      'wrapped base64 around it',
      (text: string) =>
        `${Buffer.from(text)
          .toString('base64')
          .replace(/(.{76})/g, '$1\n')}\n`,
    ],
  ])('survives %s', (_, spoil) => {
    for (const name of ['ed25519', 'rsa-pem']) {
      expect(readPrivateKey(spoil(key(name).text), null).getPublicSSH()).toEqual(key(name).blob);
    }
  });

  it.each([
    ['nothing', () => '', /empty/],
    ['blanks', () => ' \n ', /empty/],
    ['a public key', () => readFileSync(join(folder, 'ed25519.pub'), 'utf8'), /public key/],
    ['a path', () => '~/.ssh/id_ed25519', /no BEGIN line/],
    ['a file that was cut', () => key('ed25519').text.slice(0, 200), /cut off/],
    ['a damaged middle', () => key('ed25519').text.replace(/\n.{60}/, '\n'), /damaged/],
    ['PuTTY’s format', () => 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n', /PuTTY/],
    [
      'PKCS#8',
      () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      /PKCS#8/,
    ],
  ])('%s is explained, and nothing of it shown', (_, text, message) => {
    const problem = refusal(text());
    expect(problem.code).toBe('E_KEY_FORMAT');
    expect(problem.message).toMatch(message);
    const body = text().match(/[A-Za-z0-9+/]{20,}/)?.[0];
    if (body !== undefined) expect(JSON.stringify(problem)).not.toContain(body);
  });

  it('in PKCS#8 becomes readable by the way out that the advice shows', () => {
    const file = join(folder, 'pkcs8');
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-m', 'PKCS8', '-C', '', '-N', '', '-f', file]);
    expect(refusal(readFileSync(file, 'utf8')).hint).toContain('ssh-keygen -p -N "" -f COPY');
    execFileSync('ssh-keygen', ['-q', '-p', '-N', '', '-f', file]);
    expect(readPrivateKey(readFileSync(file, 'utf8'), null).isPrivateKey()).toBe(true);
  });
});
