import { describe, expect, it } from 'vitest';
import { diagnose, three, withLine } from './diagnose.ts';

/** Ten to the eighth values in eight lines. */
const bomb = [...'abcdefgh']
  .map(
    (name, at, all) =>
      `${name}: &${name} [${Array(10)
        .fill(at === 0 ? 'x' : `*${all[at - 1]}`)
        .join(',')}]\n`,
  )
  .join('');
const staircase = Array.from({ length: 1400 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n');

/** What the file has, the file, and all that is said about it: `line:column CODE message | hint @ other place`. */
const cases: readonly [string, string | Uint8Array, readonly string[]][] = [
  [
    'is empty',
    '',
    ['1:1 E_FILE_EMPTY The file holds nothing. | Begin with `cluster`, `starrocks`, `master_host` and `hosts`.'],
  ],
  [
    'holds comments only',
    '# x\n',
    ['1:1 E_FILE_EMPTY The file holds nothing. | Begin with `cluster`, `starrocks`, `master_host` and `hosts`.'],
  ],
  [
    'is larger than 1 MiB',
    ' '.repeat(1024 * 1024 + 1),
    [
      '1:1 E_FILE_SIZE The file has 1048577 bytes, and more than 1 MiB is no cluster.yaml. | Ten thousand addresses need a fifth of that: see what else got into the file.',
    ],
  ],
  [
    'is UTF-16',
    new Uint8Array([0xff, 0xfe, 0x61, 0]),
    ['1:1 E_FILE_ENCODING The file is not UTF-8: here is a byte that cannot stand in it. | Save the file as UTF-8.'],
  ],
  [
    'is Latin-1',
    new Uint8Array([...new TextEncoder().encode('cluster: caf'), 0xe9, 10]),
    ['1:13 E_FILE_ENCODING The file is not UTF-8: here is a byte that cannot stand in it. | Save the file as UTF-8.'],
  ],
  [
    'holds a NUL',
    'cluster: a\0b\n',
    [
      '1:11 E_FILE_CHARACTER The file holds the invisible character U+0000, which no value of cluster.yaml needs. | Delete it, or type the line again.',
    ],
  ],
  [
    'holds an override of the reading direction',
    'cluster: a # \u202e x\n',
    [
      '1:14 E_FILE_CHARACTER The file holds the invisible character U+202E, which no value of cluster.yaml needs. | Delete it, or type the line again.',
    ],
  ],
  [
    'has carriage returns alone as line ends',
    'cluster: a\rhosts: b\n',
    [
      '1:11 E_FILE_CHARACTER The file holds the invisible character U+000D, which no value of cluster.yaml needs. | Delete it, or type the line again.',
    ],
  ],
  [
    'is indented with a tab',
    'cluster: a\nhosts:\n\t- b\n',
    ['3:1 E_YAML_TAB The line is indented with a tab, which YAML does not allow. | Indent with blanks.'],
  ],
  [
    'continues a block with a tab',
    'a:\n  b: 1\n\tc: 2\n',
    ['3:1 E_YAML_TAB The line is indented with a tab, which YAML does not allow. | Indent with blanks.'],
  ],
  [
    'never closes a quote',
    'cluster: "a\nhosts: b\n',
    ['1:10 E_YAML_SYNTAX The quote that opens here is never closed. | Close it at the end of the value.'],
  ],
  [
    'never closes a bracket',
    'hosts: [1, 2\nx: 3\n',
    [
      '2:1 E_YAML_SYNTAX A bracket above is not closed before this line. | Close it, or indent the lines that belong to it.',
    ],
  ],
  [
    'has two colons on a line',
    'cluster: a: b\n',
    [
      '1:10 E_YAML_SYNTAX There are two colons on one line, as if a mapping began within a value. | Put the value in quotes, or begin a new line.',
    ],
  ],
  [
    'begins a value with @',
    'cluster: @a\n',
    ['1:10 E_YAML_SYNTAX A value cannot begin with this character. | Put the value in quotes.'],
  ],
  [
    'is indented unevenly',
    'a:\n    b: 1\n  c: 2\n',
    ['3:1 E_YAML_SYNTAX The indentation does not fit the lines above. | Begin keys of one mapping in the same column.'],
  ],
  [
    'has a key twice',
    withLine('cluster: b'),
    ['8:1 E_DUPLICATE_KEY `cluster` is written twice. | Keep one of the two. @ 1:1'],
  ],
  [
    'has two documents',
    withLine('---\na: 1'),
    [
      '8:1 E_YAML_DOCUMENTS A second YAML document begins here, and one file describes one cluster. | Delete the `---` above, or move the rest into a file of its own.',
    ],
  ],
  [
    'claims to be YAML 1.1',
    `%YAML 1.1\n---\n${three}`,
    [
      '1:1 E_YAML_DIRECTIVE A line that begins with `%` is a YAML directive, and cluster.yaml is always YAML 1.2. | Delete the line.',
    ],
  ],
  [
    'has a tag',
    three.replace('analytics', '!!str analytics'),
    [
      '1:16 E_YAML_TAG The value has the YAML tag `!!str`, and no value of cluster.yaml needs one. | Delete the tag; quote the value if it shall be text.',
    ],
  ],
  [
    'has a tag of its own',
    three.replace('analytics', '!secret analytics'),
    [
      '1:10 E_YAML_SYNTAX The value has a YAML tag, and no value of cluster.yaml needs one. | Delete the tag; quote the value if it shall be text.',
    ],
  ],
  [
    'refers to an anchor that does not exist',
    three.replace('analytics', '*x'),
    [
      '1:10 E_YAML_ALIAS `*x` refers to an anchor `&x` that is not complete before it. | Write the value itself; what all hosts share belongs into `defaults`.',
    ],
  ],
  [
    'contains itself by an alias',
    'a: &a [*a]\n',
    [
      '1:8 E_YAML_ALIAS `*a` refers to an anchor `&a` that is not complete before it. | Write the value itself; what all hosts share belongs into `defaults`.',
    ],
  ],
  [
    'is an anchor bomb',
    bomb,
    [
      '6:29 E_YAML_ALIAS The aliases of the file unfold to more than a million values. | Write the values themselves; what all hosts share belongs into `defaults`.',
    ],
  ],
  [
    'nests a thousand brackets',
    '['.repeat(1000),
    [
      '1:33 E_YAML_DEPTH The file nests deeper here than any cluster.yaml does. | The deepest legal value is a folder of a BE instance of a host: see whether a bracket or a quote is missing.',
    ],
  ],
  [
    'nests a million brackets',
    '['.repeat(1024 * 1024),
    [
      '1:33 E_YAML_DEPTH The file nests deeper here than any cluster.yaml does. | The deepest legal value is a folder of a BE instance of a host: see whether a bracket or a quote is missing.',
    ],
  ],
  [
    'nests a thousand dashes',
    '- '.repeat(1000),
    [
      '1:65 E_YAML_DEPTH The file nests deeper here than any cluster.yaml does. | The deepest legal value is a folder of a BE instance of a host: see whether a bracket or a quote is missing.',
    ],
  ],
  [
    'nests mappings like a staircase',
    staircase,
    [
      '130:1 E_YAML_DEPTH The file nests deeper here than any cluster.yaml does. | The deepest legal value is a folder of a BE instance of a host: see whether a bracket or a quote is missing.',
    ],
  ],
  [
    'has a number as a key',
    withLine('1: 2'),
    ['8:1 E_YAML_KEY A key is a name, and this one is something else. | Write `name: value`.'],
  ],
  [
    'has a mapping as a key',
    withLine('? { a: 1 }\n: 2'),
    ['8:3 E_YAML_KEY A key is a name, and this one is something else. | Write `name: value`.'],
  ],
];

describe('a file that cannot be read', () => {
  it.each(cases)('%s', (_name, text, expected) => {
    expect(diagnose(text)).toEqual(expected);
  });
});
