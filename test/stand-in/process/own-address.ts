import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/**
 * The address that this node chooses for itself: the first that `priority_networks` matches, else the first non-loopback
 * IPv4. A loopback network of one address is taken as it stands: every 127.x.y.z can be bound, and no interface lists it.
 */
export function ownAddress(priorityNetworks: string): string {
  const networks = priorityNetworks.split(';').filter(network => network.trim() !== '');
  const addresses = ownAddresses();
  for (const network of networks) {
    const [base = '', bits = '32'] = network.trim().split('/');
    if (base.startsWith('127.') && bits === '32') return base;
    const found = addresses.find(address => prefix(address, Number(bits)) === prefix(base, Number(bits)));
    if (found !== undefined) return found;
  }
  return addresses.find(address => !address.startsWith('127.')) ?? '127.0.0.1';
}

/** Also those of a link that is cut, which StarRocks finds (getifaddrs) and Node leaves out. */
function ownAddresses(): readonly string[] {
  const up = Object.values(networkInterfaces())
    .flatMap(list => list ?? [])
    .filter(entry => entry.family === 'IPv4')
    .map(entry => entry.address);
  const configured = [...routes().matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map(([, address = '']) => address);
  return [...new Set([...up, ...configured])];
}

/** '' where the machine is no Linux. */
function routes(): string {
  try {
    return readFileSync('/proc/net/fib_trie', 'utf8');
  } catch {
    return '';
  }
}

/** What to bind for that address: with it the loopback, where health checks ask. */
export function boundAddresses(own: string): readonly string[] {
  return own.startsWith('127.') ? [own] : [own, '127.0.0.1'];
}

function prefix(address: string, bits: number): number {
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return Math.floor(number / 2 ** (32 - bits));
}
