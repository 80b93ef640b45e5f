import type { ClusterJson, CompiledHost } from '../../compiler/contract/cluster-json.ts';
import { cluster, type HostSketch } from '../unit/plan/worlds.ts';
import { type Edit, type HostRecipe, RELEASES, type Recipe } from './recipe.ts';

const MOST_FRONTENDS = 7;
const MOST_BACKENDS = 12;

/** cluster.yaml as far as a recipe says: hosts keep their place, and with it their address, when others leave. */
interface Draft {
  readonly hosts: readonly (DraftHost | null)[];
  readonly master: number;
  readonly replication: number;
  readonly release: number;
  readonly edit_log_port: number;
}

interface DraftHost extends HostSketch {
  readonly fe: 'follower' | 'observer' | null;
  readonly be: number;
  readonly be_ports_moved: boolean;
}

/** What cluster.yaml compiled to before the edits, and after them; both keep to the compiler's own rules. */
export function declared(recipe: Recipe): { readonly was: ClusterJson; readonly now: ClusterJson } {
  const hosts = recipe.hosts.map((host, at) => (at === 0 ? { ...host, fe: 'follower' as const } : host));
  const before: Draft = {
    hosts: limited(hosts.map(drafted)),
    master: 0,
    replication: recipe.replication,
    release: recipe.release,
    edit_log_port: 9010,
  };
  const after = recipe.edits.reduce<Draft>(edited, before);
  return { was: compiled(before, recipe), now: compiled({ ...after, hosts: limited(after.hosts) }, recipe) };
}

const drafted = ({ fe, be, rack }: HostRecipe): DraftHost | null =>
  fe === null && be === 0
    ? null
    : { fe, be, be_ports_moved: false, ...(rack === 0 ? {} : { location: `rack:${rack}` }) };

/** Never more nodes than StarRocks is used with, the last ones left out. */
function limited(hosts: readonly (DraftHost | null)[]): (DraftHost | null)[] {
  let [frontends, backends] = [0, 0];
  return hosts.map(host => {
    if (host === null) return null;
    const fe = frontends < MOST_FRONTENDS ? host.fe : null;
    const be = Math.min(host.be, MOST_BACKENDS - backends);
    frontends += Number(fe !== null);
    backends += be;
    return fe === null && be === 0 ? null : { ...host, fe, be };
  });
}

function compiled({ hosts, master, replication, release, edit_log_port }: Draft, recipe: Recipe): ClusterJson {
  const all = cluster(
    hosts.map(host => host ?? { fe: null, be: 0 }),
    {
      version: RELEASES[release] ?? RELEASES[0],
      master_host: `10.0.0.${master + 1}`,
      allow_outage: recipe.allow_outage,
      password_env: recipe.password ? 'STARROCKS_PASSWORD' : null,
    },
  );
  const backends = hosts.reduce((sum, host) => sum + (host?.be ?? 0), 0);
  return {
    ...all,
    default_replication_num: Math.max(1, Math.min(replication, backends)),
    fe_ports: { ...all.fe_ports, edit_log_port },
    hosts: all.hosts.flatMap((host, at) => {
      const draft = hosts[at];
      return draft == null ? [] : [withPorts(host, draft, edit_log_port)];
    }),
  };
}

function withPorts(host: CompiledHost, draft: DraftHost, edit_log_port: number): CompiledHost {
  const { fe } = host;
  const shift = draft.be_ports_moved ? 100 : 0;
  return {
    ...host,
    fe: fe === null ? null : { ...fe, ports: { ...fe.ports, edit_log_port } },
    be: host.be.map(be => ({
      ...be,
      ports: { ...be.ports, heartbeat_service_port: be.ports.heartbeat_service_port + shift },
    })),
  };
}

