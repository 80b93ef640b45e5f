import type { EnvFile } from './read-env.ts';

/** One file's word on something that several files speak of. */
export interface Claim {
  readonly file: string;
  readonly key: string;
  readonly value: string;
  /** The file does not say it, so it means the default. */
  readonly implied?: boolean;
}

/** What these files say under any of the keys. */
export const claims = (files: readonly EnvFile[], ...keys: readonly string[]): Claim[] =>
  files.flatMap(({ file, values }) =>
    keys.flatMap(key => (values[key] === undefined ? [] : [{ file, key, value: values[key] }])),
  );

/**
 * The value that all claims have.
 * @returns undefined when there is none; the problem names the first two files that disagree, and their values
 */
export function agreed(all: readonly Claim[], problems: string[]): string | undefined {
  const [first] = all;
  const other = all.find(({ value }) => value !== first?.value);
  if (first !== undefined && other !== undefined)
    problems.push(`${first.file} and ${other.file} disagree: ${worded(first)}, and ${worded(other)}.`);
  return first?.value;
}

const worded = ({ file, key, value, implied }: Claim): string =>
  `${key} is ${value} in ${file}${implied === true ? ' (the default: it does not say)' : ''}`;

/** A whole number that all claims have. */
export function agreedNumber(all: readonly Claim[], problems: string[]): number | undefined {
  const bad = all.find(({ value }) => !/^[0-9]{1,9}$/.test(value));
  if (bad === undefined) {
    const value = agreed(all, problems);
    return value === undefined ? undefined : Number(value);
  }
  problems.push(`${bad.file}: ${bad.key} is "${bad.value}", and should be a number.`);
  return undefined;
}
