import { majority } from '../plan/gates.ts';
import { running } from '../plan/situation.ts';
import type { Diagnosis } from './diagnosis.ts';
import { type Evidence, lineWith } from './evidence.ts';

/** A known cause: its sign, what it means, and what to do. The first that fits is the most likely one. */
export interface Cause {
  readonly code: Diagnosis['code'];
  /** What was seen, or null when the sign is not there. */
  readonly recognise: (evidence: Evidence) => string | null;
  readonly cause: string;
  readonly todo: string;
}

const inLog =
  (sign: RegExp) =>
  ({ log }: Evidence): string | null =>
    lineWith(log, sign);

const inRow =
  (sign: RegExp) =>
  ({ error }: Evidence): string | null =>
    sign.test(error) ? `ErrMsg: ${error}` : null;

const either =
  (...signs: ((evidence: Evidence) => string | null)[]) =>
  (evidence: Evidence): string | null =>
    signs.map(sign => sign(evidence)).find(seen => seen !== null) ?? null;

const isFe = (evidence: Evidence): boolean => evidence.node.service.kind === 'fe';

const only =
  (kind: 'fe' | 'be', sign: (evidence: Evidence) => string | null) =>
  (evidence: Evidence): string | null =>
    evidence.node.service.kind === kind ? sign(evidence) : null;

const fact = ({ answer }: Evidence, name: string): string => answer?.machine[name] ?? '?';

const META_FLOOR = 5e9;
const STORAGE_FLOOR = 1e9;

function fullStorage({ node }: Evidence): string | null {
  const folders = node.service.folders.filter(folder => folder.use === 'storage').map(folder => folder.host);
  const full = node.machine?.disks.find(disk => folders.includes(disk.path) && disk.free < STORAGE_FLOOR);
  return full === undefined ? null : `${(full.free / 1e9).toFixed(1)} GB free on ${full.path}`;
}

/** What the data of a node says, and what the rows say: two ids, where they differ. */
function clusterIds({ v, node }: Evidence): { readonly disk: string; readonly rows: string } | null {
  const rows = v.rows?.frontends[0]?.cluster_id;
  const data = node.service.kind === 'fe' ? node.machine?.fe : node.machine?.be[node.service.name];
  const disk = data?.cluster_id ?? null;
  return rows === undefined || disk === null || disk === rows ? null : { disk, rows };
}

const frontendsOf = ({ v }: Evidence, id: string): number =>
  v.frontends.filter(({ machine }) => machine?.fe.cluster_id === id).length;

/**
 * An FE that founded a cluster of its own answers with its own rows, and where the true leader is down nobody gainsays
 * it: then it is the rows that are foreign, and nobody must be told to move the data of all the others aside.
 */
function rowsOfAnother(evidence: Evidence): string | null {
  const ids = clusterIds(evidence);
  if (ids === null) return null;
  const [ours, theirs] = [frontendsOf(evidence, ids.disk), frontendsOf(evidence, ids.rows)];
  return ours > theirs
    ? `${evidence.v.rows?.asked} shows the cluster ${ids.rows}, and ${ours} of ${evidence.v.frontends.length} FEs carry ${ids.disk}`
    : null;
}

/** The id on the disk against that of the rows: ErrMsg stays empty for the first half minute (seen). */
function otherClusterId(evidence: Evidence): string | null {
  const ids = clusterIds(evidence);
  return ids === null || rowsOfAnother(evidence) !== null
    ? null
    : `cluster id ${ids.disk} on the disk, and ${ids.rows} in SHOW FRONTENDS`;
}

/** FrontendOptions.initAddrUseIp tells which address it took. */
function otherAddress({ node, log }: Evidence): string | null {
  const line = lineWith(log, /Use IP init local addr, IP: /);
  const [, taken] = /IP: \S*\/(\d+\.\d+\.\d+\.\d+)/.exec(line ?? '') ?? [];
  return line === null || taken === undefined || taken === node.host.address ? null : line;
}

/** max_bdbje_clock_delta_ms */
const CLOCK_DELTA_MS = 5000;

/** FEs compare their clocks among themselves: how far the runner's is off does not matter to them. */
function otherClock({ v, node }: Evidence): string | null {
  const own = node.machine?.clock_skew_ms;
  if (own === undefined) return null;
  const away = ({ machine }: { machine: { clock_skew_ms: number } | null }) =>
    machine === null ? 0 : own - machine.clock_skew_ms;
  const others = v.frontends.filter(other => other !== node && other.machine !== null);
  const off = others.filter(other => Math.abs(away(other)) > CLOCK_DELTA_MS);
  const [first] = off;
  // One that is wrong differs from all of the others; one that is right, from the wrong one only.
  if (first === undefined || (others.length > 1 && off.length * 2 <= others.length)) return null;
  return `its clock is ${(away(first) / 1000).toFixed(1)} s away from that of ${first.host.address}`;
}

