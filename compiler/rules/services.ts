import type { Finding } from '../diagnostics/finding.ts';
import type { Draft, DraftHost } from './draft.ts';

/** A host runs something, and no more BEs than it says. */
export function checkServices({ hosts }: Draft): Finding[] {
  return hosts.flatMap(host => [...surplusInstances(host), ...idle(host)]);
}

function surplusInstances({ surplus, be }: DraftHost): Finding[] {
  if (surplus === undefined) return [];
  const message = `\`instances\` has an entry for BE ${be.length}, and \`count\` is ${be.length}: they count from 0.`;
  return [{ code: 'E_BE_INSTANCES', at: surplus, message, hint: 'Raise `count`, or delete the entry.' }];
}

function idle({ fe, be, at, address }: DraftHost): Finding[] {
  if (fe !== null || be.length > 0) return [];
  const message = `${address?.value ?? 'This host'} carries neither an FE nor a BE.`;
  return [{ code: 'E_NO_SERVICE', at, message, hint: 'Give it one of them, or delete the entry.' }];
}
