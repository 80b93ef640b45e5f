import { describe, expect, it } from 'vitest';
import { checkAnnotations } from '../../../.github/actions/deploy/src/report/check-text.ts';
import { compile } from '../../../compiler/compile.ts';

/** As many unknown keys, from line 4 on. */
const wrong = (count: number) =>
  compile({
    file: 'cluster.yaml',
    text: `cluster: a\nstarrocks: { version: 3.3.18 }\nmaster_host: 10.0.0.1\n${Array.from({ length: count }, (_, at) => `key${at}: 1\n`).join('')}hosts: [10.0.0.1]\n`,
    previous: null,
  }).diagnostics.filter(one => one.message.includes('key'));

describe('the annotations of a check', () => {
  it('stand at the line of what is wrong', () => {
    const found = checkAnnotations({ diagnostics: wrong(3), differences: [], patch: '' }, 'cluster.yaml');
    expect(found.map(({ file, startLine, message }) => [file, startLine, /key\d/.exec(message)?.[0]])).toEqual([
      ['cluster.yaml', 4, 'key0'],
      ['cluster.yaml', 5, 'key1'],
      ['cluster.yaml', 6, 'key2'],
    ]);
  });

  it('are as many as GitHub keeps, with a stale generated/ first and the rest counted', () => {
    const differences = [{ path: 'cluster.json', kind: 'outdated' as const }];
    const found = checkAnnotations({ diagnostics: wrong(30), differences, patch: '' }, 'cluster.yaml');
    expect(found.length).toBe(10);
    expect(found[0]).toMatchObject({ title: 'E_STALE_GENERATED', file: 'cluster.yaml', startLine: 1 });
    expect(found[9]?.message).toBe('… and 22 more; the job summary has them all.');
  });
});
