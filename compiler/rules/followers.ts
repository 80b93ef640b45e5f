import type { Finding } from '../diagnostics/finding.ts';
import type { Draft } from './draft.ts';

/** An even follower adds a machine that can fail and no failure that the cluster survives. */
export function checkFollowers({ hosts, hostsKey }: Draft): Finding[] {
  const followers = hosts.filter(({ fe }) => fe === 'follower').length;
  const findings: Finding[] = [];
  if (followers > 0 && followers % 2 === 0) {
    findings.push({
      code: 'W_FOLLOWERS_EVEN',
      at: hostsKey,
      message: `The cluster has ${followers} followers, which survive the loss of ${Math.ceil(followers / 2) - 1}, as ${followers - 1} would.`,
      hint: 'Have an odd number: three or five; `fe: observer` answers queries without a vote.',
    });
  }
  if (followers > 7) {
    findings.push({
      code: 'W_FOLLOWERS_MANY',
      at: hostsKey,
      message: `The cluster has ${followers} followers, and every change of metadata waits for a majority of them.`,
      hint: 'Three followers suffice, five survive the loss of two: write `defaults: { fe: none }` and `fe: follower` at those.',
    });
  }
  return findings;
}
