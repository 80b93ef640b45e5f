import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bootstrap, type Machine, openSite, type Site } from './machine.ts';

let site: Site;
let fe: Machine;

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(program: 'mysql' | 'curl', args: readonly string[], env: NodeJS.ProcessEnv = {}): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fe.path('bin', program), ...args], {
    env: { PATH: process.env['PATH'], ...env },
    encoding: 'utf8',
  });
  return { code: status, out: stdout, err: stderr };
}

const mysql = (...args: readonly string[]): Ran =>
  run('mysql', ['-h', fe.address, '-P', '9030', '-u', 'root', ...args]);

beforeAll(async () => {
  site = await openSite(146, '3.3.15');
  fe = site.machine(1);
  await bootstrap(site, 1);
});
afterAll(() => site.close());

it('prints tab-separated rows as the mysql client does in batch mode', () => {
  expect(mysql('--batch', '-e', 'SELECT 1')).toEqual({ code: 0, out: '1\n1\n', err: '' });
  const rows = mysql('--batch', '--skip-column-names', '--connect-timeout=2', '-e', 'SHOW FRONTENDS');
  expect(rows.out.split('\t').slice(1, 3)).toEqual([fe.address, '9010']);
  expect(rows.out.split('\n').length).toBe(2);
  expect(mysql('-N', '-B', '-e', 'SELECT 1; SELECT 2').out).toBe('1\n2\n');
  expect(mysql('-BN', '--connect-timeout', '2', '--execute=SELECT 3').out).toBe('3\n');
  expect(run('mysql', [`-h${fe.address}`, '-P9030', '-uroot', '-Ne', 'SELECT 4']).out).toBe('4\n');
  expect(mysql('-e', 'SHOW BACKENDS')).toEqual({ code: 0, out: '', err: '' });
  expect(mysql('-t', '-e', 'SELECT 1').out).toBe('+---+\n| 1 |\n+---+\n| 1 |\n+---+\n');
});

it('prints errors as the mysql client does, and ends with 1', () => {
  expect(mysql('-e', 'SHOW NOTHING')).toEqual({
    code: 1,
    out: '',
    err: "ERROR 1064 (HY000) at line 1: Getting syntax error at line 1, column 5. Detail message: No viable statement for input 'SHOW NOTHING'.\n",
  });
  expect(run('mysql', ['-h', fe.address, '-P', '9031', '-u', 'root', '-e', 'SELECT 1'])).toEqual({
    code: 1,
    out: '',
    err: `ERROR 2003 (HY000): Can't connect to MySQL server on '${fe.address}:9031' (111)\n`,
  });
  const wrong = run('mysql', ['-h', fe.address, '-P', '9030', '-u', 'root', '-e', 'SELECT 1'], { MYSQL_PWD: 'wrong' });
  expect(wrong.err).toBe("ERROR 1045 (28000): Access denied for user 'root' (using password: YES)\n");
});

it('asks over HTTP as curl does, with its exit codes', () => {
  const url = `http://${fe.address}:8030`;
  expect(run('curl', ['-f', `${url}/api/health`])).toEqual({
    code: 0,
    out: '{"online_backend_num":0,"total_backend_num":0,"status":"OK"}',
    err: '',
  });
  expect(run('curl', ['-fsS', '-m', '2', `${url}/api/nothing`])).toEqual({
    code: 22,
    out: '',
    err: 'curl: (22) The requested URL returned error: 404\n',
  });
  expect(run('curl', ['-fs', '--max-time', '2', `http://${fe.address}:1/`])).toEqual({ code: 7, out: '', err: '' });
  expect(run('curl', ['-s', '-o', fe.path('health'), `${url}/api/health`]).out).toBe('');
  expect(fe.read('health')).toContain('"status":"OK"');
});

it('gives up after --max-time or --connect-timeout when nobody answers', () => {
  fe.signal('fe', 'SIGSTOP');
  expect(run('curl', ['-s', '-m', '1', `http://${fe.address}:8030/api/health`]).code).toBe(28);
  expect(mysql('--connect-timeout=1', '-e', 'SELECT 1').err).toBe(
    "ERROR 2013 (HY000): Lost connection to MySQL server at 'reading initial communication packet', system error: 110\n",
  );
  fe.signal('fe', 'SIGCONT');
});

it('takes localhost for the host that a script belongs to', () => {
  const env = { STARROCKS_LOCALHOST: '1', HOST_IP: fe.address };
  expect(run('curl', ['-f', 'http://localhost:8030/api/bootstrap'], env).code).toBe(0);
  expect(run('curl', ['-fs', 'http://localhost:8030/api/bootstrap']).code).toBe(7);
  expect(run('mysql', ['-h', 'localhost', '-P', '9030', '-N', '-e', 'SELECT 1'], env).out).toBe('1\n');
});
