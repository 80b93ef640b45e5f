import { describe, expect, it } from 'vitest';
import { diagnose, three, withHost, withHosts, withLine, withVersion } from './diagnose.ts';

/** What the file has, the file, and all that is said about it: `line:column CODE message | hint @ other place`. */
const cases: readonly [string, string, readonly string[]][] = [
  [
    'a slip in a key',
    withLine('defualts: { fe: none }'),
    ['8:1 E_UNKNOWN_KEY The file has no key `defualts`. | Did you mean `defaults`?'],
  ],
  [
    'a slip in a nested key',
    withLine('defaults: { ports: { edit_log_prot: 9010 } }'),
    ['8:22 E_UNKNOWN_KEY `ports` has no key `edit_log_prot`. | Did you mean `edit_log_port`?'],
  ],
  [
    'a key that is like none',
    withLine('zzz: 1'),
    [
      '8:1 E_UNKNOWN_KEY The file has no key `zzz`. | There are `cluster`, `starrocks`, `master_host`, `hosts`, `defaults`, `images`, `default_replication_num`, `kafka_host`, `allow_outage`, `timeouts`.',
    ],
  ],
  [
    'a key with the name of a built-in property',
    withLine('constructor: 1'),
    [
      '8:1 E_UNKNOWN_KEY The file has no key `constructor`. | There are `cluster`, `starrocks`, `master_host`, `hosts`, `defaults`, `images`, `default_replication_num`, `kafka_host`, `allow_outage`, `timeouts`.',
    ],
  ],
  [
    'a key __proto__',
    withLine('__proto__: { a: 1 }'),
    [
      '8:1 E_UNKNOWN_KEY The file has no key `__proto__`. | There are `cluster`, `starrocks`, `master_host`, `hosts`, `defaults`, `images`, `default_replication_num`, `kafka_host`, `allow_outage`, `timeouts`.',
    ],
  ],
  [
    'a key of the top level in defaults',
    withLine('defaults: { kafka_host: 10.0.0.1 }'),
    ['8:13 E_UNKNOWN_KEY `defaults` has no key `kafka_host`. | `kafka_host` belongs to the top level of the file.'],
  ],
  [
    'a key of ssh beside it',
    withHost('ssh_host: db1'),
    ['8:40 E_UNKNOWN_KEY An entry of `hosts` has no key `ssh_host`. | `ssh_host` belongs into `hosts[].ssh`.'],
  ],
  [
    'compute nodes of a host',
    withHost('cn: 1'),
    [
      '8:40 E_UNKNOWN_KEY An entry of `hosts` has no key `cn`. | Compute nodes are not supported: a machine runs an FE, BEs, or both.',
    ],
  ],
  [
    'a merge key',
    withLine('defaults:\n  <<: { fe: none }'),
    [
      '9:3 E_UNKNOWN_KEY `defaults` has no key `<<`. | Merge keys are YAML 1.1: what all hosts share belongs into `defaults`.',
    ],
  ],
  [
    'three missing keys',
    'cluster: analytics\n',
    [
      '1:1 E_MISSING_KEY The file lacks `starrocks`. | Add `starrocks: { version: 3.3.18, password: true }`.',
      '1:1 E_MISSING_KEY The file lacks `master_host`. | Add `master_host: 192.168.1.10`.',
      '1:1 E_MISSING_KEY The file lacks `hosts`. | Add `hosts: [192.168.1.10, 192.168.1.11, { address: 192.168.1.12, fe: none }]`.',
    ],
  ],
  [
    'a host without an address',
    withHosts('192.168.1.10', '192.168.1.11', '192.168.1.12', '{ fe: none }'),
    ['8:5 E_MISSING_KEY An entry of `hosts` lacks `address`. | Add `address: 192.168.1.13`.'],
  ],
  [
    'a list as the file',
    '- a\n',
    ['1:1 E_TYPE The file is a mapping, not a list. | Begin with `cluster`, `starrocks`, `master_host` and `hosts`.'],
  ],
  [
    'a word as the file',
    'hello\n',
    [
      '1:1 E_TYPE The file is a mapping, not the text `hello`. | Begin with `cluster`, `starrocks`, `master_host` and `hosts`.',
    ],
  ],
  [
    'hosts as a mapping',
    three.replace(/hosts:[\s\S]*/, 'hosts: { a: 1 }\n'),
    [
      '4:8 E_TYPE `hosts` is a list, not a mapping. | For example `[192.168.1.10, 192.168.1.11, { address: 192.168.1.12, fe: none }]`.',
    ],
  ],
  [
    'no host',
    three.replace(/hosts:[\s\S]*/, 'hosts: []\n'),
    [
      '4:8 E_VALUE `hosts` is empty. | For example `[192.168.1.10, 192.168.1.11, { address: 192.168.1.12, fe: none }]`.',
    ],
  ],
  [
    'hosts without a value',
    three.replace(/hosts:[\s\S]*/, 'hosts:\n'),
    [
      '4:1 E_TYPE `hosts` has no value. | For example `[192.168.1.10, 192.168.1.11, { address: 192.168.1.12, fe: none }]`.',
    ],
  ],
  [
    'yes for true',
    withLine('allow_outage: yes'),
    ['8:15 E_TYPE `allow_outage` is `true` or `false`, not the text `yes`. | In YAML 1.2 this is written `true`.'],
  ],
  [
    'a quoted number',
    withLine('default_replication_num: "3"'),
    ['8:26 E_TYPE `default_replication_num` is a whole number, not the text `3`. | Write 3 without quotes.'],
  ],
  [
    'a fraction',
    withLine('default_replication_num: 2.5'),
    ['8:26 E_TYPE `default_replication_num` is a whole number, not the number 2.5. | For example `3`.'],
  ],
  [
    'a number as a name',
    three.replace('analytics', '12'),
    ['1:10 E_TYPE `cluster` is text, not the number 12. | For example `analytics`.'],
  ],
  [
    'a name in upper case',
    three.replace('analytics', 'Analytics'),
    [
      "1:10 E_FORMAT A cluster's name holds lower-case letters, digits and hyphens, begins with a letter, and has at most 40 characters. | For example `analytics`.",
    ],
  ],
  [
    'a version of two numbers',
    withVersion('3.3'),
    ['2:23 E_TYPE `version` is text, not the number 3.3. | For example `3.3.18`.'],
  ],
  [
    'a slip in a role',
    withHost('x: 1').replace('none, x: 1', 'obsever'),
    [
      '4:1 W_FOLLOWERS_EVEN The cluster has 4 followers, which survive the loss of 1, as 3 would. | Have an odd number: three or five; `fe: observer` answers queries without a vote.',
      '8:34 E_VALUE `fe` cannot be `obsever`. | Did you mean `observer`? There are `follower`, `observer`, `none`.',
    ],
  ],
  [
    'no BE as a count',
    withHost('be: { count: 0 }'),
    ['8:53 E_RANGE `count` is 0, outside 1 to 16. | A machine without a BE has `be: none`.'],
  ],
  [
    'too many BEs',
    withHost('be: { count: 17 }'),
    [
      '8:53 E_RANGE `count` is 17, outside 1 to 16. | Write a number from 1 to 16.',
      '8:53 N_PORT_MOVED BE 1 of 192.168.1.13 gets `be_port` 9061, `be_http_port` 8041, `heartbeat_service_port` 9051, `brpc_port` 8061, `starlet_port` 9071: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 2 of 192.168.1.13 gets `be_port` 9062, `be_http_port` 8042, `heartbeat_service_port` 9052, `brpc_port` 8062, `starlet_port` 9072: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 3 of 192.168.1.13 gets `be_port` 9063, `be_http_port` 8043, `heartbeat_service_port` 9053, `brpc_port` 8063, `starlet_port` 9073: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 4 of 192.168.1.13 gets `be_port` 9064, `be_http_port` 8044, `heartbeat_service_port` 9054, `brpc_port` 8064, `starlet_port` 9074: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 5 of 192.168.1.13 gets `be_port` 9065, `be_http_port` 8045, `heartbeat_service_port` 9055, `brpc_port` 8065, `starlet_port` 9075: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 6 of 192.168.1.13 gets `be_port` 9066, `be_http_port` 8046, `heartbeat_service_port` 9056, `brpc_port` 8066, `starlet_port` 9076: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 7 of 192.168.1.13 gets `be_port` 9067, `be_http_port` 8047, `heartbeat_service_port` 9057, `brpc_port` 8067, `starlet_port` 9077: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 8 of 192.168.1.13 gets `be_port` 9068, `be_http_port` 8048, `heartbeat_service_port` 9058, `brpc_port` 8068, `starlet_port` 9078: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 9 of 192.168.1.13 gets `be_port` 9069, `be_http_port` 8049, `heartbeat_service_port` 9059, `brpc_port` 8069, `starlet_port` 9079: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 10 of 192.168.1.13 gets `be_port` 9080, `be_http_port` 8050, `heartbeat_service_port` 9081, `brpc_port` 8070, `starlet_port` 9082: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 11 of 192.168.1.13 gets `be_port` 9083, `be_http_port` 8051, `heartbeat_service_port` 9084, `brpc_port` 8071, `starlet_port` 9085: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 12 of 192.168.1.13 gets `be_port` 9086, `be_http_port` 8052, `heartbeat_service_port` 9087, `brpc_port` 8072, `starlet_port` 9088: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 13 of 192.168.1.13 gets `be_port` 9089, `be_http_port` 8053, `heartbeat_service_port` 9090, `brpc_port` 8073, `starlet_port` 9091: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 14 of 192.168.1.13 gets `be_port` 9092, `be_http_port` 8054, `heartbeat_service_port` 9093, `brpc_port` 8074, `starlet_port` 9094: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:53 N_PORT_MOVED BE 15 of 192.168.1.13 gets `be_port` 9095, `be_http_port` 8055, `heartbeat_service_port` 9096, `brpc_port` 8075, `starlet_port` 9097: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
    ],
  ],
  [
    'be as a word',
    withHost('be: one'),
    [
      '8:44 E_FORMAT `be` is `none` or a mapping with `count`, `storage`, `mem_limit` or `instances`. | For example `{ count: 2 }`.',
    ],
  ],
  [
    'be as a number',
    withHost('be: 2'),
    [
      '8:44 E_TYPE `be` is `none` or a mapping with `count`, `storage`, `mem_limit` or `instances`. | For example `{ count: 2 }`.',
    ],
  ],
  [
    'an address that is a number',
    withHosts('192.168.1.10', '10.1'),
    [
      '4:1 E_REPLICATION `default_replication_num` is 3 by default, and the cluster has 2 BEs. | Write `default_replication_num: 2`, or add hosts.',
      '4:1 W_FOLLOWERS_EVEN The cluster has 2 followers, which survive the loss of 0, as 1 would. | Have an odd number: three or five; `fe: observer` answers queries without a vote.',
      '6:5 E_TYPE An entry of `hosts` is text or a mapping, not the number 10.1. | For example `192.168.1.13`.',
    ],
  ],
  [
    'a port above 65535',
    withHost('ports: { be_port: 70000 }'),
    ['8:58 E_RANGE `be_port` is 70000, outside 1 to 65535. | Write a number from 1 to 65535.'],
  ],
  [
    'port 0',
    withHost('ports: { be_port: 0 }'),
    ['8:58 E_RANGE `be_port` is 0, outside 1 to 65535. | Write a number from 1 to 65535.'],
  ],
  [
    'an FE port of one host',
    withHost('ports: { http_port: 8031 }'),
    [
      '8:49 E_PORT_PLACE `http_port` is a port of the FEs, which is the same on all of them, and stands here at one host. | Write `http_port` under `defaults.ports`.',
    ],
  ],
  [
    'a memory limit in GB',
    withHost('be: { mem_limit: 50GB }'),
    [
      '8:57 E_FORMAT A memory limit is a percentage from 1 % to 100 %, or a number with `M`, `G` or `T` after it: StarRocks parses neither `GB` nor a blank nor a fraction. | For example `80%`.',
    ],
  ],
  [
    'a memory limit in quotes with a blank',
    withHost('be: { mem_limit: "80 %" }'),
    [
      '8:57 E_FORMAT A memory limit is a percentage from 1 % to 100 %, or a number with `M`, `G` or `T` after it: StarRocks parses neither `GB` nor a blank nor a fraction. | For example `80%`.',
    ],
  ],
  [
    'a memory limit as a number',
    withHost('be: { mem_limit: 80 }'),
    ['8:57 E_TYPE `mem_limit` is text, not the number 80. | For example `80%`.'],
  ],
  [
    'a memory limit of 0 %',
    withHost('be: { mem_limit: 0% }'),
    [
      '8:57 E_FORMAT A memory limit is a percentage from 1 % to 100 %, or a number with `M`, `G` or `T` after it: StarRocks parses neither `GB` nor a blank nor a fraction. | For example `80%`.',
    ],
  ],
  [
    'a memory limit above 100 %',
    withHost('be: { mem_limit: 120% }'),
    [
      '8:57 E_FORMAT A memory limit is a percentage from 1 % to 100 %, or a number with `M`, `G` or `T` after it: StarRocks parses neither `GB` nor a blank nor a fraction. | For example `80%`.',
    ],
  ],
  [
    'a fractional memory limit',
    withHost('be: { mem_limit: 1.5G }'),
    [
      '8:57 E_FORMAT A memory limit is a percentage from 1 % to 100 %, or a number with `M`, `G` or `T` after it: StarRocks parses neither `GB` nor a blank nor a fraction. | For example `80%`.',
    ],
  ],
  [
    'a capacity in GB',
    withHost('be: { storage: [{ path: /d/a, capacity: 500GB }] }'),
    ['8:80 E_FORMAT A capacity is a number with `G` or `T` after it. | For example `500G`.'],
  ],
  [
    'a medium in lower case',
    withHost('be: { storage: [{ path: /d/a, medium: ssd }] }'),
    ['8:78 E_VALUE `medium` cannot be `ssd`. | Did you mean `SSD`? There are `HDD`, `SSD`.'],
  ],
  [
    'a colon in a folder',
    withHost('be: { storage: [{ path: "/d:a" }] }'),
    ['8:64 E_FORMAT A folder is an absolute path of letters, digits and `_ . @ + - /`. | For example `/disk1/be`.'],
  ],
  [
    'a location without a colon',
    withHost('labels: { location: rack1 }'),
    ['8:60 E_FORMAT A location is `key:value`, both of lower-case letters, digits and `_`. | For example `rack:r1`.'],
  ],
  [
    'a host key that is none',
    withHost('ssh: { host_key: abc }'),
    [
      '8:57 E_FORMAT A host key is written as `ssh-ed25519 AAAA…` or `SHA256:…`. | For example `SHA256:2ZRVFwGrqbGm1z1ZqWLTqSvxKpRk0wQSbiD5eLxtdIA`.',
    ],
  ],
  [
    'a user with a blank',
    withHost('ssh: { user: a b }'),
    ['8:53 E_FORMAT A user name holds letters, digits and `_ . -`. | For example `deploy`.'],
  ],
  [
    'a bastion without a host',
    withHost('ssh: { bastion: { user: jump } }'),
    ['8:56 E_MISSING_KEY `bastion` lacks `host`. | Add `host: bastion.internal`.'],
  ],
  [
    'a timeout of 0 and a slip beside it',
    withLine('timeouts: { ssh: 0, qurey: 1 }'),
    [
      '8:18 E_RANGE `ssh` is 0, outside 1 to 86400. | Write a number from 1 to 86400.',
      '8:21 E_UNKNOWN_KEY `timeouts` has no key `qurey`. | Did you mean `query`?',
    ],
  ],
  [
    'a Kafka host with a blank',
    withLine('kafka_host: a b'),
    ['8:13 E_FORMAT `kafka_host` is an address or a name, with a port if need be. | For example `192.168.1.50`.'],
  ],
  [
    'a list as a conf value',
    withLine('defaults: { be_conf: { a: [1] } }'),
    ['8:27 E_TYPE `a` is text or a number or `true` or `false`, not a list. | Write one value.'],
  ],
  [
    'a conf key without a value',
    withLine('defaults: { be_conf: { a: } }'),
    ['8:24 E_TYPE `a` has no value. | Write one value.'],
  ],
];

describe('a file that the schema refuses', () => {
  it.each(cases)('%s', (_name, text, expected) => {
    expect(diagnose(text)).toEqual(expected);
  });
});
