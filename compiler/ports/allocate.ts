import type { BePorts, FePorts } from '../contract/cluster-json.ts';
import type { Finding } from '../diagnostics/finding.ts';
import type { Placed, Span } from '../source/span.ts';
import { type BePortName, bePortNames, defaultPort, type FePortName, fePortNames } from './names.ts';
import { type Allocations, beKey } from './previous.ts';

/** What cluster.yaml says about ports: only what is written there, no defaults. */
export interface PortRequest {
  readonly fe: Partial<Record<FePortName, Placed<number>>>;
  readonly hosts: readonly HostRequest[];
}

interface HostRequest {
  readonly address: string;
  readonly at: Span;
  readonly carriesFe: boolean;
  /** By index. */
  readonly be: readonly { readonly at: Span; readonly ports: Partial<Record<BePortName, Placed<number>>> }[];
}

export interface PortAnswer {
  readonly fe: FePorts;
  /** As the hosts of the request; per instance, by index. */
  readonly be: readonly (readonly BePorts[])[];
  readonly findings: readonly Finding[];
}

/** One port of one machine, and who has it. */
interface Claim {
  readonly port: number;
  readonly name: FePortName | BePortName;
  /** `the FE`, `BE 1`. */
  readonly owner: string;
  readonly origin: 'written' | 'allocated' | 'default';
  readonly at: Span;
}

/**
 * Gives every FE and BE its ports: what is written, else what it had before, else StarRocks' default. Only a BE port that
 * was never allocated gives way, to the next free one; everything else that meets on one port is an error.
 * Deterministic, and stable: with its own answer as `previous` it answers the same, with fewer instances too.
 */
export function allocatePorts(request: PortRequest, previous: Allocations): PortAnswer {
  const findings: Finding[] = [];
  const fe = portsOfFes(request, previous);
  const be = request.hosts.map(host => allocateHost(host, fe, previous, findings));
  const first = request.hosts.find(({ carriesFe }) => carriesFe);
  if (first !== undefined) findings.push(...collisionsOfFes(fe, first));
  return { fe: recordOf(fe, fePortNames), be, findings: distinct(findings) };
}

type FeClaim = Omit<Claim, 'at'> & { readonly name: FePortName; readonly at: Span | null };

function portsOfFes(request: PortRequest, previous: Allocations): FeClaim[] {
  return fePortNames.map(name => {
    const written = request.fe[name];
    if (written !== undefined) return { port: written.value, name, owner: 'the FE', origin: 'written', at: written.at };
    const before = previous.fe[name];
    if (before !== undefined) return { port: before, name, owner: 'the FE', origin: 'allocated', at: null };
    return { port: defaultPort(name), name, owner: 'the FE', origin: 'default', at: null };
  });
}

/** Of one FE's own ports: the same on every host, so said once. */
function collisionsOfFes(fe: readonly FeClaim[], { address, at }: HostRequest): Finding[] {
  const claims = fe.map((claim): Claim => ({ ...claim, at: claim.at ?? at }));
  return claims.flatMap((claim, index) => {
    const other = claims.slice(0, index).find(({ port }) => port === claim.port);
    return other === undefined ? [] : [collision(address, other, claim)];
  });
}

/** What is written in `defaults` meets the same other port on every host: the first says it. */
function distinct(findings: readonly Finding[]): Finding[] {
  const said = new Set<string>();
  return findings.filter(({ code, at, message }) => {
    const key = `${code} ${at.start} ${message.replace(/^On \S+ /, '')}`;
    return !said.has(key) && said.add(key);
  });
}

