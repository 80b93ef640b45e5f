import type { Log } from '../process/log.ts';
import type { FeConfig } from './fe-config.ts';
import type { Metadata, Version } from './metadata.ts';
import type { Identity, Replication } from './replication.ts';

/** The parts of one running FE, as its servers need them. */
export interface FrontendProcess {
  readonly release: string;
  readonly me: Identity;
  readonly version: Version;
  readonly addresses: readonly string[];
  readonly config: FeConfig;
  readonly metadata: Metadata;
  readonly replication: Replication;
  readonly log: Log;
  /** When it became ready, in ms. */
  readonly started_at: number;
}