/** The FE that be-entrypoint.sh says it could not reach. */
const asked = (line: string | null): readonly (string | undefined)[] =>
  /Can this machine reach (\d+\.\d+\.\d+\.\d+):(\d+)\?/.exec(line ?? '') ?? [];

/** Sources of the texts: StarRocks' NodeMgr, heartbeat_server.cpp and MetaHelper, BDB JE, Docker; or seen on real FEs. */
export const causes: readonly Cause[] = [
  // --- the container cannot run at all
  {
    code: 'D_IMAGE',
    recognise: ({ node, answer }) => {
      const missing = node.machine?.images[node.service.image] === null && node.container === null;
      const error = answer?.containers[node.service.name]?.error ?? '';
      if (/manifest unknown|pull access denied|no such image/i.test(error)) return error;
      return missing ? `${node.service.image} is not on the machine, and there is no container` : null;
    },
    cause: 'Its image could not be pulled, or nobody has deployed here yet, so no container was made.',
    todo: 'Deploy; where the pull fails, `docker pull` of that image on the machine says whether the registry, the name or the login is wrong.',
  },
  {
    code: 'D_ULIMIT',
    recognise: ({ node, answer }) => {
      const error = answer?.containers[node.service.name]?.error ?? '';
      return /error setting rlimit/i.test(error) ? error : null;
    },
    cause: 'The engine may not raise the limits that the container asks for.',
    todo: "Raise the Docker daemon's own limits (LimitNOFILE), or lower `ulimits` in cluster.yaml.",
  },
  {
    code: 'D_OOM',
    recognise: ({ node, answer }) => {
      const state = answer?.containers[node.service.name];
      if (state?.oom_killed === true) return `container exited with ${state.exit_code}, OOMKilled`;
      return state?.exit_code === 137 && Number(answer?.machine['oom_kills'] ?? 0) > 0
        ? 'container exited with 137, and the kernel log tells of an out-of-memory kill'
        : null;
    },
    cause: 'The kernel killed it because the machine, or its container, ran out of memory.',
    todo: 'Set `resources.memory`, `fe_heap` or `mem_limit` in cluster.yaml to what the machine really has.',
  },
  {
    code: 'D_NO_AVX2',
    recognise: evidence =>
      only('be', one =>
        fact(one, 'avx2') === 'no' ? 'no avx2 in /proc/cpuinfo' : lineWith(one.log, /SIGILL|Illegal instruction/),
      )(evidence),
    cause: 'The processor has no AVX2, which the BE was built for.',
    todo: 'Move the BE to another machine, or expose the host processor to the virtual machine.',
  },
  {
    code: 'D_PORT_TAKEN',
    recognise: evidence => {
      const { node } = evidence;
      const strangers = node.machine?.listeners.filter(
        one => one.service !== node.service.name && Object.values(node.service.ports).includes(one.port),
      );
      // A process of its own that is just ending is told without an owner.
      const stranger = strangers?.find(one => one.owner !== '?') ?? strangers?.[0];
      if (stranger !== undefined) return `port ${stranger.port} is held by ${stranger.service ?? stranger.owner}`;
      return lineWith(
        evidence.log,
        /is already in use\. will exit|Address already in use|BindException|conflicts with the socket already used|[Ss]ervice did not start correctly/i,
      );
    },
    cause: 'Another process has one of its ports.',
    todo: 'Stop that process, or run `npm run ports`, which finds free ports and writes them into cluster.yaml.',
  },
  {
    code: 'D_PERMISSION',
    recognise: inLog(/Permission denied|AccessDeniedException|Operation not permitted.*(meta|storage|log)/i),
    cause: 'The process may not write one of its folders.',
    todo: 'See owner and mode of the data and log folders on the machine; SELinux needs the label container_file_t.',
  },
  {
    code: 'D_META_DISK',
    recognise: evidence => {
      if (!isFe(evidence)) return null;
      const told = lineWith(
        evidence.log,
        /metadata directory.*(space|disk)|No space left on device|meta dir.*less than/i,
      );
      if (told !== null) return told;
      const meta = evidence.node.service.folders.find(folder => folder.use === 'meta')?.host;
      const disk = evidence.node.machine?.disks.find(one => one.path === meta);
      return disk !== undefined && disk.free < META_FLOOR
        ? `${(disk.free / 1e9).toFixed(1)} GB free on ${disk.path}`
        : null;
    },
    cause: "The disk of the FE's metadata is full or has less than the 5 GB it wants.",
    todo: 'Free some space there; an FE that is full stops the cluster when it leads.',
  },
  {
    code: 'D_STORAGE_DISK',
    recognise: only('be', either(inLog(/No space left on device|disk.*(exceed|full)|capacity limit/i), fullStorage)),
    cause: 'A storage disk of the BE is full.',
    todo: 'Free some space or add a disk: `be: { storage: [...] }`.',
  },
  {
    code: 'D_CONF',
    recognise: inLog(
      /InvalidConfException|no such env variable|Non-existent environment variable|Invalid value of config|error read config file|Failed to parse mem limit|is not KEY=value|must be (?:a port|an IPv4 address|0 or 1)/i,
    ),
    cause: 'A line of its conf is not understood.',
    todo: 'Correct `fe_conf` or `be_conf` in cluster.yaml.',
  },
  {
    code: 'D_JVM',
    recognise: only('fe', inLog(/Unrecognized VM option|Could not create the Java Virtual Machine|OutOfMemoryError/)),
    cause: 'The JVM does not start with these options, or its heap is too small.',
    todo: 'Correct JAVA_OPTS in `fe_conf`, or give the FE more `fe_heap`.',
  },
  // --- identity
  {
    code: 'D_DROPPED',
    recognise: only(
      'fe',
      inLog(
        /current node is not added to the cluster, will exit|is no longer a member of the group|is removed\. will exit|(?:role|name).*is removed/i,
      ),
    ),
    cause: 'This FE was dropped from the cluster and still has the metadata of its old identity.',
    todo: 'Deploy: it moves that metadata aside and lets the FE join again.',
  },
  {
    code: 'D_META_PARTIAL',
    recognise: only(
      'fe',
      inLog(
        /bdb dir is empty|role file and version file must both exist|DatabaseNotFoundException.*_jeRepGroupDB|NOT STARTED: .*(?:is incomplete|cannot be trusted)/i,
      ),
    ),
    cause: 'Its metadata is not whole: a join was cut off, or files were lost.',
    todo: 'Deploy: it moves the broken metadata aside and lets the FE join again from the others.',
  },
  {
    code: 'D_DATA_LOST',
    recognise: inLog(/NOT STARTED: .*Is its disk mounted\?/),
    cause: 'It was part of this cluster, and the folder that held its data is empty now.',
    todo: 'Mount the disk if one is missing and restart the container; if the data is lost for good, deploy.',
  },
  {
    code: 'D_ROLE_CONFLICT',
    recognise: only('fe', inLog(/current node role is \S+ not match|role.*not match with frontend recorded role/i)),
    cause: 'Its metadata was written in another role than the one it is registered with.',
    todo: 'Put the old role back into cluster.yaml, or change it there and deploy.',
  },
  {
    code: 'D_WRONG_MODE',
    recognise: only('fe', inLog(/host_?type.*(?:not match|mismatch)|The FQDN of the parsed address/i)),
    cause: 'It was started in another host type (IP or FQDN) than the one in its metadata.',
    todo: 'This tool runs FEs in IP mode; a cluster in FQDN mode has to be moved to IP mode first.',
  },
  {
    code: 'D_SECOND_CLUSTER',
    recognise: either(
      only('fe', inRow(/invalid parameter|invalid cluster id/i)),
      only('be', inRow(/Out-dated epoch/i)),
      rowsOfAnother,
    ),
    cause:
      'Two clusters exist: an FE of this one was once started with empty metadata and no helper, and founded its own.',
    todo: 'Stop that FE, move its metadata folder aside by hand, and deploy: it joins again.',
  },
  {
    code: 'D_CLUSTER_ID',
    recognise: either(
      inRow(/Unmatched cluster id/i),
      inLog(/Unmatched cluster id|invalid cluster id|NOT STARTED: .*belongs to another cluster/i),
      otherClusterId,
    ),
    cause: 'Its data belongs to another cluster.',
    todo: 'Is it the right disk and the right machine? If that data is not wanted, move the folder aside by hand and deploy.',
  },
  {
    code: 'D_TOKEN',
    recognise: either(
      inRow(/Unmatched token/i),
      inLog(/token is not equal with helper node|Unmatched run mode with helper node|Unmatched token/i),
    ),
    cause: 'Its token is not that of this cluster: its metadata or storage comes from another one.',
    todo: 'Move that folder aside by hand and deploy: it joins again.',
  },
  // --- addresses
  {
    code: 'D_ADDRESS',
    recognise: either(
      inRow(/FE saved address not match backend address|Unmatched backend ip|heartbeat with localhost ip/i),
      inLog(
        /FE saved address not match backend address|Unmatched backend ip|invalid client host|priority_networks does not include the current IP address/i,
      ),
      otherAddress,
    ),
    cause: 'It chose another of the machine’s addresses than the one it is registered with.',
    todo: 'Is the address in cluster.yaml really on an interface of that machine? See `ip address` there.',
  },
  {
    code: 'D_NODE_TYPE',
    recognise: inRow(/Unmatched node type/i),
    cause: 'It is registered as a BE and runs as a compute node, or the other way round.',
    todo: 'Compute nodes are not supported: drop the row that was added by hand.',
  },
  {
    code: 'D_FE_PORTS_DIFFER',
    recognise: only('fe', evidence => {
      const { v, log } = evidence;
      const ports = new Set(v.rows?.frontends.map(row => row.edit_log_port));
      if (ports.size > 1) return `edit_log_port differs between the FEs: ${[...ports].join(', ')}`;
      return lineWith(log, /http.?port.*(?:differ|not equal|not match)/i);
    }),
    cause: 'FEs of one cluster have different ports: they ask each other on their own http_port and edit_log_port.',
    todo: 'Set FE ports in `defaults: ports:`, for all FEs alike.',
  },
  {
    code: 'D_CLOCK',
    recognise: evidence =>
      lineWith(evidence.log, /Clock delta.*exceeds/i) ?? (isFe(evidence) ? otherClock(evidence) : null),
    cause: 'The clocks of the FE machines differ by more than 5 s, and BDB refuses such a peer.',
    todo: 'Start chrony (or another NTP client) on all machines.',
  },
  {
    code: 'D_REVERSE_LOOKUP',
    recognise: only('fe', evidence =>
      fact(evidence, 'reverse_lookup') === 'hangs' && running(evidence.node)
        ? `a look-up of ${evidence.node.host.address} did not answer within 5 s`
        : null,
    ),
    cause: 'The name server of the machine does not answer for its own address, and an FE waits for that for minutes.',
    todo: 'Write the address with a name into /etc/hosts of that machine, or mend its resolver.',
  },
  // --- a follower cannot be added
  {
    code: 'D_QUORUM_LOST',
    recognise: only('fe', ({ v, log }) => {
      if (v.rows !== null) return null;
      const awake = v.frontends.filter(one => one.service.role === 'follower' && running(one)).length;
      const all = v.frontends.filter(one => one.service.role === 'follower').length;
      if (awake < majority(all)) return `${awake} of ${all} followers run, and ${majority(all)} are needed`;
      return lineWith(log, /InsufficientReplicasException|UnknownMasterException|is ready: false/);
    }),
    cause: 'No majority of followers is up, so none of them opens its ports.',
    todo: 'Run `start`: it starts all FEs together; with a majority lost for good, follow StarRocks’ metadata recovery.',
  },
  {
    code: 'D_BLOCKED',
    recognise: ({ routes }) => {
      const shut = routes.filter(route => route.found === 'timeout' || route.found === 'unreachable');
      return shut.length === 0
        ? null
        : shut.map(({ from, to, port, what }) => `${from} cannot reach ${to}:${port} (${what})`).join(', ');
    },
    cause: 'A firewall or a route between the machines is in the way.',
    todo: 'Open these ports between the machines: FEs need 8030, 9010, 9020 and 9030 of each other, BEs 9020 and 9030 of FEs, FEs 9050 and 9060 of BEs.',
  },
  {
    code: 'D_WAITS_TO_BE_ADDED',
    recognise: evidence => {
      const waits = lineWith(
        evidence.log,
        /current node is not added to the group\. please add it first|must register/i,
      );
      if (waits !== null) return waits;
      return evidence.node.row === null && evidence.v.rows !== null && running(evidence.node)
        ? 'it runs, and no row of SHOW names it'
        : null;
    },
    cause: 'It runs and waits: nobody has registered it.',
    todo: 'Run `register`, or deploy.',
  },
  {
    code: 'D_WRONG_HELPER',
    recognise: only(
      'fe',
      inLog(
        /bad environment|helper (?:host|node).*not in local|helper.*(?:unreachable|UNKNOWN|refused)|failed to get fe node type from helper|Do not specify the helper node to FE itself|getClusterIdAndRoleOnStartup/i,
      ),
    ),
    cause: 'It was given a helper that is no FE of this cluster, is down, or that its own metadata does not know.',
    todo: 'Deploy: it tells the machine which FEs exist, and starts an initialised FE without a helper.',
  },
  {
    code: 'D_LEADER_NOT_UP',
    recognise: only(
      'fe',
      inLog(/waiting for an FE of the cluster, .*: (?!no other FE)|no FE of the cluster answered within/),
    ),
    cause: 'It waits for an FE that it may join, and the ones that it knows are not ready.',
    todo: 'Bring one of those FEs up first; `diagnose` says what is the matter with it.',
  },
  {
    code: 'D_LEADER_UNREACHABLE',
    recognise: only('fe', ({ v, routes }) => {
      const refused = routes.find(
        route => route.found === 'refused' && route.to !== undefined && route.from !== route.to,
      );
      if (v.rows === null && refused !== undefined)
        return `${refused.from} is refused by ${refused.to}:${refused.port}`;
      return null;
    }),
    cause: 'The FE that it asks is not up yet.',
    todo: 'Bring that FE up first; `diagnose` says what is the matter with it.',
  },
  // --- a BE cannot register
  {
    code: 'D_WRONG_FE_HOST',
    recognise: only('be', ({ v, log }) => {
      const line = lineWith(log, /be-entrypoint: .*\d:\d+/);
      const [, host, port] = /(\d+\.\d+\.\d+\.\d+):(\d+) (?:answers|does)/.exec(line ?? '') ?? asked(line);
      if (line === null || host === undefined) return null;
      const isFe = v.frontends.some(fe => fe.host.address === host);
      return isFe && Number(port) === v.desired.fe_ports.query_port ? null : line;
    }),
    cause: 'FE_HOST or FE_QUERY_PORT in its starrocks-be.env names no FE of this cluster.',
    todo: 'Deploy: it puts the compiled file back; files on a machine are never edited by hand.',
  },
  {
    code: 'D_FE_NOT_READY',
    recognise: only('be', ({ v, log }) => {
      if (v.rows === null) return 'no FE answers';
      return lineWith(log, /waiting for (?:the )?(?:leader|FE)|Can't connect to (?:MySQL|server)|ERROR 2003/i);
    }),
    cause: 'The BE waits for an FE that takes its registration, and none answers.',
    todo: 'Bring the FEs up first; see that FE_HOST and FE_QUERY_PORT in its starrocks-be.env name them.',
  },
  {
    code: 'D_NOT_LISTENING',
    recognise: ({ error, node, routes }) => {
      const refused = routes.find(route => route.to === node.host.address && route.found === 'refused');
      if (refused !== undefined && running(node))
        return `${refused.to}:${refused.port} (${refused.what}) refuses ${refused.from}`;
      return /Connection refused/i.test(error) && running(node) ? `ErrMsg: ${error}` : null;
    },
    cause: 'The container runs and its process does not listen: it is starting, or crashing again and again.',
    todo: 'Wait a minute; then read its log (`logs`).',
  },
  {
    code: 'D_CRASHES',
    recognise: ({ node, answer }) => {
      const state = answer?.containers[node.service.name];
      const restarts = state?.restarts ?? node.container?.restarts ?? 0;
      const status = state?.status ?? node.container?.state;
      return restarts > 2 || status === 'restarting'
        ? `${restarts} restarts, exit code ${state?.exit_code ?? '?'}`
        : null;
    },
    cause: 'It ends soon after each start.',
    todo: 'Read the last lines of its log (`logs`): the first ERROR before the end is the reason.',
  },
  {
    code: 'D_STOPPED',
    recognise: ({ node }) =>
      node.container !== null && !running(node) ? `its container is ${node.container.state}` : null,
    cause: 'Somebody stopped it, or the machine was restarted while it stood still.',
    todo: 'Run `start`, or deploy.',
  },
  {
    code: 'D_NOT_DEPLOYED',
    recognise: ({ node }) => (node.machine !== null && node.container === null ? 'there is no container' : null),
    cause: 'It was never deployed to this machine, or its container was removed.',
    todo: 'Deploy.',
  },
  {
    code: 'D_STARTING',
    recognise: ({ node, error }) =>
      running(node) && node.container?.health === 'starting' ? `health: starting. ${error}`.trim() : null,
    cause: 'It was started a short while ago.',
    todo: 'Look again in a minute.',
  },
];
