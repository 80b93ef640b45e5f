import { stringify } from 'yaml';
import type { ServiceName } from '../contract/cluster-json.ts';
import type { Host } from '../model/cluster.ts';
import { beFolder, beName, bePrefix, ROOT, storageMount } from './service-folders.ts';

/** A service as Compose reads it; `${NAME}` comes from .env. */
export type ComposeService = Readonly<Record<string, unknown>>;

type Services = readonly (readonly [ServiceName, ComposeService])[];

/** The same for every host of the same shape. What differs between hosts is in .env. */
export const composeServices = (host: Host): Services => [
  ...(host.fe === null ? [] : [['starrocks-fe', feService()] as const]),
  ...host.be.map(be => [beName(be.index), beService(be.index, be.storage.length)] as const),
];

const HEADER = `# Compiled from cluster.yaml: change that file and run \`npm run compile\`.
# What differs between machines stands in .env, so that machines of the same shape run the same text.
`;

export const composeText = (services: Services): string =>
  `${HEADER}${stringify({ services: Object.fromEntries(services) }, { lineWidth: 0, aliasDuplicateObjects: false })}`;

/** Services, instances and number of storage folders: two hosts with the same shape have the same docker-compose.yml. */
export const shapeOf = (host: Host): string =>
  `${host.fe === null ? '-' : 'fe'} ${host.be.map(be => `${be.index}:${be.storage.length}`).join(' ')}`;

function common(name: string, prefix: string): ComposeService {
  return {
    image: `\${${prefix}_IMAGE}`,
    container_name: name,
    network_mode: 'host',
  };
}

function limits(name: string, prefix: string, grace: string): ComposeService {
  return {
    // An FE ends itself when it loses its leadership, and counts on being started again.
    restart: 'unless-stopped',
    stop_grace_period: grace,
    mem_limit: `\${${prefix}_CONTAINER_MEMORY}`,
    ulimits: {
      nofile: { soft: '${NOFILE}', hard: '${NOFILE}' },
      nproc: { soft: '${NPROC}', hard: '${NPROC}' },
    },
    // A reverse look-up of its own address that nobody answers delays an FE by minutes.
    extra_hosts: ['${HOST_NAME}:${HOST_IP}'],
    logging: { driver: 'json-file', options: { 'max-size': '100m', 'max-file': '5' } },
    labels: {
      'starrocks-ha.cluster': '${CLUSTER}',
      'starrocks-ha.service': name,
      'starrocks-ha.digest': `\${${prefix}_DIGEST}`,
    },
  };
}

const feService = (): ComposeService => ({
  ...common('starrocks-fe', 'FE'),
  command: ['bash', `${ROOT}/run/bin/fe-entrypoint.sh`],
  ...limits('starrocks-fe', 'FE', '60s'),
  volumes: [
    `./data/fe/meta:${ROOT}/fe/meta`,
    `./log/fe:${ROOT}/fe/log`,
    // Not over fe/conf itself: a folder with less than StarRocks' own files there kills or cripples it.
    `./conf/fe:${ROOT}/run/conf/fe`,
    `./run/bin:${ROOT}/run/bin:ro`,
    `./starrocks-fe.env:${ROOT}/run/starrocks-fe.env:ro`,
    `./state:${ROOT}/run/state`,
    `./data/fe/state:${ROOT}/run/state-copy`,
  ],
  healthcheck: {
    test: ['CMD', 'curl', '-f', 'http://localhost:${HTTP_PORT}/api/bootstrap'],
    interval: '10s',
    timeout: '5s',
    retries: 30,
    start_period: '30s',
  },
});

function beService(index: number, folders: number): ComposeService {
  const name = beName(index);
  const prefix = bePrefix(index);
  const storage = Array.from(
    { length: folders },
    (_, position) => `\${${prefix}_STORAGE_${position}}:${storageMount(position)}`,
  );
  return {
    ...common(name, prefix),
    command: ['bash', `${ROOT}/run/bin/be-entrypoint.sh`],
    ...limits(name, prefix, '120s'),
    volumes: [
      ...storage,
      `./log/${beFolder(index)}:${ROOT}/be/log`,
      `./conf/${beFolder(index)}:${ROOT}/run/conf/be`,
      `./run/bin:${ROOT}/run/bin`,
      `./${name}.env:${ROOT}/run/starrocks-be.env:ro`,
      `./state:${ROOT}/run/state`,
      `\${${prefix}_STATE}:${ROOT}/run/state-copy`,
    ],
    healthcheck: {
      test: ['CMD', 'bash', `${ROOT}/run/bin/be-health-check.sh`],
      interval: '30s',
      timeout: '10s',
      retries: 3,
      start_period: '40s',
    },
  };
}
