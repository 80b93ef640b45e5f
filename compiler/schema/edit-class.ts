/** What an edit of a key does to a cluster that runs. */
const CLAUSES = {
  none: 'changes nothing on the machines',
  live: 'is applied by SQL, and nothing restarts',
  refresh: 'replaces files, and nothing restarts',
  restart: 'restarts',
  rolling: 'rolls through',
  membership: 'lets nodes join or leave',
  immutable: 'is refused',
} as const;

export type EditClass = keyof typeof CLAUSES;

/** `x-edit` of cluster.schema.json, as it is written there beside every key that holds a value. */
export interface WrittenEdit {
  readonly class: string;
  readonly services?: readonly string[];
  readonly shares?: boolean;
  readonly note?: string;
}

export interface Edit {
  readonly class: EditClass;
  /** Whose containers are made anew, of `restart` and `rolling` alone. */
  readonly services: 'FE' | 'BE' | 'BE and FE' | null;
  /** The memory of a machine is shared out anew: its other services restart where their share changes. */
  readonly shares: boolean;
  /** What else to know, in sentences; of `immutable`, what to do instead. */
  readonly note: string | null;
}

/** @throws when the schema says it in another way than `Edit` can hold */
export function readEdit(written: WrittenEdit): Edit {
  const { class: name, note = null, shares = false } = written;
  if (!isClass(name)) throw new Error(`x-edit: there is no class ${name}`);
  const services = written.services === undefined ? null : servicesOf(written.services);
  if ((services !== null) !== (name === 'restart' || name === 'rolling')) {
    throw new Error(`x-edit: ${name} ${services === null ? 'lacks' : 'has'} services`);
  }
  if (name === 'immutable' && note === null) throw new Error('x-edit: immutable does not say what to do instead');
  return { class: name, services, shares, note };
}

const isClass = (name: string): name is EditClass => Object.hasOwn(CLAUSES, name);

function servicesOf(written: readonly string[]): Edit['services'] {
  const name = written.join(' and ');
  if (name === 'FE' || name === 'BE' || name === 'BE and FE') return name;
  throw new Error(`x-edit: services are BE, FE, or BE and FE, not ${name}`);
}

const RESTARTS = {
  FE: 'FEs, one by one',
  BE: 'BEs, as replicas allow',
  'BE and FE': 'BEs as replicas allow, then FEs one by one',
} as const;

const ROLLS = { FE: 'the FEs', BE: 'the BEs', 'BE and FE': 'all nodes, role by role' } as const;

/** How a sentence ends that begins with `A change later`; with its full stop. */
export function editClause(edit: Edit): string {
  const { services, shares, note } = edit;
  const what = services === null ? '' : ` ${(edit.class === 'rolling' ? ROLLS : RESTARTS)[services]}`;
  const others = shares ? '; services of the same machine whose memory it changes restart too' : '';
  return `${CLAUSES[edit.class]}${what}${others}.${note === null ? '' : ` ${note}`}`;
}
