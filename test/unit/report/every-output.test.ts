import { error, notice, warning } from '@actions/core';
import { describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { DeployError } from '../../../.github/actions/deploy/src/error.ts';
import { type Annotation, annotations } from '../../../.github/actions/deploy/src/report/annotations.ts';
import { auditRecord } from '../../../.github/actions/deploy/src/report/audit-record.ts';
import { checkAnnotations, checkSummary } from '../../../.github/actions/deploy/src/report/check-text.ts';
import { historyText } from '../../../.github/actions/deploy/src/report/history-text.ts';
import { json } from '../../../.github/actions/deploy/src/report/json.ts';
import { problemText } from '../../../.github/actions/deploy/src/report/problem-text.ts';
import { liveProgress, plainProgress } from '../../../.github/actions/deploy/src/report/progress.ts';
import { terminal } from '../../../.github/actions/deploy/src/report/terminal.ts';
import { type NodeStatement, statementText } from '../../../.github/actions/deploy/src/starrocks/statements.ts';
import { compile } from '../../../compiler/compile.ts';
import { renderForTerminal } from '../../../compiler/diagnostics/terminal.ts';
import { hostileTexts } from '../review/hostile.ts';
import { hostile } from './sample.ts';

/** Comment, summary and drift issue are looked at where a browser reads them: test/browser. */
const texts = hostileTexts.map(text => [JSON.stringify(text.slice(0, 40)), text] as const);

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

const found = (text: string) => ({
  diagnostics: [
    {
      ...({ code: 'E_ADDRESS', severity: 'error', line: 3, column: 1, endLine: 3, endColumn: 2 } as const),
      ...{ file: 'cluster.yaml', message: text, hint: text },
    },
  ],
  differences: [{ path: text, kind: 'foreign' as const }],
  patch: text,
});

/** What a program wrote, piece by piece. */
function written(use: (write: (text: string) => void) => void): string {
  const pieces: string[] = [];
  use(text => pieces.push(text));
  return pieces.join('');
}

const event = (text: string) => ({ host: text, service: text, doing: text, since: 0 });

/** Lines for people who read a log or a terminal. */
const plain: Readonly<Record<string, (text: string) => string>> = {
  'the terminal': text => terminal(hostile(text), 'never'),
  'a problem': text =>
    problemText({ code: 'E_SQL_REFUSED', host: text, step: text, message: text, hint: text, detail: [text] }),
  'the progress in a log': text => written(write => plainProgress({ write }).show(event(text))),
  'the live progress': text =>
    written(write => {
      const size = () => ({ columns: 100, rows: 20 });
      liveProgress({ write, size, now: () => 0, colour: 'never' }).show(event(text));
    }),
  history: text => historyText({ ...auditRecord(hostile(text), text, null), hosts: [text] }),
};

describe.each(Object.entries(plain))('text of others in %s', (_name, render) => {
  const lines = render('innocent').split('\n').length;

  it.each(texts)('stays on its line and does nothing to the terminal: %s', (_text, text) => {
    const shown = render(text);
    expect(shown.split('\n').length).toBe(lines);
    expect(shown).not.toMatch(CONTROL);
  });
});

/** As main.ts tells them, and as the runner reads them: one line each, the text behind the second `::`. */
function told(all: readonly Annotation[]): { level: string; properties: string[]; message: string }[] {
  const out: string[] = [];
  const say = { error, warning, notice };
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation(text => out.push(String(text)) > 0);
  try {
    for (const { level, message, ...properties } of all) say[level](message, properties);
  } finally {
    stdout.mockRestore();
  }
  return out
    .join('')
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [, level = '?', properties = '', message = ''] = /^::(\w+) (.*?)::(.*)$/.exec(line) ?? [];
      return { level, properties: properties.split(',').map(one => one.split('=')[0] ?? ''), message };
    });
}

describe('text of others in an annotation', () => {
  const makers: Readonly<Record<string, (text: string) => Annotation[]>> = {
    run: text => annotations(hostile(text)),
    check: text => checkAnnotations(found(text), 'cluster.yaml'),
  };

  describe.each(Object.entries(makers))('of a %s', (_name, make) => {
    it.each(texts)('is one command to the runner, and no other: %s', (_text, text) => {
      const innocent = told(make('innocent'));
      const hostileOnes = told(make(text));
      expect(hostileOnes.map(({ level, properties }) => [level, properties])).toEqual(
        innocent.map(({ level, properties }) => [level, properties]),
      );
      for (const { message } of hostileOnes) expect(message.length).toBeLessThanOrEqual(3 * 4096);
    });
  });

  it('stands at the line that it is about, from its column', () => {
    const { diagnostics } = compile({
      file: 'cluster.yaml',
      text: 'cluster: analytics\nstarrocks: { version: 3.3.18 }\nmaster_host: 10.0.0.1\nhosts:\n  - 10.0.0.1\n  - 10.0.0.2\n  - 10.0.0.3\n  - 10.0.0.300\n',
      previous: null,
    });
    const all = checkAnnotations({ diagnostics, differences: [], patch: '' }, 'cluster.yaml');
    expect(all.find(one => one.level === 'error')).toMatchObject({
      file: 'cluster.yaml',
      startLine: 8,
      endLine: 8,
      startColumn: 5,
    });
  });
});