/** An edit that the compiler would refuse, or that nothing can be chosen for, changes nothing. */
function edited(draft: Draft, edit: Edit): Draft {
  switch (edit.kind) {
    case 'conf':
      return changed(
        draft,
        () => true,
        edit.everywhere ? null : edit.at,
        host =>
          edit.of === 'app'
            ? { ...host, app: 'x' }
            : edit.of === 'fe'
              ? { ...host, fe_conf: 'x' }
              : { ...host, be_conf: 'x' },
      );
    case 'host-added':
      return { ...draft, hosts: [...draft.hosts, drafted(edit.host)] };
    case 'address-changed': {
      const index = chosen(draft, (_, at) => at !== draft.master, edit.at);
      const host = index === null ? null : draft.hosts[index];
      if (index === null || host == null) return draft;
      return { ...draft, hosts: [...draft.hosts.map((one, at) => (at === index ? null : one)), host] };
    }
    case 'host-removed':
      return changed(
        draft,
        (_, at) => at !== draft.master,
        edit.at,
        () => null,
      );
    case 'fe-added':
      return changed(
        draft,
        ({ fe }) => fe === null,
        edit.at,
        host => ({ ...host, fe: 'follower' }),
      );
    case 'fe-removed':
      return changed(
        draft,
        ({ fe, be }, at) => fe !== null && be > 0 && at !== draft.master,
        edit.at,
        host => ({ ...host, fe: null }),
      );
    case 'be-added':
      return changed(
        draft,
        () => true,
        edit.at,
        host => ({ ...host, be: host.be + 1 }),
      );
    case 'be-removed':
      return changed(
        draft,
        ({ fe, be }) => be > (fe === null ? 1 : 0),
        edit.at,
        host => ({ ...host, be: host.be - 1 }),
      );
    case 'role-changed':
      return changed(
        draft,
        ({ fe }, at) => fe !== null && at !== draft.master,
        edit.at,
        host => ({ ...host, fe: host.fe === 'follower' ? 'observer' : 'follower' }),
      );
    case 'disk-added':
      return changed(
        draft,
        ({ be }) => be > 0,
        edit.at,
        host => ({ ...host, disks: 2 }),
      );
    case 'disk-removed':
      return changed(
        draft,
        ({ be }) => be > 0,
        edit.at,
        host => ({ ...host, disks: 0 }),
      );
    case 'maintenance':
      return changed(
        draft,
        () => true,
        edit.at,
        host => ({ ...host, maintenance: true }),
      );
    case 'be-port-moved':
      return changed(
        draft,
        ({ be }) => be > 0,
        edit.at,
        host => ({ ...host, be_ports_moved: true }),
      );
    case 'master-moved':
      return { ...draft, master: chosen(draft, ({ fe }) => fe === 'follower', edit.at) ?? draft.master };
    case 'location':
      return changed(
        draft,
        () => true,
        edit.at,
        ({ location: _, ...host }) => (edit.rack === 0 ? host : { ...host, location: `rack:${edit.rack}` }),
      );
    case 'release':
      return { ...draft, release: Math.min(RELEASES.length - 1, Math.max(0, draft.release + edit.by)) };
    case 'replication':
      return { ...draft, replication: edit.to };
    case 'fe-port-moved':
      return { ...draft, edit_log_port: 9011 };
  }
}

type Fits = (host: DraftHost, at: number) => boolean;

function chosen({ hosts }: Draft, fits: Fits, number: number): number | null {
  const fitting = hosts.flatMap((host, at) => (host !== null && fits(host, at) ? [at] : []));
  return fitting.length === 0 ? null : (fitting[number % fitting.length] ?? null);
}

/** One host that fits, or all of them. */
function changed(
  draft: Draft,
  fits: Fits,
  number: number | null,
  change: (host: DraftHost) => DraftHost | null,
): Draft {
  const index = number === null ? null : chosen(draft, fits, number);
  if (number !== null && index === null) return draft;
  const hosts = draft.hosts.map((host, at) =>
    host !== null && fits(host, at) && (index === null || index === at) ? change(host) : host,
  );
  return { ...draft, hosts };
}
