import { afterEach, beforeEach, expect, test } from 'vitest';
import { login, setRootPassword } from '../../../.github/actions/deploy/src/starrocks/password.ts';
import { type FakeFe, fakeFe } from './fake-fe.ts';

let fe: FakeFe;
beforeEach(async () => {
  fe = await fakeFe();
});
afterEach(() => fe.close());

const access = (password: string | null) => ({ connect: fe.connect, password, timeoutMs: 5000 });

test('the wanted password is tried first', async () => {
  fe.password = 'right';
  const { sql, root_open } = await login(access('right'));
  expect(root_open).toBe(false);
  sql.close();
});

test('root without a password is let in and told to be open', async () => {
  const { sql, root_open } = await login(access('wanted'));
  expect(root_open).toBe(true);
  sql.close();
});

test('no password wanted and none set is no open root', async () => {
  const { sql, root_open } = await login(access(''));
  expect(root_open).toBe(false);
  sql.close();
});

test('another password than the wanted one is an error that names no password', async () => {
  fe.password = 'another';
  await expect(login(access('wanted'))).rejects.toMatchObject({
    problem: { code: 'E_PASSWORD_WRONG', message: expect.not.stringContaining('wanted') },
  });
});

test('a password where none was given is an error that says where to give it', async () => {
  fe.password = 'another';
  await expect(login(access(null))).rejects.toMatchObject({
    problem: { code: 'E_PASSWORD_MISSING', hint: expect.stringContaining('starrocks.password') },
  });
});

test.each([
  ['plain', "SET PASSWORD = PASSWORD('plain')"],
  ["it's", "SET PASSWORD = PASSWORD('it\\'s')"],
  ['a\\', "SET PASSWORD = PASSWORD('a\\\\')"],
  ["\\'); DROP", "SET PASSWORD = PASSWORD('\\\\\\'); DROP')"],
])('%j is set as one literal', async (password, statement) => {
  const { sql } = await login(access(password));
  await setRootPassword(sql, password);
  expect(fe.statements).toEqual([statement]);
  sql.close();
});

test('an error about the statement does not show the password in its escaped form', async () => {
  const password = 'it\'s "a secret"';
  fe.answer = sql => ({ error: `No viable statement for input '${sql}'` });
  const { sql } = await login(access(password));
  const error = await setRootPassword(sql, password).catch((reason: unknown) => reason);
  expect(String(error)).toContain("No viable statement for input 'SET PASSWORD = PASSWORD('***')'");
  expect(JSON.stringify(error)).not.toContain('a secret');
  sql.close();
});
