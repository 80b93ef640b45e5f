import type { Bastion, ClusterJson, CompiledHost } from '../../../../../compiler/contract/cluster-json.ts';

/** A change of what no file of a machine shows, and yet decides how a deploy goes. */
export interface SettingChange {
  /** As cluster.yaml calls it: `allow_outage`, `ssh.host_key`. */
  readonly name: string;
  /** [] for the cluster as a whole. */
  readonly hosts: readonly string[];
  readonly before: string;
  readonly after: string;
  /** One sentence for whoever has to say yes to it, or null. */
  readonly danger: string | null;
}

type Values = Readonly<Record<string, string>>;

const NONE = 'none';

/** Settings that differ, equal ones of many machines told once. New machines have no settings to differ from. */
export function settingChanges(base: ClusterJson | null, head: ClusterJson): SettingChange[] {
  if (base === null) return [];
  const before = new Map(base.hosts.map(host => [host.address, host]));
  const groups = new Map<string, { name: string; hosts: string[]; before: string; after: string }>();
  for (const host of head.hosts) {
    const was = before.get(host.address);
    if (was === undefined) continue;
    for (const change of differing(ofHost(was), ofHost(host))) {
      const key = JSON.stringify(change);
      const group = groups.get(key) ?? { ...change, hosts: [] };
      group.hosts.push(host.address);
      groups.set(key, group);
    }
  }
  const ofAll = differing(ofCluster(base), ofCluster(head)).map(change => ({ ...change, hosts: [] }));
  return [...ofAll, ...groups.values()].map(change => ({ ...change, danger: DANGERS[change.name]?.(change) ?? null }));
}

const differing = (before: Values, after: Values) =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map(name => ({ name, before: before[name] ?? NONE, after: after[name] ?? NONE }))
    .filter(change => change.before !== change.after);

const ofCluster = ({ allow_outage, password_env, timeouts }: ClusterJson): Values => ({
  allow_outage: String(allow_outage),
  'starrocks.password': password_env ?? NONE,
  ...Object.fromEntries(Object.entries(timeouts).map(([name, seconds]) => [`timeouts.${name}`, `${seconds} s`])),
});

const ofHost = ({ ssh, maintenance, location }: CompiledHost): Values => ({
  'ssh.ssh_host': ssh.host,
  'ssh.port': String(ssh.port),
  'ssh.user': ssh.user,
  'ssh.sudo': String(ssh.sudo),
  'ssh.host_key': ssh.host_key ?? NONE,
  'ssh.bastion': bastionText(ssh.bastion),
  maintenance: String(maintenance),
  'labels.location': location ?? NONE,
});

const bastionText = (bastion: Bastion | null): string =>
  bastion === null
    ? NONE
    : `${bastion.user}@${bastion.host}:${bastion.port}${bastion.host_key === null ? '' : ` ${bastion.host_key}`}`;

type Told = Omit<SettingChange, 'danger'>;

const of = ({ hosts }: Told): string => hosts.join(', ');

/** Whoever can change these can send a deploy, with its key and its password, somewhere else. */
const DANGERS: Readonly<Record<string, (change: Told) => string | null>> = {
  allow_outage: ({ after }) =>
    after === 'true'
      ? 'allow_outage is switched on: from now on steps that take the cluster away are planned instead of refused.'
      : null,
  'starrocks.password': ({ before, after }) => `Root's password is taken from ${after} instead of ${before}.`,
  'ssh.ssh_host': change => `${of(change)} is reached at ${change.after} instead of ${change.before}.`,
  'ssh.host_key': change =>
    change.after === NONE
      ? `The host key of ${of(change)} is not pinned here any more: the committed known_hosts decides.`
      : `The pinned host key of ${of(change)} changes: whoever holds the new one is taken for that machine.`,
  'ssh.bastion': change => `The way to ${of(change)} leads through ${change.after} instead of ${change.before}.`,
};
