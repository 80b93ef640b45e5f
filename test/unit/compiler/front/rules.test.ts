import { describe, expect, it } from 'vitest';
import { beConf, feConf } from '../../../../compiler/emit/conf.ts';
import { diagnose, three, withHost, withHosts, withLine, withVersion } from './diagnose.ts';

/** What the file has, the file, and all that is said about it: `line:column CODE message | hint @ other place`. */
const cases: readonly [string, string, readonly string[]][] = [
  [
    'a host name',
    withHosts('192.168.1.10', 'db-2', '192.168.1.12'),
    [
      '6:5 E_ADDRESS_NAME `db-2` is a host name, and a node is known by its IPv4 address for life. | Write its IPv4 address here, and `ssh: { ssh_host: db-2 }` if it is reached by name.',
    ],
  ],
  [
    'an IPv6 address',
    withHosts('192.168.1.10', '"fe80::1"', '192.168.1.12'),
    [
      '6:5 E_ADDRESS_IPV6 `fe80::1` is an IPv6 address, and a node is known by its IPv4 address for life. | Write the IPv4 address here; `ssh_host` may be an IPv6 address or a name.',
    ],
  ],
  [
    'an IPv6 address with a port',
    withHosts('192.168.1.10', '"[::1]:22"', '192.168.1.12'),
    [
      '6:5 E_ADDRESS_IPV6 `[::1]:22` is an IPv6 address, and a node is known by its IPv4 address for life. | Write the IPv4 address here; `ssh_host` may be an IPv6 address or a name.',
    ],
  ],
  [
    '0.0.0.0',
    withHosts('192.168.1.10', '0.0.0.0', '192.168.1.12'),
    [
      '6:5 E_ADDRESS_RESERVED `0.0.0.0` means “any address”, not the address of a machine. | Write the address under which the other machines reach this one.',
    ],
  ],
  [
    'a broadcast address',
    withHosts('192.168.1.10', '192.168.1.255', '192.168.1.12'),
    [
      '6:5 E_ADDRESS_RESERVED `192.168.1.255` is a broadcast address, not the address of a machine. | Write the address under which the other machines reach this one.',
    ],
  ],
  [
    'the broadcast address',
    withHosts('192.168.1.10', '255.255.255.255', '192.168.1.12'),
    [
      '6:5 E_ADDRESS_RESERVED `255.255.255.255` is a broadcast or reserved address, not the address of a machine. | Write the address under which the other machines reach this one.',
    ],
  ],
  [
    'a network address',
    withHosts('192.168.1.10', '192.168.1.0', '192.168.1.12'),
    [
      '6:5 E_ADDRESS_RESERVED `192.168.1.0` is the address of a network, not the address of a machine. | Write the address under which the other machines reach this one.',
    ],
  ],
  [
    'a multicast address',
    withHosts('192.168.1.10', '224.0.0.1', '192.168.1.12'),
    [
      '6:5 E_ADDRESS_RESERVED `224.0.0.1` is a multicast address, not the address of a machine. | Write the address under which the other machines reach this one.',
    ],
  ],
  [
    'a network',
    withHosts('192.168.1.10', '192.168.1.11/24', '192.168.1.12'),
    ['6:5 E_ADDRESS `192.168.1.11/24` is a network, not the address of a machine. | Write 192.168.1.11.'],
  ],
  [
    'an address with a port',
    withHosts('192.168.1.10', '192.168.1.11:22', '192.168.1.12'),
    [
      '6:5 E_ADDRESS `192.168.1.11:22` carries a port. | Write the address alone; the port of SSH belongs into `ssh: { port: … }`.',
    ],
  ],
  [
    'an address of three numbers',
    withHosts('192.168.1.10', '192.168.1', '192.168.1.12'),
    [
      '6:5 E_ADDRESS `192.168.1` is not an IPv4 address. | Write four numbers from 0 to 255 with dots between them and no leading zeros, such as 192.168.1.10.',
    ],
  ],
  [
    'an address with leading zeros',
    withHosts('192.168.1.10', '192.168.1.011', '192.168.1.12'),
    [
      '6:5 E_ADDRESS `192.168.1.011` is not an IPv4 address. | Write four numbers from 0 to 255 with dots between them and no leading zeros, such as 192.168.1.10.',
    ],
  ],
  [
    'a number above 255',
    withHosts('192.168.1.10', '192.168.1.256', '192.168.1.12'),
    [
      '6:5 E_ADDRESS `192.168.1.256` is not an IPv4 address. | Write four numbers from 0 to 255 with dots between them and no leading zeros, such as 192.168.1.10.',
    ],
  ],
  [
    'a command as an address',
    withHosts('192.168.1.10', '$(id)', '192.168.1.12'),
    [
      '6:5 E_ADDRESS `$(id)` is not an IPv4 address. | Write four numbers with dots between them, such as 192.168.1.10.',
    ],
  ],
  [
    'one address twice',
    withHosts('192.168.1.10', '192.168.1.11', '192.168.1.11'),
    [
      '7:5 E_ADDRESS_DUPLICATE 192.168.1.11 is written twice, and a machine is one entry with at most one FE. | Delete one of the two; further BEs of a machine are `be: { count: 2 }`. @ 6:5',
    ],
  ],
  [
    'one address in both forms',
    withHosts('192.168.1.10', '192.168.1.11', '{ address: 192.168.1.10 }'),
    [
      '7:16 E_ADDRESS_DUPLICATE 192.168.1.10 is written twice, and a machine is one entry with at most one FE. | Delete one of the two; further BEs of a machine are `be: { count: 2 }`. @ 5:5',
    ],
  ],
  [
    'loopback among others',
    withHosts('192.168.1.10', '127.0.0.2', '192.168.1.12'),
    [
      '6:5 E_ADDRESS_LOOPBACK 127.0.0.2 is a loopback address, which no other machine can reach. | Write the address of the machine in your network; loopback is for a sandbox in which all hosts are loopback.',
    ],
  ],
  [
    'a master_host that is no host',
    three.replace('master_host: 192.168.1.10', 'master_host: 192.168.1.13'),
    ['3:14 E_MASTER_HOST `master_host` is 192.168.1.13, which is not among the hosts. | Did you mean 192.168.1.10?'],
  ],
  [
    'a master_host far from every host',
    three.replace('master_host: 192.168.1.10', 'master_host: 10.20.30.40'),
    [
      '3:14 E_MASTER_HOST `master_host` is 10.20.30.40, which is not among the hosts. | Write the address of one of the hosts, or add this one to `hosts`.',
    ],
  ],
  [
    'a master_host without an FE',
    withHosts('{ address: 192.168.1.10, fe: none }', '{ address: 192.168.1.11, fe: observer }', '192.168.1.12'),
    [
      '3:14 E_MASTER_HOST `master_host` is 192.168.1.10, and that host carries no FE. | Give it `fe: follower`, or name a host that has it. @ 5:16',
    ],
  ],
  [
    'an observer as master_host',
    withHosts('{ address: 192.168.1.10, fe: observer }', '{ address: 192.168.1.11, fe: observer }', '192.168.1.12'),
    [
      '3:14 E_MASTER_HOST `master_host` is 192.168.1.10, and that host carries an observer, which does not vote. | Give it `fe: follower`, or name a host that has it. @ 5:16',
    ],
  ],
  [
    'a name as master_host',
    three.replace('master_host: 192.168.1.10', 'master_host: db1'),
    [
      '3:14 E_ADDRESS_NAME `db1` is a host name, and a node is known by its IPv4 address for life. | Write its IPv4 address here, and `ssh: { ssh_host: db1 }` if it is reached by name.',
    ],
  ],
  [
    'two followers',
    `${withHosts('192.168.1.10', '192.168.1.11')}default_replication_num: 2\n`,
    [
      '4:1 W_FOLLOWERS_EVEN The cluster has 2 followers, which survive the loss of 0, as 1 would. | Have an odd number: three or five; `fe: observer` answers queries without a vote.',
    ],
  ],
  [
    'nine followers',
    withHosts(...Array.from({ length: 9 }, (_, host) => `192.168.1.1${host}`)),
    [
      '4:1 W_FOLLOWERS_MANY The cluster has 9 followers, and every change of metadata waits for a majority of them. | Three followers suffice, five survive the loss of two: write `defaults: { fe: none }` and `fe: follower` at those.',
    ],
  ],
  [
    'three replicas on one BE',
    withHosts('192.168.1.10'),
    [
      '4:1 E_REPLICATION `default_replication_num` is 3 by default, and the cluster has 1 BE. | Write `default_replication_num: 1`, or add hosts.',
    ],
  ],
  [
    'four replicas on three BEs',
    withLine('default_replication_num: 4'),
    [
      '8:26 E_REPLICATION `default_replication_num` is 4, and the cluster has 3 BEs. | Write `default_replication_num: 3`, or add hosts.',
    ],
  ],
  [
    'three replicas on one machine',
    withHosts('{ address: 192.168.1.10, be: { count: 3 } }'),
    [
      '4:1 W_REPLICATION_HOSTS `default_replication_num` is 3, and the BEs stand on 1 machine: StarRocks wants each replica on another machine. | Write `default_replication_num: 1`, or add hosts.',
      '5:43 N_PORT_MOVED BE 1 of 192.168.1.10 gets `be_port` 9061, `be_http_port` 8041, `heartbeat_service_port` 9051, `brpc_port` 8061, `starlet_port` 9071: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '5:43 N_PORT_MOVED BE 2 of 192.168.1.10 gets `be_port` 9062, `be_http_port` 8042, `heartbeat_service_port` 9052, `brpc_port` 8062, `starlet_port` 9072: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
    ],
  ],
  [
    'no BE at all',
    withLine('defaults: { be: none }'),
    ['4:1 E_NO_BE No host carries a BE, so nothing can be stored. | Remove `be: none` from a host or from `defaults`.'],
  ],
  [
    'a host that runs nothing',
    withHost('be: none'),
    ['8:16 E_NO_SERVICE 192.168.1.13 carries neither an FE nor a BE. | Give it one of them, or delete the entry.'],
  ],
  [
    'version latest',
    withVersion('latest'),
    [
      '2:23 E_VERSION `latest` is another release every month, and an upgrade is a decision. | Write the exact release, for example `3.3.18`.',
    ],
  ],
  [
    'a version with v',
    withVersion('v3.3.18'),
    ['2:23 E_VERSION `v3.3.18` is not a StarRocks version. | Write `3.3.18`.'],
  ],
  [
    'an image of a withdrawn release',
    withLine('images: { be: "mirror/be:3.3.10-patched" }'),
    [
      '8:15 E_VERSION_WITHDRAWN StarRocks withdrew release 3.3.10, which this image is tagged. | Take `3.3.11` or a later one.',
    ],
  ],
  [
    'a withdrawn release',
    withVersion('3.3.10'),
    ['2:23 E_VERSION_WITHDRAWN StarRocks withdrew release 3.3.10. | Write `3.3.11` or a later one.'],
  ],
  [
    'an old release',
    withVersion('2.5.22'),
    [
      '2:23 W_VERSION_UNTRIED StarRocks 2.5.22 is older than 3.3, the oldest that was tried. | Take 3.3 or later for a new cluster.',
    ],
  ],
  [
    'a word as version',
    withVersion('three'),
    ['2:23 E_VERSION `three` is not a StarRocks version. | Write three numbers, for example `3.3.18`.'],
  ],
  [
    'an image without a tag',
    withLine('images: { fe: starrocks/fe-ubuntu }'),
    [
      '8:15 E_IMAGE `starrocks/fe-ubuntu` has neither a tag nor a digest, which means `latest`. | Write `starrocks/fe-ubuntu:3.3.18`.',
    ],
  ],
  [
    'an image with a moving tag',
    withLine('images: { fe: "starrocks/fe-ubuntu:3.3-latest" }'),
    [
      '8:15 E_IMAGE The tag `3.3-latest` is another release every month, and an upgrade is a decision. | Write the exact release as the tag, or add a digest.',
    ],
  ],
  [
    'an image of another release',
    withLine('images: { be: "starrocks/be-ubuntu:3.3.17" }'),
    [
      '8:15 W_IMAGE_VERSION The image is tagged 3.3.17, and `starrocks.version` is 3.3.18. | Write the same release at both: a deploy compares the running version with `starrocks.version`.',
    ],
  ],
  [
    'an image with a blank',
    withLine('images: { be: starrocks/be ubuntu }'),
    [
      '8:15 E_IMAGE `starrocks/be ubuntu` is not an image reference. | Write `name:tag`, `name@sha256:…` or `name:tag@sha256:…`.',
    ],
  ],
  [
    'a password',
    withVersion('3.3.18, password: hunter2'),
    [
      '2:41 E_PASSWORD `password` says whether root has a password, and this looks like the password itself. | Write `true` and put the password into the secret STARROCKS_PASSWORD; if this is a real one, change it: it is in git now.',
    ],
  ],
  [
    'a password of digits',
    withVersion('3.3.18, password: 12345'),
    [
      '2:41 E_PASSWORD `password` says whether root has a password, and this looks like the password itself. | Write `true` and put the password into the secret STARROCKS_PASSWORD; if this is a real one, change it: it is in git now.',
    ],
  ],
  [
    'a password of strange characters',
    withVersion('3.3.18, password: "a$b"'),
    [
      '2:41 E_PASSWORD `password` says whether root has a password, and this looks like the password itself. | Write `true` and put the password into the secret STARROCKS_PASSWORD; if this is a real one, change it: it is in git now.',
    ],
  ],
  [
    'two written ports',
    withHost('ports: { be_port: 9999, brpc_port: 9999 }'),
    [
      '8:75 E_PORT_COLLISION On 192.168.1.13, `brpc_port` of BE 0 is 9999, and so is `be_port` of BE 0. | Give one of them another port. @ 8:58',
    ],
  ],
  [
    'an FE port on a BE port, both written',
    withLine('defaults: { ports: { http_port: 8040, be_http_port: 8040 } }'),
    [
      '8:53 E_PORT_COLLISION On 192.168.1.10, `be_http_port` of BE 0 is 8040, and so is `http_port` of the FE. | Give one of them another port. @ 8:33',
    ],
  ],
  [
    'a BE port on the FE’s default',
    withHosts('192.168.1.10', '192.168.1.11', '{ address: 192.168.1.12, ports: { be_port: 9030 } }'),
    [
      '7:48 E_PORT_COLLISION On 192.168.1.12, `be_port` of BE 0 is 9030, and so is `query_port` of the FE, the default. | Give one of them another port. @ 7:16',
    ],
  ],
  [
    'an FE port on another’s default',
    withLine('defaults: { ports: { http_port: 9030 } }'),
    [
      '8:33 E_PORT_COLLISION On 192.168.1.10, `http_port` of the FE is 9030, and so is `query_port` of the FE, the default. | Give one of them another port. @ 5:5',
    ],
  ],
  [
    'a written FE port on a default BE port',
    withHosts('192.168.1.10', '{ address: 192.168.1.11, fe: none }', '{ address: 192.168.1.12, fe: none }') +
      'defaults: { ports: { http_port: 8040 } }\n',
    [
      '5:5 N_PORT_MOVED BE 0 of 192.168.1.10 gets `be_http_port` 8041: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '6:16 N_PORT_MOVED BE 0 of 192.168.1.11 gets `be_http_port` 8041: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '7:16 N_PORT_MOVED BE 0 of 192.168.1.12 gets `be_http_port` 8041: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
    ],
  ],
  [
    'ports of two instances',
    withHost('be: { instances: [{}, { ports: { be_port: 9060 } }] }, ports: { be_port: 9060 }'),
    [
      '8:62 N_PORT_MOVED BE 1 of 192.168.1.13 gets `be_http_port` 8041, `heartbeat_service_port` 9051, `brpc_port` 8061, `starlet_port` 9071: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:113 E_PORT_COLLISION On 192.168.1.13, `be_port` of BE 0 is 9060, and so is `be_port` of BE 1. | Give one of them another port. @ 8:82',
    ],
  ],
  [
    'a second BE',
    withHost('be: { count: 2 }'),
    [
      '8:53 N_PORT_MOVED BE 1 of 192.168.1.13 gets `be_port` 9061, `be_http_port` 8041, `heartbeat_service_port` 9051, `brpc_port` 8061, `starlet_port` 9071: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
    ],
  ],
  [
    'the old name of a key',
    withLine('replication_num: 2'),
    ['8:1 W_RENAMED_KEY `replication_num` is now called `default_replication_num`. | Write `default_replication_num`.'],
  ],
  [
    'old names of ports',
    withHost('ports: { webserver_port: 8041, heartbeat_port: 9051 }'),
    [
      '8:49 W_RENAMED_KEY `webserver_port` is now called `be_http_port`. | Write `be_http_port`.',
      '8:71 W_RENAMED_KEY `heartbeat_port` is now called `heartbeat_service_port`. | Write `heartbeat_service_port`.',
    ],
  ],
  [
    'an old name beside the new one',
    withLine('replication_num: 2\ndefault_replication_num: 3'),
    [
      '8:1 E_DUPLICATE_KEY `replication_num` is the old name of `default_replication_num`, which is written too. | Keep `default_replication_num`. @ 9:1',
    ],
  ],
  [
    'heap and limit above the memory',
    withHost('fe: observer, be: { mem_limit: 60G }, resources: { memory: 64G, fe_heap: 8G }').replace('fe: none, ', ''),
    [
      '8:61 E_MEMORY On 192.168.1.13, 8 GiB of FE heap and 60 GiB for BE 0 are more than `resources.memory` (64 GiB). | Lower `be.mem_limit` or `resources.fe_heap`, or leave them out: they then follow from `resources.memory`. @ 8:89',
    ],
  ],
  [
    'a heap that leaves nothing',
    withHost('fe: observer, resources: { memory: 8G, fe_heap: 8G }').replace('fe: none, ', ''),
    [
      '8:78 E_MEMORY On 192.168.1.13, `resources.memory` (8 GiB) leaves nothing for a BE: 8 GiB of FE heap, 0 MiB for BE 0. | Lower `be.mem_limit` or `resources.fe_heap`, or leave them out: they then follow from `resources.memory`. @ 8:65',
    ],
  ],
  [
    'two BEs of 60 % beside an FE',
    withLine('defaults: { be: { mem_limit: 60%, instances: [{}, {}] } }'),
    [
      "8:30 E_MEMORY On 192.168.1.10, the BEs together may use 120 % of the machine's memory. | Write at most 35% for each, beside the FE.",
      '8:51 N_PORT_MOVED BE 1 of 192.168.1.10 gets `be_port` 9061, `be_http_port` 8041, `heartbeat_service_port` 9051, `brpc_port` 8061, `starlet_port` 9071: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:51 N_PORT_MOVED BE 1 of 192.168.1.11 gets `be_port` 9061, `be_http_port` 8041, `heartbeat_service_port` 9051, `brpc_port` 8061, `starlet_port` 9071: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:51 N_PORT_MOVED BE 1 of 192.168.1.12 gets `be_port` 9061, `be_http_port` 8041, `heartbeat_service_port` 9051, `brpc_port` 8061, `starlet_port` 9071: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
    ],
  ],
  [
    'two BEs of 60 %',
    withHost('be: { mem_limit: 60%, instances: [{}, {}] }'),
    [
      "8:57 E_MEMORY On 192.168.1.13, the BEs together may use 120 % of the machine's memory. | Write at most 45% for each.",
      '8:78 N_PORT_MOVED BE 1 of 192.168.1.13 gets `be_port` 9061, `be_http_port` 8041, `heartbeat_service_port` 9051, `brpc_port` 8061, `starlet_port` 9071: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
    ],
  ],
  [
    '90 % beside an FE',
    withHosts('192.168.1.10', '192.168.1.11', '{ address: 192.168.1.12, be: { mem_limit: 90% } }'),
    [
      '7:47 W_MEMORY_SHARED On 192.168.1.12, 90 % of the memory for BEs leave too little for the FE beside them. | Leave `mem_limit` out (70% beside an FE), or say what there is with `resources.memory`.',
    ],
  ],
  [
    'a bad memory limit for every host',
    withLine('defaults: { be: { mem_limit: 95% } }'),
    [
      '8:30 W_MEMORY_SHARED On 192.168.1.10, 95 % of the memory for BEs leave too little for the FE beside them. | Leave `mem_limit` out (70% beside an FE), or say what there is with `resources.memory`.',
    ],
  ],
  [
    'a relative folder',
    withHost('be: { storage: [{ path: data/be }] }'),
    ['8:64 E_STORAGE_FOLDER A data folder is an absolute path, and `data/be` is none. | Write the path from `/` on.'],
  ],
  [
    'a capacity, which StarRocks ignores',
    withHost('be: { storage: [{ path: /d/a, capacity: 500G }] }'),
    [
      '8:80 W_STORAGE_CAPACITY StarRocks ignores `capacity`: the BE takes as much of the disk as there is. | Bound it by a partition of that size, or by `storage_flood_stage_left_capacity_bytes` in `be_conf`.',
    ],
  ],
  [
    'folders in one another',
    withHost('be: { storage: [{ path: /d/a }, { path: /d/a/b }] }'),
    [
      '8:80 E_STORAGE_SHARED On 192.168.1.13, `/d/a/b` of BE 0 and `/d/a` of BE 0 lie in one another. | Give each a folder of its own, side by side. @ 8:64',
    ],
  ],
  [
    'a folder of the system',
    withHost('be: { storage: [{ path: /etc/be }] }'),
    [
      '8:64 E_STORAGE_FOLDER `/etc/be` lies in a folder of the system. | Write a folder on a data disk, for example `/data/starrocks`.',
    ],
  ],
  [
    'the root folder',
    withHost('be: { storage: [{ path: / }] }'),
    ['8:64 E_STORAGE_FOLDER `/` is not a folder of its own. | Write a folder in it, for example `/starrocks`.'],
  ],
  [
    'a mount point of others',
    withHost('be: { storage: [{ path: /mnt }] }'),
    ['8:64 E_STORAGE_FOLDER `/mnt` is not a folder of its own. | Write a folder in it, for example `/mnt/starrocks`.'],
  ],
  [
    'a folder with ..',
    withHost('be: { storage: [{ path: /d/../etc }] }'),
    [
      '8:64 E_STORAGE_FOLDER `/d/../etc` is not the plain form of a path. | Write it without `.`, `..`, doubled or trailing `/`.',
    ],
  ],
  [
    'a folder that two instances share',
    withHost('be: { count: 2, storage: [{ path: /d/a }] }'),
    [
      '8:53 N_PORT_MOVED BE 1 of 192.168.1.13 gets `be_port` 9061, `be_http_port` 8041, `heartbeat_service_port` 9051, `brpc_port` 8061, `starlet_port` 9071: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:74 E_STORAGE_SHARED On 192.168.1.13, `/d/a` of BE 1 is also a folder of BE 0. | Give each instance folders of its own under `be.instances`. @ 8:74',
    ],
  ],
  [
    'a folder that two instances name',
    withHost('be: { instances: [{ storage: [{ path: /d/a }] }, { storage: [{ path: /d/a }] }] }'),
    [
      '8:89 N_PORT_MOVED BE 1 of 192.168.1.13 gets `be_port` 9061, `be_http_port` 8041, `heartbeat_service_port` 9051, `brpc_port` 8061, `starlet_port` 9071: the default is taken. | generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
      '8:109 E_STORAGE_SHARED On 192.168.1.13, `/d/a` of BE 1 is also a folder of BE 0. | Give each a folder of its own, side by side. @ 8:78',
    ],
  ],
  [
    'a folder in deploy_dir',
    withHost('be: { storage: [{ path: /opt/starrocks-ha/data/be }] }'),
    [
      '8:64 E_STORAGE_SHARED `/opt/starrocks-ha/data/be` and `deploy_dir` (`/opt/starrocks-ha`) lie in one another. | Write a folder outside of it, or leave `storage` out: data then lies in `deploy_dir`. @ 8:16',
    ],
  ],
  [
    'a folder that is emptied at boot',
    withHost('be: { storage: [{ path: /tmp/x }] }'),
    [
      '8:64 E_STORAGE_FOLDER `/tmp/x` is emptied when the machine boots. | Write a folder on a disk that keeps its data.',
    ],
  ],
  [
    'a folder where a state lies',
    withHost('be: { storage: [{ path: /d/a }, { path: /d/a.state }] }'),
    [
      '8:80 E_STORAGE_SHARED On 192.168.1.13, `/d/a.state` of BE 0 is also a folder of the state of BE 0. | Give each a folder of its own, side by side. @ 8:64',
    ],
  ],
  [
    'a deploy_dir of the system',
    withHost('deploy_dir: /usr/local/sr'),
    [
      '8:52 E_STORAGE_FOLDER `/usr/local/sr` lies in a folder of the system. | Write a folder on a data disk, for example `/data/starrocks`.',
    ],
  ],
  [
    'a relative deploy_dir',
    withHost('deploy_dir: sr'),
    ['8:52 E_STORAGE_FOLDER `deploy_dir` is an absolute path, and `sr` is none. | Write the path from `/` on.'],
  ],
  [
    'more instances than count',
    withHost('be: { count: 1, instances: [{}, {}] }'),
    [
      '8:72 E_BE_INSTANCES `instances` has an entry for BE 1, and `count` is 1: they count from 0. | Raise `count`, or delete the entry.',
    ],
  ],
  [
    'a conf key of the compiler',
    withLine('defaults: { fe_conf: { http_port: 8031 } }'),
    [
      '8:24 E_CONF_KEY `http_port` is written by the compiler and cannot be set in `fe_conf`. | Write it under `defaults.ports`.',
    ],
  ],
  [
    'shared data',
    withLine('defaults: { fe_conf: { run_mode: shared_data } }'),
    [
      '8:24 E_CONF_KEY `run_mode` is written by the compiler and cannot be set in `fe_conf`. | Only shared_nothing is supported: delete the line.',
    ],
  ],
  [
    'JAVA_OPTS',
    withLine('defaults: { fe_conf: { JAVA_OPTS: "-Xmx1g" } }'),
    [
      '8:24 E_CONF_KEY `JAVA_OPTS` is written by the compiler and cannot be set in `fe_conf`. | Write the heap as `resources.fe_heap`.',
    ],
  ],
  [
    'a conf key in upper case',
    withLine('defaults: { fe_conf: { HTTP_PORT: 1 } }'),
    [
      '8:24 E_CONF_KEY `HTTP_PORT` is no key of a conf file: StarRocks runs upper-case lines through a shell. | Did you mean `http_port`? Write it under `defaults.ports`.',
    ],
  ],
  [
    'a conf key that is a command',
    withLine('defaults: { fe_conf: { FOO: 1 } }'),
    [
      '8:24 E_CONF_KEY `FOO` is no key of a conf file: StarRocks runs upper-case lines through a shell. | A key holds lower-case letters, digits and `_`.',
    ],
  ],
  [
    'a conf key for recovery',
    withLine('defaults: { fe_conf: { bdbje_reset_election_group: true } }'),
    [
      '8:24 E_CONF_KEY `bdbje_reset_election_group` is for recovery by hand and must not stay in a conf file. | Delete the line, and follow the recovery recipe of StarRocks.',
    ],
  ],
  [
    'a command as a conf value',
    withLine('defaults: { be_conf: { a: x$(id) } }'),
    [
      '8:27 E_CHARACTER The text holds the character $, which a shell, Compose, SQL or StarRocks would take as syntax. | Write it without.',
    ],
  ],
  [
    'a conf value of two lines',
    withLine('defaults: { be_conf: { a: "x\\ny" } }'),
    [
      '8:27 E_CHARACTER `a` would not be read back as it is written. | A conf value is one line of at most 1024 ASCII characters, without blanks at its ends and without `#` at its beginning.',
    ],
  ],
  [
    'a backtick',
    withLine('kafka_host: "a`id`"'),
    [
      '8:13 E_CHARACTER The text holds the character `, which a shell, Compose, SQL or StarRocks would take as syntax. | Write it without.',
    ],
  ],
  [
    'a quote',
    withHost('labels: { location: "rack:r\'1" }'),
    [
      "8:60 E_CHARACTER The text holds the character ', which a shell, Compose, SQL or StarRocks would take as syntax. | Write it without.",
    ],
  ],
  [
    'an escape sequence',
    three.replace('analytics', '"a\\e[31mb"'),
    [
      '1:10 E_CHARACTER The text holds a control character, which a shell, Compose, SQL or StarRocks would take as syntax. | Write it without.',
    ],
  ],
  [
    'a NUL',
    three.replace('analytics', '"a\\0"'),
    [
      '1:10 E_CHARACTER The text holds a NUL, which a shell, Compose, SQL or StarRocks would take as syntax. | Write it without.',
    ],
  ],
  [
    'one ssh_host for two',
    withHosts(
      '{ address: 192.168.1.10, ssh: { ssh_host: gw, port: 2201 } }',
      '{ address: 192.168.1.11, ssh: { ssh_host: GW, port: 2201 } }',
      '192.168.1.12',
    ),
    [
      '6:47 E_SSH_DUPLICATE GW, port 2201, is how another host is reached too, so the two would be one machine. | Write the `ssh_host` of this machine, or another `port` where one name forwards to several. @ 5:47',
    ],
  ],
  [
    'the address of another as ssh_host',
    withHosts('{ address: 192.168.1.10, ssh: { ssh_host: 192.168.1.11 } }', '192.168.1.11', '192.168.1.12'),
    [
      '6:5 E_SSH_DUPLICATE 192.168.1.11, port 22, is how another host is reached too, so the two would be one machine. | Write the `ssh_host` of this machine, or another `port` where one name forwards to several. @ 5:47',
    ],
  ],
  [
    'faults of schema and rules together',
    `${withHosts('192.168.1.10', 'db-2', '192.168.1.10').replace('3.3.18', 'latest')}defualts: {}\ndefault_replication_num: 0\n`,
    [
      '2:23 E_VERSION `latest` is another release every month, and an upgrade is a decision. | Write the exact release, for example `3.3.18`.',
      '6:5 E_ADDRESS_NAME `db-2` is a host name, and a node is known by its IPv4 address for life. | Write its IPv4 address here, and `ssh: { ssh_host: db-2 }` if it is reached by name.',
      '7:5 E_ADDRESS_DUPLICATE 192.168.1.10 is written twice, and a machine is one entry with at most one FE. | Delete one of the two; further BEs of a machine are `be: { count: 2 }`. @ 5:5',
      '8:1 E_UNKNOWN_KEY The file has no key `defualts`. | Did you mean `defaults`?',
      '9:26 E_RANGE `default_replication_num` is 0, outside 1 to 100. | Write a number from 1 to 100.',
    ],
  ],
];

describe('a file that a rule speaks about', () => {
  it.each(cases)('%s', (_name, text, expected) => {
    expect(diagnose(text)).toEqual(expected);
  });
});

/** What a person may set although the compiler has a value for it. */
const FREE = new Set(['sys_log_level', 'mysql_service_nio_enabled']);

const compiled = [
  ...[...feConf({}).matchAll(/^([a-z]\w*) = /gm)].map(([, key = '']) => ['fe_conf', key] as const),
  ...[...beConf({}).matchAll(/^([a-z]\w*) = /gm)].map(([, key = '']) => ['be_conf', key] as const),
].filter(([, key]) => !FREE.has(key));

it.each([...compiled, ['fe_conf', 'big_query_log_dir'] as const])(
  '%s may not set %s, which is compiled',
  (conf, key) => {
    expect(diagnose(withLine(`defaults: { ${conf}: { ${key}: 1 } }`))).toEqual([
      expect.stringContaining(`E_CONF_KEY \`${key}\` is written by the compiler`),
    ]);
  },
);
