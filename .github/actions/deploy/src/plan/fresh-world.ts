import type { ClusterJson } from '../../../../../compiler/contract/cluster-json.ts';
import { type HostWorld, known, unknown, type World } from './world.ts';

/** A machine that this tool never touched, with all that it needs. */
export const freshMachine = (memory: number): HostWorld => ({
  clock_skew_ms: 0,
  docker: known({ engine: '28', compose: '2.26' }),
  marker: null,
  files: {},
  staged: [],
  containers: [],
  by_hand: [],
  strangers: [],
  vacant: [],
  fe: {
    ...{ meta: 'empty', image: null, cluster_id: null },
    state: { member: null, joining: false, founding: false, refused: false, peers: [], switches: null },
  },
  be: {},
  listeners: [],
  disks: [],
  memory,
  images: {},
  lock: null,
});

/** Fresh machines that all answer, and no cluster. */
export const freshWorld = (desired: ClusterJson, memory = Number.POSITIVE_INFINITY): World => ({
  hosts: Object.fromEntries(desired.hosts.map(host => [host.address, known(freshMachine(memory))])),
  cluster: unknown('no FE answers'),
  leaving: [],
  answers: {},
  switches: {},
});
