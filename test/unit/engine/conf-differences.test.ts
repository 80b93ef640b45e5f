import { describe, expect, it } from 'vitest';
import { withConfDifferences } from '../../../.github/actions/deploy/src/engine/conf-differences.ts';
import { freshMachine } from '../../../.github/actions/deploy/src/plan/fresh-world.ts';
import { known, unknown } from '../../../.github/actions/deploy/src/plan/world.ts';
import { compile } from '../../../compiler/compile.ts';

const { files, clusterJson } = compile({
  file: 'cluster.yaml',
  text: 'cluster: analytics\nstarrocks: { version: 3.3.18 }\nmaster_host: 10.0.0.1\ndefault_replication_num: 1\nhosts:\n  - 10.0.0.1\n',
  previous: null,
});
if (files === null || clusterJson === null) throw new Error('the sample does not compile');
const own = new Map(
  [...files].flatMap(([path, file]) =>
    path.startsWith('hosts/10.0.0.1/') ? [[path.slice('hosts/10.0.0.1/'.length), Buffer.from(file.text)] as const] : [],
  ),
);
const desired = { cluster: clusterJson, files: new Map([['10.0.0.1', own]]) };
const compiled = own.get('conf/fe/fe.conf')?.toString('utf8') ?? '';
const env = Object.fromEntries(
  (own.get('starrocks-fe.env')?.toString('utf8') ?? '').split('\n').flatMap(line => {
    const [name = '', value] = line.split('=');
    return value === undefined ? [] : [[name, value]];
  }),
);

function differences(conf: string | null, given: Record<string, string>): readonly string[] {
  const hand = {
    ...{ service: 'starrocks-fe', id: 'x', image: 'y', state: 'running' as const, started_at: '', mounts: {} },
    ...{ network: 'host', restart_policy: 'always', env: given, conf, conf_differs: [] },
  };
  const machine = { ...freshMachine(1), by_hand: [hand] };
  const world = { hosts: { '10.0.0.1': known(machine) }, cluster: unknown(''), leaving: [], answers: {}, switches: {} };
  const answer = withConfDifferences(desired, world).hosts['10.0.0.1'];
  return answer?.known === true ? (answer.value.by_hand[0]?.conf_differs ?? []) : [];
}

describe('the conf of a hand-made FE', () => {
  it('equals ours, whether its values stand there or come from the environment', () => {
    expect(differences(compiled, env)).toEqual([]);
    const literal = compiled.replace(/\$\{(\w+)\}/g, (whole, name: string) => env[name] ?? whole);
    expect(differences(literal, {})).toEqual([]);
  });

  it('is told value by value where it does not', () => {
    const other = compiled.replace('${HTTP_PORT}', '18030');
    expect(differences(`${other}\nqe_slow_log_ms = 7\n`, env)).toEqual([
      'fe.conf: http_port is 18030, and 8030 is compiled',
      'fe.conf: qe_slow_log_ms is 7, and nothing is compiled',
    ]);
  });

  it.each([
    ['in other units', '-Xmx1g', 1024],
    ['said twice, the last counts', '-Xmx512m -Xmx2048m', 2048],
    ['not said', '', 8192],
  ])('is told where its heap is another one: %s', (_what, options, heap) => {
    const other = compiled.replace('-Xmx${FE_HEAP_MIB}m', options);
    const ours = Number(env['FE_HEAP_MIB']);
    expect(differences(other, env)).toEqual([`fe.conf: the heap (-Xmx) is ${heap} MiB, and ${ours} MiB is compiled`]);
    expect(differences(compiled.replace('-Xmx${FE_HEAP_MIB}m', `-Xmx${ours * 1024}k`), env)).toEqual([]);
  });

  it('may log as it likes', () => {
    expect(differences(`${compiled}\nsys_log_level = WARN\n`, env)).toEqual([]);
  });

  it('is not taken for equal when nobody could read it', () => {
    expect(differences(null, {})).toEqual(['its fe.conf could not be read']);
  });
});
