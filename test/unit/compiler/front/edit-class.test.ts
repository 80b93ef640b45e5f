import { describe, expect, it } from 'vitest';
import { freshWorld } from '../../../../.github/actions/deploy/src/plan/fresh-world.ts';
import { unfold } from '../../../../.github/actions/deploy/src/plan/plan.ts';
import { convergeAll } from '../../../../.github/actions/deploy/src/plan/situation.ts';
import { known, type Marker, nodeKey, unknown, type World } from '../../../../.github/actions/deploy/src/plan/world.ts';
import schema from '../../../../compiler/cluster.schema.json' with { type: 'json' };
import { compile } from '../../../../compiler/compile.ts';
import type { BeService, ClusterJson, CompiledHost, FeService } from '../../../../compiler/contract/cluster-json.ts';
import { type Edit, type EditClass, editClause, readEdit } from '../../../../compiler/schema/edit-class.ts';
import { resolve, type SchemaKey, type SchemaNode, schemaKeys } from '../../../../compiler/schema/keys.ts';

/** A mapping that only holds other keys: its own edit is the edits of those. */
const holdsOnly = ({ types, path }: SchemaKey): boolean =>
  types.join() === 'object' && schemaKeys().some(({ owner }) => owner === path);

type Value = unknown;
type Tried = readonly (readonly [before: Value, after: Value])[];

const bothWays = (a: Value, b: Value): Tried => [
  [a, b],
  [b, a],
];

const ports = bothWays(19060, 29060);
const amounts = bothWays('6G', '8G');
const seconds = bothWays(60, 61);

/** Plain machines, one that keeps FE and BE whatever the defaults say, and the last one, which `hosts[]` means. */
const HOSTS = [
  { address: '192.168.1.10', fe: 'follower', be: {} },
  { address: '192.168.1.11' },
  { address: '192.168.1.12' },
  { address: '192.168.1.13' },
];

/** Edits of a key by its path, or else by its name; `undefined`: it is not written. */
const TRIED: Readonly<Record<string, Tried>> = {
  cluster: bothWays('analytics', 'reports'),
  version: bothWays('3.3.17', '3.3.18'),
  password: [[undefined, true], ...bothWays(true, 'ANALYTICS_ROOT_PASSWORD')],
  master_host: bothWays('192.168.1.10', '192.168.1.11'),
  hosts: bothWays(HOSTS, [...HOSTS, '192.168.1.14']),
  address: bothWays('192.168.1.13', '192.168.1.14'),
  maintenance: [[false, true]],
  fe: [...bothWays('follower', 'none'), ...bothWays('follower', 'observer'), ...bothWays('observer', 'none')],
  be: bothWays({}, 'none'),
  count: bothWays(1, 2),
  instances: bothWays([{}], [{}, {}]),
  storage: [[[{ path: '/disk1/be' }], [{ path: '/disk1/be' }, { path: '/disk2/be' }]]],
  path: bothWays('/disk1/be', '/disk2/be'),
  medium: [[undefined, 'SSD'], ...bothWays('HDD', 'SSD')],
  capacity: [[undefined, '1T'], ...bothWays('500G', '1T')],
  mem_limit: bothWays('10G', '12G'),
  'images.fe': bothWays('mirror:5000/fe:3.3.17', 'mirror:5000/fe:3.3.18'),
  'images.be': bothWays('mirror:5000/be:3.3.17', 'mirror:5000/be:3.3.18'),
  default_replication_num: bothWays(1, 2),
  kafka_host: bothWays('127.0.0.1', 'kafka.internal:9092'),
  allow_outage: bothWays(false, true),
  be_port: ports,
  be_http_port: ports,
  heartbeat_service_port: ports,
  brpc_port: ports,
  starlet_port: ports,
  http_port: ports,
  rpc_port: ports,
  query_port: ports,
  edit_log_port: ports,
  nofile: bothWays(20000, 30000),
  nproc: bothWays(20000, 30000),
  location: [[undefined, 'rack:r1'], ...bothWays('rack:r1', 'rack:r2')],
  memory: [...bothWays(undefined, '96G'), ...bothWays('96G', '128G')],
  fe_heap: amounts,
  fe_conf: [[undefined, { max_query_retry_time: 3 }], ...bothWays({ max_query_retry_time: 3 }, {})],
  be_conf: bothWays({}, { base_compaction_check_interval_seconds: 120 }),
  deploy_dir: bothWays('/opt/starrocks-ha', '/srv/starrocks'),
  user: bothWays('root', 'deploy'),
  port: bothWays(22, 2222),
  ssh_host: bothWays(undefined, 'db-4.internal'),
  sudo: bothWays(false, true),
  host: bothWays('gate', 'bastion.internal'),
  host_key: bothWays(undefined, `SHA256:${'A'.repeat(43)}`),
  ...Object.fromEntries(
    ['ssh', 'query', 'pull', 'fe_ready', 'be_ready', 'drain', 'lock'].map(name => [`timeouts.${name}`, seconds]),
  ),
};

