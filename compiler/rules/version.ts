import type { Finding } from '../diagnostics/finding.ts';
import type { Draft } from './draft.ts';

/** Withdrawn by StarRocks, by the headings of its release notes → the release to take instead. */
export const withdrawn: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '3.1.3': '3.1.4',
    '3.1.10': '3.1.11',
    '3.2.4': '3.2.6',
    '3.2.5': '3.2.6',
    '3.3.1': '3.3.2',
    '3.3.10': '3.3.11',
    '3.4.1': '3.4.2',
  }),
);

export function checkVersion({ version }: Draft): Finding[] {
  if (version === undefined) return [];
  const { value, at } = version;
  if (/latest/i.test(value)) {
    return [
      {
        code: 'E_VERSION',
        at,
        message: `\`${value}\` is another release every month, and an upgrade is a decision.`,
        hint: 'Write the exact release, for example `3.3.18`.',
      },
    ];
  }
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-rc\d+)?$/.exec(value);
  if (match === null || value.startsWith('v')) {
    const hint = match === null ? 'Write three numbers, for example `3.3.18`.' : `Write \`${value.slice(1)}\`.`;
    return [{ code: 'E_VERSION', at, message: `\`${value}\` is not a StarRocks version.`, hint }];
  }
  const instead = withdrawn.get(value);
  if (instead !== undefined) {
    return [
      {
        code: 'E_VERSION_WITHDRAWN',
        at,
        message: `StarRocks withdrew release ${value}.`,
        hint: `Write \`${instead}\` or a later one.`,
      },
    ];
  }
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major > 3 || (major === 3 && minor >= 3)) return [];
  return [
    {
      code: 'W_VERSION_UNTRIED',
      at,
      message: `StarRocks ${value} is older than 3.3, the oldest that was tried.`,
      hint: 'Take 3.3 or later for a new cluster.',
    },
  ];
}
