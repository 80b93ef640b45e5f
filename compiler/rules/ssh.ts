import type { Finding } from '../diagnostics/finding.ts';
import type { Span } from '../source/span.ts';
import type { Draft } from './draft.ts';

/** Two addresses behind one SSH server would be two nodes deployed over one another. */
export function checkSsh({ hosts }: Draft): Finding[] {
  const seen = new Map<string, { place: Span; named: boolean }>();
  return hosts.flatMap(({ address, ssh, at }): Finding[] => {
    const server = ssh.ssh_host?.value ?? address?.value;
    if (server === undefined) return [];
    const key = JSON.stringify([server.toLowerCase(), ssh.port, ssh.bastion?.host ?? null]);
    const place = ssh.ssh_host?.at ?? at;
    const named = ssh.ssh_host !== undefined;
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, { place, named });
      return [];
    }
    // The same address twice is another rule's business.
    if (!named && !first.named) return [];
    return [
      {
        code: 'E_SSH_DUPLICATE',
        at: place,
        message: `${server}, port ${ssh.port}, is how another host is reached too, so the two would be one machine.`,
        hint: 'Write the `ssh_host` of this machine, or another `port` where one name forwards to several.',
        related: [{ at: first.place, message: 'the other host' }],
      },
    ];
  });
}
