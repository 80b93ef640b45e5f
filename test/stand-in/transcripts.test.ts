import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrap, leaderOf, type Machine, openSite, type Row, type Site, until } from './machine.ts';

const transcript = (file: string): string => readFileSync(join(import.meta.dirname, 'transcripts', file), 'utf8');

/** Column by column, what kind of value stands there: times, addresses, numbers and sizes lose their value. */
function shape(row: readonly string[]): readonly string[] {
  return row.map(value =>
    value
      .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, '<time>')
      .replaceAll(/\d+\.\d+\.\d+\.\d+/g, '<address>')
      .replaceAll(/\d+\.\d+\.\d+-[0-9a-f]{7,10}/g, '<version>')
      .replaceAll(/_\d{13}/g, '_<ms>')
      .replaceAll(/\d+\.\d+( ?)(?:[KMGT]?B)/g, '<size>$1B')
      .replaceAll(/\d+\.\d+ %/g, '<n> %')
      .replaceAll(/\d+/g, '<n>'),
  );
}

function table(text: string): { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] } {
  const [columns = [], ...rows] = text
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.split('\t'));
  return { columns, rows };
}

function expectLike(rows: readonly Row[], file: string): void {
  const real = table(transcript(file));
  expect(rows.map(row => Object.keys(row))).toEqual(rows.map(() => real.columns));
  expect(shapes(rows.map(row => Object.values(row)))).toEqual(shapes(real.rows));
}

/** In an order of their own: a real FE keeps its rows in a hash map. */
const shapes = (rows: readonly (readonly string[])[]): readonly string[] =>
  rows.map(row => shape(row).join('\t')).sort();

describe('3.3: three followers, three BEs', () => {
  let site: Site;
  let leader: Machine;
  let follower: Machine;
  let machines: readonly Machine[];

  beforeAll(async () => {
    site = await openSite(101, '3.3.15');
    machines = [1, 2, 3].map(number => site.machine(number));
    await bootstrap(site, 3);
    [leader, follower] = [site.machine(1), site.machine(2)];
    for (const machine of machines) {
      machine.start('be');
      await follower.sql(`ALTER SYSTEM ADD BACKEND "${machine.heartbeat}"`);
    }
    await until('all BEs are alive', async () => {
      const rows = await follower.sql('SHOW BACKENDS');
      return rows.length === 3 && rows.every(row => row['Alive'] === 'true');
    });
    expect(await leaderOf(follower, machines)).toBe(leader);
  });
  afterAll(() => site.close());

  it('answers SHOW FRONTENDS as a real FE does, whichever FE is asked', async () => {
    expectLike(await follower.sql('SHOW FRONTENDS'), '3.3/show-frontends.tsv');
  });

  it("answers SHOW PROC '/frontends' on a follower", async () => {
    expectLike(await follower.sql("SHOW PROC '/frontends'"), '3.3/proc-frontends-follower.tsv');
  });

  it('answers SHOW BACKENDS and its local view', async () => {
    expectLike(await follower.sql('SHOW BACKENDS'), '3.3/show-backends.tsv');
    const local = table(transcript('3.3/proc-backends-follower.tsv'));
    const rows = await follower.sql("SHOW PROC '/backends'");
    expect(Object.keys(rows[0] ?? {})).toEqual(local.columns);
  });

  it('shows a FE and a BE that were just added', async () => {
    await follower.sql('ALTER SYSTEM ADD FOLLOWER "127.0.0.97:9010"');
    const row = (await follower.sql('SHOW FRONTENDS')).find(({ IP }) => IP === '127.0.0.97');
    const real = table(transcript('3.3/show-frontends-just-added.tsv')).rows[0] ?? [];
    expect(shape(Object.values(row ?? {}))).toEqual(shape(real));
    await follower.sql('ALTER SYSTEM DROP FOLLOWER "127.0.0.97:9010"');

    await follower.sql('ALTER SYSTEM ADD BACKEND "127.0.0.98:9050"');
    const added = (await follower.sql('SHOW BACKENDS')).find(({ IP }) => IP === '127.0.0.98');
    const realBackend = table(transcript('3.3/show-backends-just-added.tsv')).rows[2] ?? [];
    expect(shape(Object.values(added ?? {}))).toEqual(shape(realBackend));
    await follower.sql('ALTER SYSTEM DROP BACKEND "127.0.0.98:9050"');
  });

  it('refuses statements in the words of a real FE', async () => {
    const known = new Map([
      ['10.88.0.11', site.machine(3).address],
      ['10.88.0.12', follower.address],
      ['10.88.0.13', leader.address],
      // A name that no resolver knows, however this machine is set up.
      ['nohost', 'nohost.invalid'],
    ]);
    const here = (text: string): string => [...known].reduce((all, [real, ours]) => all.replaceAll(real, ours), text);
    const resolver = / (?:Temporary failure in name resolution|Name or service not known)/;
    const blocks = transcript('3.3/statements.txt').split('\n\n').slice(1);
    const compared: (readonly [string, string, string])[] = [];
    for (const block of blocks) {
      const [statement = '', ...rest] = block.trim().split('\n');
      if (rest[0]?.startsWith('+') || statement === '') continue;
      const wanted = here(rest.join('\n') || 'it succeeded').replace(resolver, ' <resolver>');
      const got = (await follower.refusal(here(statement))).replace(resolver, ' <resolver>');
      compared.push([statement, wanted, got]);
    }
    expect(compared.map(([statement, , got]) => [statement, got])).toEqual(
      compared.map(([statement, wanted]) => [statement, wanted]),
    );
    expect(compared.length).toBe(17);
  });

  it('answers SELECT VERSION() and ADMIN SHOW FRONTEND CONFIG', async () => {
    expect(await follower.sql('SELECT VERSION()')).toEqual([{ 'version()': '5.1.0' }]);
    await follower.sql("ADMIN SET FRONTEND CONFIG ('disable_balance'='true')");
    expect(await follower.sql("ADMIN SHOW FRONTEND CONFIG LIKE '%disable_balance%'")).toEqual([
      {
        Key: 'tablet_sched_disable_balance',
        AliasNames: '[disable_balance]',
        Value: 'true',
        Type: 'boolean',
        IsMutable: 'true',
        Comment: '',
      },
    ]);
  });

  it('answers HTTP byte by byte', async () => {
    const blocks = transcript('3.3/http.txt').split(/\n\n\n/);
    const block = (title: string): string => blocks.find(text => text.startsWith(title)) ?? '';
    const wanted = (title: string): string => block(title).split('\n').slice(1).join('\n').trim();
    const third = site.machine(3);
    const stranger = `127.0.0.${(process.pid % 200) + 20}`;

    const get = (path: string, from = stranger): Promise<string> => raw(leader.address, path, from);
    expect(await get('/api/bootstrap')).toBe(wanted('GET http://10.88.0.11:8030/api/bootstrap'));
    expect(await get('/api/health')).toBe(wanted('GET http://10.88.0.11:8030/api/health'));
    const role = `/role?host=${third.address}&port=9010`;
    expect(await get(role)).toBe(wanted('GET http://10.88.0.11:8030/role?host=10.88.0.13&port=9010 (from a machine'));
    expect(await get('/version')).toBe(wanted('GET http://10.88.0.11:8030/version'));
    const name = (await follower.frontend(third))?.['Name'] ?? '';
    expect(await get(role, follower.address)).toBe(
      wanted('GET http://10.88.0.11:8030/role?host=10.88.0.13&port=9010 (from 10.88.0.12').replace(
        '10.88.0.13_9010_1795437612987',
        name,
      ),
    );
    expect(await get('/role?host=127.9.9.9&port=9010', follower.address)).toBe(
      wanted('GET /role for a host that is not registered'),
    );
    expect((await get('/api/bootstrap?token=wrong')).split('\n').at(-1)).toBe(wanted('GET /api/bootstrap?token=wrong'));
    expect(await leader.get('/api/health', 8040)).toBe('{"status": "OK","msg": "To Be Added"}');
  });
});