type Tree = Readonly<Record<string, Value>>;

/** cluster.yaml is JSON here, which YAML reads too. Few replicas and an outage allowed: every edit can be carried out. */
const PLAIN: Tree = {
  cluster: 'analytics',
  starrocks: { version: '3.3.18' },
  master_host: '192.168.1.10',
  default_replication_num: 1,
  allow_outage: true,
  hosts: HOSTS,
};

/** Memory is shared out differently where its sum is known. */
const MEASURED: Tree = { ...PLAIN, defaults: { resources: { memory: '64G' } } };

/** What must stand beside a key that is written into a mapping of this name. */
const BESIDE: Readonly<Record<string, Tree>> = { storage: { path: '/disk1/be' }, bastion: { host: 'gate' } };

/** The file with a value at the path; of a list, in its last entry. */
function withValue(tree: Tree, [step = '', ...rest]: readonly string[], value: Value): Tree {
  const name = step.replace('[]', '');
  if (rest.length === 0) return { ...tree, [name]: value };
  const there = tree[name];
  const inside = (of: Value): Tree => withValue({ ...BESIDE[name], ...(of as Tree) }, rest, value);
  if (!step.endsWith('[]')) return { ...tree, [name]: inside(there) };
  const entries: readonly Value[] = Array.isArray(there) ? there : [{}];
  return { ...tree, [name]: [...entries.slice(0, -1), inside(entries.at(-1))] };
}

