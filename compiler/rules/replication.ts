import type { Finding } from '../diagnostics/finding.ts';
import type { Draft } from './draft.ts';

/** With fewer BEs than replicas every CREATE TABLE fails; the number is never derived, so it is named. */
export function checkReplication({ hosts, hostsKey, default_replication_num }: Draft): Finding[] {
  const { value, at } = default_replication_num;
  const backends = hosts.reduce((sum, { be }) => sum + be.length, 0);
  const machines = hosts.filter(({ be }) => be.length > 0).length;
  if (hosts.length === 0) return [];
  if (backends === 0) {
    return [
      {
        code: 'E_NO_BE',
        at: hostsKey,
        message: 'No host carries a BE, so nothing can be stored.',
        hint: 'Remove `be: none` from a host or from `defaults`.',
      },
    ];
  }
  if (value > backends) {
    const count = backends === 1 ? '1 BE' : `${backends} BEs`;
    return [
      {
        code: 'E_REPLICATION',
        at,
        message: `\`default_replication_num\` is ${value}${at === hostsKey ? ' by default' : ''}, and the cluster has ${count}.`,
        hint: `Write \`default_replication_num: ${backends}\`, or add hosts.`,
      },
    ];
  }
  if (value <= machines) return [];
  // StarRocks places the replicas of a tablet on different machines, whatever the number of BEs on one.
  return [
    {
      code: 'W_REPLICATION_HOSTS',
      at,
      message: `\`default_replication_num\` is ${value}, and the BEs stand on ${machines === 1 ? '1 machine' : `${machines} machines`}: StarRocks wants each replica on another machine.`,
      hint: `Write \`default_replication_num: ${machines}\`, or add hosts.`,
    },
  ];
}
