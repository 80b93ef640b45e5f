import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeInLab } from '../lab/describe-in-lab.ts';
import { installStandIn } from './install.ts';

const ADDRESS = '10.88.0.7';

/** Takes two questions, answers none, and is gone. */
const SILENT_NAME_SERVER = `
let asked = 0;
const server = require('node:dgram').createSocket('udp4');
server.on('message', () => {
  asked += 1;
  console.log('the name server was asked, ' + asked);
  if (asked === 2) server.close();
});
server.bind(53, '127.0.0.1');
`;

/** What an FE finds around it when it starts: names, and mounts over its conf folder. */
describeInLab('an FE in a network and with mounts of its own', () => {
  let folder: string;
  const at = (...parts: string[]) => join(folder, ...parts);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stand-in-surroundings-'));
    await installStandIn(at('starrocks'), { version: '3.3.15' });
    const conf = `http_port = 8030
rpc_port = 9020
query_port = 9030
edit_log_port = 9010
priority_networks = ${ADDRESS}/32
`;
    mkdirSync(at('conf'));
    writeFileSync(at('conf/fe.conf'), conf);
    cpSync(at('conf/fe.conf'), at('starrocks/fe/conf/fe.conf'));
    writeFileSync(at('resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:1 attempts:5\n');
    writeFileSync(at('nameless'), '127.0.0.1 localhost\n');
    writeFileSync(at('named'), `127.0.0.1 localhost\n${ADDRESS} fe\n`);
  });

  beforeEach(() => {
    rmSync(at('starrocks/fe/meta'), { recursive: true, force: true });
    mkdirSync(at('starrocks/fe/meta'));
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  /** Starts it after `before`, and ends it with all that belongs to it once it said one of these. @returns what was said */
  async function saidUntil(before: string, end: RegExp): Promise<string> {
    const script = `set -e
ip link set lo up
ip address add ${ADDRESS}/32 dev lo
mount --bind ${at('resolv.conf')} /etc/resolv.conf
${before}
exec bash ${at('starrocks/fe/bin/start_fe.sh')} --logconsole --host_type IP`;
    const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
    const child = spawn('unshare', [...namespaces, 'sh', '-c', script], {
      env: { PATH: process.env['PATH'], STANDIN_NODE: process.execPath, STANDIN_START_MS: '100' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    const hear = (chunk: Buffer) => {
      said += chunk;
      if (end.test(said)) child.kill('SIGKILL');
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    await new Promise(resolve => child.once('close', resolve));
    return said;
  }

  const started = /FE started successfully|start failed/;
  const hosts = (name: 'named' | 'nameless') => `mount --bind ${at(name)} /etc/hosts`;
  const nameServer = `"$STANDIN_NODE" -e "${SILENT_NAME_SERVER.replaceAll('\n', ' ')}" &
until grep -q ':0035 ' /proc/net/udp; do sleep 0.02; done`;

  it('is held up by a name server that does not answer who it is, before it does anything', async () => {
    const said = await saidUntil(`${hosts('nameless')}\n${nameServer}`, started);
    const story = [
      'the name server was asked, 1',
      'the name server was asked, 2',
      'node name',
      'FE started successfully',
    ];
    expect(story.map(part => said.indexOf(part))).toEqual(
      story.map(part => said.indexOf(part)).toSorted((a, b) => a - b),
    );
    expect(said).toContain(story[0]);
    expect(said).toContain(story[3]);
  });

  it('does not ask where an entry of /etc/hosts names it', async () => {
    const said = await saidUntil(`${hosts('named')}\n${nameServer}`, started);
    expect(said).toContain('FE started successfully');
    expect(said).not.toContain('was asked');
  });

  it.each([
    ['a folder that holds fe.conf alone, read-write', 'conf', 'starrocks/fe/conf', 'bind', ['fe.conf']],
    ['a folder that holds fe.conf alone, read-only', 'conf', 'starrocks/fe/conf', 'bind,ro', ['fe.conf']],
    ['the file fe.conf alone, read-write', 'conf/fe.conf', 'starrocks/fe/conf/fe.conf', 'bind', null],
    ['the file fe.conf alone, read-only', 'conf/fe.conf', 'starrocks/fe/conf/fe.conf', 'bind,ro', null],
  ])('starts with %s, mounted over its own', async (_what, from, to, options, seen) => {
    const look = `ls ${at('starrocks/fe/conf')} | sed 's/^/conf: /'; touch ${at(to)} && echo 'conf is writable' || echo 'conf is fixed'`;
    const said = await saidUntil(`${hosts('named')}\nmount -o ${options} ${at(from)} ${at(to)}\n${look}`, started);
    expect(said).toContain('FE started successfully');
    expect(said).toContain(options === 'bind' ? 'conf is writable' : 'conf is fixed');
    const files = [...said.matchAll(/^conf: (.*)$/gm)].map(([, name]) => name);
    expect(files).toEqual(seen ?? readdirSync(at('starrocks/fe/conf')));
  });
});
