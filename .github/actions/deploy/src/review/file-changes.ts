import { createTwoFilesPatch, OMIT_HEADERS } from 'diff';

/** One change of generated/, and all machines that have it. */
export interface FileChange {
  /** Path below the machine's folder, `conf/be/be.conf`; below generated/ where no machine is meant. */
  readonly path: string;
  /** [] where no machine is meant. */
  readonly hosts: readonly string[];
  /** Unified hunks without a header, as the first of the machines has them. */
  readonly diff: string;
}

const HOST_FILE = /^hosts\/([0-9.]+)\/(.+)$/;
/** What follows from the other files, and would only repeat them. */
const DERIVED = new Set(['cluster.json', 'README.md']);

/**
 * Changes of files that both trees have, equal ones of many machines told once. New and dropped machines have no diff:
 * their whole folder is new or gone.
 */
export function fileChanges(base: ReadonlyMap<string, string>, head: ReadonlyMap<string, string>): FileChange[] {
  const groups = new Map<string, { path: string; hosts: string[]; diff: string }>();
  const paths = [...new Set([...base.keys(), ...head.keys()])].sort();
  const known = (files: ReadonlyMap<string, string>, address: string) =>
    [...files.keys()].some(path => path.startsWith(`hosts/${address}/`));
  const whole = new Map<string, boolean>();
  for (const path of paths) {
    const [before, after] = [undigested(base.get(path)), undigested(head.get(path))];
    if (before === after || DERIVED.has(path)) continue;
    const match = HOST_FILE.exec(path);
    const address = match?.[1] ?? null;
    if (address !== null) {
      if (!whole.has(address)) whole.set(address, !known(base, address) || !known(head, address));
      if (whole.get(address) === true) continue;
    }
    const name = match?.[2] ?? path;
    const diff = createTwoFilesPatch('', '', before ?? '', after ?? '', '', '', { headerOptions: OMIT_HEADERS });
    const key = `${name}\0${neutral(diff, address)}`;
    const group = groups.get(key) ?? { path: name, hosts: [], diff };
    if (address !== null) group.hosts.push(address);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Digests change with every file, and say nothing to a reader. */
const undigested = (text: string | undefined): string | undefined =>
  text?.replace(/^(\w*DIGEST=)[0-9a-f]{64}$/gm, '$1…');

/** The same text on every machine: its own address and name stand in it. */
const neutral = (text: string, address: string | null): string =>
  address === null ? text : text.replaceAll(address, '\0').replaceAll(address.replaceAll('.', '-'), '\0');