/** Status line, headers and body as they came. */
function raw(host: string, path: string, from: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host, port: 8030, path, localAddress: from, headers: { connection: 'keep-alive' } },
      response => {
        const headers: string[] = [];
        for (let i = 0; i < response.rawHeaders.length; i += 2) {
          headers.push(`${response.rawHeaders[i]?.toLowerCase()}: ${response.rawHeaders[i + 1]}`);
        }
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on('end', () => {
          const status = `HTTP/1.1 ${response.statusCode} ${response.statusMessage}`;
          asked.destroy();
          resolve([status, ...headers, '', body].join('\n').trim());
        });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

describe('3.5: one FE, one follower that never started, one BE', () => {
  let site: Site;
  let fe: Machine;

  beforeAll(async () => {
    site = await openSite(102, '3.5.1');
    fe = site.machine(1);
    await bootstrap(site, 1);
    fe.start('be', [], { STANDIN_TABLETS: '0' });
    await fe.sql(`ALTER SYSTEM ADD BACKEND "${fe.heartbeat}"`);
    await until('the BE is alive', async () => (await fe.backend(fe))?.['Alive'] === 'true');
    await until('the FE has seen itself', async () => (await fe.frontend(fe))?.['LastHeartbeat'] !== 'NULL');
    await fe.sql('ALTER SYSTEM ADD FOLLOWER "127.0.0.96:9010"');
  });
  afterAll(() => site.close());

  it('puts Id first in SHOW FRONTENDS', async () => {
    expectLike(await fe.sql('SHOW FRONTENDS'), '3.5/show-frontends.tsv');
    expectLike(await fe.sql("SHOW PROC '/frontends'"), '3.5/proc-frontends.tsv');
  });

  it('ends SHOW BACKENDS with StatusCode', async () => {
    expectLike(await fe.sql('SHOW BACKENDS'), '3.5/show-backends.tsv');
  });

  it('announces MySQL 8.0.33', async () => {
    expect(await fe.sql('SELECT VERSION()')).toEqual([{ 'version()': '8.0.33' }]);
    expect((await fe.sql('SELECT current_version()'))[0]?.['current_version()']).toMatch(/^3\.5\.1-[0-9a-f]{7}$/);
  });
});
