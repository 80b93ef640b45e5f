import type { Finding } from '../diagnostics/finding.ts';
import type { Placed, Span } from '../source/span.ts';
import type { Draft } from './draft.ts';

/** Addresses are identities: IPv4, of a machine, each once, and loopback only where all are. */
export function checkAddresses(draft: Draft): Finding[] {
  const addresses = draft.hosts.flatMap(({ address }) => address ?? []);
  const master = draft.master_host === undefined ? [] : [draft.master_host];
  const malformed = [...addresses, ...master].flatMap(refuseAddress);
  return [...malformed, ...duplicates(addresses), ...loopbackAmongOthers(addresses)];
}

/** The four numbers of an IPv4 address in its only form: no leading zeros, no fewer parts. */
export function parseAddress(text: string): readonly [number, number, number, number] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255))
    return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = parts.map(Number);
  return [a, b, c, d];
}

export const isLoopback = (text: string): boolean => parseAddress(text)?.[0] === 127;

function refuseAddress({ value, at }: Placed<string>): Finding[] {
  const parsed = parseAddress(value);
  if (parsed !== undefined) return reserved(parsed, value, at);
  const identity = 'a node is known by its IPv4 address for life';
  const finding = (code: Finding['code'], message: string, hint: string): Finding[] => [{ code, at, message, hint }];
  if (/^\d+(\.\d+){3}\/\d+$/.test(value))
    return finding(
      'E_ADDRESS',
      `\`${value}\` is a network, not the address of a machine.`,
      `Write ${value.split('/')[0]}.`,
    );
  if (/^\d+(\.\d+){3}:\d+$/.test(value))
    return finding(
      'E_ADDRESS',
      `\`${value}\` carries a port.`,
      'Write the address alone; the port of SSH belongs into `ssh: { port: … }`.',
    );
  if (value.includes(':') && /^[0-9a-fA-F:.%\w[\]]+$/.test(value))
    return finding(
      'E_ADDRESS_IPV6',
      `\`${value}\` is an IPv6 address, and ${identity}.`,
      'Write the IPv4 address here; `ssh_host` may be an IPv6 address or a name.',
    );
  if (/^[\d.]+$/.test(value))
    return finding(
      'E_ADDRESS',
      `\`${value}\` is not an IPv4 address.`,
      'Write four numbers from 0 to 255 with dots between them and no leading zeros, such as 192.168.1.10.',
    );
  if (/^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/.test(value))
    return finding(
      'E_ADDRESS_NAME',
      `\`${value}\` is a host name, and ${identity}.`,
      `Write its IPv4 address here, and \`ssh: { ssh_host: ${value} }\` if it is reached by name.`,
    );
  return finding(
    'E_ADDRESS',
    `\`${value.slice(0, 60)}\` is not an IPv4 address.`,
    'Write four numbers with dots between them, such as 192.168.1.10.',
  );
}

function reserved([a, , , d]: readonly [number, number, number, number], value: string, at: Span): Finding[] {
  const why =
    a === 0
      ? 'means “any address”'
      : a >= 240
        ? 'is a broadcast or reserved address'
        : a >= 224
          ? 'is a multicast address'
          : d === 0
            ? 'is the address of a network'
            : d === 255
              ? 'is a broadcast address'
              : undefined;
  if (why === undefined) return [];
  return [
    {
      code: 'E_ADDRESS_RESERVED',
      at,
      message: `\`${value}\` ${why}, not the address of a machine.`,
      hint: 'Write the address under which the other machines reach this one.',
    },
  ];
}

function duplicates(addresses: readonly Placed<string>[]): Finding[] {
  const seen = new Map<string, Span>();
  return addresses.flatMap(({ value, at }): Finding[] => {
    const first = seen.get(value);
    if (first === undefined) {
      seen.set(value, at);
      return [];
    }
    return [
      {
        code: 'E_ADDRESS_DUPLICATE',
        at,
        message: `${value} is written twice, and a machine is one entry with at most one FE.`,
        hint: 'Delete one of the two; further BEs of a machine are `be: { count: 2 }`.',
        related: [{ at: first, message: 'first written here' }],
      },
    ];
  });
}

function loopbackAmongOthers(addresses: readonly Placed<string>[]): Finding[] {
  const valid = addresses.filter(({ value }) => parseAddress(value) !== undefined);
  const loopback = valid.filter(({ value }) => isLoopback(value));
  if (loopback.length === 0 || loopback.length === valid.length) return [];
  return loopback.map(({ value, at }) => ({
    code: 'E_ADDRESS_LOOPBACK',
    at,
    message: `${value} is a loopback address, which no other machine can reach.`,
    hint: 'Write the address of the machine in your network; loopback is for a sandbox in which all hosts are loopback.',
  }));
}
