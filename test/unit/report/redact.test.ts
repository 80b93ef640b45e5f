import fc from 'fast-check';
import { expect, test } from 'vitest';
import { redact, redactData } from '../../../.github/actions/deploy/src/report/redact.ts';

const secret = `p w'"d/+\\ü`;
const base64 = (text: string) => Buffer.from(text).toString('base64');

test.each([
  ['as it is', secret],
  ['in JSON', JSON.stringify({ password: secret })],
  ['URL-encoded', `https://root:${encodeURIComponent(secret)}@host/`],
  ['URL-encoded in lower case', encodeURIComponent(secret).toLowerCase()],
  ['as a form field', encodeURIComponent(secret).replaceAll('%20', '+')],
  ['in base64', base64(secret)],
  ['in base64 for URLs', Buffer.from(secret).toString('base64url')],
  ['as a Basic header', `Authorization: Basic ${base64(`root:${secret}`)}`],
  ['in base64 with one before and some after', base64(`r${secret}tail`)],
  ['in an SQL literal', `SET PASSWORD = PASSWORD('p w\\'"d/+\\\\ü')`],
])('a secret %s is struck out', (_, text) => {
  const clean = redact(`before ${text} after`, [secret]);
  expect(clean).toContain('***');
  expect(clean).toMatch(/^before .*after$/);
  for (const form of [secret, encodeURIComponent(secret), base64(secret), base64(secret).slice(0, -4)]) {
    expect(clean.toLowerCase()).not.toContain(form.toLowerCase());
  }
});

test('a private key is struck out line by line', () => {
  const lines = ['-----BEGIN OPENSSH PRIVATE KEY-----', 'b3BlbnNzaC1rZXktdjEAAAAABG5vbmU', 'AAAAAAAAAAtzc2gtZWQy'];
  const clean = redact(`ssh2 says: bad line ${lines[1]}.`, [`${lines.join('\n')}\n`]);
  expect(clean).toBe('ssh2 says: bad line ***.');
});

test('a secret that holds another one is struck out whole', () => {
  expect(redact('it was secretary', ['secret', 'secretary'])).toBe('it was ***');
});

test('no secret and an empty one change nothing', () => {
  expect(redact('text', [])).toBe('text');
  expect(redact('text', [''])).toBe('text');
});

test('whatever the secret, it does not stand in the text any more', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 4 }), fc.string(), fc.string(), (one, before, after) => {
      fc.pre(!'***'.includes(one) && one.trim() !== '' && !before.includes('*') && !after.includes('*'));
      fc.pre(!one.includes('*'));
      return !redact(`${before}${one}${after}`, [one]).includes(one);
    }),
  );
});

test('data keeps its form', () => {
  expect(redactData({ a: ['x secret', 1, null], b: { c: 'secret' } }, ['secret'])).toEqual({
    a: ['x ***', 1, null],
    b: { c: '***' },
  });
});
