import type { Finding } from '../diagnostics/finding.ts';
import { nearest } from '../diagnostics/nearest.ts';
import { parseAddress } from './addresses.ts';
import type { Draft } from './draft.ts';

/** The founding FE is one of the hosts, and an FE that votes: an observer cannot found a cluster. */
export function checkMasterHost({ master_host, hosts }: Draft): Finding[] {
  if (master_host === undefined || parseAddress(master_host.value) === undefined || hosts.length === 0) return [];
  const { value, at } = master_host;
  const host = hosts.find(({ address }) => address?.value === value);
  if (host === undefined) {
    const near = nearest(
      value,
      hosts.flatMap(({ address }) => address?.value ?? []),
    );
    const hint =
      near === undefined
        ? 'Write the address of one of the hosts, or add this one to `hosts`.'
        : `Did you mean ${near}?`;
    return [{ code: 'E_MASTER_HOST', at, message: `\`master_host\` is ${value}, which is not among the hosts.`, hint }];
  }
  if (host.fe === 'follower') return [];
  const carries = host.fe === null ? 'carries no FE' : 'carries an observer, which does not vote';
  return [
    {
      code: 'E_MASTER_HOST',
      at,
      message: `\`master_host\` is ${value}, and that host ${carries}.`,
      hint: 'Give it `fe: follower`, or name a host that has it.',
      related: [{ at: host.at, message: 'this host' }],
    },
  ];
}