function compiled(file: Tree, before: ClusterJson | null): ClusterJson {
  const previous = before === null ? null : JSON.stringify(before);
  const { clusterJson, diagnostics } = compile({ file: 'cluster.yaml', text: JSON.stringify(file), previous });
  if (clusterJson === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return clusterJson;
}

interface Edited {
  readonly before: ClusterJson;
  readonly after: ClusterJson;
}

function edit(file: Tree, path: string, from: Value, to: Value): Edited {
  const steps = path.split('.');
  const before = compiled(withValue(file, steps, from), null);
  return { before, after: compiled(withValue(file, steps, to), before) };
}

/** Every edit that is tried of a key. */
const editsOf = ({ path, name }: SchemaKey): Edited[] =>
  [PLAIN, MEASURED].flatMap(file => (TRIED[path] ?? TRIED[name] ?? []).map(([from, to]) => edit(file, path, from, to)));

const servicesOf = ({ fe, be }: CompiledHost): (FeService | BeService)[] => [...(fe === null ? [] : [fe]), ...be];

const servicesByKey = ({ hosts }: ClusterJson) =>
  new Map(
    hosts.flatMap(host => servicesOf(host).map(service => [nodeKey(host.address, service.name), service] as const)),
  );

/** An FE of another role is another node. */
const nodesOf = (of: ClusterJson) =>
  new Map(
    [...servicesByKey(of)].map(([key, service]) => [service.kind === 'fe' ? `${key} ${service.role}` : key, service]),
  );

interface Change {
  readonly class: Exclude<EditClass, 'immutable'>;
  /** Of nodes that are there before and after. */
  readonly services: Edit['services'];
  /** Machines of which any file differs, or any node. */
  readonly hosts: readonly string[];
}

/** What an edit changes, by what is compiled alone. */
function changeOf({ before, after }: Edited): Change {
  const [old, now] = [nodesOf(before), nodesOf(after)];
  const there = [...now].flatMap(([key, service]) => {
    const was = old.get(key);
    return was === undefined ? [] : [{ was, service }];
  });
  const anew = there.filter(({ was, service }) => was.digest !== service.digest).map(({ service }) => service.kind);
  const contents = (of: ClusterJson) => new Map(of.hosts.map(({ address, digest }) => [address, digest]));
  const [oldContents, contentsNow] = [contents(before), contents(after)];
  const addresses = [...new Set([...oldContents.keys(), ...contentsNow.keys()])];
  const hosts = addresses.filter(address => oldContents.get(address) !== contentsNow.get(address));
  const bySql = (of: ClusterJson) => JSON.stringify([of.password_env, of.hosts.map(({ location }) => location)]);
  const services = named(anew);
  const change = (name: Change['class']): Change => ({ class: name, services, hosts });
  if (old.size !== there.length || now.size !== there.length) return change('membership');
  if (there.some(({ was, service }) => was.image !== service.image)) return change('rolling');
  if (services !== null) return change('restart');
  if (hosts.length > 0) return change('refresh');
  return change(bySql(before) === bySql(after) ? 'none' : 'live');
}

function named(kinds: readonly ('fe' | 'be')[]): Edit['services'] {
  const [fe, be] = [kinds.includes('fe'), kinds.includes('be')];
  if (fe && be) return 'BE and FE';
  return fe ? 'FE' : be ? 'BE' : null;
}

const marker: Marker = { cluster: 'analytics', repository: '', commit: '', run: '', time: '' };

/** The machines as a deploy of `before` left them and as one of `after` sees them, once it has staged its files. */
function worldOf({ before, after }: Edited): World {
  const { end, problems } = unfold(before, freshWorld(before), convergeAll);
  if (problems.length > 0 || !end.cluster.known) throw new Error(JSON.stringify(problems));
  const hosts = after.hosts.map(({ address, digest }) => {
    const answer = end.hosts[address];
    if (answer?.known !== true) throw new Error(`${address} was not there before`);
    return [
      address,
      known({ ...answer.value, marker: { ...marker, cluster: before.cluster }, staged: [digest] }),
    ] as const;
  });
  const frontends = end.cluster.value.frontends.map(row => ({
    ...row,
    raw: { HttpPort: String(before.fe_ports.http_port) },
  }));
  const rows = {
    ...end.cluster.value,
    frontends,
    root_open: before.password_env === null && after.password_env !== null,
  };
  const sqlMoved = before.fe_ports.query_port !== after.fe_ports.query_port;
  return {
    ...end,
    hosts: Object.fromEntries(hosts),
    cluster: sqlMoved ? unknown('every query_port is closed') : known(rows),
    answers: answersOf({ before, after }),
  };
}

/** An FE is asked on the query_port that cluster.yaml says now, a BE where its row says that it listens. */
function answersOf({ before, after }: Edited): World['answers'] {
  const port = (service: FeService | BeService) => (service.kind === 'fe' ? service.ports.query_port : 0);
  const old = servicesByKey(before);
  const answers = [...servicesByKey(after)].flatMap(([key, service]) => {
    const was = old.get(key);
    return was === undefined ? [] : [[key, known(port(was) === port(service))] as const];
  });
  return Object.fromEntries(answers);
}

const keys = schemaKeys();
const classed = keys.flatMap(key => (key.edit === null ? [] : [{ ...key, edit: key.edit }]));
const byPath = (wanted: (key: (typeof classed)[number]) => boolean) =>
  classed.filter(wanted).map(key => [key.path, key] as const);
const ofClass = (name: EditClass) => byPath(({ edit }) => edit.class === name);

/** The nodes of the schema that stand for keys, at any depth. */
function keyNodes(owner: SchemaNode): SchemaNode[] {
  const inside = [owner, ...(owner.items === undefined ? [] : [resolve(owner.items)])];
  return inside.flatMap(node =>
    Object.values(node.properties ?? {})
      .map(resolve)
      .flatMap(key => [key, ...keyNodes(key)]),
  );
}

/** Everything in the schema that carries a class. */
function annotated(node: unknown): unknown[] {
  if (typeof node !== 'object' || node === null) return [];
  return [...('x-edit' in node ? [node] : []), ...Object.values(node).flatMap(annotated)];
}

describe('the class of an edit', () => {
  it('is there for every key that holds a value, and for no mapping that only holds keys', () => {
    expect(keys.filter(key => (key.edit === null) !== holdsOnly(key)).map(({ path }) => path)).toEqual([]);
  });

  it('is of a key that exists', () => {
    const known = new Set<unknown>(keyNodes(schema));
    expect(annotated(schema).filter(node => !known.has(node))).toEqual([]);
  });

  it('is tried, for every key, with edits that the compiler lets through; and no key is tried that does not exist', () => {
    expect(classed.filter(key => editsOf(key).length === 0).map(({ path }) => path)).toEqual([]);
    const known = new Set(classed.flatMap(({ path, name }) => [path, name]));
    expect(Object.keys(TRIED).filter(key => !known.has(key))).toEqual([]);
  });

  it.each(byPath(({ edit }) => edit.class !== 'immutable'))('is true of %s', (_path, key) => {
    const { edit } = key;
    const changes = editsOf(key).map(changeOf);
    expect([...new Set(changes.map(change => change.class))]).toEqual([edit.class]);
    if (!edit.shares) expect(new Set(changes.map(({ services }) => services))).toEqual(new Set([edit.services]));
    if (key.path.startsWith('hosts[].')) {
      const touched = new Set(changes.flatMap(({ hosts }) => hosts));
      expect([...touched].filter(address => !/\.1[34]$/.test(address))).toEqual([]);
    }
  });

  it.each(byPath(({ edit }) => edit.shares))('says of %s that it moves memory', (_path, key) => {
    const own = key.edit.services;
    const restarted = editsOf(key).map(edited => changeOf(edited).services);
    expect(restarted.filter(services => services !== own && services !== null)).not.toEqual([]);
    expect(restarted.filter(services => own !== null && !services?.includes(own))).toEqual([]);
  });
});

/** What the planner answers: operations by wave, and codes of refusals. */
function planOf(edited: Edited) {
  const { waves, problems } = unfold(edited.after, worldOf(edited), convergeAll);
  const operations = waves.map(wave => wave.steps.flatMap(step => step.operations));
  return { operations, codes: [...new Set(problems.map(({ code }) => code))] };
}

/** The kinds of operations that some edit of the key takes, and the codes of what is refused. */
function answersTo(key: SchemaKey): string[] {
  const said = editsOf(key).flatMap(edited => {
    const { operations, codes } = planOf(edited);
    return [...operations.flat().map(({ kind }) => kind), ...codes];
  });
  return [...new Set(said)];
}

const refused = ['E_OTHER_CLUSTER', 'E_FE_PORT_MOVED', 'E_BE_PORT_MOVED', 'E_DATA_MOVED'];

function expectRefusal(edited: Edited): void {
  const { operations, codes } = planOf(edited);
  expect(operations).toEqual([]);
  expect(codes.filter(code => refused.includes(code))).not.toEqual([]);
}

describe('the planner', () => {
  it.each(ofClass('none'))('has nothing to do for %s', (_path, key) => {
    expect(answersTo(key)).toEqual([]);
  });

  it.each(ofClass('refresh'))('only refreshes files for %s', (_path, key) => {
    expect(answersTo(key)).toEqual(['refresh']);
  });

  it.each(ofClass('live'))('only runs SQL for %s', (_path, key) => {
    expect(answersTo(key)).toEqual(['sql']);
  });

  for (const [path, key] of ofClass('immutable')) {
    it(`refuses ${path}`, () => {
      for (const edited of editsOf(key)) expectRefusal(edited);
    });
  }

  it.each([
    ['written where the default was', undefined, [{ path: '/disk1/be' }]],
    ['taken out', [{ path: '/disk1/be' }, { path: '/disk2/be' }], [{ path: '/disk1/be' }]],
    [
      'put in another place',
      [{ path: '/disk1/be' }, { path: '/disk2/be' }],
      [{ path: '/disk2/be' }, { path: '/disk1/be' }],
    ],
  ])('refuses a storage folder that is %s', (_what, from, to) => {
    expectRefusal(edit(PLAIN, 'hosts[].be.storage', from, to));
  });

  for (const [path, key] of ofClass('restart')) {
    it(`restarts what ${path} changes, one after the other`, () => {
      for (const edited of editsOf(key)) {
        const { operations, codes } = planOf(edited);
        const restarts = operations.map(wave => wave.flatMap(one => (one.kind === 'activate' ? [one.service] : [])));
        expect(codes).toEqual([]);
        expect(restarts.filter(wave => wave.length > 1)).toEqual([]);
        const kinds = restarts.flat().map(name => (name === 'starrocks-fe' ? 'fe' : 'be'));
        expect(named(kinds)).toBe(changeOf(edited).services);
      }
    });
  }
});

describe('x-edit', () => {
  it('becomes the end of a sentence', () => {
    expect(editClause(readEdit({ class: 'none' }))).toBe('changes nothing on the machines.');
    expect(editClause(readEdit({ class: 'restart', services: ['BE', 'FE'] }))).toBe(
      'restarts BEs as replicas allow, then FEs one by one.',
    );
    expect(editClause(readEdit({ class: 'membership', shares: true, note: 'One by one.' }))).toBe(
      'lets nodes join or leave; services of the same machine whose memory it changes restart too. One by one.',
    );
  });

  it('is refused where it says too little or what is not', () => {
    expect(() => readEdit({ class: 'reboot' })).toThrow('there is no class reboot');
    expect(() => readEdit({ class: 'restart' })).toThrow('restart lacks services');
    expect(() => readEdit({ class: 'live', services: ['FE'] })).toThrow('live has services');
    expect(() => readEdit({ class: 'rolling', services: ['CN'] })).toThrow('not CN');
    expect(() => readEdit({ class: 'immutable' })).toThrow('does not say what to do instead');
  });
});
