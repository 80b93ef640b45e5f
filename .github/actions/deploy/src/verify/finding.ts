export type FindingKind =
  | 'no-leader'
  | 'unknown'
  | 'second-cluster'
  | 'missing'
  | 'dead'
  | 'silent'
  | 'not-joined'
  | 'lagging'
  | 'wrong-role'
  | 'wrong-version'
  | 'wrong-image'
  | 'wrong-ports'
  | 'wrong-location'
  | 'decommissioned'
  | 'draining'
  | 'stranger'
  | 'changed-although-not-named'
  | 'balance-held'
  | 'root-open';

/** Where the cluster is not what it should be. */
export interface Finding {
  readonly kind: FindingKind;
  /** `warning`: worth knowing, and no reason to call the cluster wrong. */
  readonly severity: 'error' | 'warning';
  /** `address/service`, `address:port` of one that nobody declared, or null for the cluster as a whole. */
  readonly node: string | null;
  readonly expected: string;
  readonly found: string;
  /** One sentence: what to do next. */
  readonly hint: string;
}
