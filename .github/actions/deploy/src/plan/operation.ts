import type { ServiceName } from '../../../../../compiler/contract/cluster-json.ts';
import type { Switches } from './world.ts';

/**
 * Everything that a run can do to a machine or to the cluster. What is not in this union cannot be done; it holds
 * nothing that deletes a data or metadata folder. Each kind can be repeated: it looks, acts and looks again.
 */
export type Operation =
  /** Upload the host's compiled folder beside the running files; nothing moves into place. */
  | { readonly kind: 'stage'; readonly host: string; readonly digest: string }
  | { readonly kind: 'pull'; readonly host: string; readonly image: string }
  /** Move a service's files (and the shared ones) into place and `docker compose up -d --no-deps SERVICE`. */
  | {
      readonly kind: 'activate';
      readonly host: string;
      readonly service: ServiceName;
      /** Digest of the container it replaces, or null where there must be none; the host refuses another one. */
      readonly expects: string | null;
      readonly digest: string;
    }
  /** Move files into place that no running service has to be restarted for. */
  | { readonly kind: 'refresh'; readonly host: string; readonly digest: string }
  /** Tell the machine's state/ what it should know before a start: the FEs that exist. */
  | {
      readonly kind: 'writeState';
      readonly host: string;
      readonly peers: readonly string[];
    }
  /** Write down on an FE's machine how the cluster was before its switches were changed; null: that is over. */
  | {
      readonly kind: 'writeSwitches';
      readonly host: string;
      readonly switches: Switches | null;
      /** UnhealthyTabletNum, where it is known. */
      readonly unhealthy: number | null;
    }
  /** Write down on a BE's machine how many tablets it held when its drain began, and when; null: it drains no more. */
  | {
      readonly kind: 'writeDrain';
      readonly host: string;
      readonly service: ServiceName;
      readonly tablets: number | null;
    }
  /** Stop the FE that carries this digest and copy its metadata folder to a dated name beside it; it runs on when that fails. */
  | { readonly kind: 'copyMetadata'; readonly host: string; readonly release: string; readonly expects: string }
  /** Move a metadata folder that cannot be started to a dated name beside it. Its container must be stopped. */
  | {
      readonly kind: 'asideMetadata';
      readonly host: string;
      readonly reason: string;
    }
  /** Stop the container that carries this digest; one that stands still, or that is gone, is as it should be. */
  | {
      readonly kind: 'stop';
      readonly host: string;
      readonly service: ServiceName;
      readonly expects: string;
    }
  /** Count a container that a person made as this service, as it is: nothing restarts. Its files move into place. */
  | {
      readonly kind: 'adopt';
      readonly host: string;
      readonly service: ServiceName;
      /** The container that was seen; the host refuses another one. */
      readonly container: string;
      readonly digest: string;
    }
  /** Stop and start the container that carries this digest, as it is. */
  | {
      readonly kind: 'restart';
      readonly host: string;
      readonly service: ServiceName;
      readonly expects: string;
    }
  /** Remove the stopped container that carries this digest. Its folders stay; refused while it runs. */
  | {
      readonly kind: 'removeContainer';
      readonly host: string;
      readonly service: ServiceName;
      readonly expects: string;
    }
  /** Write beside each data folder of a removed service when and by which run it was left: `<folder>.retired`. */
  | {
      readonly kind: 'retire';
      readonly host: string;
      readonly service: ServiceName;
      /** Absolute folders on the machine. */
      readonly folders: readonly string[];
    }
  | { readonly kind: 'sql'; readonly statement: Statement };

/** What it stops, for a moment or for longer; null: nothing. */
export function stoppedBy(operation: Operation): { readonly host: string; readonly service: ServiceName } | null {
  if (operation.kind === 'copyMetadata') return { host: operation.host, service: 'starrocks-fe' };
  const stops = operation.kind === 'activate' || operation.kind === 'restart' || operation.kind === 'stop';
  return stops ? operation : null;
}

/** The statements this program may send; their text is made in starrocks/ from validated addresses and ports. */
export type Statement =
  | {
      readonly kind: 'addFollower';
      readonly host: string;
      readonly port: number;
    }
  | {
      readonly kind: 'addObserver';
      readonly host: string;
      readonly port: number;
    }
  | {
      readonly kind: 'addBackend';
      readonly host: string;
      readonly port: number;
    }
  /** Its FE must not run any more: a dropped one that runs on answers from old metadata (seen). */
  | { readonly kind: 'dropFollower' | 'dropObserver'; readonly host: string; readonly port: number }
  /** Only one that holds no tablet. */
  | { readonly kind: 'dropBackend'; readonly host: string; readonly port: number }
  /** Its tablets move to the others; its row goes when none is left. */
  | { readonly kind: 'decommissionBackend' | 'cancelDecommission'; readonly host: string; readonly port: number }
  /** On every FE that runs. An FE that starts later begins with the values of its fe.conf. */
  | { readonly kind: 'setSwitches'; readonly switches: Switches }
  /** The leader writes its metadata as a file, and sends it to the other FEs. */
  | { readonly kind: 'createImage' }
  /** Gives root the configured password while it still has none. */
  | { readonly kind: 'setRootPassword' }
  | {
      readonly kind: 'setLocation';
      readonly host: string;
      readonly port: number;
      readonly location: string;
    };
