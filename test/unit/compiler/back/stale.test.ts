import { describe, expect, it } from 'vitest';
import { emit } from '../../../../compiler/emit/emit.ts';
import { type Difference, differences, type FoundFile, writtenFiles } from '../../../../compiler/stale/difference.ts';
import { renderStale, renderWritten } from '../../../../compiler/stale/render.ts';
import { be, cluster, withHost } from './sample.ts';

const before = emit(cluster()).files;
const previous = before.get('cluster.json')?.text ?? '';
const appEnv = 'hosts/192.168.1.10/app.env';

/** Differences after a hand has changed the folder that `before` was written to. */
function touched(
  change: (found: Map<string, FoundFile>) => void,
  compiled = before,
  json: string | null = previous,
): Difference[] {
  const found = new Map<string, FoundFile>(before);
  change(found);
  return differences(compiled, found, writtenFiles(json));
}

const file = (text: string | null): FoundFile => ({ text, mode: '0644' });

describe('generated/ beside what it should be', () => {
  it('does not differ when nobody touched it', () => {
    expect(touched(() => {})).toEqual([]);
  });

  it('tells an edit by hand from a change of the cluster file', () => {
    expect(touched(found => found.set(appEnv, file('KAFKA_HOST=evil\n')))).toEqual([{ path: appEnv, kind: 'edited' }]);
    const slower = emit(withHost(cluster(), '192.168.1.10', () => ({ be: [be(0, { mem_limit: '50G' })] }))).files;
    expect(touched(() => {}, slower)).toEqual([
      { path: 'cluster.json', kind: 'outdated' },
      { path: 'hosts/192.168.1.10/.env', kind: 'outdated' },
      { path: 'hosts/192.168.1.10/starrocks-be.env', kind: 'outdated' },
    ]);
  });

  it('sees a missing file, a lost run bit, and a link in the place of a file', () => {
    const script = 'hosts/192.168.1.10/run/bin/fe-entrypoint.sh';
    expect(touched(found => found.delete(appEnv))).toEqual([{ path: appEnv, kind: 'missing' }]);
    expect(touched(found => found.set(script, file(before.get(script)?.text ?? '')))).toEqual([
      { path: script, kind: 'mode' },
    ]);
    expect(touched(found => found.set(appEnv, file(null)))).toEqual([{ path: appEnv, kind: 'edited' }]);
  });

  it('tells what an earlier compile wrote from what somebody put there', () => {
    const fewer = emit(cluster({ hosts: cluster().hosts.slice(0, 2) })).files;
    const found = touched(found => found.set('hosts/192.168.1.12/notes.txt', file(null)), fewer);
    expect(found.filter(({ kind }) => kind === 'dropped')).toHaveLength(10);
    expect(found.filter(({ kind }) => kind === 'foreign')).toEqual([
      { path: 'hosts/192.168.1.12/notes.txt', kind: 'foreign' },
    ]);
  });

  it('sees what nobody compiled lie where it would write', () => {
    expect(touched(found => found.set('README.md', file('My own\n')), before, null)).toEqual([
      { path: 'README.md', kind: 'in the way' },
    ]);
    expect(
      touched(found => {
        found.delete(appEnv);
        found.set(`${appEnv}/notes`, file(null)).set('hosts/192.168.1.11', file(null));
      }),
    ).toEqual([
      { path: appEnv, kind: 'missing' },
      { path: `${appEnv}/notes`, kind: 'in the way' },
      { path: 'hosts/192.168.1.11', kind: 'in the way' },
    ]);
  });

  it('takes nothing for its own when cluster.json does not say so', () => {
    expect([...writtenFiles('{"hosts":[{"address":1,"files":"all"},null]}').keys()]).toEqual([
      'cluster.json',
      'README.md',
    ]);
    expect([...writtenFiles('no JSON').keys()]).toEqual(['cluster.json', 'README.md']);
    expect([...writtenFiles(null).keys()]).toEqual([]);
  });
});

describe('what --check says', () => {
  const names = { out: 'generated', cluster: 'cluster.yaml' };

  it('shows a unified diff from what is there to what is compiled, and the way back', () => {
    const text = before.get(appEnv)?.text ?? '';
    const found = new Map<string, FoundFile>(before).set(appEnv, file(text.replace('127.0.0.1', '10.0.0.9')));
    const stale = differences(before, found, writtenFiles(previous));
    expect(renderStale(stale, before, found, names)).toBe(`generated/${appEnv} was edited by hand
--- generated/${appEnv} (now)
+++ generated/${appEnv} (compiled)
@@ -1,4 +1,4 @@
-KAFKA_HOST=10.0.0.9
+KAFKA_HOST=127.0.0.1
 DEFAULT_REPLICATION_NUM=3
 MASTER_HOST=192.168.1.10
 LOCAL_HOST=192.168.1.10

generated is stale: 1 file.
Run \`npm run compile\` and commit what it writes: it takes every file back to what cluster.yaml says.
What was edited by hand belongs into cluster.yaml: files in generated are overwritten.
`);
  });

  it('shows what an edited file holds without letting it move the cursor', () => {
    const found = new Map<string, FoundFile>(before).set(appEnv, file('\u001b[2JX=1\n'));
    const text = renderStale(differences(before, found, writtenFiles(previous)), before, found, names);
    expect(text).toContain('\n-\ufffd[2JX=1\n');
    expect(text).not.toContain('\u001b');
  });

  it('names a file that nobody compiled without showing it', () => {
    const found = new Map<string, FoundFile>(before).set('notes.txt', file(null));
    const text = renderStale(differences(before, found, writtenFiles(previous)), before, found, names);
    expect(text).toBe(
      'generated/notes.txt was not written by the compiler\n\ngenerated is stale: 1 file.\nMove files that the compiler did not write out of generated.\n',
    );
  });
});

describe('what a compile says', () => {
  it('has one line for a new or a dropped machine, and one for each changed file', () => {
    const of = (kind: Difference['kind'], ...paths: string[]): Difference[] => paths.map(path => ({ path, kind }));
    const text = renderWritten(
      [
        ...of('outdated', 'README.md', 'hosts/10.0.0.1/.env'),
        ...of('missing', 'hosts/10.0.0.2/.env', 'hosts/10.0.0.2/app.env'),
        ...of('dropped', 'hosts/10.0.0.3/.env'),
      ],
      'generated',
    );
    expect(text).toBe(
      'generated:\n  ~ README.md\n  ~ hosts/10.0.0.1/.env\n  + hosts/10.0.0.2/ (2 files)\n  - hosts/10.0.0.3/ (1 file)\n',
    );
  });

  it('ends after twenty lines', () => {
    const many = Array.from(
      { length: 50 },
      (_, index): Difference => ({ path: `hosts/10.0.0.${index}/.env`, kind: 'outdated' }),
    );
    expect(renderWritten(many, 'generated').split('\n').slice(-3)).toEqual([
      '  ~ hosts/10.0.0.19/.env',
      '  and 30 more',
      '',
    ]);
  });
});
