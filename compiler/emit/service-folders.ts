import type { Folder, ServiceName } from '../contract/cluster-json.ts';
import type { Be, Host } from '../model/cluster.ts';

/** Where StarRocks lives in its images. */
export const ROOT = '/opt/starrocks';

/** `starrocks-be`, `starrocks-be-1` … */
export const beName = (index: number): ServiceName => (index === 0 ? 'starrocks-be' : `starrocks-be-${index}`);

/** `be`, `be-1` …: its folders under conf/, log/ and data/. */
export const beFolder = (index: number): string => (index === 0 ? 'be' : `be-${index}`);

/** `BE`, `BE_1` …: its variables in .env. */
export const bePrefix = (index: number): string => (index === 0 ? 'BE' : `BE_${index}`);

/** Container path of a BE's n-th storage folder. */
export const storageMount = (position: number): string => `${ROOT}/be/storage${position === 0 ? '' : `-${position}`}`;

/** Machine path of a storage folder as Compose gets it: relative to the host's folder, or absolute. */
export const storageSource = (be: Be, position: number): string =>
  be.storage[position]?.path ?? `./data/${beFolder(be.index)}/storage`;

/** The copy of state/ beside the data: a lost system disk must not take the memory of a membership along. */
export const stateCopySource = (be: Be): string =>
  be.storage[0]?.path == null ? `./data/${beFolder(be.index)}/state` : `${be.storage[0].path}.state`;

const onMachine = (host: Host, source: string): string =>
  source.startsWith('./') ? `${host.deploy_dir}/${source.slice(2)}` : source;

export function feFolders(host: Host): Folder[] {
  return [
    { use: 'meta', host: onMachine(host, './data/fe/meta'), container: `${ROOT}/fe/meta` },
    { use: 'log', host: onMachine(host, './log/fe'), container: `${ROOT}/fe/log` },
    { use: 'conf', host: onMachine(host, './conf/fe'), container: `${ROOT}/run/conf/fe` },
    { use: 'scripts', host: onMachine(host, './run/bin'), container: `${ROOT}/run/bin` },
    { use: 'state', host: onMachine(host, './state'), container: `${ROOT}/run/state` },
    { use: 'state-copy', host: onMachine(host, './data/fe/state'), container: `${ROOT}/run/state-copy` },
  ];
}

export function beFolders(host: Host, be: Be): Folder[] {
  const folder = beFolder(be.index);
  return [
    ...be.storage.map(
      (_, position): Folder => ({
        use: 'storage',
        host: onMachine(host, storageSource(be, position)),
        container: storageMount(position),
      }),
    ),
    { use: 'log', host: onMachine(host, `./log/${folder}`), container: `${ROOT}/be/log` },
    { use: 'conf', host: onMachine(host, `./conf/${folder}`), container: `${ROOT}/run/conf/be` },
    { use: 'scripts', host: onMachine(host, './run/bin'), container: `${ROOT}/run/bin` },
    { use: 'state', host: onMachine(host, './state'), container: `${ROOT}/run/state` },
    { use: 'state-copy', host: onMachine(host, stateCopySource(be)), container: `${ROOT}/run/state-copy` },
  ];
}
