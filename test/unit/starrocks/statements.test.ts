import fc from 'fast-check';
import { expect, test } from 'vitest';
import { statementText } from '../../../.github/actions/deploy/src/starrocks/statements.ts';

const host = '127.0.0.11';

test('each statement is about one node, in the form that real FEs took', () => {
  expect(statementText({ kind: 'addFollower', host, port: 9010 })).toBe('ALTER SYSTEM ADD FOLLOWER "127.0.0.11:9010"');
  expect(statementText({ kind: 'addObserver', host, port: 9010 })).toBe('ALTER SYSTEM ADD OBSERVER "127.0.0.11:9010"');
  expect(statementText({ kind: 'addBackend', host, port: 9050 })).toBe('ALTER SYSTEM ADD BACKEND "127.0.0.11:9050"');
  expect(statementText({ kind: 'setLocation', host, port: 9050, location: 'rack:r1' })).toBe(
    'ALTER SYSTEM MODIFY BACKEND "127.0.0.11:9050" SET ("labels.location" = "rack:r1")',
  );
});

test.each(['', 'localhost', '127.0.0.256', '127.0.0', '127.0.0.1.', '127.0.0.01', '127.0.0.1"', '::1', '127.0.0.1\n'])(
  'the address %j is not sent',
  address => {
    expect(() => statementText({ kind: 'addBackend', host: address, port: 9050 })).toThrow('is not an IPv4 address');
  },
);

test.each([0, -1, 65536, 1.5, Number.NaN])('the port %d is not sent', port => {
  expect(() => statementText({ kind: 'addFollower', host, port })).toThrow('is not a port');
});

test('whatever a label holds, it cannot leave its quotes', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (key, value) => {
      const location = `${key}:${value}`;
      try {
        const text = statementText({ kind: 'setLocation', host, port: 9050, location });
        return /^[A-Z ]+ "[\d.:]+" SET \("labels.location" = "[\w.:-]+"\)$/.test(text);
      } catch (error) {
        return String(error).includes('is not a location label');
      }
    }),
  );
});
