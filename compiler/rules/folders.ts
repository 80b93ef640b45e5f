import type { Finding } from '../diagnostics/finding.ts';
import type { Placed, Span } from '../source/span.ts';
import { isLoopback } from './addresses.ts';
import type { Draft, DraftHost } from './draft.ts';

/** The system's own: data there is lost at the next boot or upgrade, or fills the disk that the machine boots from. */
const system = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/proc',
  '/root',
  '/run',
  '/sbin',
  '/sys',
  '/usr',
  '/lost+found',
];
const systemInVar = [
  '/var/cache',
  '/var/lib/containerd',
  '/var/lib/docker',
  '/var/lock',
  '/var/log',
  '/var/run',
  '/var/spool',
];
const emptiedAtBoot = ['/tmp', '/var/tmp'];
/** Folders that hold other programs' folders, and are none to give away as a whole. */
const shared = ['/', '/home', '/media', '/mnt', '/opt', '/srv', '/var', '/var/lib'];

/** Data folders are absolute, in nobody else's way, and each belongs to one BE. */
export function checkFolders(draft: Draft): Finding[] {
  // A sandbox, whose hosts are all loopback, lives in a temporary folder.
  const sandbox = draft.hosts.every(({ address }) => isLoopback(address?.value ?? ''));
  return draft.hosts.flatMap(host => checkHost(host, sandbox));
}

function checkHost(host: DraftHost, sandbox: boolean): Finding[] {
  const deployDir = host.deploy_dir;
  const findings = refuseFolder(deployDir, '`deploy_dir`', sandbox);
  const taken: Taken[] = [];
  for (const [index, { storage }] of host.be.entries()) {
    for (const [position, { path, capacity }] of storage.entries()) {
      if (capacity !== undefined) findings.push(withoutEffect(capacity));
      const bad = refuseFolder(path, 'A data folder', sandbox);
      findings.push(...bad);
      if (bad.length > 0) continue;
      if (overlaps(path.value, deployDir.value)) findings.push(inDeployDir(path, deployDir));
      const owner = `BE ${index}`;
      findings.push(...claim(taken, { folder: path.value, owner, at: path.at }, host));
      // Its state lies beside the first folder, on the same disk.
      if (position === 0) taken.push({ folder: `${path.value}.state`, owner: `the state of BE ${index}`, at: path.at });
    }
  }
  return findings;
}

function refuseFolder({ value, at }: Placed<string>, what: string, sandbox: boolean): Finding[] {
  const refuse = (message: string, hint: string): Finding[] => [{ code: 'E_STORAGE_FOLDER', at, message, hint }];
  if (!value.startsWith('/'))
    return refuse(`${what} is an absolute path, and \`${value}\` is none.`, 'Write the path from `/` on.');
  if (value !== '/' && /\/$|\/\/|\/\.{1,2}(\/|$)/.test(value))
    return refuse(
      `\`${value}\` is not the plain form of a path.`,
      'Write it without `.`, `..`, doubled or trailing `/`.',
    );
  if (shared.includes(value))
    return refuse(
      `\`${value}\` is not a folder of its own.`,
      `Write a folder in it, for example \`${value === '/' ? '' : value}/starrocks\`.`,
    );
  if (!sandbox && emptiedAtBoot.some(folder => within(value, folder)))
    return refuse(`\`${value}\` is emptied when the machine boots.`, 'Write a folder on a disk that keeps its data.');
  if ([...system, ...systemInVar].some(folder => within(value, folder)))
    return refuse(
      `\`${value}\` lies in a folder of the system.`,
      'Write a folder on a data disk, for example `/data/starrocks`.',
    );
  return [];
}

/** storage/options.cpp of StarRocks: "deprecated, do nothing". */
const withoutEffect = ({ at }: Placed<number>): Finding => ({
  code: 'W_STORAGE_CAPACITY',
  at,
  message: 'StarRocks ignores `capacity`: the BE takes as much of the disk as there is.',
  hint: 'Bound it by a partition of that size, or by `storage_flood_stage_left_capacity_bytes` in `be_conf`.',
});

interface Taken {
  readonly folder: string;
  readonly owner: string;
  readonly at: Span;
}

function claim(taken: Taken[], next: Taken, { address }: DraftHost): Finding[] {
  const other = taken.find(({ folder }) => overlaps(folder, next.folder));
  taken.push(next);
  if (other === undefined) return [];
  const where = address === undefined ? '' : `On ${address.value}, `;
  const same = other.folder === next.folder;
  const message = same
    ? `${where}\`${next.folder}\` of ${next.owner} is also a folder of ${other.owner}.`
    : `${where}\`${next.folder}\` of ${next.owner} and \`${other.folder}\` of ${other.owner} lie in one another.`;
  return [
    {
      code: 'E_STORAGE_SHARED',
      at: next.at,
      message,
      hint:
        same && other.at.start === next.at.start
          ? 'Give each instance folders of its own under `be.instances`.'
          : 'Give each a folder of its own, side by side.',
      related: [{ at: other.at, message: 'the other folder' }],
    },
  ];
}

function inDeployDir(path: Placed<string>, deployDir: Placed<string>): Finding {
  return {
    code: 'E_STORAGE_SHARED',
    at: path.at,
    message: `\`${path.value}\` and \`deploy_dir\` (\`${deployDir.value}\`) lie in one another.`,
    hint: 'Write a folder outside of it, or leave `storage` out: data then lies in `deploy_dir`.',
    related: [{ at: deployDir.at, message: '`deploy_dir` of this host' }],
  };
}

const within = (folder: string, outer: string): boolean => folder === outer || folder.startsWith(`${outer}/`);
const overlaps = (a: string, b: string): boolean => within(a, b) || within(b, a);