function allocateHost(
  host: HostRequest,
  fe: readonly FeClaim[],
  previous: Allocations,
  findings: Finding[],
): BePorts[] {
  const taken = new Map<number, Claim>();
  const claim = (next: Claim): void => {
    const first = taken.get(next.port);
    if (first === undefined) taken.set(next.port, next);
    else if (first.owner !== next.owner || next.owner !== 'the FE') findings.push(collision(host.address, first, next));
  };
  if (host.carriesFe) for (const port of fe) claim({ ...port, at: port.at ?? host.at });
  const fixed = host.be.map((instance, index) => fixedPorts(host.address, index, instance, previous));
  for (const origin of ['written', 'allocated'])
    for (const port of fixed.flat()) if (port.origin === origin) claim(port);
  // A new BE keeps off the ports of FEs on machines without an FE too: one may come later.
  const avoided = new Set(fe.map(({ port }) => port));
  return host.be.map((instance, index) => {
    const claims: Claim[] = [...(fixed[index] ?? [])];
    const moved: Claim[] = [];
    for (const name of bePortNames.filter(wanted => !claims.some(({ name: given }) => given === wanted))) {
      const port = nextFree(defaultPort(name), taken, avoided);
      const given: Claim = { port, name, owner: `BE ${index}`, origin: 'default', at: instance.at };
      taken.set(port, given);
      claims.push(given);
      if (port !== defaultPort(name)) moved.push(given);
    }
    if (moved.length > 0) findings.push(movedPorts(host.address, index, instance.at, moved));
    return recordOf(claims, bePortNames);
  });
}

function fixedPorts(
  address: string,
  index: number,
  instance: HostRequest['be'][number],
  previous: Allocations,
): Claim[] {
  const before = previous.be.get(beKey(address, index)) ?? {};
  return bePortNames.flatMap((name): Claim[] => {
    const written = instance.ports[name];
    const owner = `BE ${index}`;
    if (written !== undefined) return [{ port: written.value, name, owner, origin: 'written', at: written.at }];
    const allocated = before[name];
    return allocated === undefined ? [] : [{ port: allocated, name, owner, origin: 'allocated', at: instance.at }];
  });
}

function nextFree(from: number, taken: ReadonlyMap<number, unknown>, avoided: ReadonlySet<number>): number {
  let port = from;
  while (taken.has(port) || avoided.has(port)) port += 1;
  return port;
}

function recordOf<Name extends FePortName | BePortName>(
  claims: readonly { readonly name: FePortName | BePortName; readonly port: number }[],
  names: readonly Name[],
): Record<Name, number> {
  const byName = new Map(claims.map(({ name, port }) => [name, port]));
  return Object.fromEntries(names.map(name => [name, byName.get(name) ?? defaultPort(name)])) as Record<Name, number>;
}

const origins = { written: '', allocated: ', as allocated before', default: ', the default' } as const;

function collision(address: string, first: Claim, second: Claim): Finding {
  // Point at what a person wrote last: that is what they can change.
  const swap = first.origin === 'written' && (second.origin !== 'written' || first.at.start > second.at.start);
  const [culprit, other] = swap ? [first, second] : [second, first];
  return {
    code: 'E_PORT_COLLISION',
    at: culprit.at,
    message: `On ${address}, \`${culprit.name}\` of ${culprit.owner} is ${culprit.port}${origins[culprit.origin]}, and so is \`${other.name}\` of ${other.owner}${origins[other.origin]}.`,
    hint: `Give one of them another port${culprit.origin === 'written' ? '' : `: write \`${culprit.name}\` under \`ports\``}.`,
    related: [
      { at: other.at, message: `\`${other.name}\` of ${other.owner} is ${other.port}${origins[other.origin]}` },
    ],
  };
}

function movedPorts(address: string, index: number, at: Span, moved: readonly Claim[]): Finding {
  const ports = moved.map(({ name, port }) => `\`${name}\` ${port}`).join(', ');
  return {
    code: 'N_PORT_MOVED',
    at,
    message: `BE ${index} of ${address} gets ${ports}: the default is taken.`,
    hint: 'generated/cluster.json keeps the ports from now on; to choose others, write them under `ports`.',
  };
}
