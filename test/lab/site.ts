import { join } from 'node:path';
import { labRoot } from './available.ts';
import type { Cable } from './host.ts';

/** Where a lab lies: everything of it is named and numbered after one claimed number. */
export interface Site {
  /** Name of its bridge, and the stem of all its names. */
  readonly name: string;
  readonly folder: string;
  /** First three numbers of its addresses: the hosts have the lower half, the way to the bastion the upper. */
  readonly network: string;
  /** This machine reaches the hosts through the bastion only. */
  readonly hidden: boolean;
}

const firstHost = 11;
const outside = { ownEnd: 129, bastion: 130 };

export function siteOf(number: number, hidden: boolean): Site {
  const name = `srlab${number}`;
  return { name, folder: join(labRoot, name), network: `10.213.${number}`, hidden };
}

/** Address of a host in the lab's network; the first host has index 0. */
export function addressOf(site: Site, index: number): string {
  return `${site.network}.${firstHost + index}`;
}

export function bastionAddress(site: Site): string {
  return `${site.network}.${outside.bastion}`;
}

/** Commands of iproute2 that make the lab's bridges. */
export function bridges(site: Site): readonly string[] {
  const { name, network, hidden } = site;
  const ownAddress = (number: number, link: string): string => `address add ${network}.${number}/25 dev ${link}`;
  if (!hidden) return [...bridge(site, name, 1), ownAddress(1, name)];
  const outer = `${name}x`;
  return [
    ...bridge(site, name, 1),
    ...bridge(site, outer, outside.ownEnd),
    ownAddress(outside.ownEnd, outer),
    // Without it, what asks for a hidden host would leave by this machine's default route.
    `route add ${network}.0/25 dev ${outer}`,
  ];
}

/** A hardware address of its own: otherwise a bridge takes a cable's, and another one when that cable goes. */
function bridge(site: Site, link: string, number: number): readonly string[] {
  return [`link add ${link} address ${macOf(site, number)} type bridge`, `link set ${link} up`];
}

/** The cable of a host to the others. */
export function innerCable(site: Site, index: number): Cable {
  return cable(site, 'eth0', site.name, firstHost + index);
}

/** The bastion's cable to this machine. */
export function outerCable(site: Site): Cable {
  return cable(site, 'eth1', `${site.name}x`, outside.bastion);
}

function cable(site: Site, name: string, bridge: string, number: number): Cable {
  return { name, bridge, address: `${site.network}.${number}/25`, mac: macOf(site, number) };
}

/** Locally administered, and unique in the lab. */
function macOf(site: Site, number: number): string {
  const bytes = [0x02, ...site.network.split('.').map(Number), 0, number];
  return bytes.map(byte => byte.toString(16).padStart(2, '0')).join(':');
}
