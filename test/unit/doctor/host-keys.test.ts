import { describe, expect, it } from 'vitest';
import { untrusted } from '../../../.github/actions/deploy/src/doctor/host-keys.ts';
import { parseKnownHosts } from '../../../.github/actions/deploy/src/transport/known-hosts.ts';
import { cluster } from '../plan/worlds.ts';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBJLpWmIUvpXNlKfVTDjLVTJvWBqb+vDRmUjm3PMmEzX';
const desired = cluster([{}, {}, { maintenance: true }]);

describe('machines that nobody trusts yet', () => {
  it('are all of a fresh checkout but those in maintenance', () => {
    expect(untrusted(desired, [])).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('are not those that known_hosts names', () => {
    expect(untrusted(desired, parseKnownHosts(`10.0.0.2 ${key}\n`))).toEqual(['10.0.0.1']);
  });

  it('are bastions too, told once, with their port', () => {
    const bastion = { host: 'jump.example', port: 2222, user: 'root', host_key: null };
    const hosts = desired.hosts.map(host => ({ ...host, ssh: { ...host.ssh, host_key: key, bastion } }));
    expect(untrusted({ ...desired, hosts }, [])).toEqual(['[jump.example]:2222']);
  });
});