describe('text of others in what a check says', () => {
  const outside = (text: string) => {
    const [before = '', ...rest] = checkSummary({ ...found(text), patch: '', diagnostics: [] }, text, text).split(
      '<details>',
    );
    return { before, folds: rest.length };
  };

  it.each(texts)('stays text: %s', (_text, text) => {
    const { before, folds } = outside(text);
    expect(folds).toBe(1);
    expect(before.split('\n').length).toBe(outside('innocent').before.split('\n').length);
    expect(before).not.toMatch(/@\w|\]\(|https?:\/\//);
    expect(before.replaceAll('<!-- -->', '')).not.toContain('<');
    expect(before).not.toMatch(CONTROL);
  });
});

describe('text of others in data', () => {
  it.each(texts)('is read back as it was: %s', (_text, text) => {
    expect(JSON.parse(json(hostile(text)))).toEqual(hostile(text));
    const record = auditRecord(hostile(text), text, null);
    const line = JSON.stringify(record);
    expect(JSON.parse(line)).toEqual(record);
    expect(line).not.toContain('\n');
  });
});

describe('text of others never becomes SQL', () => {
  const codeOf = (statement: NodeStatement): string => {
    try {
      return statementText(statement);
    } catch (error) {
      return error instanceof DeployError ? error.problem.code : String(error);
    }
  };

  it.each(texts)('%s', (_text, text) => {
    const address = '10.0.0.1';
    expect([
      codeOf({ kind: 'addBackend', host: text, port: 9050 }),
      codeOf({ kind: 'dropFollower', host: `${address}${text}`, port: 9010 }),
      codeOf({ kind: 'setLocation', host: address, port: 9050, location: `rack:r1${text}!` }),
    ]).toEqual(['E_SQL_VALUE', 'E_SQL_VALUE', 'E_SQL_VALUE']);
  });
});

describe('text of others in cluster.yaml', () => {
  type Change = (cluster: Record<string, unknown>) => void;
  const compiled = (change: Change) => {
    const cluster = {
      cluster: 'analytics',
      starrocks: { version: '3.3.18' },
      master_host: '10.0.0.1',
      hosts: ['10.0.0.1', '10.0.0.2', { address: '10.0.0.3', labels: { location: 'rack:r1' } }],
    };
    change(cluster);
    const text = stringify(cluster);
    return { text, ...compile({ file: 'cluster.yaml', text, previous: null }) };
  };
  const files = (change: Change): Map<string, string> | null => {
    const made = compiled(change).files;
    return made === null ? null : new Map([...made].map(([path, file]) => [path, file.text]));
  };
  const places: Readonly<Record<string, (text: string) => Change>> = {
    'the name of the cluster': text => cluster => Object.assign(cluster, { cluster: text }),
    'an address': text => cluster => Object.assign(cluster, { hosts: ['10.0.0.1', '10.0.0.2', text] }),
    'a label': text => cluster =>
      Object.assign(cluster, { hosts: ['10.0.0.1', '10.0.0.2', { address: '10.0.0.3', labels: { location: text } }] }),
    'a version': text => cluster => Object.assign(cluster, { starrocks: { version: text } }),
    'an image': text => cluster => Object.assign(cluster, { images: { be: text } }),
    'the folder on the machines': text => cluster => Object.assign(cluster, { deploy_dir: text }),
  };

  describe.each(Object.entries(places))('%s', (_place, put) => {
    it.each(texts)('is refused, in words that do nothing themselves: %s', (_text, text) => {
      const { files: made, diagnostics, text: written } = compiled(put(text));
      expect(made).toBeNull();
      expect(renderForTerminal(diagnostics, written, 'never')).not.toMatch(CONTROL);
      const commands = told(checkAnnotations({ diagnostics, differences: [], patch: '' }, 'cluster.yaml'));
      expect(commands.map(({ level }) => level)).toEqual(diagnostics.map(({ severity }) => severity));
    });
  });

  const lower = (value: string) => (cluster: Record<string, unknown>) =>
    Object.assign(cluster, { defaults: { be_conf: { load_process_max_memory_limit_percent: value } } });
  /** What a shell reads may hold no text of others at all: start_be.sh evaluates such lines. */
  const upper = (value: string) => (cluster: Record<string, unknown>) =>
    Object.assign(cluster, { defaults: { be_conf: { JAVA_OPTS: value } } });

  it.each(texts)('as a value of be.conf is one line of be.conf, or refused: %s', (_text, text) => {
    const innocent = files(lower('innocent'));
    const changed = files(lower(text));
    if (changed === null) return expect(text).not.toMatch(/^[\w@ -]{0,200}$/);
    for (const [path, before] of innocent ?? []) {
      const after = changed.get(path) ?? '';
      expect([path, after.split('\n').length]).toEqual([path, before.split('\n').length]);
      if (/docker-compose\.yml$|app\.env$/.test(path)) expect(after).toBe(before);
    }
    expect(changed.get('hosts/10.0.0.2/conf/be/be.conf')).toContain(
      `\nload_process_max_memory_limit_percent = ${text}\n`,
    );
  });

  it.each(texts)('as the Kafka host is one line of app.env, or refused: %s', (_text, text) => {
    const env = files(cluster => Object.assign(cluster, { kafka_host: text }))?.get('hosts/10.0.0.2/app.env');
    if (env === undefined) return expect(text).not.toMatch(/^\w+$/);
    expect(text).toMatch(/^\w+$/);
    expect(env.split('\n')).toContain(`KAFKA_HOST=${text}`);
  });

  it.each(texts)('as a value that a shell reads runs nothing: %s', (_text, text) => {
    const changed = files(upper(text));
    const line = changed?.get('hosts/10.0.0.2/conf/be/be.conf')?.match(/^JAVA_OPTS.*$/m)?.[0] ?? '';
    expect(line).not.toMatch(/`|\$\(|;|&&|\|/);
  });
});
