import { describe, expect, it } from 'vitest';
import { renderAsAnnotations } from '../../../../compiler/diagnostics/annotation.ts';
import type { Diagnostic } from '../../../../compiler/diagnostics/diagnostic.ts';
import { renderAsJson } from '../../../../compiler/diagnostics/json.ts';
import { nearest } from '../../../../compiler/diagnostics/nearest.ts';
import { renderForTerminal } from '../../../../compiler/diagnostics/terminal.ts';
import { readCluster } from '../../../../compiler/read.ts';
import { three, withHosts, withLine, withVersion } from './diagnose.ts';

const diagnosticsOf = (text: string): Diagnostic[] =>
  readCluster({ file: 'cluster.yaml', text, previous: undefined }).diagnostics;
const onTerminal = (text: string): string => renderForTerminal(diagnosticsOf(text), text, 'never');

describe('on a terminal', () => {
  it('a diagnostic is a sentence, the line with a caret, and what to do', () => {
    expect(onTerminal(withLine('defaults: { ports: { edit_log_prot: 9010 } }'))).toBe(
      [
        'error[E_UNKNOWN_KEY]: `ports` has no key `edit_log_prot`.',
        ' --> cluster.yaml:8:22',
        '  |',
        '8 | defaults: { ports: { edit_log_prot: 9010 } }',
        '  |                      ^^^^^^^^^^^^^',
        '  |',
        '  = help: Did you mean `edit_log_port`?',
        '',
        '1 error.',
        '',
      ].join('\n'),
    );
  });

  it('names both places', () => {
    expect(onTerminal(withHosts('192.168.1.10', '192.168.1.11', '192.168.1.11'))).toContain(
      ['7 |   - 192.168.1.11', '  |     ^^^^^^^^^^^^', '6 |   - 192.168.1.11', '  |     - first written here'].join(
        '\n',
      ),
    );
  });

  it('counts what there is', () => {
    const text = `${withHosts('192.168.1.10', 'db-2').replace('3.3.18', 'latest')}replication_num: 2\n`;
    expect(onTerminal(text)).toMatch(/\n2 errors, 2 warnings\.\n$/);
  });

  it('says nothing of a file without faults', () => {
    expect(onTerminal(three)).toBe('');
  });

  it('has colour only where it is asked for', () => {
    const diagnostics = diagnosticsOf(withLine('zzz: 1'));
    expect(renderForTerminal(diagnostics, withLine('zzz: 1'), 'always')).toContain(
      '\x1b[91merror[E_UNKNOWN_KEY]\x1b[0m',
    );
    expect(onTerminal(withLine('zzz: 1'))).not.toContain('\x1b');
  });

  it('does not repeat a password, whatever else is wrong with its line', () => {
    const shown = onTerminal(withVersion('latest, password: hunter2, x: 1'));
    const stars = '*'.repeat('hunter2, x: 1 }'.length);
    expect(shown).toContain(`2 | starrocks: { version: latest, password: ${stars}\n`);
    expect(shown.match(/^error\[\w+/gm)).toEqual(['error[E_VERSION', 'error[E_PASSWORD', 'error[E_UNKNOWN_KEY']);
    expect(shown).not.toContain('hunter2');
    expect(onTerminal('starrocks:\n  "password": hun: ter2\n')).not.toContain('ter2');
  });

  it('shows a line in which the password is only named', () => {
    expect(onTerminal(withVersion('latest, password: ROOT_PW'))).toContain('password: ROOT_PW }');
  });

  it('cuts a line that is too long around the place', () => {
    const text = withLine(`# \nkafka_host: [${'x, '.repeat(5000)}]`);
    for (const line of onTerminal(text).split('\n')) expect(line.length).toBeLessThan(200);
  });

  it('keeps control characters of the file away from the terminal', () => {
    expect(onTerminal(`cluster: \x1b[31mred\n`)).not.toContain('\x1b');
    expect(onTerminal(three.replace('analytics', '"\\e[31m"').replace('192.168.1.11', '"\\e]0;x\\a"'))).not.toMatch(
      /(?!\n)\p{Cc}/u,
    );
  });
});

describe('as annotations', () => {
  it('a diagnostic is a workflow command at its line', () => {
    expect(renderAsAnnotations(diagnosticsOf(withHosts('192.168.1.10', '192.168.1.11', 'db-3')))).toBe(
      '::error file=cluster.yaml,line=7,endLine=7,col=5,endColumn=9,title=Name instead of an address (E_ADDRESS_NAME)::' +
        '`db-3` is a host name, and a node is known by its IPv4 address for life. ' +
        'Write its IPv4 address here, and `ssh: { ssh_host: db-3 }` if it is reached by name.\n',
    );
  });

  it('no text of the file ends the command or begins another', () => {
    const [diagnostic] = diagnosticsOf(withLine('zzz: 1'));
    if (diagnostic === undefined) throw new Error('no diagnostic');
    const hostile = { ...diagnostic, file: 'a,line=1:b\n::error::', message: '100%\r\n::set-output name=x::y' };
    const written = renderAsAnnotations([hostile]);
    expect(written.split('\n')).toHaveLength(2);
    expect(written).toContain('file=a%2Cline=1%3Ab%0A%3A%3Aerror%3A%3A,');
    expect(written).toContain('::100%25%0D%0A::set-output name=x::y');
  });

  it('has the runner’s word for each severity', () => {
    const text = withHosts('192.168.1.10', '{ address: 192.168.1.11, be: { count: 2 } }');
    expect(renderAsAnnotations(diagnosticsOf(text)).match(/^::\w+/gm)).toEqual(['::warning', '::warning', '::notice']);
  });
});

it('as JSON, diagnostics are what they are', () => {
  const diagnostics = diagnosticsOf(withHosts('192.168.1.10', '192.168.1.11', '192.168.1.11'));
  expect(JSON.parse(renderAsJson(diagnostics))).toEqual({ diagnostics });
  expect(diagnostics[0]).toMatchObject({
    code: 'E_ADDRESS_DUPLICATE',
    severity: 'error',
    related: [{ line: 6, column: 5 }],
  });
});

it.each([
  ['edit_log_prot', 'edit_log_port'],
  ['Query_Port', 'query_port'],
  ['http', undefined],
  ['x'.repeat(1000), undefined],
])('%s is most likely %s', (word, expected) => {
  expect(nearest(word, ['http_port', 'query_port', 'edit_log_port'])).toBe(expected);
});
