import type { Log } from '../process/log.ts';
import { scaled, sleep } from '../process/pace.ts';
import { httpGet } from '../wire/http-get.ts';
import { type Metadata, newName, newVersion, type Role, type Version } from './metadata.ts';
import type { Address } from './replication.ts';

/** The start cannot go on: the process says this and ends with 255. */
export class StartFailure extends Error {}

export interface Self {
  readonly host: string;
  readonly edit_log_port: number;
  /** The helpers are asked on this FE's own http_port. */
  readonly http_port: number;
}

export interface StartIdentity {
  readonly role: Role;
  readonly version: Version;
  readonly start: 'founds' | 'joins' | 'initialised';
  /** The one helper that is left: of a joining FE the one that knew it. */
  readonly helper: Address | null;
}

/**
 * Who this FE is, by its metadata and helpers (NodeMgr.getClusterIdAndRoleOnStartup): an empty folder without helper
 * founds a cluster; with helpers it waits until one of them knows it, for ever if need be. Throws StartFailure.
 */
export async function startIdentity(
  metadata: Metadata,
  self: Self,
  helpers: readonly Address[],
  log: Log,
): Promise<StartIdentity> {
  if (helpers.some(helper => helper.host === self.host && helper.port === self.edit_log_port)) {
    throw new StartFailure(
      'Do not specify the helper node to FE itself. Please specify it to the existing running Leader or Follower FE',
    );
  }
  const [role, version] = [metadata.readRole(), metadata.readVersion()];
  if (role !== null && version !== null) return initialised(metadata, role, version, helpers, log);
  if (helpers.length > 0) return joined(metadata, self, helpers, log);
  if (role !== null || version !== null) {
    throw new StartFailure(
      'role file and version file must both exist or both not exist. please specific one helper node to recover. will exit.',
    );
  }
  return founded(metadata, self, log);
}

function initialised(
  metadata: Metadata,
  role: Role,
  version: Version,
  helpers: readonly Address[],
  log: Log,
): StartIdentity {
  if (helpers.length > 0) log('INFO', 'find ROLE and VERSION file in local, ignore helper nodes');
  if (helpers.length > 1) {
    throw new StartFailure(
      'java.lang.IllegalStateException: null\n\tat com.starrocks.server.NodeMgr.getClusterIdAndRoleOnStartup(NodeMgr.java)',
    );
  }
  if (!metadata.hasJournal() && metadata.hasImage()) {
    throw new StartFailure(
      'image exists, but bdb dir is empty, set start_with_incomplete_meta to true if you want to forcefully recover from image data, this may end with stale meta data, so please be careful.',
    );
  }
  return { role, version, start: 'initialised', helper: helpers[0] ?? null };
}

function founded(metadata: Metadata, self: Self, log: Log): StartIdentity {
  const role: Role = { role: 'FOLLOWER', name: newName(self.host, self.edit_log_port) };
  metadata.writeRole(role);
  log('INFO', `very first time to start this node. role: FOLLOWER, node name: ${role.name}`);
  const version = newVersion();
  metadata.writeVersion(version);
  return { role, version, start: 'founds', helper: null };
}

async function joined(metadata: Metadata, self: Self, helpers: readonly Address[], log: Log): Promise<StartIdentity> {
  for (;;) {
    const found = await roleFromHelpers(self, helpers, log);
    if (found !== null) {
      metadata.writeRole(found.role);
      const version = metadata.readVersion() ?? (await versionFromHelper(metadata, self, found.helper));
      return { role: found.role, version, start: 'joins', helper: found.helper };
    }
    log('WARN', 'current node is not added to the group. please add it first. sleep 5 seconds and retry');
    await sleep(scaled(5000, 200));
  }
}

async function roleFromHelpers(
  self: Self,
  helpers: readonly Address[],
  log: Log,
): Promise<{ readonly role: Role; readonly helper: Address } | null> {
  for (const helper of helpers) {
    try {
      const answer = await ask(self, helper, `/role?host=${self.host}&port=${self.edit_log_port}`);
      const { role, name } = answer.headers;
      if (answer.status !== 200 || role === undefined) {
        log('WARN', `failed to get fe node type from helper node: ${helper.host}. response code: ${answer.status}`);
        continue;
      }
      // This helper knows its cluster: no other one is asked.
      if (role === 'UNKNOWN') return null;
      return { role: { role: role === 'OBSERVER' ? 'OBSERVER' : 'FOLLOWER', name: String(name) }, helper };
    } catch (error) {
      log('WARN', `failed to get fe node type from helper node: ${helper.host}. ${String(error)}`);
    }
  }
  return null;
}

async function versionFromHelper(metadata: Metadata, self: Self, helper: Address): Promise<Version> {
  const { status, body } = await ask(self, helper, '/version');
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(body)?.[1] ?? '';
  const version = { cluster_id: value('clusterId'), token: value('token') };
  if (status !== 200 || version.cluster_id === '') throw new StartFailure('fail to get version file from helper');
  metadata.writeVersion(version);
  return version;
}

const ask = (self: Self, helper: Address, path: string): ReturnType<typeof httpGet> =>
  httpGet({ host: helper.host, port: self.http_port, from: self.host }, path, scaled(5000, 1500));

/** An initialised FE that was given one helper waits until that one answers and is a member (ensureHelperInLocal). */
export async function ensureHelper(self: Self, helper: Address, isMember: () => boolean, log: Log): Promise<void> {
  for (;;) {
    const answer = await ask(self, helper, `/role?host=${self.host}&port=${self.edit_log_port}`).catch(() => null);
    if (answer?.status === 200 && isMember()) return;
    log('WARN', `helper node ${helper.host}:${helper.port} not in local or not reachable, wait`);
    await sleep(scaled(5000, 200));
  }
}
